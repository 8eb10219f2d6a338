"""The proxies that are compared: how each is found, configured, started, asked for its pids, and stopped.

All are children of this process, on free ports of 127.0.0.1, as an unprivileged user where they refuse
root. Settings are the defaults wherever that is fair; what differs stands in ``notes`` and in the report.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bench import values
from bench.database import DATABASE, ROLE, Ground
from bench.procfs import children
from bench.values import PeerFacts
from govproxy import __version__
from govproxy.demo.binaries import choose_user
from govproxy.demo.certificates import make_authority
from govproxy.demo.files import write_private
from govproxy.demo.postgres import HOST, die_with_parent
from govproxy.demo.proxy import ProxyProcess

PGBOUNCER_VARIABLE = "GOVPROXY_BENCH_PGBOUNCER"
HAPROXY_VARIABLE = "GOVPROXY_BENCH_HAPROXY"
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0
UNIX_NOTE = "the database on a Unix socket"
_COMPLAINT_LINES = 30
_ROOT = Path(__file__).resolve().parents[1]


class PeerAbsent(Exception):
    """This peer is not installed; the message says what to install or set."""


class Peer(ABC):
    """One proxy. Invariant: between ``start`` and ``stop`` its processes are ours and listen on ``port``."""

    name: str
    title: str
    sslmode = "disable"
    user = ROLE

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.port = 0

    @abstractmethod
    def facts(self) -> PeerFacts:
        """Version and settings. Raises ``PeerAbsent``."""

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it listens."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it, by its own pid. Twice is fine."""

    @abstractmethod
    def pids(self) -> list[int]:
        """The processes whose processor time is the data path's; none for no proxy at all."""

    def other_pids(self) -> list[int]:
        """Processes beside the data path, measured and named apart."""
        return []

    def complaint(self) -> str:
        """The end of what it wrote, when that may explain a failure."""
        return ""

    def cannot(self, protocol: str) -> str:
        """Why this peer cannot serve that protocol of pgbench; empty when it can."""
        return ""

    def dsn(self) -> str:
        """Where a client of this peer connects."""
        return self.ground.dsn(self.port, user=self.user, sslmode=self.sslmode)


class Direct(Peer):
    """No proxy."""

    name, title = values.DIRECT, "direct"

    def facts(self) -> PeerFacts:
        return PeerFacts(name=self.name, title=self.title, version=f"PostgreSQL {self.ground.version}")

    def start(self) -> None:
        self.port = self.ground.port

    def stop(self) -> None:
        return None

    def pids(self) -> list[int]:
        return []


class Program(Peer):
    """A peer that is one process of a program."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = ground.folder / f"{self.name}.log"

    @abstractmethod
    def command(self) -> list[str]:
        """Write the configuration, give the command line."""

    def popen_arguments(self) -> dict[str, object]:
        return choose_user().popen_arguments()

    def start(self) -> None:
        self.port = listening_port()
        command = self.command()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=die_with_parent(signal.SIGTERM),
                **self.popen_arguments(),  # type: ignore[call-overload]
            )
        self._wait_until_it_listens()

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"{self.title} did not start: {self._log.read_text(errors='replace')[-1_000:]}")

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            process.send_signal(number)
            try:
                process.wait(STOP_TIMEOUT_S)
                return
            except subprocess.TimeoutExpired:
                continue

    def pids(self) -> list[int]:
        if self._process is None or self._process.poll() is not None:
            raise ProcessLookupError(f"{self.title} is not running any more")
        return [self._process.pid]

    def file(self, name: str, content: str) -> Path:
        """A file of its configuration, readable by the user it runs as and nobody else."""
        path = self.ground.folder / f"{self.name}-{name}"
        path.unlink(missing_ok=True)
        write_private(path, content.encode())
        run_as = choose_user()
        if run_as.uid is not None and run_as.gid is not None:
            os.chown(path, run_as.uid, run_as.gid)
        return path


class Relay(Program):
    """``bench.relay``."""

    name, title = values.RELAY, "uvloop relay (Python)"

    def facts(self) -> PeerFacts:
        return PeerFacts(
            name=self.name,
            title=self.title,
            version=f"Python {sys.version.split()[0]}",
            notes=("asyncio.Protocol on uvloop, no protocol code",),
        )

    def command(self) -> list[str]:
        return [sys.executable, "-m", "bench.relay", str(self.port), str(self.ground.port)]

    def popen_arguments(self) -> dict[str, object]:
        # As the caller: another user may not be able to read the virtual environment.
        return {"cwd": _ROOT}


class HAProxy(Program):
    """TCP mode, one thread."""

    name, title = values.HAPROXY, "HAProxy (tcp)"

    def _binary(self) -> str:
        return _find("haproxy", HAPROXY_VARIABLE, "haproxy")

    def facts(self) -> PeerFacts:
        return PeerFacts(
            name=self.name,
            title=self.title,
            version=_version([self._binary(), "-v"], r"version (\S+)"),
            notes=("mode tcp, nbthread 1, other settings as they come",),
        )

    def command(self) -> list[str]:
        config = self.file(
            "haproxy.cfg",
            f"""\
