"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, both sides, as values: bytes in, bytes out.

RFC 5802, RFC 7677 and, for channel binding with ``tls-server-end-point``, RFC 5929, in the way
PostgreSQL uses them: the user name inside SCRAM is empty or ignored, the one of the
StartupMessage counts. (libpq sends it empty, which general-purpose libraries refuse: that is why
the exchange is written out here; ``scramp`` serves as the reference in the tests.)
Randomness is an argument. Knows no users: keys come from the caller.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from govproxy.errors import AuthenticationFailed, ProtocolViolation

SCRAM = "SCRAM-SHA-256"
SCRAM_PLUS = "SCRAM-SHA-256-PLUS"
BINDING_NAME = "tls-server-end-point"
MAX_SASL_BYTES = 4_096
MIN_ITERATIONS = 1
MAX_ITERATIONS = 1_000_000  # Security: a server that asks for more wants to burn our CPU

_NONCE = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_WRONG = "password authentication failed"


class ScramKeys(Protocol):
    """What a server stores of a password (RFC 5802 section 3)."""

    @property
    def salt(self) -> bytes: ...
    @property
    def iterations(self) -> int: ...
    @property
    def stored_key(self) -> bytes: ...
    @property
    def server_key(self) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChallenge:
    """The server after client-first-message: send ``message``, then ``verify`` the answer."""

    message: bytes
    _auth_prefix: bytes = field(repr=False)
    _nonce: bytes = field(repr=False)
    _binding: bytes = field(repr=False)
    _keys: ScramKeys = field(repr=False)

    def verify(self, client_final: bytes) -> bytes:
        """server-final-message with the server's signature, or ``AuthenticationFailed``."""
        _bounded(client_final)
        without_proof, separator, proof_text = client_final.rpartition(b",p=")
        attributes = without_proof.split(b",")
        if not separator or len(attributes) < 2 or not attributes[0].startswith(b"c="):
            raise ProtocolViolation("malformed SCRAM client-final-message")
        if not attributes[1].startswith(b"r="):
            raise ProtocolViolation("malformed SCRAM client-final-message")
        proof = _decode_base64(proof_text)
        if not hmac.compare_digest(_decode_base64(attributes[0][2:]), self._binding):
            raise AuthenticationFailed("SCRAM channel binding check failed")
        if not hmac.compare_digest(attributes[1][2:], self._nonce):
            raise ProtocolViolation("SCRAM nonce does not match")
        auth_message = self._auth_prefix + b"," + without_proof
        signature = _hmac(self._keys.stored_key, auth_message)
        if len(proof) != len(signature):
            raise ProtocolViolation("malformed SCRAM proof")
        client_key = _xor(proof, signature)
        if not hmac.compare_digest(hashlib.sha256(client_key).digest(), self._keys.stored_key):
            raise AuthenticationFailed(_WRONG)
        return b"v=" + b64encode(_hmac(self._keys.server_key, auth_message))


