"""The packets before any typed message: SSLRequest, GSSENCRequest, CancelRequest, StartupMessage.

PostgreSQL manual, "Message Formats" and "Start-up"; protocol 3.0 and 3.2. Judges layout only:
which settings a client may ask for is ``session.parameters``' business.
"""

from __future__ import annotations

from dataclasses import dataclass

from govproxy.errors import ProtocolViolation
from govproxy.wire.cursor import Reader, encode_cstring

MAX_STARTUP_BYTES = 10_000  # as in the PostgreSQL server
MIN_STARTUP_BYTES = 8
SSL_REQUEST_CODE = 80877103
GSSENC_REQUEST_CODE = 80877104
CANCEL_REQUEST_CODE = 80877102
PROTOCOL_MAJOR = 3
NEWEST_MINOR = 2
LONG_SECRET_MINOR = 2  # from 3.2 on a cancel secret may be longer than four bytes
TLS_HANDSHAKE_RECORD = 0x16
MAX_SECRET_BYTES = 256
PROTOCOL_OPTION_PREFIX = "_pq_."
MAX_OPTIONS = 200
WHITE_SPACE = " \t\n\r\v\f"  # what isspace() takes in the C locale


@dataclass(frozen=True, slots=True)
class SSLRequest:
    """Wish for TLS; answered with one byte."""


@dataclass(frozen=True, slots=True)
class GSSENCRequest:
    """Wish for GSSAPI encryption; answered with one byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    """Wish to cancel what another connection runs. ``secret`` is 4 bytes up to protocol 3.1."""

    pid: int
    secret: bytes

    def __repr__(self) -> str:
        """Security: a secret in a log could cancel somebody's statement."""
        return f"CancelRequest(pid={self.pid})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupMessage:
    """The first packet of a session: asked-for minor version and parameters in the order sent."""

    minor: int
    parameters: tuple[tuple[str, str], ...]

    @property
    def protocol_options(self) -> tuple[str, ...]:
        """Names of the ``_pq_.`` options, none of which is supported."""
        return tuple(name for name, _ in self.parameters if name.startswith(PROTOCOL_OPTION_PREFIX))

    @property
    def agreed_minor(self) -> int:
        """The version both sides speak from here on."""
        return min(self.minor, NEWEST_MINOR)


StartupPacket = SSLRequest | GSSENCRequest | CancelRequest | StartupMessage


def startup_size(buffer: bytes | bytearray) -> int | None:
    """Size of the packet at the start of ``buffer``; None while its length is incomplete.

    Security: the length is unsigned and capped before it is used for anything, so that a length
    near 2^32 neither overflows nor makes the proxy wait for bytes that never come.
    """
    if len(buffer) < 4:
        return None
    length = int.from_bytes(buffer[:4], "big")
    if not MIN_STARTUP_BYTES <= length <= MAX_STARTUP_BYTES:
        raise ProtocolViolation(
            "the first packet has an impossible length",
            hint="This port speaks the PostgreSQL protocol, version 3.",
        )
    return length


def decode_startup(packet: bytes) -> StartupPacket:
    """One whole packet (length included) as a value."""
    if startup_size(packet) != len(packet):
        raise ProtocolViolation("the first packet's length does not fit its contents")
    reader = Reader(packet, 4)
    code = reader.uint32()
    if code == CANCEL_REQUEST_CODE:
        return _decode_cancel(reader)
    if code not in (SSL_REQUEST_CODE, GSSENC_REQUEST_CODE):
        return _decode_startup_message(code, reader)
    reader.finish()
    return SSLRequest() if code == SSL_REQUEST_CODE else GSSENCRequest()


def _decode_cancel(reader: Reader) -> CancelRequest:
    pid = reader.int32()
    secret = reader.rest()
    if not 4 <= len(secret) <= MAX_SECRET_BYTES:
        raise ProtocolViolation("a CancelRequest has a secret of impossible length")
    return CancelRequest(pid=pid, secret=secret)


