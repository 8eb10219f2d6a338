"""What a client may ask for in its StartupMessage: one allow-list, and the encodings that are safe.

Security: a setting that is not in the table is refused, because a setting can change what a
statement means (``role``, ``standard_conforming_strings``, ``row_security`` …) or what a policy on
rows sees (custom settings). Pure; the wire layout is ``wire.startup``'s business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from govproxy.errors import InvalidAuthorization, InvalidSetting, NotSupported, SettingDenied, UnsupportedEncoding
from govproxy.wire.startup import PROTOCOL_OPTION_PREFIX, StartupMessage, parse_options

MAX_NAME_BYTES = 63  # NAMEDATALEN - 1
MAX_VALUE_CHARACTERS = 4_096
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$.]*")

# PostgreSQL name of each safe client encoding -> Python codec (None: Python has none).
# Safe means: no byte below 0x80 is ever part of another character, so that bytes read the same
# to the analyser and to the server. SJIS, BIG5, GBK, GB18030, UHC and JOHAB are not.
ENCODINGS: Mapping[str, str | None] = MappingProxyType(
    {
        "UTF8": "utf-8",
        "SQL_ASCII": "utf-8",
        **{f"LATIN{number}": f"iso8859-{part}" for number, part in enumerate((1, 2, 3, 4, 9, 10, 13, 14, 15, 16), 1)},
        **{f"WIN125{digit}": f"cp125{digit}" for digit in range(9)},
        "EUC_JP": "euc_jp",
        "EUC_CN": "gb2312",
        "EUC_KR": "euc_kr",
        "EUC_TW": None,
        "EUC_JIS_2004": "euc_jis_2004",
    }
)
_ENCODING_ALIASES = {
    "unicode": "UTF8",
    "win": "WIN1251",
    **{f"windows125{digit}": f"WIN125{digit}" for digit in range(9)},
    **{f"iso8859{part}": f"LATIN{n}" for n, part in enumerate((1, 2, 3, 4, 9, 10, 13, 14, 15, 16), 1)},
}


def _plain(name: str) -> str:
    """As the server compares encoding names: letters and digits only, in lower case."""
    return "".join(character for character in name.lower() if character.isascii() and character.isalnum())


_BY_PLAIN_NAME = {_plain(name): name for name in ENCODINGS} | _ENCODING_ALIASES


def safe_encoding(name: str) -> str:
    """The server's own name of a client encoding, or ``UnsupportedEncoding`` (0A000)."""
    known = _BY_PLAIN_NAME.get(_plain(name))
    if known is None:
        raise UnsupportedEncoding(
            f'client_encoding "{name[:MAX_NAME_BYTES]}" is not supported',
            hint="Use UTF8, SQL_ASCII, LATIN1 to LATIN10, WIN1250 to WIN1258 or an EUC encoding.",
        )
    return known


def _anything(value: str) -> bool:
    return True


def _one_of(*allowed: str) -> Callable[[str], bool]:
    return lambda value: value.strip().lower() in allowed


_ON = _one_of("on", "true", "yes", "1")

# Settings a client may choose at the start: name in lower case -> name as the manual spells it, and
# which values. To let another one through, add a line.
ALLOWED: Mapping[str, tuple[str, Callable[[str], bool]]] = MappingProxyType(
    {
        spelled.lower(): (spelled, accepts)
        for spelled, accepts in {
            "application_name": _anything,
            "backslash_quote": _one_of("safe_encoding", "off"),
            "bytea_output": _anything,
            "client_encoding": _anything,  # judged by safe_encoding
            "client_min_messages": _one_of("notice", "warning", "error"),  # below: the server's own debug output
            "DateStyle": _anything,
            "default_transaction_deferrable": _anything,
            "default_transaction_isolation": _anything,
            "default_transaction_read_only": _ON,  # stricter only
            "extra_float_digits": _anything,
            "geqo": _anything,
            "idle_in_transaction_session_timeout": _anything,
            "idle_session_timeout": _anything,
            "IntervalStyle": _anything,
            "jit": _anything,
            "lc_monetary": _anything,
            "lc_numeric": _anything,
            "lc_time": _anything,
            "lock_timeout": _anything,
            "options": _anything,  # taken apart, never forwarded
            "plan_cache_mode": _anything,
            "row_security": _ON,
            "search_path": _anything,  # read back from the server after login
            "standard_conforming_strings": _ON,
            "statement_timeout": _anything,
            "synchronize_seqscans": _anything,
            "tcp_keepalives_count": _anything,
            "tcp_keepalives_idle": _anything,
            "tcp_keepalives_interval": _anything,
            "tcp_user_timeout": _anything,
            "TimeZone": _anything,
            "transaction_timeout": _anything,
            "work_mem": _anything,
            "xmloption": _anything,
        }.items()
    }
)