def challenge(
    client_first: bytes, *, keys: ScramKeys, nonce: str, mechanism: str, binding: bytes | None
) -> ServerChallenge:
    """Answer client-first-message.

    ``binding`` is our certificate's hash when SCRAM-SHA-256-PLUS was offered, else None. A client
    that says "y" (I could bind, you cannot) although it was offered has been lied to in between.
    """
    _bounded(client_first)
    flag, first_comma, rest = client_first.partition(b",")
    authzid, second_comma, bare = rest.partition(b",")
    if not first_comma or not second_comma:
        raise ProtocolViolation("malformed SCRAM client-first-message")
    if authzid:
        raise ProtocolViolation("a SCRAM authorization identity is not supported")
    gs2_header = flag + b",,"
    if flag == b"p=" + BINDING_NAME.encode() and mechanism == SCRAM_PLUS and binding is not None:
        binding_input = gs2_header + binding
    elif mechanism == SCRAM and (flag == b"n" or (flag == b"y" and binding is None)):
        binding_input = gs2_header
    else:
        raise AuthenticationFailed("SCRAM channel binding negotiation failed")
    attributes = bare.split(b",")
    if len(attributes) < 2 or not attributes[0].startswith(b"n=") or not attributes[1].startswith(b"r="):
        raise ProtocolViolation("malformed SCRAM client-first-message")
    client_nonce = attributes[1][2:]
    if not _NONCE.fullmatch(client_nonce.decode("latin-1")):
        raise ProtocolViolation("malformed SCRAM nonce")
    whole_nonce = client_nonce + nonce.encode("ascii")
    message = b"r=%s,s=%s,i=%d" % (whole_nonce, b64encode(keys.salt), keys.iterations)
    return ServerChallenge(
        message=message,
        _auth_prefix=bare + b"," + message,
        _nonce=whole_nonce,
        _binding=binding_input,
        _keys=keys,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFirst:
    """The client's opening: send ``message`` under ``mechanism``, then ``answer`` the challenge."""

    mechanism: str
    message: bytes
    _bare: bytes = field(repr=False)
    _nonce: bytes = field(repr=False)
    _binding: bytes = field(repr=False)

    def read_challenge(self, server_first: bytes) -> ClientChallenge:
        """Check server-first-message; costs nothing yet."""
        _bounded(server_first)
        attributes = server_first.split(b",")
        if len(attributes) < 3 or [attribute[:2] for attribute in attributes[:3]] != [b"r=", b"s=", b"i="]:
            raise ProtocolViolation("malformed SCRAM server-first-message")
        nonce, salt, count = attributes[0][2:], _decode_base64(attributes[1][2:]), attributes[2][2:]
        if not nonce.startswith(self._nonce) or len(nonce) <= len(self._nonce):
            raise ProtocolViolation("the SCRAM nonce is not an extension of ours")
        if not count.isdigit() or len(count) > 8 or not MIN_ITERATIONS <= int(count) <= MAX_ITERATIONS:
            raise ProtocolViolation("the SCRAM iteration count is out of range")
        return ClientChallenge(first=self, server_first=server_first, nonce=nonce, salt=salt, iterations=int(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientChallenge:
    """A checked server-first-message. ``iterations`` tells how dear the answer is."""

    first: ClientFirst = field(repr=False)
    server_first: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    iterations: int

    def answer(self, password: bytes) -> ClientFinal:
        """client-final-message. ``password`` is SASLprepped. Takes ``iterations`` hash rounds the first time."""
        client_key, stored_key, server_key = _client_keys(password, self.salt, self.iterations)
        without_proof = b"c=%s,r=%s" % (b64encode(self.first._binding), self.nonce)
        auth_message = b",".join((self.first._bare, self.server_first, without_proof))
        proof = _xor(client_key, _hmac(stored_key, auth_message))
        return ClientFinal(
            message=without_proof + b",p=" + b64encode(proof), _signature=_hmac(server_key, auth_message)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFinal:
    """The client's last message; ``verify`` proves that the server knows the password as well."""

    message: bytes
    _signature: bytes = field(repr=False)

    def verify(self, server_final: bytes) -> None:
        """Check server-final-message; a wrong signature means somebody else is answering."""
        _bounded(server_final)
        first = server_final.split(b",")[0]
        if not first.startswith(b"v=") or not hmac.compare_digest(_decode_base64(first[2:]), self._signature):
            raise AuthenticationFailed("the server's SCRAM signature is wrong")


def open_exchange(*, nonce: str, binding: bytes | None, offered: tuple[str, ...]) -> ClientFirst:
    """client-first-message for the strongest mechanism both sides have.

    ``binding`` is the hash of the server's certificate, None without TLS. With it and a server
    that does not offer PLUS the flag is "y", so that a server that did offer it notices.
    """
    if binding is not None and SCRAM_PLUS in offered:
        mechanism, flag, bound = SCRAM_PLUS, b"p=" + BINDING_NAME.encode(), binding
    elif SCRAM in offered:
        mechanism, flag, bound = SCRAM, b"n" if binding is None else b"y", b""
    else:
        raise ProtocolViolation("no common SASL mechanism")
    encoded = nonce.encode("ascii")
    bare = b"n=,r=" + encoded
    header = flag + b",,"
    return ClientFirst(mechanism=mechanism, message=header + bare, _bare=bare, _nonce=encoded, _binding=header + bound)


@lru_cache(maxsize=64)
def _client_keys(password: bytes, salt: bytes, iterations: int) -> tuple[bytes, bytes, bytes]:
    """ClientKey, StoredKey, ServerKey. Cached: a server keeps its salt, and the rounds cost milliseconds."""
    salted = hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
    client_key = _hmac(salted, b"Client Key")
    return client_key, hashlib.sha256(client_key).digest(), _hmac(salted, b"Server Key")


def _bounded(message: bytes) -> None:
    if len(message) > MAX_SASL_BYTES:
        raise ProtocolViolation("a SCRAM message is too long")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _decode_base64(text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise ProtocolViolation("malformed base64 in a SCRAM message") from None