def _decode_startup_message(code: int, reader: Reader) -> StartupMessage:
    major, minor = code >> 16, code & 0xFFFF
    if major != PROTOCOL_MAJOR:
        raise ProtocolViolation(
            f"protocol version {major}.{minor} is not supported",
            hint="govproxy speaks the PostgreSQL protocol 3.0 and 3.2.",
        )
    parameters: list[tuple[str, str]] = []
    seen: set[str] = set()
    while True:
        name = reader.text()
        if not name:
            break
        value = reader.text()
        # Security: with two values for one name the proxy and the server might each believe another.
        if name.lower() in seen:
            raise ProtocolViolation(f'the startup parameter "{name[:63]}" is given twice')
        seen.add(name.lower())
        parameters.append((name, value))
    reader.finish()
    return StartupMessage(minor=minor, parameters=tuple(parameters))


def _encode_packet(code: int, body: bytes = b"") -> bytes:
    return (len(body) + 8).to_bytes(4, "big") + code.to_bytes(4, "big") + body


def encode_startup_message(parameters: tuple[tuple[str, str], ...], *, minor: int = 0) -> bytes:
    """A StartupMessage. Names must not be empty: an empty name ends the list."""
    body = bytearray()
    for name, value in parameters:
        if not name:
            raise ProtocolViolation("a startup parameter has no name")
        body += encode_cstring(name) + encode_cstring(value)
    return _encode_packet(PROTOCOL_MAJOR << 16 | minor, bytes(body) + b"\0")


def encode_ssl_request() -> bytes:
    """An SSLRequest."""
    return _encode_packet(SSL_REQUEST_CODE)


def encode_gssenc_request() -> bytes:
    """A GSSENCRequest."""
    return _encode_packet(GSSENC_REQUEST_CODE)


def encode_cancel_request(pid: int, secret: bytes) -> bytes:
    """A CancelRequest with a secret of any length the protocol allows."""
    if not 4 <= len(secret) <= MAX_SECRET_BYTES:
        raise ProtocolViolation("a cancel secret has an impossible length")
    return _encode_packet(CANCEL_REQUEST_CODE, pid.to_bytes(4, "big", signed=True) + secret)


def parse_options(text: str) -> list[tuple[str, str]]:
    """The settings in a startup packet's ``options``: ``-c name=value``, ``-cname=value``, ``--name=value``.

    Words are split at white space; a backslash takes the next character literally, as the server
    does it. ``--some-name`` means ``some_name``. Anything else (other switches, an empty name, no
    ``=``) is an error: what is not understood is not forwarded.
    """
    settings: list[tuple[str, str]] = []
    words = iter(_split_options(text))
    for word in words:
        if word == "-c":
            assignment = next(words, "")
        elif word.startswith(("-c", "--")):
            assignment = word[2:]
        else:
            raise ProtocolViolation(
                f'"{word[:63]}" in the startup options is not supported',
                hint="Use -c name=value or --name=value.",
            )
        name, equals, value = assignment.partition("=")
        name = name.replace("-", "_")
        if not name or not equals:
            raise ProtocolViolation(f'"{word[:63]}" in the startup options is not name=value')
        settings.append((name, value))
        if len(settings) > MAX_OPTIONS:
            raise ProtocolViolation(f"more than {MAX_OPTIONS} settings in the startup options")
    return settings


def _split_options(text: str) -> list[str]:
    words: list[str] = []
    word: list[str] | None = None  # None: between words; a word may be empty only through a backslash
    escaped = False
    for character in text:
        if escaped:
            word = [] if word is None else word
            word.append(character)
            escaped = False
        elif character == "\\":
            word = [] if word is None else word
            escaped = True
        elif character in WHITE_SPACE:
            if word is not None:
                words.append("".join(word))
            word = None
        else:
            word = [] if word is None else word
            word.append(character)
    if word is not None:
        words.append("".join(word))
    return words
