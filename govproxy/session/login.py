"""The login of one client as a machine without IO: bytes in, actions out.

From the first byte to a proven identity: encryption requests, StartupMessage, authentication.
What may come in which phase, and where it may lead, stands in one table; a pair that is not in it
is a protocol violation. Knows nothing of sockets, TLS objects, clocks or the database behind.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Protocol

from govproxy.errors import (
    AuthenticationFailed,
    GovproxyError,
    InternalError,
    ProtocolViolation,
    UnknownDatabase,
)
from govproxy.identity.identity import Identity
from govproxy.identity.methods import ClientMethod, ConnectionFacts, choose_method
from govproxy.identity.users import User, UserDirectory
from govproxy.session.parameters import ClientStartup, judge_startup
from govproxy.wire import backend, frontend, sasl, startup
from govproxy.wire.backend import Authentication
from govproxy.wire.framing import HEADER_BYTES, message_size
from govproxy.wire.startup import CancelRequest, GSSENCRequest, SSLRequest, StartupMessage, StartupPacket

ACCEPT_TLS = b"S"
DECLINE_ENCRYPTION = b"N"
ALPN_PROTOCOL = "postgresql"
MAX_PASSWORD_BYTES = 65_536 + 8  # a token of 64 KiB and the message around it
MAX_SASL_MESSAGE_BYTES = sasl.MAX_SASL_BYTES + 64


class Phase(Enum):
    """Where a login stands."""

    OPEN = auto()  # nothing has been said yet
    TLS_DECLINED = auto()
    GSS_DECLINED = auto()
    BOTH_DECLINED = auto()
    HANDSHAKE = auto()  # the next bytes belong to TLS
    DIRECT_HANDSHAKE = auto()  # the same, begun without SSLRequest
    ENCRYPTED = auto()  # inside TLS, nothing has been said yet
    TOKEN = auto()  # a cleartext password was asked for
    SASL_INITIAL = auto()  # mechanisms were offered
    SASL_FINAL = auto()  # the challenge was sent
    DONE = auto()  # established, cancelled or refused: nothing is read any more


class Incoming(Enum):
    """What can come in."""

    DIRECT_TLS = auto()
    SSL_REQUEST = auto()
    GSSENC_REQUEST = auto()
    CANCEL_REQUEST = auto()
    STARTUP_MESSAGE = auto()
    PASSWORD_MESSAGE = auto()  # and SASLInitialResponse and SASLResponse: one letter for all
    TLS_ESTABLISHED = auto()  # from our side: the handshake is over


_UNSTARTED = (Phase.OPEN, Phase.TLS_DECLINED, Phase.GSS_DECLINED, Phase.BOTH_DECLINED, Phase.ENCRYPTED)
_NOT_READING = (Phase.HANDSHAKE, Phase.DIRECT_HANDSHAKE, Phase.DONE)

# What may come in each phase and where it may lead. An absent pair is 08P01. Refusal leads to DONE from anywhere.
TRANSITIONS: dict[tuple[Phase, Incoming], frozenset[Phase]] = {
    (Phase.OPEN, Incoming.DIRECT_TLS): frozenset({Phase.DIRECT_HANDSHAKE}),
    (Phase.OPEN, Incoming.SSL_REQUEST): frozenset({Phase.HANDSHAKE, Phase.TLS_DECLINED}),
    (Phase.GSS_DECLINED, Incoming.SSL_REQUEST): frozenset({Phase.HANDSHAKE, Phase.BOTH_DECLINED}),
    (Phase.OPEN, Incoming.GSSENC_REQUEST): frozenset({Phase.GSS_DECLINED}),
    (Phase.TLS_DECLINED, Incoming.GSSENC_REQUEST): frozenset({Phase.BOTH_DECLINED}),
    (Phase.HANDSHAKE, Incoming.TLS_ESTABLISHED): frozenset({Phase.ENCRYPTED}),
    (Phase.DIRECT_HANDSHAKE, Incoming.TLS_ESTABLISHED): frozenset({Phase.ENCRYPTED}),
    **{(phase, Incoming.CANCEL_REQUEST): frozenset({Phase.DONE}) for phase in _UNSTARTED},
    **{(phase, Incoming.STARTUP_MESSAGE): frozenset({Phase.TOKEN, Phase.SASL_INITIAL}) for phase in _UNSTARTED},
    (Phase.TOKEN, Incoming.PASSWORD_MESSAGE): frozenset({Phase.DONE}),
    (Phase.SASL_INITIAL, Incoming.PASSWORD_MESSAGE): frozenset({Phase.SASL_FINAL}),
    (Phase.SASL_FINAL, Incoming.PASSWORD_MESSAGE): frozenset({Phase.DONE}),
}

_DECLINED = {
    (Phase.OPEN, Incoming.SSL_REQUEST): Phase.TLS_DECLINED,
    (Phase.OPEN, Incoming.GSSENC_REQUEST): Phase.GSS_DECLINED,
    (Phase.GSS_DECLINED, Incoming.SSL_REQUEST): Phase.BOTH_DECLINED,
    (Phase.TLS_DECLINED, Incoming.GSSENC_REQUEST): Phase.BOTH_DECLINED,
}

_PACKETS: dict[type[StartupPacket], Incoming] = {
    SSLRequest: Incoming.SSL_REQUEST,
    GSSENCRequest: Incoming.GSSENC_REQUEST,
    CancelRequest: Incoming.CANCEL_REQUEST,
    StartupMessage: Incoming.STARTUP_MESSAGE,
}


class Tokens(Protocol):
    """Proves identities by tokens: ``identity.tokens.TokenVerifier``."""

    def verify(self, token: str) -> Identity: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRules:
    """What this instance accepts. ``tokens`` None: no issuer is configured."""

    databases: Container[str]
    users: UserDirectory
    tokens: Tokens | None
    tls_available: bool
    tls_required: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes to the client."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StartTls:
    """Write ``reply``, run the TLS handshake beginning with ``already_read``, call ``feed_tls_established``."""

    reply: bytes
    already_read: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cancel:
    """The connection is a CancelRequest. Nothing is ever answered to it."""

    request: CancelRequest


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with a FATAL ErrorResponse for ``error`` and close."""

    error: GovproxyError


