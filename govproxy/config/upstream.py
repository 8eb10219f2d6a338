"""Reading the ``upstream:`` URL of a database, and ``host:port`` addresses."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from govproxy.config.settings import Address, SslMode, Upstream, is_loopback

SYSTEM_ROOTS = Path("system")
_PARAMETERS = ("host", "port", "sslmode", "sslrootcert")


def parse_address(text: str) -> Address:
    """``host:port`` or ``[ipv6]:port``. Raises ValueError with a text for people."""
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise ValueError(f"`{text}` is not host:port")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"`{text}`: write an IPv6 address in brackets, [::1]:6432")
    return Address(host=host, port=_port(port, lowest=0))


def parse_upstream(url: str, *, base: Path, default_database: str) -> Upstream:
    """Read a ``postgresql://`` URL as libpq would, minus what falls back silently.

    ``?host=/directory`` names a Unix socket. Without ``sslmode`` a server elsewhere must prove itself
    (verify-full), one on this machine is taken without TLS. Raises ValueError; the text never holds
    the URL, which may carry a password by mistake.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("not a URL: port or brackets are malformed") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://")
    if parts.password is not None:
        raise ValueError("holds a password; use `password: {env: NAME}` or {file: path}")
    if parts.fragment:
        raise ValueError("holds a `#`; write it as %23")
    options = _options(parts)
    user = unquote(parts.username or "")
    if not user:
        raise ValueError("names no user (postgresql://user@host/database)")
    host = unquote(parts.hostname or "") or options.get("host", "")
    if "," in host:
        raise ValueError("several hosts are not supported")
    if not host:
        raise ValueError("names no host")
    socket_directory = Path(host) if host.startswith("/") else None
    return Upstream(
        host="" if socket_directory else host,
        port=port or (_port(options["port"], lowest=1) if "port" in options else 5432),
        user=user,
        database=unquote(parts.path.removeprefix("/")) or default_database,
        sslmode=_sslmode(options.get("sslmode"), local=socket_directory is not None or is_loopback(host)),
        sslrootcert=_root(options["sslrootcert"], base) if "sslrootcert" in options else None,
        socket_directory=socket_directory,
    )


def _root(text: str, base: Path) -> Path:
    """``system`` is libpq's word for the authorities this machine trusts; anything else is a file."""
    return SYSTEM_ROOTS if text == SYSTEM_ROOTS.name else base / text


def _options(parts: SplitResult) -> dict[str, str]:
    options: dict[str, str] = {}
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError("the part after `?` is not key=value&key=value") from None
    for key, value in pairs:
        if key not in _PARAMETERS:
            raise ValueError(f"unknown parameter `{key}` (known: {', '.join(_PARAMETERS)})")
        if key in options:
            raise ValueError(f"parameter `{key}` is given twice")
        if not value:
            raise ValueError(f"parameter `{key}` is empty")
        options[key] = value
    if "host" in options and parts.hostname:
        raise ValueError("names a host twice")
    if "port" in options and parts.port is not None:
        raise ValueError("names a port twice")
    return options


def _sslmode(given: str | None, *, local: bool) -> SslMode:
    if given is None:
        return SslMode.DISABLE if local else SslMode.VERIFY_FULL
    try:
        return SslMode(given)
    except ValueError:
        known = ", ".join(SslMode)
        raise ValueError(f"sslmode `{given}` is not one of {known}") from None


def _port(text: str, *, lowest: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and lowest <= int(text) <= 65535):
        raise ValueError(f"`{text}` is not a port")
    return int(text)
