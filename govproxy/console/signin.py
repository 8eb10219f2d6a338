"""Who asks: the token of the databases, in ``Authorization: Bearer``. No cookies, no sessions.

Because a browser never sends that header by itself, no other site can act with somebody's rights.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from starlette.requests import Request

from govproxy.console.refusals import Refused, Word
from govproxy.errors import AuthenticationFailed
from govproxy.identity.identity import Identity
from govproxy.session.log import get_logger

MAX_BAD = 10  # tokens that fail, per address
WINDOW_S = 60.0
MAX_ADDRESSES = 10_000
MAX_KNOWN = 10_000

log = get_logger("govproxy.console")


class Tokens(Protocol):
    """Proves identities by tokens: ``identity.tokens.TokenVerifier``."""

    def verify(self, token: str) -> Identity: ...


class SignIn:
    """Turns a request into an identity, and slows down who tries tokens.

    Security: an address that sent bad tokens is not listened to for a while, but a token that was
    good before goes on working, so that one machine cannot lock out the others behind its gateway.
    """

    def __init__(self, tokens: Tokens | None, *, now: Callable[[], float]) -> None:
        self._tokens = tokens
        self._now = now
        self._bad: OrderedDict[str, tuple[float, int]] = OrderedDict()  # address → window's end, failures
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def identify(self, request: Request) -> Identity:
        """Who asks. Raises `Refused`: unauthenticated or too_many."""
        headers = request.headers.getlist("authorization")
        scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or self._tokens is None:
            raise Refused(Word.UNAUTHENTICATED)
        address = _address(request)
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        if digest not in self._known and self._failures(address) >= MAX_BAD:
            raise Refused(Word.TOO_MANY)
        try:
            identity = self._tokens.verify(token)
        except AuthenticationFailed as error:
            self._known.pop(digest, None)
            self._note_failure(address, error.message)
            raise Refused(Word.UNAUTHENTICATED, detail=f"({error.message})") from None
        self._known[digest] = None
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return identity

    def _failures(self, address: str) -> int:
        until, count = self._bad.get(address, (0.0, 0))
        return count if self._now() < until else 0

    def _note_failure(self, address: str, why: str) -> None:
        count = self._failures(address) + 1
        until = self._bad[address][0] if count > 1 else self._now() + WINDOW_S
        self._bad[address] = (until, count)
        self._bad.move_to_end(address)
        if len(self._bad) > MAX_ADDRESSES:
            self._bad.popitem(last=False)
        if count in (1, MAX_BAD):
            log.warning("token refused at the console", client=address, reason=why, failures=count)


def _address(request: Request) -> str:
    """The peer; of IPv6 the network, since one machine has all of its addresses."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