@dataclass(frozen=True, slots=True, kw_only=True)
class Established:
    """The identity is proven.

    ``greeting`` (SASLFinal where it applies, and AuthenticationOk) is still to be sent, together
    with what the database says at its start. ``remaining`` came after the last login message.
    """

    startup: ClientStartup
    identity: Identity
    tls: bool
    greeting: bytes = field(repr=False)
    remaining: bytes = field(repr=False)


Action = Send | StartTls | Cancel | Refuse | Established


class Login:
    """One client's login. After ``Cancel``, ``Refuse`` or ``Established`` it takes nothing more.

    Invariants: at most one message is buffered beyond what one read brings; the phase is written
    only by ``_enter`` and ``_refuse``; nothing follows a ``Refuse``.

    ``turn_away``: the answer to any StartupMessage. Not earlier, because what comes before TLS is
    up libpq does not show to people; and a CancelRequest is still taken.
    """

    def __init__(
        self,
        rules: LoginRules,
        connection: ConnectionFacts,
        *,
        nonce: Callable[[], str],
        turn_away: GovproxyError | None = None,
    ) -> None:
        self._turn_away = turn_away
        self._rules = rules
        self._connection = connection
        self._nonce = nonce
        self._phase = Phase.OPEN
        self._buffer = bytearray()
        self._binding: bytes | None = None
        self._startup: ClientStartup | None = None
        self._identity: Identity | None = None
        self._user: User | None = None
        self._challenge: sasl.ServerChallenge | None = None

    @property
    def phase(self) -> Phase:
        """Where the login stands."""
        return self._phase

    @property
    def startup(self) -> ClientStartup | None:
        """What the client asked for, once its StartupMessage was judged; for records of failures."""
        return self._startup

    @property
    def identity(self) -> Identity | None:
        """Who was proven, even where the login is refused after that."""
        return self._identity

    def feed(self, data: bytes) -> list[Action]:
        """Bytes from the client, decrypted where TLS is up. Bad ones end in ``Refuse``, never in an exception."""
        if self._phase is Phase.DONE:
            return []
        self._buffer += data
        actions: list[Action] = []
        try:
            while self._phase not in _NOT_READING:
                action = self._advance()
                if action is None:
                    break
                actions.append(action)
        except GovproxyError as error:
            actions.append(self._refuse(error))
        return actions

    def feed_tls_established(self, *, alpn: str | None, binding: bytes | None) -> list[Action]:
        """The handshake is over. ``binding``: tls-server-end-point hash of our certificate (RFC 5929)."""
        direct = self._phase is Phase.DIRECT_HANDSHAKE
        try:
            # Without ALPN a direct handshake could be another protocol's, replayed at this port.
            if alpn != ALPN_PROTOCOL and (direct or alpn is not None):
                raise ProtocolViolation('TLS was started without the ALPN protocol "postgresql"')
            self._enter(Incoming.TLS_ESTABLISHED, Phase.ENCRYPTED)
        except GovproxyError as error:
            return [self._refuse(error)]
        self._binding = binding
        self._connection = replace(self._connection, encrypted=True)
        return []

    # One step ---------------------------------------------------------------------------------

    def _advance(self) -> Action | None:
        """Take one packet or message off the buffer and answer it; None when more bytes are needed."""
        if not self._buffer:
            return None
        if self._phase in _UNSTARTED:
            return self._advance_unstarted()
        # Security: judged by its first byte, so that a second StartupMessage (its first byte is 0)
        # is refused at once and never waited for or read as anything else.
        if self._buffer[0] != frontend.Frontend.PASSWORD:
            raise ProtocolViolation("expected a password message and nothing else during authentication")
        limit = MAX_PASSWORD_BYTES if self._phase is Phase.TOKEN else MAX_SASL_MESSAGE_BYTES
        size = message_size(self._buffer, limit=limit)
        if size is None or len(self._buffer) < size:
            return None
        body = bytes(self._buffer[HEADER_BYTES:size])
        del self._buffer[:size]
        return self._answer_password_message(body)

    def _advance_unstarted(self) -> Action | None:
        if self._phase is Phase.OPEN and self._buffer[0] == startup.TLS_HANDSHAKE_RECORD:
            return self._answer_direct_tls()
        size = startup.startup_size(self._buffer)
        if size is None or len(self._buffer) < size:
            return None
        packet = startup.decode_startup(bytes(self._buffer[:size]))
        del self._buffer[:size]
        incoming = _PACKETS[type(packet)]
        self._check(incoming)
        match packet:
            case SSLRequest():
                return self._answer_ssl_request()
            case GSSENCRequest():
                return self._decline(Incoming.GSSENC_REQUEST)
            case CancelRequest():
                self._enter(incoming, Phase.DONE)
                return Cancel(packet)
            case StartupMessage():
                return self._answer_startup_message(packet)
            case _:
                raise InternalError(f"no answer to {incoming}")

    def _answer_direct_tls(self) -> Action:
        if not self._rules.tls_available:
            raise ProtocolViolation("TLS is not configured here", hint="Connect with sslmode=disable.")
        self._enter(Incoming.DIRECT_TLS, Phase.DIRECT_HANDSHAKE)
        already_read = bytes(self._buffer)
        self._buffer.clear()
        return StartTls(b"", already_read)

    def _answer_ssl_request(self) -> Action:
        if not self._rules.tls_available:
            return self._decline(Incoming.SSL_REQUEST)
        # Security: bytes sent before TLS that would be read after it were put there by
        # somebody in between (CVE-2021-23214).
        if self._buffer:
            raise ProtocolViolation("unencrypted bytes after an SSLRequest")
        self._enter(Incoming.SSL_REQUEST, Phase.HANDSHAKE)
        return StartTls(ACCEPT_TLS, b"")

    def _decline(self, incoming: Incoming) -> Send:
        self._enter(incoming, _DECLINED[self._phase, incoming])
        return Send(DECLINE_ENCRYPTION)

    def _answer_startup_message(self, message: StartupMessage) -> Send:
        client = judge_startup(message)
        self._startup = client
        if self._turn_away is not None:
            raise self._turn_away
        self._user = self._rules.users.find(client.user)
        method = choose_method(
            configured_user=self._user is not None,
            tokens_accepted=self._rules.tokens is not None,
            tls_required=self._rules.tls_required,
            connection=self._connection,
        )
        preface = b""
        if message.minor > client.minor or message.protocol_options:
            preface = backend.encode_negotiate_protocol_version(client.minor, message.protocol_options)
        match method:
            case ClientMethod.TOKEN:
                self._enter(Incoming.STARTUP_MESSAGE, Phase.TOKEN)
                return Send(preface + backend.encode_authentication(Authentication.CLEARTEXT_PASSWORD))
            case ClientMethod.SCRAM:
                self._enter(Incoming.STARTUP_MESSAGE, Phase.SASL_INITIAL)
                return Send(preface + backend.encode_authentication_sasl(self._mechanisms))
            case _:
                raise InternalError(f"no way to ask for {method}")

    @property
    def _mechanisms(self) -> tuple[str, ...]:
        return (sasl.SCRAM,) if self._binding is None else (sasl.SCRAM_PLUS, sasl.SCRAM)

    def _answer_password_message(self, body: bytes) -> Action:
        self._check(Incoming.PASSWORD_MESSAGE)
        match self._phase:
            case Phase.TOKEN:
                return self._answer_token(body)
            case Phase.SASL_INITIAL:
                return self._answer_sasl_initial(body)
            case Phase.SASL_FINAL:
                return self._answer_sasl_final(body)
            case _:
                raise InternalError(f"no answer to a password message in {self._phase}")

    def _answer_token(self, body: bytes) -> Established:
        token = frontend.decode_password(body)
        if not token:
            raise AuthenticationFailed("no token was given", hint="Send a token as the password.")
        if self._rules.tokens is None:
            raise InternalError("a token was asked for without an issuer")
        return self._establish(self._rules.tokens.verify(token), b"")

    def _answer_sasl_initial(self, body: bytes) -> Send:
        initial = frontend.decode_sasl_initial(body)
        if initial.mechanism not in self._mechanisms or initial.data is None:
            raise ProtocolViolation("the client chose a SASL mechanism that was not offered")
        if self._startup is None:
            raise InternalError("SASL before a StartupMessage")
        name = self._startup.user
        keys = self._user.verifier if self._user is not None else self._rules.users.mock_verifier(name)
        self._challenge = sasl.challenge(
            initial.data, keys=keys, nonce=self._nonce(), mechanism=initial.mechanism, binding=self._binding
        )
        self._enter(Incoming.PASSWORD_MESSAGE, Phase.SASL_FINAL)
        return Send(backend.encode_authentication(Authentication.SASL_CONTINUE, self._challenge.message))

    def _answer_sasl_final(self, body: bytes) -> Established:
        if self._challenge is None:
            raise InternalError("SASL answer without a challenge")
        server_final = self._challenge.verify(body)
        if self._user is None:
            raise AuthenticationFailed("password authentication failed")
        return self._establish(
            self._user.identity, backend.encode_authentication(Authentication.SASL_FINAL, server_final)
        )

    def _establish(self, identity: Identity, sasl_final: bytes) -> Established:
        client = self._startup
        if client is None:
            raise InternalError("an identity before a StartupMessage")
        self._identity = identity
        # After the identity is proven, so that strangers cannot try out names.
        if client.database not in self._rules.databases:
            raise UnknownDatabase(f'database "{client.database}" is not configured')
        self._enter(Incoming.PASSWORD_MESSAGE, Phase.DONE)
        remaining = bytes(self._buffer)
        self._buffer.clear()
        return Established(
            startup=client,
            identity=identity,
            tls=self._connection.encrypted,
            greeting=sasl_final + backend.encode_authentication(Authentication.OK),
            remaining=remaining,
        )

    # The phase --------------------------------------------------------------------------------

    def _check(self, incoming: Incoming) -> frozenset[Phase]:
        allowed = TRANSITIONS.get((self._phase, incoming))
        if allowed is None:
            name = incoming.name.lower().replace("_", " ")
            raise ProtocolViolation(f"unexpected {name} at this point of the login")
        return allowed

    def _enter(self, incoming: Incoming, phase: Phase) -> None:
        if phase not in self._check(incoming):
            raise InternalError(f"{incoming} must not lead from {self._phase} to {phase}")
        self._phase = phase

    def _refuse(self, error: GovproxyError) -> Refuse:
        self._phase = Phase.DONE
        self._buffer.clear()
        self._challenge = None
        return Refuse(error)
