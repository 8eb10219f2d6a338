"""Login machines ready to be fed, and what a well-behaved client sends to them."""

from __future__ import annotations

from collections.abc import Callable

from govproxy.errors import AuthenticationFailed
from govproxy.identity.identity import Identity
from govproxy.identity.methods import ConnectionFacts
from govproxy.identity.users import ScramVerifier, User, UserDirectory
from govproxy.session.login import Action, Established, Login, LoginRules, Send
from govproxy.wire import backend, frontend, sasl
from govproxy.wire.framing import iterate_messages
from govproxy.wire.startup import encode_startup_message

LOCAL = ConnectionFacts(encrypted=False, local=True)
REMOTE = ConnectionFacts(encrypted=False, local=False)
PASSWORD = "pencil"
NONCE = "server-nonce"
APP = User(name="app", verifier=ScramVerifier.from_password(PASSWORD, salt=b"0123456789abcdef"))
DIRECTORY = UserDirectory([APP], mock_key=bytes(16))
GOOD_TOKEN = "good.token.here"
ANA = Identity(user="ana", groups=frozenset({"analysts"}))


class OneToken:
    """Accepts one token."""

    def verify(self, token: str) -> Identity:
        if token != GOOD_TOKEN:
            raise AuthenticationFailed("the token has expired")
        return ANA


def new_login(
    *, tls: bool = False, required: bool = False, tokens: bool = True, facts: ConnectionFacts = LOCAL
) -> Login:
    rules = LoginRules(
        databases=frozenset({"shop"}),
        users=DIRECTORY,
        tokens=OneToken() if tokens else None,
        tls_available=tls,
        tls_required=required,
    )
    return Login(rules, facts, nonce=lambda: NONCE)


def startup(user: str = "ana", *, database: str = "shop", minor: int = 0, **more: str) -> bytes:
    return encode_startup_message((("user", user), ("database", database), *more.items()), minor=minor)


def scram(
    login: Login, *, user: str = "app", password: str = PASSWORD, feed: Callable[[bytes], list[Action]]
) -> list[Action]:
    """A whole SCRAM login through ``feed``; all actions."""
    actions = feed(startup(user))
    first = sasl.open_exchange(nonce="client-nonce", binding=None, offered=(sasl.SCRAM,))
    answer = feed(frontend.encode_sasl_initial(first.mechanism, first.message))
    actions += answer
    if not answer or not isinstance(answer[-1], Send):
        return actions
    request = backend.decode_authentication(next(iterate_messages(answer[-1].data)).body)
    final = first.read_challenge(request.data).answer(password.encode())
    actions += feed(frontend.encode_sasl_response(final.message))
    if isinstance(last := actions[-1], Established):
        server_final = next(iterate_messages(last.greeting))
        final.verify(backend.decode_authentication(server_final.body).data)
    return actions
