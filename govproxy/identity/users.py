"""Configured users and their SCRAM verifiers.

A verifier has PostgreSQL's own form (``SCRAM-SHA-256$4096:salt$StoredKey:ServerKey``), so one can
be copied from ``pg_authid``. Knows nothing of the exchange itself (``wire.sasl``) nor of files.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from govproxy.errors import ConfigError
from govproxy.identity.identity import Identity, Method

ITERATIONS = 4_096
SALT_BYTES = 16
KEY_BYTES = 32
MIN_MOCK_KEY_BYTES = 16
_SCHEME = "SCRAM-SHA-256"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScramVerifier:
    """What is stored of a password (RFC 5802 section 3). Security: no key shows in a repr."""

    salt: bytes = field(repr=False)
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def from_password(cls, password: str, *, salt: bytes | None = None) -> ScramVerifier:
        """Derive one; takes milliseconds, so once at load. A fresh random salt unless given."""
        # Heavy, and not needed where verifiers are given.
        from scramp import ScramException, ScramMechanism  # type: ignore[import-untyped]

        if not password:
            raise ConfigError("a user's password is empty")
        try:
            made = ScramMechanism(_SCHEME).make_auth_info(password, iteration_count=ITERATIONS, salt=salt)
        except ScramException:
            raise ConfigError("a user's password has characters that SASLprep forbids") from None
        made_salt, stored_key, server_key, iterations = made
        return cls(salt=made_salt, iterations=iterations, stored_key=stored_key, server_key=server_key)

    @classmethod
    def parse(cls, text: str) -> ScramVerifier:
        """Read the form PostgreSQL stores."""
        parts = text.strip().split("$")
        fields = [piece for part in parts[1:] for piece in part.split(":")]
        if len(parts) != 3 or parts[0] != _SCHEME or len(fields) != 4:
            raise ConfigError("a verifier must read SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey")
        try:
            iterations = int(fields[0])
            salt, stored_key, server_key = (b64decode(piece, validate=True) for piece in fields[1:])
        except ValueError:
            raise ConfigError("a verifier's number or base64 cannot be read") from None
        if len(stored_key) != KEY_BYTES or len(server_key) != KEY_BYTES or not salt or iterations < 1:
            raise ConfigError("a verifier's keys, salt or iteration count are out of range")
        return cls(salt=salt, iterations=iterations, stored_key=stored_key, server_key=server_key)

    def encode(self) -> str:
        """The form PostgreSQL stores."""
        salt, stored, server = (b64encode(part).decode() for part in (self.salt, self.stored_key, self.server_key))
        return f"{_SCHEME}${self.iterations}:{salt}${stored}:{server}"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One configured user."""

    name: str
    verifier: ScramVerifier
    groups: frozenset[str] = frozenset()

    @property
    def identity(self) -> Identity:
        """The identity this user has once the password is proven."""
        return Identity(user=self.name, groups=self.groups, method=Method.SCRAM)


class UserDirectory:
    """All configured users by exact name. Immutable and picklable.

    ``mock_key`` (random, the same in all workers, at least 16 bytes) makes verifiers for names
    that do not exist.
    """

    __slots__ = ("_mock_key", "_users")

    def __init__(self, users: Iterable[User] = (), *, mock_key: bytes) -> None:
        if len(mock_key) < MIN_MOCK_KEY_BYTES:
            raise ValueError(f"the mock key must have at least {MIN_MOCK_KEY_BYTES} bytes")
        self._mock_key = mock_key
        self._users: dict[str, User] = {}
        for user in users:
            if user.name in self._users:
                raise ConfigError(f'the user "{user.name}" is configured twice')
            self._users[user.name] = user

    @property
    def users(self) -> Mapping[str, User]:
        """A read-only view."""
        return MappingProxyType(self._users)

    def find(self, name: str) -> User | None:
        """The user of that exact name, or None."""
        return self._users.get(name)

    def mock_verifier(self, name: str) -> ScramVerifier:
        """A verifier that no password fits, always the same for one name.

        Security: an unknown name must look like a known one with a wrong password, on the first
        try and on the second; nobody knows a preimage of this StoredKey.
        """
        material = {
            part: hmac.digest(self._mock_key, part + b"\0" + name.encode("utf-8", "surrogatepass"), "sha256")
            for part in (b"salt", b"stored", b"server")
        }
        return ScramVerifier(
            salt=material[b"salt"][:SALT_BYTES],
            iterations=ITERATIONS,
            stored_key=material[b"stored"],
            server_key=material[b"server"],
        )
