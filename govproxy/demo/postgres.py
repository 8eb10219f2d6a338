"""A throw-away PostgreSQL for the demo and the tests.

``PostgresServer`` makes a cluster in a temporary folder, starts it on 127.0.0.1 and takes
everything away again. Knows nothing of sample data and nothing of the proxy.

Security: SCRAM with a random password even here, so that the demo shows what it says: clients
of the proxy never hold the database's password. Durability is off; nothing real belongs in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from govproxy.demo.binaries import Binaries, PostgresNotFound, choose_user, find_binaries, has_tls, make_room, runnable
from govproxy.errors import GovproxyError

HOST = "127.0.0.1"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
_PORT_ATTEMPTS = 5
_PR_SET_PDEATHSIG = 1
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_given_ports: set[int] = set()

_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresStartFailed(GovproxyError):
    """The cluster could not be made or started; the message ends with the server's own words."""


class PostgresServer:
    """One cluster, from ``__enter__`` to ``__exit__``.

    ``prefer_system`` takes an installed PostgreSQL before the wheel. ``tls`` (needs a
    PostgreSQL built with OpenSSL) makes a certificate for ``localhost`` and 127.0.0.1, whose
    issuer is ``certificate_authority``. ``hba`` lines go before the default ones. ``settings``
    are added to the command line.

    Invariant: between enter and exit exactly one server process of ours runs, in its own
    process group, and it dies with this process even when that is killed.
    """

    def __init__(
        self,
        *,
        prefer_system: bool = False,
        tls: bool = False,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        hba: tuple[str, ...] = (),
    ) -> None:
        self.host = HOST
        self.port = port
        self.superuser = "postgres"
        self.password = secrets.token_urlsafe(18)
        self.certificate_authority: Path | None = None
        self._fixed_port = bool(port)
        self._tls = tls
        self._hba = hba
        self._settings = dict(_SETTINGS) | dict(settings or {})
        self._found = find_binaries(prefer_system=prefer_system or tls)
        if tls and not has_tls(self._found):
            raise PostgresNotFound("the PostgreSQL found here has no TLS: install one that has (Debian: postgresql)")
        self._run_as = choose_user()
        self._room: Path | None = None
        self._binaries: Binaries | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def binaries(self) -> Binaries:
        """The programs that run, for psql, pgbench and pg_dump of the same installation."""
        return self._binaries or self._found

    @property
    def origin(self) -> str:
        """Where the programs came from, in words."""
        return self._found.origin

    @property
    def log_file(self) -> Path:
        """The server's log; gone after ``__exit__``."""
        return self._in_room("server.log")

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise PostgresStartFailed("the server is not running")
        return self._process.pid

    def dsn(self, database: str = "postgres", *, user: str | None = None, password: str | None = None) -> str:
        """A connection URI; the superuser's unless told otherwise."""
        who = user or self.superuser
        secret = self.password if password is None and user is None else password or ""
        return f"postgresql://{quote(who)}:{quote(secret, safe='')}@{self.host}:{self.port}/{quote(database)}"

    def __enter__(self) -> Self:
        self._room = make_room()
        try:
            self._binaries = runnable(self._found, self._run_as, self._room / "programs")
            self._initialise()
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the server, harder and harder, and remove its folder. Calling it twice is fine."""
        process, self._process = self._process, None
        if process is not None:
            # SIGINT: PostgreSQL's fast shutdown; SIGQUIT: its immediate one.
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                if process.poll() is None:
                    process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=STOP_TIMEOUT_S)
                    break
        room, self._room = self._room, None
        self._binaries = None
        if room is not None:
            shutil.rmtree(room)

    def _in_room(self, name: str) -> Path:
        if self._room is None:
            raise PostgresStartFailed("the server is not running")
        return self._room / name

    def _initialise(self) -> None:
        data = self._in_room("data")
        data.mkdir(mode=0o700)
        password_file = self._in_room("superuser-password")
        password_file.touch(mode=0o600)
        password_file.write_text(self.password + "\n")
        self._give_away(data, password_file)
        options = ["--locale=C", "--encoding=UTF8", "--no-sync", "--no-instructions", "--auth=scram-sha-256"]
        command: list[str | Path] = [
            self.binaries.program("initdb"),
            "-D",
            data,
            "-U",
            self.superuser,
            "--pwfile",
            password_file,
        ]
        done = subprocess.run(  # noqa: S603
            [*command, *options], capture_output=True, text=True, check=False, cwd="/", **self._popen_arguments()
        )
        password_file.unlink()
        if done.returncode != 0:
            raise PostgresStartFailed(f"initdb failed: {(done.stderr or done.stdout).strip()[-2000:]}")
        if self._hba:
            hba_file = data / "pg_hba.conf"
            hba_file.write_text("\n".join(self._hba) + "\n" + hba_file.read_text())
        if self._tls:
            self._make_certificate(data)

    def _make_certificate(self, data: Path) -> None:
        from govproxy.demo.certificates import make_authority  # cryptography is slow to import

        authority = make_authority("govproxy scratch PostgreSQL")
        pair = authority.issue(names=("localhost",), addresses=(HOST,))
        files = data / "server.crt", data / "server.key"
        files[0].write_bytes(pair.certificate)
        files[1].touch(mode=0o600)
        files[1].write_bytes(pair.private_key)
        self._give_away(*files)
        self.certificate_authority = self._in_room("ca.crt")
        self.certificate_authority.write_bytes(authority.certificate)
        self._settings |= {"ssl": "on"}

    def _start(self) -> None:
        """Start on a free port. Another process may take it in between: then try the next."""
        self.log_file.touch(mode=0o600)
        for _ in range(1 if self._fixed_port else _PORT_ATTEMPTS):
            if not self._fixed_port:
                self.port = free_port()
            command: list[str | Path] = [self.binaries.program("postgres"), "-D", self._in_room("data")]
            for name, value in {**self._settings, "port": str(self.port)}.items():
                command += ["-c", f"{name}={value}"]
            with self.log_file.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    process_group=0,  # Ctrl-C in the terminal reaches us, and we stop the server
                    preexec_fn=die_with_parent(signal.SIGINT),
                    **self._popen_arguments(),
                )
            if self._wait_until_ready():
                return
            self._process = None
            if "could not create any TCP/IP sockets" not in self._log_tail() or self._fixed_port:
                break
        raise PostgresStartFailed(f"PostgreSQL ({self.origin}) did not start: {self._log_tail()}")

    def _wait_until_ready(self) -> bool:
        """True once the server takes connections, False when it ended instead."""
        if self._process is None:
            raise PostgresStartFailed("the server is not running")
        status_file = self._in_room("data") / "postmaster.pid"
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            # The eighth line is the server's own word on its state, as pg_ctl reads it.
            with contextlib.suppress(FileNotFoundError):
                lines = status_file.read_text().splitlines()
                if len(lines) >= 8 and lines[7].strip() == "ready" and lines[0].strip() == str(self._process.pid):
                    return True
            time.sleep(0.02)
        raise PostgresStartFailed(f"PostgreSQL was not ready after {START_TIMEOUT_S:.0f} s: {self._log_tail()}")

    def _log_tail(self) -> str:
        return self.log_file.read_text(errors="replace").strip()[-2000:]

    def _give_away(self, *paths: Path) -> None:
        if self._run_as.uid is not None and self._run_as.gid is not None:
            for path in paths:
                os.chown(path, self._run_as.uid, self._run_as.gid)

    def _popen_arguments(self) -> dict[str, Any]:
        # Settings of the caller's own client (PGHOST, PGOPTIONS …) must not reach the server's tools.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {"env": environment | {"LC_ALL": "C"}, **self._run_as.popen_arguments()}


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago, and that no outgoing connection will be given meanwhile.

    Those come and go in the range that the system takes them from, so a port below it is chosen. None is given twice:
    whoever asked first may not have bound it yet.
    """
    first = 32_768
    if _PORT_RANGE.exists():
        first = int(_PORT_RANGE.read_text().split()[0])
    for port in random.sample(range(min(10_000, first // 2), first), 100):
        if port in _given_ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            _given_ports.add(port)
            return port
    raise PostgresStartFailed("no free port on 127.0.0.1")


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """A ``preexec_fn``: the child gets this signal when its parent dies. None where there is no such thing.

    The signal follows the *thread* that starts the child: start children from the main thread.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return arm
