"""What a client is told at the end of its login, and where it came from."""

from __future__ import annotations

import socket

import pytest

from govproxy.server.channel import Channel
from govproxy.server.front_door import client_address, encode_welcome
from govproxy.server.upstream import UpstreamReady
from govproxy.session.cancel import CancelKey, Pid
from govproxy.session.parameters import ClientStartup
from govproxy.wire import backend
from govproxy.wire.backend import Backend, TransactionStatus
from govproxy.wire.framing import iterate_messages


class NoChannel(Channel):
    def __init__(self) -> None:
        """No loop, no socket."""


def ready() -> UpstreamReady:
    return UpstreamReady(
        channel=NoChannel(),
        parameters={"server_version": b"15", "application_name": b"govproxy:ana | psql", "odd": b"\xe4"},
        backend_pid=4711,
        backend_secret=b"real",
        transaction_status=TransactionStatus.IDLE,
        client_encoding="UTF8",
        search_path=("public",),
        current_user="login",
        leftover=b"",
    )


@pytest.mark.parametrize("application", [None, "psql", "größe"])
def test_the_welcome_has_our_key_and_the_clients_own_name(application: str | None) -> None:
    startup = ClientStartup(user="ana", database="shop", application=application)
    welcome = encode_welcome(startup, ready(), CancelKey(pid=Pid(99), secret=b"ours"))
    messages = list(iterate_messages(welcome))
    told = dict(
        backend.decode_parameter_status(message.body)
        for message in messages
        if message.kind == Backend.PARAMETER_STATUS
    )
    shown = {None: b"", "psql": b"psql", "größe": b"gr??e"}[application]
    assert told == {"server_version": b"15", "application_name": shown, "odd": b"\xe4"}
    key = backend.decode_backend_key_data(messages[-2].body)
    assert (key.pid, key.secret) == (99, b"ours")
    assert messages[-1] == (Backend.READY_FOR_QUERY, b"I")
    assert b"real" not in welcome
    assert (4711).to_bytes(4, "big") not in welcome


class Peer:
    def __init__(self, family: int) -> None:
        self.family = family


@pytest.mark.parametrize(
    ("family", "address", "text", "local"),
    [
        (socket.AF_INET, ("127.0.0.1", 5), "127.0.0.1:5", True),
        (socket.AF_INET, ("127.8.8.8", 5), "127.8.8.8:5", True),
        (socket.AF_INET, ("10.0.0.1", 5), "10.0.0.1:5", False),
        (socket.AF_INET6, ("::1", 5, 0, 0), "[::1]:5", True),
        (socket.AF_INET6, ("::ffff:127.0.0.1", 5, 0, 0), "[::ffff:127.0.0.1]:5", True),
        (socket.AF_INET6, ("::ffff:10.0.0.1", 5, 0, 0), "[::ffff:10.0.0.1]:5", False),
        (socket.AF_INET6, ("fe80::1%eth0", 5, 0, 2), "[fe80::1%eth0]:5", False),
        (socket.AF_UNIX, "", "unix", True),
    ],
)
def test_addresses(family: int, address: object, text: str, local: bool) -> None:
    seen = client_address(Peer(family), address)  # type: ignore[arg-type]
    assert (str(seen), seen.is_local, seen.unix_socket) == (text, local, family == socket.AF_UNIX)
