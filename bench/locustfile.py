"""Mixed traffic for locust: many identities that read, write, are refused, fetch much, and come and go.

Runs headless as a child of ``bench.mixed``. Connects with psycopg, which waits cooperatively once gevent has patched
``select``. What must be refused counts as a success when it is refused with 42501, and as a failure when it runs.
Settings come by environment: GOVPROXY_MIXED_DSN (without user), _USERS (names, comma separated), _OUT (a JSON file).
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from locust import User, between, constant, events, task  # first: it patches the standard library

import psycopg  # isort: skip
from psycopg.errors import InsufficientPrivilege  # isort: skip

ACCOUNTS = 100_000
WIDE_ROWS = 10_000
_DSN = os.environ.get("GOVPROXY_MIXED_DSN", "")
_OUT = os.environ.get("GOVPROXY_MIXED_OUT", "")
_NAMES = cycle(name for name in os.environ.get("GOVPROXY_MIXED_USERS", "").split(",") if name)
_ERRORS: dict[str, int] = {}

Connection = psycopg.Connection[tuple[Any, ...]]


class Wrong(Exception):
    """An answer that must not be."""


class Person(User):
    """One identity with one connection, opened again when it is lost."""

    abstract = True
    wait_time = constant(0)

    def on_start(self) -> None:
        self.name = next(_NAMES)
        self.random = random.Random(self.name)
        self.connection: Connection | None = None

    def on_stop(self) -> None:
        if self.connection is not None:
            self.connection.close()

    def timed(self, name: str, work: Callable[[Connection], int]) -> None:
        """Run it and tell locust; ``work`` gives the number of rows."""
        started = time.perf_counter()
        problem: Exception | None = None
        rows = 0
        try:
            if self.connection is None:
                self.connection = self._connect()
            rows = work(self.connection)
        except (psycopg.Error, Wrong) as error:
            problem = error
            text = f"{name}: {type(error).__name__}: {str(error).strip().splitlines()[0][:160]}"
            _ERRORS[text] = _ERRORS.get(text, 0) + 1
            if self.connection is not None:
                self.connection.close()
            self.connection = None
        events.request.fire(  # type: ignore[no-untyped-call]
            request_type="sql",
            name=name,
            response_time=(time.perf_counter() - started) * 1_000,
            response_length=rows,
            exception=problem,
        )

    def _connect(self) -> Connection:
        return psycopg.connect(f"{_DSN} user={self.name}", autocommit=True)


class Reader(Person):
    """Point selects, prepared after a few turns as psycopg does, and reports with literals in them."""

    weight = 6

    @task(12)
    def point_select(self) -> None:
        def work(connection: Connection) -> int:
            aid = self.random.randint(1, ACCOUNTS)
            return len(
                connection.execute("SELECT aid, abalance FROM pgbench_accounts WHERE aid = %s", [aid]).fetchall()
            )

        self.timed("point select", work)

    @task(3)
    def masked_select(self) -> None:
        def work(connection: Connection) -> int:
            number = self.random.randint(1, WIDE_ROWS)
            rows = connection.execute("SELECT id, email, full_name FROM wide WHERE id = %s", [number]).fetchall()
            if len(rows) != 1 or f"user{number}@" in str(rows[0][1]):
                raise Wrong("an address came through as it is")
            return 1

        self.timed("masked select", work)

    @task(2)
    def literal_report(self) -> None:
        def work(connection: Connection) -> int:
            low = self.random.randint(1, WIDE_ROWS - 100)
            query = (
                f"SELECT status, count(*), sum(quantity) FROM wide WHERE id BETWEEN {low} AND {low + 100} GROUP BY 1"
            )
            return len(connection.execute(query.encode()).fetchall())

        self.timed("report with literals", work)


class Writer(Person):
    """Small transactions."""

    weight = 3

    @task
    def transfer(self) -> None:
        def work(connection: Connection) -> int:
            aid, delta = self.random.randint(1, ACCOUNTS), self.random.randint(-500, 500)
            with connection.transaction():
                connection.execute("UPDATE pgbench_accounts SET abalance = abalance + %s WHERE aid = %s", [delta, aid])
                connection.execute(
                    "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (%s, %s, %s, %s, now())",
                    [1, 1, aid, delta],
                )
            return 1

        self.timed("write transaction", work)


class Offender(Person):
    """Sends what must be refused, and goes on working on the same connection."""

    weight = 1
    wait_time = between(0.005, 0.02)
    FORBIDDEN = (
        "DROP TABLE wide",
        "TRUNCATE pgbench_history",
        "DELETE FROM pgbench_accounts",
        "UPDATE pgbench_accounts SET abalance = 0",
        "GRANT ALL ON wide TO PUBLIC",
    )

    @task
    def forbidden(self) -> None:
        def work(connection: Connection) -> int:
            statement = self.random.choice(self.FORBIDDEN)
            try:
                connection.execute(statement.encode())
            except InsufficientPrivilege:
                connection.execute("SELECT 1")
                return 0
            raise Wrong(f"ran: {statement}")

        self.timed("denied statement", work)


class Exporter(Person):
    """Fetches a wide result now and then."""

    weight = 1
    wait_time = between(0.2, 0.4)

    @task
    def wide(self) -> None:
        def work(connection: Connection) -> int:
            rows = connection.execute("SELECT * FROM wide").fetchall()
            if len(rows) != WIDE_ROWS or any(str(row[2]).startswith(f"user{row[0]}@") for row in rows):
                raise Wrong("rows are missing, or an address came through as it is")
            return len(rows)

        self.timed("wide result", work)


class Visitor(Person):
    """A new connection for every statement."""

    weight = 2
    wait_time = between(0.05, 0.1)

    @task
    def visit(self) -> None:
        def work(connection: Connection) -> int:
            connection.execute("SELECT count(*) FROM pgbench_branches")
            connection.close()
            self.connection = None
            return 1

        self.timed("connect, select, leave", work)


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def _write(environment: Any, **_: Any) -> None:
    """Everything in one file, in the form that report.json keeps."""
    total = environment.stats.total
    content = {
        "requests": total.num_requests,
        "failures": total.num_failures,
        "per_s": total.total_rps,
        "by_name": [
            {
                "name": entry.name,
                "requests": entry.num_requests,
                "failures": entry.num_failures,
                "p50_ms": entry.get_response_time_percentile(0.5) or 0,
                "p99_ms": entry.get_response_time_percentile(0.99) or 0,
            }
            for entry in sorted(environment.stats.entries.values(), key=lambda entry: -entry.num_requests)
        ],
        "errors": [f"{text} ({count}×)" for text, count in sorted(_ERRORS.items())],
    }
    Path(_OUT).write_text(json.dumps(content))
