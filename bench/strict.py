"""What ``lineage: strict`` adds to a text that the verdict cache does not know: ``python -m bench.strict``.

One proxy with the same database twice, once strict and once not, and a session on each; new texts go to both
in turn. Two figures: the time until the answer is there, and the CPU of the worker. What counts is the median
of the ratios of neighbours, since the machine is never idle. A real PostgreSQL runs the texts on empty tables.
"""

from __future__ import annotations

import argparse
import itertools
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench import judging, procfs
from govproxy.demo.files import write_private
from govproxy.demo.postgres import PostgresServer, free_port
from govproxy.demo.proxy import ProxyProcess
from govproxy.identity.keys import generate_signing_key, load_signing_key
from govproxy.identity.minting import mint
from govproxy.identity.tokens import ClaimNames

SHOWN = ("point select", "three joins", "three views", "four tables with aggregates")
WAYS = ("plain", "strict")
_ISSUER = "https://bench.govproxy.example"
_WHO, _ROLE, _DATABASE = "ana@shop.example", "bench_strict", "bench_strict"
Session = psycopg.Connection[tuple[object, ...]]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.strict", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--texts", type=int, default=10, help="in a round, of each kind and either way")
    options = parser.parse_args()
    numbers = itertools.count(1)
    with (
        PostgresServer() as server,
        tempfile.TemporaryDirectory(prefix="govproxy-strict-") as folder,
        _proxy(server, Path(folder)) as (sessions, workers),
    ):
        for name in SHOWN:
            found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
            for number in range(options.rounds + 2):
                for way in WAYS if number % 2 else WAYS[::-1]:
                    figures = _round(sessions[way], workers, name, numbers, options.texts)
                    if number > 1:  # the first ones warm up
                        found[way].append(figures)
            _print(name, found)


def _round(session: Session, workers: list[int], name: str, numbers: Iterator[int], count: int) -> tuple[float, float]:
    """Microseconds per text: until it is answered, and of the worker's CPU."""
    make = judging.texts(name)
    # With no more than another literal or a comment it would be the same text to the cache.
    texts = [make(n).replace(b" FROM ", b", 1 AS n%d FROM " % n, 1) for n in itertools.islice(numbers, count)]
    used, started = procfs.cpu_ns(workers), time.perf_counter()
    for text in texts:
        session.execute(text, prepare=False).fetchall()
    spent = time.perf_counter() - started
    return spent / count * 1e6, (procfs.cpu_ns(workers) - used) / count / 1e3


def _print(name: str, found: dict[str, list[tuple[float, float]]]) -> None:
    for place, figure in enumerate(("answered after", "worker's CPU")):
        plain, strict = ([one[place] for one in found[way]] for way in WAYS)
        more = statistics.median(b - a for a, b in zip(plain, strict, strict=True))
        ratio = statistics.median(b / a for a, b in zip(plain, strict, strict=True))
        print(f"{name:30} {figure:16} {statistics.median(plain):8.0f} us, strict {statistics.median(strict):8.0f} us, "
              f"{more:+8.0f} us, ratio {ratio:5.2f}", flush=True)  # fmt: skip


@contextmanager
def _proxy(server: PostgresServer, folder: Path) -> Iterator[tuple[dict[str, Session], list[int]]]:
    password, key, port = secrets.token_urlsafe(12), generate_signing_key(), free_port()
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {_ROLE} LOGIN PASSWORD '{password}'".encode())
        # The trees are printed to the server's log as well: a database that is asked is set up like this.
        admin.execute(f"ALTER ROLE {_ROLE} SET log_min_messages = fatal".encode())
        admin.execute(f"CREATE DATABASE {_DATABASE} OWNER {_ROLE}".encode())
    with psycopg.connect(server.dsn(_DATABASE, user=_ROLE, password=password), autocommit=True) as owner:
        owner.execute(judging.SCHEMA.encode())
    write_private(folder / "upstream-password", password.encode())
    write_private(folder / "dev.pem", key)
    upstream = f"postgresql://{_ROLE}@{server.host}:{server.port}/{_DATABASE}?sslmode=disable"
    databases = "".join(
        f'  {way}: {{upstream: "{upstream}", password: {{file: upstream-password}}, environment: production'
        f"{', lineage: strict' * (way == 'strict')}}}\n"
        for way in WAYS
    )
    config = folder / "govproxy.yaml"
    config.write_text(
        f"listen: 127.0.0.1:{port}\nworkers: 1\ndatabases:\n{databases}identity:\n  tokens:\n"
        f'    - {{issuer: "{_ISSUER}", audience: govproxy, claims: {{user: email}}, signing_key: {{file: dev.pem}}}}\n'
        "audit: {directory: audit}\n"
    )
    token = mint(
        load_signing_key(key), issuer=_ISSUER, audience="govproxy", user=_WHO, groups=("analysts",), agent=None,
        now=time.time(), ttl_s=36_000.0, claims=ClaimNames(user="email"),
    )  # fmt: skip
    dsns = {
        way: f"postgresql://{_WHO.replace('@', '%40')}:{token}@127.0.0.1:{port}/{way}?sslmode=disable" for way in WAYS
    }
    with ProxyProcess(config, log_file=folder / "proxy.log", ready_dsn=dsns["plain"]) as proxy:
        sessions: dict[str, Session] = {way: psycopg.connect(dsns[way], autocommit=True) for way in WAYS}
        try:
            yield sessions, procfs.children(proxy.pid)
        finally:
            for session in sessions.values():
                session.close()


if __name__ == "__main__":
    main()
