"""Keys that verify or, in development, sign tokens.

Only asymmetric keys exist here. Each key carries the algorithms it may be used with; the token's
header never decides. Knows nothing of files or addresses: documents come as text or bytes.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from govproxy.errors import ConfigError

MIN_RSA_BITS = 2_048
MAX_JWKS_BYTES = 1 << 20
_CURVE_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_ALGORITHMS = (*_RSA_ALGORITHMS, *_CURVE_ALGORITHMS.values(), "EdDSA")
_CURVES = ("P-256", "P-384", "P-521", "Ed25519")

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A public key as PEM, with its id and the algorithms it may verify. Picklable."""

    pem: bytes
    algorithms: tuple[str, ...]
    kid: str | None = None

    def public_key(self) -> PublicKey:
        """The key object; parsed once per process."""
        return _load_public(self.pem)


@lru_cache(maxsize=256)
def _load_public(pem: bytes) -> PublicKey:
    return cast(PublicKey, serialization.load_pem_public_key(pem))


def parse_jwks(document: str | bytes) -> tuple[VerificationKey, ...]:
    """The signature keys of a JWKS document (RFC 7517). ``ConfigError`` when none is usable.

    Symmetric keys, encryption keys and unknown kinds are left out; a key that names its algorithm
    is pinned to it, another to what its type allows.
    """
    if len(document) > MAX_JWKS_BYTES:
        raise ConfigError("the JWKS document is too large")
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError):
        raise ConfigError("the JWKS document is not JSON") from None
    entries = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(entries, list):
        raise ConfigError('the JWKS document has no list "keys"')
    keys = tuple(key for entry in entries if (key := _key_of_jwk(entry)) is not None)
    if not keys:
        raise ConfigError("the JWKS document has no usable signature key")
    kids = [key.kid for key in keys if key.kid is not None]
    if len(set(kids)) != len(kids):
        raise ConfigError("the JWKS document has two keys with one kid")
    return keys


def _key_of_jwk(entry: Any) -> VerificationKey | None:
    if not isinstance(entry, dict) or entry.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    operations = entry.get("key_ops")
    if entry.get("use", "sig") != "sig" or (isinstance(operations, list) and "verify" not in operations):
        return None
    if entry.get("alg") not in (None, *_ALGORITHMS) or entry.get("crv") not in (None, *_CURVES):
        return None
    public = {name: value for name, value in entry.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
    try:
        key = jwt.PyJWK(public, algorithm=None).key
    except (jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError("the JWKS document has a key that cannot be read") from None
    if not isinstance(key, PublicKey):
        return None
    kid = entry.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise ConfigError("the JWKS document has a kid that is not a string")
    return verification_key(key, kid=kid, algorithm=entry.get("alg"))


def verification_key(key: PublicKey, *, kid: str | None, algorithm: str | None = None) -> VerificationKey:
    """A public key pinned to ``algorithm`` or, without one, to what its type allows."""
    allowed = _algorithms_of(key)
    if algorithm is not None:
        if algorithm not in allowed:
            raise ConfigError(f'a key cannot be used with the algorithm "{algorithm}"')
        allowed = (algorithm,)
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return VerificationKey(pem=pem, algorithms=allowed, kid=kid)


def _algorithms_of(key: PublicKey) -> tuple[str, ...]:
    match key:
        case rsa.RSAPublicKey():
            if key.key_size < MIN_RSA_BITS:
                raise ConfigError(f"an RSA key has {key.key_size} bits; at least {MIN_RSA_BITS} are needed")
            return _RSA_ALGORITHMS
        case ec.EllipticCurvePublicKey():
            algorithm = _CURVE_ALGORITHMS.get(key.curve.name)
            if algorithm is None:
                raise ConfigError(f'keys on the curve "{key.curve.name}" are not supported')
            return (algorithm,)
        case ed25519.Ed25519PublicKey():
            return ("EdDSA",)
        case _:
            raise ConfigError("a key is of an unsupported type")


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A development key. Security: never part of a snapshot and never in a repr."""

    private: PrivateKey
    algorithm: str
    verification: VerificationKey

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.verification.kid!r})"


def load_signing_key(pem: bytes) -> SigningKey:
    """A private key in PEM, without a passphrase. Its kid is the RFC 7638 thumbprint."""
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError("the signing key is not an unencrypted private key in PEM") from None
    if not isinstance(private, PrivateKey):
        raise ConfigError("the signing key must be RSA, elliptic curve or Ed25519")
    public = private.public_key()
    algorithm = _algorithms_of(public)[0]
    verification = verification_key(public, kid=_thumbprint(public), algorithm=algorithm)
    return SigningKey(private=private, algorithm=algorithm, verification=verification)


def generate_signing_key() -> bytes:
    """A new Ed25519 key in PEM, for demonstrations and tests."""
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _thumbprint(public: PublicKey) -> str:
    jwk: dict[str, Any]
    match public:
        case rsa.RSAPublicKey():
            jwk = jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True)
        case ec.EllipticCurvePublicKey():
            jwk = jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True)
        case ed25519.Ed25519PublicKey():
            jwk = jwt.algorithms.OKPAlgorithm.to_jwk(public, as_dict=True)
        case _:
            raise ConfigError("a key is of an unsupported type")
    # RFC 7638 section 3.2: only the required members, in this order, without white space.
    members = {name: jwk[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in jwk}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
