"""What survives a restart: classes kept over renames, and the map of a database that did not change."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from govproxy.demo.files import write_private
from govproxy.demo.proxy import ProxyFailed, ProxyProcess
from tests.support.postgres import Postgres
from tests.support.proxy import Proxy
from tests.support.waiting import until

ANALYST = ("ana@shop.example", ("analysts",))
SALARY = 4_711_813
# No random letters: they could make a word, and words tell what a table holds.
_NUMBERS = itertools.count(1)


@pytest.fixture
def table(proxy: Proxy) -> Iterator[str]:
    name = f"kept_{next(_NUMBERS)}"
    with proxy.databases.direct() as direct:
        direct.execute(f"CREATE TABLE {name} (id int, salary int)")
        direct.execute(f"INSERT INTO {name} VALUES (1, {SALARY})")
    yield name
    with proxy.databases.direct() as direct:
        direct.execute(f"DROP TABLE IF EXISTS {name} CASCADE")


def restart(proxy: Proxy) -> None:
    """The same configuration and state, another process."""
    proxy.process.stop()
    proxy.process.start()
    proxy.process.wait_until_ready()


def shown(proxy: Proxy, query: str) -> Any:
    with proxy.connect(*ANALYST) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def maps(proxy: Proxy, database: str) -> list[str]:
    """How the map was come by, look for look."""
    lines = [line for line in proxy.log.splitlines() if "catalog read" in line and database in line]
    return [found.group(1) for line in lines if (found := re.search(r"map\W+(made|stored)", line))]


@pytest.mark.parametrize("stopped", [False, True], ids=["renamed while it runs", "renamed while it is down"])
def test_a_class_kept_over_a_rename_survives_a_restart(
    start_proxy: Callable[..., Proxy], table: str, stopped: bool
) -> None:
    proxy = start_proxy()
    assert shown(proxy, f"SELECT salary FROM {table}") != SALARY
    if stopped:
        proxy.process.stop()
    with proxy.databases.direct() as direct:
        direct.execute(f"ALTER TABLE {table} RENAME COLUMN salary TO c9")
    if stopped:
        proxy.process.start()
        proxy.process.wait_until_ready()
    else:
        assert shown(proxy, f"SELECT c9 FROM {table}") != SALARY
        restart(proxy)
    assert shown(proxy, f"SELECT c9 FROM {table}") != SALARY
    restart(proxy)
    assert shown(proxy, f"SELECT c9 FROM {table}") != SALARY


def test_a_class_is_kept_in_a_shared_store(
    start_proxy: Callable[..., Proxy], table: str, postgres: Postgres, scratch: str, tmp_path: Path
) -> None:
    secret = tmp_path / "state-password"
    write_private(secret, (postgres.password or "none").encode())
    url = f"postgresql://{postgres.superuser}@{postgres.host}:{postgres.port}/{scratch}?sslmode=disable"
    proxy = start_proxy(extra=f'state: {{url: "{url}", password: {{file: {secret}}}}}')
    assert shown(proxy, f"SELECT salary FROM {table}") != SALARY
    proxy.process.stop()
    with proxy.databases.direct() as direct:
        direct.execute(f"ALTER TABLE {table} RENAME COLUMN salary TO c9")
    proxy.process.start()
    proxy.process.wait_until_ready()
    assert shown(proxy, f"SELECT c9 FROM {table}") != SALARY
    with psycopg.connect(postgres.dsn(scratch)) as connection:
        count = connection.execute("SELECT count(*) FROM govproxy_kept_classes WHERE column_name = 'salary'").fetchone()
    assert count is not None
    assert count[0] >= 1


def test_what_cannot_be_stored_is_not_shown(
    start_proxy: Callable[..., Proxy], table: str, postgres: Postgres, scratch: str, tmp_path: Path
) -> None:
    """A class that only memory holds would be gone after a restart: the database waits for the store."""
    secret = tmp_path / "state-password"
    write_private(secret, (postgres.password or "none").encode())
    url = f"postgresql://{postgres.superuser}@{postgres.host}:{postgres.port}/{scratch}?sslmode=disable"
    proxy = start_proxy(extra=f'state: {{url: "{url}", password: {{file: {secret}}}}}')
    assert shown(proxy, f"SELECT salary FROM {table}") != SALARY
    with psycopg.connect(postgres.dsn(scratch), autocommit=True) as store:
        store.execute("ALTER TABLE govproxy_kept_classes RENAME TO elsewhere")
        with proxy.databases.direct() as direct:
            direct.execute(f"ALTER TABLE {table} ADD COLUMN income int DEFAULT {SALARY}")
        until(lambda: "cannot be looked at" in proxy.log)
        with pytest.raises(psycopg.OperationalError, match="cannot be looked at yet"):
            shown(proxy, f"SELECT income FROM {table}")
        store.execute("ALTER TABLE elsewhere RENAME TO govproxy_kept_classes")
    proxy.process.wait_until_ready()
    assert shown(proxy, f"SELECT income FROM {table}") != SALARY


def test_the_next_start_takes_the_stored_map_while_nothing_changed(
    start_proxy: Callable[..., Proxy], table: str
) -> None:
    proxy = start_proxy()
    assert maps(proxy, "shop")[0] == "made"
    before = shown(proxy, f"SELECT salary FROM {table}")
    looks = len(maps(proxy, "shop"))
    restart(proxy)
    assert maps(proxy, "shop")[looks:][0] == "stored"
    with proxy.connect(*ANALYST, database="shop") as connection:
        row = connection.execute("SELECT email, id FROM customers ORDER BY id LIMIT 1").fetchone()
    assert row is not None
    assert "*" in row[0]
    assert shown(proxy, f"SELECT salary FROM {table}") == before
    # A policy with other words on columns is another map.
    proxy.process.stop()
    policy = proxy.folder / "policy.yaml"
    policy.write_text(policy.read_text() + "classify:\n  - {column: public.customers.email, tag: none}\n")
    looks = len(maps(proxy, "shop"))
    proxy.process.start()
    proxy.process.wait_until_ready()
    assert maps(proxy, "shop")[looks:][0] == "made"


def _fails_to_start(proxy: Proxy) -> str:
    process = ProxyProcess(
        proxy.folder / "govproxy.yaml", log_file=proxy.folder / "second.log", ready_dsn=proxy.dsn(*ANALYST)
    )
    with pytest.raises(ProxyFailed):
        process.__enter__()
    return process.log


def test_a_damaged_store_stops_the_start_with_a_clear_line(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy()
    proxy.stop()
    file = proxy.folder / "govproxy.db"
    assert file.stat().st_mode & 0o777 == 0o600
    for beside in proxy.folder.glob("govproxy.db-*"):
        beside.unlink()
    file.write_bytes(b"no database" * 1000)
    log = _fails_to_start(proxy)
    assert "the state store cannot be used" in log
    assert "Traceback" not in log


def test_damaged_kept_classes_stop_the_start(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy()
    proxy.stop()
    with sqlite3.connect(proxy.folder / "govproxy.db") as connection:
        changed = connection.execute("UPDATE govproxy_kept_classes SET class_name = '', reason = ''").rowcount
    connection.close()
    assert changed > 0
    assert "damaged" in _fails_to_start(proxy)


def test_a_shared_store_that_is_down_stops_the_start(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy()
    proxy.stop()
    config = proxy.folder / "govproxy.yaml"
    config.write_text(config.read_text() + '\nstate: "postgresql://nobody@127.0.0.1:1/state?sslmode=disable"\n')
    log = _fails_to_start(proxy)
    assert "the state store cannot be used" in log
    assert "127.0.0.1:1" not in log.split("the state store")[1].splitlines()[0]


def test_classify_beside_a_running_proxy_shows_kept_classes(start_proxy: Callable[..., Proxy], table: str) -> None:
    from tests.e2e.test_classify import classify

    proxy = start_proxy()
    assert shown(proxy, f"SELECT salary FROM {table}") != SALARY
    with proxy.databases.direct() as direct:
        direct.execute(f"ALTER TABLE {table} RENAME COLUMN salary TO c9")
    assert shown(proxy, f"SELECT c9 FROM {table}") != SALARY
    done = classify(proxy, "--database", "app")
    assert f"public.{table}.c9" in done.stdout, done.stdout + done.stderr
    assert "before it was" in done.stdout
