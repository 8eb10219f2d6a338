"""The login at a database: StartupMessage, authentication, start-up messages, one probing query.

Runs over an open ``Channel``. Security: what the database says in an error may name hosts, users
and files; clients get texts of ours, the database's own goes along as the cause, for the log.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from govproxy.errors import (
    AuthenticationFailed,
    GovproxyError,
    InvalidSetting,
    ProtocolViolation,
    StartingUp,
    TooManyConnections,
    UnknownDatabase,
    UpstreamUnavailable,
)
from govproxy.server.channel import Channel
from govproxy.session.parameters import ENCODINGS, safe_encoding
from govproxy.wire import backend, frontend, sasl
from govproxy.wire.backend import Authentication, AuthenticationRequest, Backend, TransactionStatus
from govproxy.wire.errors import decode_fields
from govproxy.wire.framing import Message, MessageBuffer
from govproxy.wire.startup import encode_startup_message

MAX_START_MESSAGE_BYTES = 1 << 20
MAX_START_MESSAGES = 10_000
COSTLY_ITERATIONS = 20_000  # beyond it the hash rounds run in a thread
LOG_HINT = "The operator's log has the reason."
# Schema-qualified, because the client's search_path may name a schema with look-alikes.
PROBE = "SELECT pg_catalog.unnest(pg_catalog.current_schemas(true)); SELECT current_user"

ROLE_SETTING = "role"
_SETTING_SQLSTATES = ("22023", "22P02", "42501", "42602", "42704")


class DatabaseReply(Exception):
    """What the database said when it refused. Never shown to clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """As whom to log in. ``binding``: hash of the server's certificate, None without TLS."""

    user: str
    database: str
    password: str | None = field(repr=False)
    confidential: bool = False  # TLS, loopback or Unix socket: a clear-text password may be sent
    binding: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginResult:
    """What the database told at its start.

    ``parameters``: raw values by name. ``search_path``: ``current_schemas(true)``, None when it
    could not be read. ``leftover``: bytes that came after the last message that was looked at.
    """

    parameters: dict[str, bytes]
    backend_pid: int | None
    backend_secret: bytes = field(repr=False)
    transaction_status: TransactionStatus
    client_encoding: str
    search_path: tuple[str, ...] | None
    current_user: str | None
    leftover: bytes = field(repr=False)