# Known and refused, for a message that says so. Everything else outside ALLOWED is refused as unknown.
DENIED = frozenset(
    {
        "allow_system_table_mods",
        "debug_print_parse",
        "debug_print_plan",
        "debug_print_rewritten",
        "default_transaction_read_only",
        "dynamic_library_path",
        "lo_compat_privileges",
        "local_preload_libraries",
        "log_statement",
        "quote_all_identifiers",
        "role",
        "row_security",
        "session_authorization",
        "session_preload_libraries",
        "session_replication_role",
        "standard_conforming_strings",
        "track_activities",
        "transaction_read_only",
        "transform_null_equals",
        "zero_damaged_pages",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStartup:
    """A judged StartupMessage.

    ``settings`` holds what may be forwarded, by the manual's spelling, without
    ``application_name`` (``application``). ``client_encoding`` in it is canonical.
    """

    user: str
    database: str
    minor: int = 0
    application: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


def judge_startup(message: StartupMessage) -> ClientStartup:
    """The client's wishes as far as they may be granted, or the error that says which may not.

    Settings in ``options`` come first and parameters of their own override them, as in the server.
    """
    own: dict[str, str] = {}
    for name, value in message.parameters:
        if not name.startswith(PROTOCOL_OPTION_PREFIX):
            own[name.lower()] = value
    user = own.pop("user", "")
    if not user:
        raise InvalidAuthorization("no user name in the startup packet")
    database = own.pop("database", "") or user
    for kind, name in (("user", user), ("database", database)):
        if len(name.encode("utf-8")) > MAX_NAME_BYTES * 4 or not name.isprintable():
            raise InvalidAuthorization(f"the {kind} name in the startup packet is not usable")
    if "replication" in own:
        raise NotSupported("replication connections are not supported")
    settings: dict[str, str] = {}
    for name, value in parse_options(own.get("options", "")):
        if name.lower() in ("options", "user", "database", "replication"):
            raise NotSupported(f'"{name}" cannot be given in the startup options')
        _grant(settings, name, value)
    for name, value in own.items():
        if name != "options":
            _grant(settings, name, value)
    return ClientStartup(
        user=user,
        database=database,
        minor=message.agreed_minor,
        application=settings.pop("application_name", None),
        settings=MappingProxyType(settings),
    )


def _grant(settings: dict[str, str], name: str, value: str) -> None:
    lowered = name.lower()
    shown = name[:MAX_NAME_BYTES]
    if not _NAME.fullmatch(name) or len(value) > MAX_VALUE_CHARACTERS:
        raise InvalidSetting(f'the startup setting "{shown}" has an impossible name or value')
    entry = ALLOWED.get(lowered)
    if entry is not None and entry[1](value):
        spelled = entry[0]
        settings[spelled] = safe_encoding(value) if lowered == "client_encoding" else value
        return
    if lowered in DENIED or entry is not None:
        raise SettingDenied(f'the setting "{shown}" may not be chosen by the client')
    raise NotSupported(
        f'the startup setting "{shown}" is not supported',
        hint="Remove it from the connection parameters or from options.",
    )
