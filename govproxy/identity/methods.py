"""Which way a connection must prove its identity: decided before the client speaks.

Exactly one method is asked for, because drivers take the first they know and fail on it. Pure:
what is configured and how the connection came in are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from govproxy.errors import InvalidAuthorization


class ClientMethod(StrEnum):
    """How a client is asked."""

    SCRAM = "scram"  # SCRAM-SHA-256 against a configured user's verifier, or a mock one
    TOKEN = "token"  # noqa: S105  cleartext PasswordMessage that holds a JWT


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFacts:
    """How the client reached us. ``local``: loopback or a Unix socket."""

    encrypted: bool
    local: bool
    unix_socket: bool = False


def choose_method(
    *, configured_user: bool, tokens_accepted: bool, tls_required: bool, connection: ConnectionFacts
) -> ClientMethod:
    """The method for this connection, or ``InvalidAuthorization`` (28000).

    A configured user always takes SCRAM. Everybody else is asked for a token where an issuer is
    configured, and otherwise for a password that no name has, so that names cannot be tried out.
    """
    if tls_required and not connection.encrypted and not connection.unix_socket:
        raise InvalidAuthorization("this connection must use TLS", hint="Connect with sslmode=require or stronger.")
    if configured_user or not tokens_accepted:
        return ClientMethod.SCRAM
    # Security: a token is as good as a password, and the method sends it in clear text.
    if not connection.encrypted and not connection.local:
        raise InvalidAuthorization(
            "a token is only accepted over TLS", hint="Connect with sslmode=require or stronger."
        )
    return ClientMethod.TOKEN
