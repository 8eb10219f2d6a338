"""The ledger's keys: Ed25519 for checkpoints, HMAC-SHA256 for the fingerprint of a statement's text.

Loading and creating them is here and nowhere else. Verification needs ``load_public`` only.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from govproxy.errors import ConfigError

PRIVATE_NAME = "ledger.key"
PUBLIC_NAME = "ledger.pub"
HASH_NAME = "ledger.hash"


def key_id(raw_public: bytes) -> str:
    """Short name of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(raw_public).hexdigest()[:16]


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key, for the ledger and for what is signed besides. ``seed``, 32 bytes, does not show in ``repr``."""

    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        """A new random key."""
        return cls(seed=secrets.token_bytes(32))

    @cached_property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @cached_property
    def key_id(self) -> str:
        return key_id(self.public.raw)

    @property
    def public(self) -> PublicKey:
        return PublicKey(raw=self._private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature (RFC 8032) of ``message``, 64 bytes."""
        return self._private.sign(message)


@dataclass(frozen=True)
class LedgerKey(SigningKey):
    """What a worker needs to write a ledger; travels to it pickled over the inherited socket.

    ``seed`` is the Ed25519 private key, ``hash_key`` the HMAC key, 32 bytes each.
    Security: neither shows in ``repr``.
    """

    hash_key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != 32 or len(self.hash_key) < 32:
            raise ValueError("ledger keys have 32 bytes")

    @classmethod
    def generate(cls) -> LedgerKey:
        """New random keys."""
        return cls(seed=secrets.token_bytes(32), hash_key=secrets.token_bytes(32))

    @classmethod
    def from_pem(cls, pem: bytes, hash_key: bytes) -> LedgerKey:
        """From the content of ``ledger.key``. ValueError when it is no Ed25519 private key."""
        return cls(seed=_seed(pem), hash_key=hash_key)

    def __reduce__(self) -> tuple[type[LedgerKey], tuple[bytes, bytes]]:
        return LedgerKey, (self.seed, self.hash_key)  # without the cached OpenSSL object

    def hash_text(self, text: str | bytes) -> str:
        """Keyed fingerprint of a statement with its literals: HMAC-SHA256, 64 hexadecimal digits.

        Equal texts give equal values, which is what correlation needs; without the key, the
        literals cannot be found by trying them out.
        """
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        return hmac.digest(self.hash_key, data, "sha256").hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """Enough to verify a ledger, not enough to write one."""

    raw: bytes

    @property
    def key_id(self) -> str:
        return key_id(self.raw)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether ``signature`` was made over ``message`` with the private half."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        """SubjectPublicKeyInfo, as OpenSSL reads it."""
        return Ed25519PublicKey.from_public_bytes(self.raw).public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def load_or_create_signing_key(directory: Path, private_name: str, public_name: str) -> SigningKey:
    """The key in ``directory``, made on the first start, with its public half. ConfigError on anything doubtful."""
    private_file, public_file = directory / private_name, directory / public_name
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not private_file.exists():
        if public_file.exists():
            # Security: a fresh key here would turn a lost key into a silent change of trust.
            raise ConfigError(
                "a private key is missing but its public key is there",
                file=private_file,
                hint=f"restore {private_name}, or move {public_name} away to begin with a new key",
            )
        _create(private_file, _new_private(), 0o600)
    key = SigningKey(seed=_load_private(private_file))
    _publish(public_file, key.public)
    return key


def load_or_create(directory: Path, public_directory: Path | None = None) -> LedgerKey:
    """The keys in ``directory``, made on the first start. ConfigError on anything doubtful.

    ``ledger.pub`` is also written to ``public_directory`` when given (the audit directory, so that
    ``govproxy audit verify`` finds it). Only the control process calls this, before it starts workers.
    """
    private_file, public_file = directory / PRIVATE_NAME, directory / PUBLIC_NAME
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not private_file.exists():
        if public_file.exists():
            # Security: a fresh key here would turn a lost key into a silent change of trust.
            raise ConfigError(
                "the ledger's private key is missing but its public key is there",
                file=private_file,
                hint=f"restore {PRIVATE_NAME}, or move {PUBLIC_NAME} and the old segments away to begin a new ledger",
            )
        _create(private_file, _new_private(), 0o600)
    seed = _load_private(private_file)
    hash_file = directory / HASH_NAME
    if not hash_file.exists():
        _create(hash_file, secrets.token_hex(32).encode() + b"\n", 0o600)
    key = LedgerKey(seed=seed, hash_key=_load_hash_key(hash_file))
    for folder in {directory, public_directory or directory}:
        _publish(folder / PUBLIC_NAME, key.public)
    return key


def load_public(path: Path) -> PublicKey:
    """A public key from its PEM file. ConfigError when it is none."""
    try:
        loaded = serialization.load_pem_public_key(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError("there is no such public key file", file=path) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"not a public key in PEM form: {error}", file=path) from error
    if not isinstance(loaded, Ed25519PublicKey):
        raise ConfigError("not an Ed25519 public key", file=path)
    return PublicKey(raw=loaded.public_bytes_raw())


def _new_private() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_private(path: Path) -> bytes:
    try:
        return _seed(_read_secret(path))
    except ValueError as error:
        raise ConfigError(f"not an unencrypted Ed25519 private key in PEM form: {error}", file=path) from error


def _seed(pem: bytes) -> bytes:
    try:
        loaded = serialization.load_pem_private_key(pem, password=None)
    except TypeError as error:  # an encrypted one
        raise ValueError(str(error)) from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise ValueError("another kind of key")
    return loaded.private_bytes_raw()


def _load_hash_key(path: Path) -> bytes:
    try:
        value = bytes.fromhex(_read_secret(path).decode("ascii").strip())
    except ValueError as error:
        raise ConfigError("not hexadecimal", file=path) from error
    if len(value) < 32:
        raise ConfigError("a ledger hash key has at least 32 bytes", file=path)
    return value


def _read_secret(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            # Security: who can read this key can forge the ledger.
            if mode & 0o077:
                raise ConfigError(f"readable by others (mode {mode:03o})", file=path, hint=f"chmod 600 {path}")
            return file.read()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from error


def _create(path: Path, content: bytes, mode: int) -> None:
    # Whole or not at all: a crash in between must not leave half a key under the final name.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"cannot be written: {error.strerror}", file=path) from error


def _publish(path: Path, public: PublicKey) -> None:
    if path.exists():
        if load_public(path) != public:
            raise ConfigError("does not belong to the private key", file=path)
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _create(path, public.pem(), 0o644)