class UpstreamLogin:
    """One login over one channel. Use ``run`` once."""

    def __init__(self, channel: Channel, *, nonce: Callable[[], str]) -> None:
        self._channel = channel
        self._nonce = nonce
        self._buffer = MessageBuffer(limit=MAX_START_MESSAGE_BYTES)
        self._parameters: dict[str, bytes] = {}
        self._taken = 0

    async def run(self, credentials: Credentials, settings: tuple[tuple[str, str], ...]) -> LoginResult:
        """Log in with the given settings and read what the session is like.

        ``UpstreamUnavailable`` and its relatives in our own words; the cause has the database's.
        """
        try:
            return await self._run(credentials, settings)
        except (ProtocolViolation, AuthenticationFailed) as error:
            # Not the client's fault, which these classes mean elsewhere.
            raise UpstreamUnavailable("the database does not follow the protocol", hint=LOG_HINT) from error
        except OSError as error:
            raise UpstreamUnavailable("the connection to the database broke during login") from error

    async def _run(self, credentials: Credentials, settings: tuple[tuple[str, str], ...]) -> LoginResult:
        parameters = (("user", credentials.user), ("database", credentials.database), *settings)
        await self._channel.write(encode_startup_message(parameters))
        names = tuple(name for name, _ in settings)
        await self._authenticate(credentials, names)
        key, status = await self._read_start(names)
        encoding = self._judge_parameters()
        search_path, current_user, status = await self._probe(encoding, status)
        return LoginResult(
            parameters=self._parameters,
            backend_pid=key.pid if key is not None else None,
            backend_secret=key.secret if key is not None else b"",
            transaction_status=status,
            client_encoding=encoding,
            search_path=search_path,
            current_user=current_user,
            leftover=self._buffer.take_rest(),
        )

    async def _next(self) -> Message:
        while (message := self._buffer.next_message()) is None:
            data = await self._channel.read()
            if not data:
                raise ConnectionResetError("the database closed the connection")
            self._buffer.feed(data)
        self._taken += 1
        if self._taken > MAX_START_MESSAGES:
            raise ProtocolViolation("too many messages at the start")
        return message

    # Authentication ---------------------------------------------------------------------------

    async def _next_authentication(self, setting_names: tuple[str, ...]) -> AuthenticationRequest:
        while True:
            message = await self._next()
            match message.kind:
                case Backend.AUTHENTICATION:
                    return backend.decode_authentication(message.body)
                case Backend.ERROR_RESPONSE:
                    raise translate_error(message.body, setting_names)
                case Backend.NOTICE_RESPONSE | Backend.NEGOTIATE_PROTOCOL_VERSION:
                    continue
                case _:
                    raise ProtocolViolation("unexpected message during authentication")

    async def _authenticate(self, credentials: Credentials, setting_names: tuple[str, ...]) -> None:
        request = await self._next_authentication(setting_names)
        match request.code:
            case Authentication.OK:
                return
            case Authentication.CLEARTEXT_PASSWORD:
                if not credentials.confidential:
                    raise UpstreamUnavailable(
                        "the database wants the password in clear text over an open network", hint=LOG_HINT
                    )
                await self._channel.write(frontend.encode_password(_password(credentials)))
            case Authentication.MD5_PASSWORD:
                await self._channel.write(frontend.encode_password(_md5_answer(credentials, request.data)))
            case Authentication.SASL:
                await self._authenticate_scram(credentials, request.mechanisms, setting_names)
            case _:
                raise ProtocolViolation("the database began authentication in the middle")
        last = await self._next_authentication(setting_names)
        if last.code is not Authentication.OK:
            raise ProtocolViolation("the database asked for authentication twice")

    async def _authenticate_scram(
        self, credentials: Credentials, mechanisms: tuple[str, ...], setting_names: tuple[str, ...]
    ) -> None:
        password = _saslprep(_password(credentials))
        first = sasl.open_exchange(nonce=self._nonce(), binding=credentials.binding, offered=mechanisms)
        await self._channel.write(frontend.encode_sasl_initial(first.mechanism, first.message))
        request = await self._next_authentication(setting_names)
        if request.code is not Authentication.SASL_CONTINUE:
            raise ProtocolViolation("SCRAM ended before it began")
        challenge = first.read_challenge(request.data)
        if challenge.iterations > COSTLY_ITERATIONS:
            final = await asyncio.to_thread(challenge.answer, password)
        else:
            final = challenge.answer(password)
        await self._channel.write(frontend.encode_sasl_response(final.message))
        request = await self._next_authentication(setting_names)
        # Security: an AuthenticationOk here would let a server in that does not know the password.
        if request.code is not Authentication.SASL_FINAL:
            raise ProtocolViolation("SCRAM without the server's signature")
        final.verify(request.data)

    # Start-up messages and probe --------------------------------------------------------------

    async def _read_start(
        self, setting_names: tuple[str, ...]
    ) -> tuple[backend.BackendKeyData | None, TransactionStatus]:
        key: backend.BackendKeyData | None = None
        while True:
            message = await self._next()
            match message.kind:
                case Backend.BACKEND_KEY_DATA:
                    key = backend.decode_backend_key_data(message.body)
                case Backend.READY_FOR_QUERY:
                    return key, backend.decode_ready_for_query(message.body)
                case Backend.ERROR_RESPONSE:
                    raise translate_error(message.body, setting_names)
                case _:
                    self._take_asynchronous(message)

    def _take_asynchronous(self, message: Message) -> None:
        match message.kind:
            case Backend.PARAMETER_STATUS:
                name, value = backend.decode_parameter_status(message.body)
                self._parameters[name] = value
            case Backend.NOTICE_RESPONSE | Backend.NEGOTIATE_PROTOCOL_VERSION:
                pass
            case _:
                raise ProtocolViolation("unexpected message at the start")

    def _judge_parameters(self) -> str:
        """The session's client encoding, once the settings that decide how SQL is read are as they must be."""
        if self._parameters.get("standard_conforming_strings") != b"on":
            raise UpstreamUnavailable(
                "the database does not run with standard_conforming_strings = on, so statements cannot be judged"
            )
        return safe_encoding(self._parameters.get("client_encoding", b"").decode("ascii", "replace"))

    async def _probe(
        self, encoding: str, status: TransactionStatus
    ) -> tuple[tuple[str, ...] | None, str | None, TransactionStatus]:
        """search_path and current user; None where the database does not tell, which means uncertain."""
        await self._channel.write(frontend.encode_query(PROBE))
        results: list[list[bytes | None]] = []
        failed = False
        while True:
            message = await self._next()
            match message.kind:
                case Backend.ROW_DESCRIPTION:
                    results.append([])
                case Backend.DATA_ROW if results:
                    results[-1].extend(backend.decode_data_row(message.body))
                case Backend.COMMAND_COMPLETE:
                    pass
                case Backend.ERROR_RESPONSE:
                    failed = True
                case Backend.READY_FOR_QUERY:
                    status = backend.decode_ready_for_query(message.body)
                    break
                case _:
                    self._take_asynchronous(message)
        if failed or len(results) != 2 or len(results[1]) != 1:
            return None, None, status
        schemas = _decode_names(results[0], encoding)
        user = _decode_names(results[1], encoding)
        return schemas, user[0] if user else None, status


