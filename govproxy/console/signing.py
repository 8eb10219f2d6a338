"""Signatures of webhooks and callbacks: HMAC-SHA256 over the time and the body. Pure; the time is an argument.

Ours signs ``TIMESTAMP.BODY`` (the timestamp in decimal, a full stop, the bytes of the body) and is
written ``v1=`` and 64 hexadecimal digits; while a secret is being changed there are two, with a comma
between. Slack's signs ``v0:TIMESTAMP:BODY`` (https://docs.slack.dev/authentication/verifying-requests-from-slack).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from govproxy.config.secrets import Secret
from govproxy.config.settings import HookFormat
from govproxy.console.refusals import Refused, Word

TIMESTAMP = "Govproxy-Timestamp"
SIGNATURE = "Govproxy-Signature"
DELIVERY = "Govproxy-Delivery"
EVENT = "Govproxy-Event"
WINDOW_S = 300.0
MAX_SIGNATURES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How one kind of sender signs."""

    timestamp: str
    signature: str
    version: str
    before: str
    between: str

    def message(self, timestamp: str, body: bytes) -> bytes:
        """What is signed."""
        return f"{self.before}{timestamp}{self.between}".encode() + body


OURS = Scheme(timestamp=TIMESTAMP, signature=SIGNATURE, version="v1=", before="", between=".")
SLACK = Scheme(
    timestamp="X-Slack-Request-Timestamp", signature="X-Slack-Signature", version="v0=", before="v0:", between=":"
)
SCHEMES = {HookFormat.GENERIC: OURS, HookFormat.SLACK: SLACK}


def sign(scheme: Scheme, secrets: Sequence[Secret], timestamp: int, body: bytes) -> str:
    """The signature header, one signature for each secret."""
    message = scheme.message(str(timestamp), body)
    return ",".join(scheme.version + _digest(secret, message) for secret in secrets)


def verify(
    scheme: Scheme, secrets: Sequence[Secret], *, timestamp: str, signature: str, body: bytes, now: float
) -> float:
    """The time at which it was signed. Raises `Refused`: forged, or stale.

    Security: the signature comes first, so that nobody without a secret learns anything; each secret
    is tried in the same time whether or not another fitted.
    """
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise Refused(Word.FORGED)
    given = [part.strip() for part in signature.split(",")]
    message = scheme.message(timestamp, body)
    expected = [scheme.version + _digest(secret, message) for secret in secrets]
    fits = [
        hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode())
        for one in given[:MAX_SIGNATURES]
        for other in expected
    ]
    if not any(fits):
        raise Refused(Word.FORGED)
    if abs(now - int(timestamp)) > WINDOW_S:
        raise Refused(Word.STALE)
    return float(timestamp)


def _digest(secret: Secret, message: bytes) -> str:
    return hmac.digest(secret.reveal().encode(), message, "sha256").hex()
