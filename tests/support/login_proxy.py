"""A proxy that only logs clients in and then relays bytes: what the login's own tests run against.

Not the product's worker: no judging, no masking. It runs the real listener, front door and
upstream login on uvloop in a thread, so that blocking test clients can talk to it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvloop

from govproxy.config.secrets import Secret
from govproxy.config.settings import Database, SslMode, Upstream
from govproxy.identity.keys import SigningKey, generate_signing_key, load_signing_key
from govproxy.identity.minting import mint
from govproxy.identity.tokens import TokenIssuer, TokenVerifier
from govproxy.identity.users import ScramVerifier, User, UserDirectory
from govproxy.server.channel import Channel
from govproxy.server.front_door import Door, LoginFailure
from govproxy.server.listener import Admission, Listener, open_listening_sockets
from govproxy.server.tls import ServerTls
from govproxy.server.upstream import UpstreamTarget
from govproxy.session.login import LoginRules
from tests.support.waiting import DEADLINE_S

ISSUER = "https://idp.test"
AUDIENCE = "govproxy"
MOCK_KEY = b"a mock key for tests, 16+ bytes"


def upstream_database(
    *,
    name: str = "shop",
    host: str = "127.0.0.1",
    port: int,
    user: str = "postgres",
    database: str = "postgres",
    password: str | None = None,
    sslmode: SslMode = SslMode.DISABLE,
    sslrootcert: Path | None = None,
    roles: tuple[tuple[str, str], ...] = (),
) -> Database:
    """A database setting as the configuration would make it."""
    return Database(
        name=name,
        upstream=Upstream(host=host, port=port, user=user, database=database, sslmode=sslmode, sslrootcert=sslrootcert),
        environment="test",
        password=Secret(password) if password is not None else None,
        roles=roles,
    )


@dataclass
class Session:
    """What the harness saw of one admitted client."""

    user: str
    application: str | None
    search_path: tuple[str, ...] | None
    current_user: str | None
    client_encoding: str
    tls: bool
    settings: Mapping[str, str]


@dataclass
class LoginProxy:
    """Start with ``with``; everything is stopped and checked for leaks at the end."""

    databases: Iterable[Database]
    users: Mapping[str, str] = field(default_factory=dict)
    tls: ServerTls | None = None
    tls_required: bool = False
    accept_tokens: bool = True
    max_sessions: int = 100
    max_logins: int = 50
    login_timeout_s: float = DEADLINE_S
    connect_timeout_s: float = DEADLINE_S
    host: str = "127.0.0.1"
    worker: int = 3

    def __post_init__(self) -> None:
        self.signing_key: SigningKey = load_signing_key(generate_signing_key())
        self.failures: list[LoginFailure] = []
        self.sessions: list[Session] = []
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="login-proxy")
        self._crash: BaseException | None = None

    def token(self, user: str = "ana", **claims: Any) -> str:
        """A good token for this proxy."""
        return mint(
            self.signing_key, issuer=ISSUER, audience=AUDIENCE, user=user, now=claims.pop("now", time.time()), **claims
        )

    def dsn(self, *, user: str = "ana", password: str | None = None, database: str = "shop", **more: str) -> str:
        """A libpq connection string; the password is a token unless given."""
        parts = {
            "host": self.host,
            "port": str(self.port),
            "user": user,
            "dbname": database,
            "password": self.token(user) if password is None else password,
            "connect_timeout": f"{DEADLINE_S:.0f}",
            **more,
        }
        return " ".join(f"{name}='{value}'" for name, value in parts.items())

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(DEADLINE_S), "the proxy did not start"
        if self._crash is not None:
            raise self._crash
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), "the proxy did not stop"
        if self._crash is not None:
            raise self._crash

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._main())
        except BaseException as error:
            self._crash = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        directory = UserDirectory(
            [User(name=name, verifier=ScramVerifier.from_password(word)) for name, word in self.users.items()],
            mock_key=MOCK_KEY,
        )
        issuer = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, keys=(self.signing_key.verification,))
        targets = {database.name: UpstreamTarget(database) for database in self.databases}
        self.admission = Admission(max_sessions=self.max_sessions, max_logins=self.max_logins)
        self.door = Door(
            worker=self.worker,
            rules=LoginRules(
                databases=frozenset(targets),
                users=directory,
                tokens=TokenVerifier([issuer], now=time.time) if self.accept_tokens else None,
                tls_available=self.tls is not None,
                tls_required=self.tls_required,
            ),
            targets=targets,
            tls=self.tls,
            admission=self.admission,
            login_timeout_s=self.login_timeout_s,
            connect_timeout_s=self.connect_timeout_s,
            on_failure=self.failures.append,
        )
        sockets = open_listening_sockets(self.host, 0)
        self.port = sockets[0].getsockname()[1]
        listener = Listener(sockets, self._serve)
        listener.start()
        self._ready.set()
        await self._stop.wait()
        await listener.close(0.5)
        assert not any(self.admission.counts.values()), f"places leaked: {self.admission.counts}"
        assert len(self.door.cancel_keys) == 0, "cancel keys leaked"

    async def _serve(self, sock: socket.socket, address: Any) -> None:
        guest = await self.door.welcome(sock, address, request_id="r-1")
        if guest is None:
            return
        self.sessions.append(
            Session(
                user=guest.identity.label,
                application=guest.startup.application,
                search_path=guest.upstream.search_path,
                current_user=guest.upstream.current_user,
                client_encoding=guest.upstream.client_encoding,
                tls=guest.tls,
                settings=dict(guest.startup.settings),
            )
        )
        try:
            handover = await guest.admit()
        except OSError:
            return
        client, upstream = Channel(handover.client), Channel(handover.upstream)
        client._tls, upstream._tls = handover.client_tls, handover.upstream_tls
        try:
            if handover.client_leftover:
                await upstream.write(handover.client_leftover)
            if handover.upstream_leftover:
                await client.write(handover.upstream_leftover)
            copies = [asyncio.ensure_future(_copy(client, upstream)), asyncio.ensure_future(_copy(upstream, client))]
            try:
                await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for copy in copies:
                    copy.cancel()
                await asyncio.gather(*copies, return_exceptions=True)
        finally:
            client.close()
            upstream.close()
            self.door.part_with(guest.cancel_key, guest.ticket)


async def _copy(source: Channel, target: Channel) -> None:
    while data := await source.read():
        await target.write(data)


@contextmanager
def scripted_backend(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback that runs ``script`` for each connection; gives its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(DEADLINE_S)
                try:
                    script(sock)
                except OSError:
                    continue  # the proxy closed first

    thread = threading.Thread(target=serve, name="scripted-backend")
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        stopping.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