def _decode_names(values: list[bytes | None], encoding: str) -> tuple[str, ...] | None:
    codec = ENCODINGS[encoding]
    try:
        return tuple((value or b"").decode(codec or "ascii") for value in values)
    except UnicodeDecodeError:
        return None


def _password(credentials: Credentials) -> str:
    if credentials.password is None:
        raise UpstreamUnavailable("govproxy has no password for the database", hint=LOG_HINT)
    return credentials.password


def _md5_answer(credentials: Credentials, salt: bytes) -> str:
    # The protocol's own use of MD5; over an open network it is what the operator has chosen upstream.
    inner = hashlib.md5((_password(credentials) + credentials.user).encode(), usedforsecurity=False).hexdigest()
    return "md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()


def _saslprep(password: str) -> bytes:
    if password.isascii():
        return password.encode()
    from scramp.utils import ScramException, saslprep  # type: ignore[import-untyped]  # heavy, and rarely needed

    try:
        return str(saslprep(password)).encode()
    except ScramException:
        return password.encode()  # as PostgreSQL does with what SASLprep forbids


def translate_error(body: bytes, setting_names: tuple[str, ...]) -> GovproxyError:
    """An ErrorResponse of the database's start-up in our words, its own as the cause.

    Raise the result. ``setting_names``: what was asked for, to tell a client which of its own
    wishes was refused.
    """
    fields = decode_fields(body)
    sqlstate, message = fields["C"], fields["M"]
    own = (name for name in setting_names if name not in (ROLE_SETTING, "application_name"))
    named = next((name for name in own if f'"{name.lower()}"' in message.lower()), None)
    error: GovproxyError
    if sqlstate.startswith("53"):
        error = TooManyConnections("the database takes no further connection at the moment")
    elif sqlstate == "57P03":
        error = StartingUp("the database is starting up or shutting down")
    elif sqlstate == "3D000":
        error = UnknownDatabase("the database behind this name does not exist", hint=LOG_HINT)
    elif sqlstate.startswith("28"):
        error = UpstreamUnavailable("govproxy could not log in to the database", hint=LOG_HINT)
    elif sqlstate in _SETTING_SQLSTATES and named is not None:
        error = InvalidSetting(f'the database refused the setting "{named}"')
    elif sqlstate in _SETTING_SQLSTATES and ROLE_SETTING in setting_names:
        error = UpstreamUnavailable("the role for this identity cannot be taken in the database", hint=LOG_HINT)
    else:
        error = UpstreamUnavailable("the database refused the connection", hint=LOG_HINT)
    error.__cause__ = DatabaseReply(f"{sqlstate}: {message}")
    return error
