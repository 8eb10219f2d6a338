"""Which proof a connection is asked for: the whole table."""

from __future__ import annotations

import pytest

from govproxy.errors import InvalidAuthorization
from govproxy.identity.methods import ClientMethod, ConnectionFacts, choose_method

REMOTE = ConnectionFacts(encrypted=False, local=False)
REMOTE_TLS = ConnectionFacts(encrypted=True, local=False)
LOOPBACK = ConnectionFacts(encrypted=False, local=True)
UNIX = ConnectionFacts(encrypted=False, local=True, unix_socket=True)
REFUSED = None


@pytest.mark.parametrize(
    ("connection", "configured", "tokens", "required", "expected"),
    [
        (REMOTE, True, True, False, ClientMethod.SCRAM),
        (REMOTE, False, True, False, REFUSED),
        (REMOTE, False, False, False, ClientMethod.SCRAM),
        (REMOTE, True, True, True, REFUSED),
        (REMOTE, False, False, True, REFUSED),
        (REMOTE_TLS, True, True, True, ClientMethod.SCRAM),
        (REMOTE_TLS, False, True, True, ClientMethod.TOKEN),
        (REMOTE_TLS, False, False, True, ClientMethod.SCRAM),
        (LOOPBACK, False, True, False, ClientMethod.TOKEN),
        (LOOPBACK, True, True, False, ClientMethod.SCRAM),
        (LOOPBACK, False, True, True, REFUSED),
        (UNIX, False, True, True, ClientMethod.TOKEN),
        (UNIX, True, False, True, ClientMethod.SCRAM),
    ],
)
def test_the_table(
    connection: ConnectionFacts, configured: bool, tokens: bool, required: bool, expected: ClientMethod | None
) -> None:
    def choose() -> ClientMethod:
        return choose_method(
            configured_user=configured, tokens_accepted=tokens, tls_required=required, connection=connection
        )

    if expected is not None:
        assert choose() is expected
        return
    with pytest.raises(InvalidAuthorization) as caught:
        choose()
    assert caught.value.sqlstate == "28000"
    assert caught.value.hint is not None
    assert "sslmode" in caught.value.hint