global
    nbthread 1
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend clients
    bind {HOST}:{self.port}
    default_backend database
backend database
    server postgresql {HOST}:{self.ground.port}
""",
        )
        return [self._binary(), "-db", "-q", "-f", str(config)]


class PgBouncer(Program):
    """Session mode."""

    name, title = values.PGBOUNCER, "PgBouncer (session)"
    pool_mode = "session"
    tls = False
    on_socket = False

    def _binary(self) -> str:
        return _find("pgbouncer", PGBOUNCER_VARIABLE, "pgbouncer")

    def _release(self) -> tuple[int, ...]:
        version = _version([self._binary(), "--version"], r"PgBouncer (\S+)")
        return tuple(int(part) for part in re.findall(r"\d+", version))

    def facts(self) -> PeerFacts:
        notes = [f"pool_mode {self.pool_mode}, SCRAM, default pkt_buf"]
        if self.pool_mode == "transaction":
            notes.append(self.cannot("prepared") or "max_prepared_statements 200")
        if self.tls:
            notes.append("TLS to the client, plain to the database")
        if self.on_socket:
            notes.append(UNIX_NOTE)
        return PeerFacts(
            name=self.name,
            title=self.title,
            version=".".join(map(str, self._release())),
            notes=tuple(notes),
        )

    def command(self) -> list[str]:
        # The verifier, not the password: so neither side of a login costs PgBouncer a key derivation.
        host = self.ground.sockets if self.on_socket else HOST
        users = self.file("users.txt", f'"{ROLE}" "{self.ground.verifier}"\n')
        lines = [
            "[databases]",
            f"{DATABASE} = host={host} port={self.ground.port} dbname={DATABASE}",
            "[pgbouncer]",
            f"listen_addr = {HOST}",
            f"listen_port = {self.port}",
            "unix_socket_dir =",
            "auth_type = scram-sha-256",
            f"auth_file = {users}",
            f"pool_mode = {self.pool_mode}",
            "max_client_conn = 2000",
            # Sessions hold a connection each; in transaction mode nobody may wait for one either.
            f"default_pool_size = {900 if self.pool_mode == 'session' else 64}",
            "server_tls_sslmode = disable",
            "log_connections = 0",
            "log_disconnections = 0",
        ]
        if self.pool_mode == "transaction" and not self.cannot("prepared"):
            lines.append("max_prepared_statements = 200")
        if self.tls:
            certificate, key = _certificate()
            lines += [
                "client_tls_sslmode = require",
                f"client_tls_cert_file = {self.file('server.crt', certificate)}",
                f"client_tls_key_file = {self.file('server.key', key)}",
            ]
        return [self._binary(), "-q", str(self.file("pgbouncer.ini", "\n".join(lines) + "\n"))]


class PgBouncerTransaction(PgBouncer):
    """Transaction mode."""

    name, title = values.PGBOUNCER_TX, "PgBouncer (transaction)"
    pool_mode = "transaction"

    def cannot(self, protocol: str) -> str:
        if protocol != "prepared" or self._release() >= (1, 21):
            return ""
        return "no max_prepared_statements before PgBouncer 1.21, so no prepared statements in transaction mode"


class PgBouncerTls(PgBouncer):
    """Session mode, TLS to the client."""

    name, title = values.PGBOUNCER_TLS, "PgBouncer (session, TLS)"
    tls = True
    sslmode = "require"


class PgBouncerUnix(PgBouncer):
    """Session mode, the database on a Unix socket."""

    name, title = values.PGBOUNCER_UNIX, "PgBouncer (session, Unix socket)"
    on_socket = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedUser:
    """One identity of the mixed workload."""

    name: str
    groups: tuple[str, ...]


class GovProxy(Peer):
    """govproxy: production pack, masking and audit on, one worker, an identity that sees masked."""

    name, title = values.GOVPROXY, "govproxy"
    workers = 1
    tls = False
    on_socket = False
    users: tuple[MixedUser, ...] = ()

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._process: ProxyProcess | None = None

    def facts(self) -> PeerFacts:
        notes = [
            f"{self.workers} worker{'s' if self.workers > 1 else ''}",
            "policy: built-in production pack",
            "masking on: an identity that sees nothing clear",
            "audit on: durability group",
        ]
        if self.tls:
            notes.append("TLS to the client, plain to the database")
        if self.on_socket:
            notes.append(UNIX_NOTE)
        return PeerFacts(name=self.name, title=self.title, version=__version__, notes=tuple(notes))

    @property
    def folder(self) -> Path:
        """Where its configuration, ledger and log are."""
        return self.ground.folder / self.name

    def start(self) -> None:
        folder = self.folder
        folder.mkdir(exist_ok=True)
        self.port = listening_port()
        config = folder / "govproxy.yaml"
        config.write_text(self._config(folder))
        (folder / "policy.yaml").write_text("extends: production\n")
        write_private(folder / "password", self.ground.password.encode())
        self._process = ProxyProcess(config, log_file=folder / "proxy.log", ready_dsn=self.dsn())
        self._process.__enter__()

    def _config(self, folder: Path) -> str:
        database = f"{HOST}:{self.ground.port}/{DATABASE}?sslmode=disable"
        if self.on_socket:
            database = f"/{DATABASE}?host={quote(str(self.ground.sockets), safe='')}&port={self.ground.port}"
        users = (MixedUser(name=ROLE, groups=("services",)), *self.users)
        lines = [
            f"listen: {HOST}:{self.port}",
            f"workers: {self.workers}",
            "databases:",
            f'  {DATABASE}: {{upstream: "postgresql://{ROLE}@{database}", '
            "password: {file: password}, environment: production}",
            "identity:",
            "  users:",
            *(
                f"    - {{name: {user.name}, password: {{file: password}}, groups: [{', '.join(user.groups)}]}}"
                for user in users
            ),
            "policy: policy.yaml",
            "audit: {directory: audit, durability: group}",
        ]
        if self.tls:
            certificate, key = _certificate()
            (folder / "server.crt").write_text(certificate)
            write_private(folder / "server.key", key.encode())
            lines.append("tls: {certificate: server.crt, private_key: server.key}")
        return "\n".join(lines) + "\n"

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def pids(self) -> list[int]:
        if self._process is None or not self._process.running or self._process.crashed:
            raise ProcessLookupError("govproxy, or a worker of it, ended by itself")
        found = children(self._process.pid, having="govproxy.server.worker")
        if len(found) != self.workers:
            raise ProcessLookupError(f"govproxy has {len(found)} workers instead of {self.workers}")
        return found

    def complaint(self) -> str:
        log = self.folder / "proxy.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        # What it says of a normal life is on level info; a crash leaves lines without any level.
        return "\n".join([line for line in lines if '"level": "info"' not in line][-_COMPLAINT_LINES:])

    def other_pids(self) -> list[int]:
        return [] if self._process is None else [self._process.pid]


class GovProxyTwoWorkers(GovProxy):
    """The same with two workers."""

    name, title = values.GOVPROXY_2, "govproxy (2 workers)"
    workers = 2


class GovProxyUnix(GovProxy):
    """The same with the database on a Unix socket."""

    name, title = values.GOVPROXY_UNIX, "govproxy (Unix socket)"
    on_socket = True


class GovProxyTls(GovProxy):
    """The same with TLS to the client."""

    name, title = values.GOVPROXY_TLS, "govproxy (TLS)"
    tls = True
    sslmode = "require"


PEERS: tuple[type[Peer], ...] = (
    Direct,
    GovProxy,
    PgBouncer,
    PgBouncerTransaction,
    HAProxy,
    Relay,
    GovProxyTls,
    PgBouncerTls,
    GovProxyTwoWorkers,
    GovProxyUnix,
    PgBouncerUnix,
)


def listening_port() -> int:
    """A free port of 127.0.0.1 below those that the system gives to outgoing connections.

    Of those, thousands come and go while connections are measured; one would be taken before we listen on it.
    """
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(min(10_000, first // 2), first), 100):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port to listen on")


def _find(program: str, variable: str, package: str) -> str:
    """The path in the environment, or the program on PATH and in sbin. A wrong path is an error, not an absence."""
    named = os.environ.get(variable)
    if named:
        if not os.access(named, os.X_OK):
            raise RuntimeError(f"{variable}={named} is no program")
        return named
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        raise PeerAbsent(f"{program} is not installed (Debian: apt-get install {package}; or set {variable})")
    return found


def _version(command: list[str], pattern: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    if found is None:
        raise RuntimeError(f"{command[0]} does not say its version")
    return found[1]


def _certificate() -> tuple[str, str]:
    pair = make_authority("govproxy benchmark").issue(names=("localhost",), addresses=(HOST,))
    return pair.certificate.decode(), pair.private_key.decode()
