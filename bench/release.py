"""How long a held statement waits once it is decided: ``python -m bench.release``.

From the moment that the signed decision names to the answer its client reads: the commit in the state store, the word
to the instance where it waits, one use taken, the statement judged anew and run. Decided over the admin socket,
by the command line as a process of its own, and at another instance that shares the store in PostgreSQL. A real
PostgreSQL runs the statements; the built-in policy, masking, and the ledger are on. Writes bench/out/release.json.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from govproxy.config.loader import load
from govproxy.config.settings import Settings
from govproxy.control.admin import ask
from govproxy.demo.files import write_private
from govproxy.demo.postgres import PostgresServer, free_port
from govproxy.demo.proxy import ProxyProcess
from govproxy.identity.keys import generate_signing_key, load_signing_key
from govproxy.identity.minting import mint
from govproxy.identity.tokens import ClaimNames

OUT = Path(__file__).parent / "out" / "release.json"
POLICY = """\
extends: production
rules:
  - {name: deletes, who: {groups: [engineering]}, does: [delete], effect: hold, overrides: [any],
     approvers: {groups: [leads]}, hold: {timeout: 10m}}
"""
WARM_UP = 3
DEADLINE_S = 60.0
_ISSUER = "https://bench.govproxy.example"
_ROLE, _DATABASE, _STORE = "bench_release", "bench_release", "bench_release_store"
_ANA, _LEA = ("ana@shop.example", "engineering"), ("lea@shop.example", "leads")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A running proxy: how to reach its database and its admin socket."""

    dsn: str
    settings: Settings
    token: str  # of who decides


# Decides a request, given its id.
Decide = Callable[[str], None]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.release", description=__doc__)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--commands", type=int, default=10, help="requests decided by the command line")
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    with PostgresServer() as server, tempfile.TemporaryDirectory(prefix="govproxy-release-") as folder:
        password = _prepare(server)
        with _fleet(server, Path(folder) / "sqlite", password, count=1) as (one,):
            found["SQLite, one instance, admin socket"] = _measure(one, _socket(one), options.requests)
            found["SQLite, one instance, command line"] = _measure(one, _command(one), options.commands)
        with _fleet(server, Path(folder) / "postgres", password, count=2) as (here, there):
            found["PostgreSQL, decided where it waits"] = _measure(here, _socket(here), options.requests)
            found["PostgreSQL, decided at another instance"] = _measure(here, _socket(there), options.requests)
    for name, figures in found.items():
        print(f"{name:42} " + ", ".join(f"{word} {value}" for word, value in figures.items()), flush=True)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"milliseconds": found, "load": os.getloadavg()}, indent=2) + "\n")


def _measure(waiting: Instance, decide: Decide, count: int) -> dict[str, float]:
    """Milliseconds from the decision to the answer."""
    times = []
    with psycopg.connect(waiting.dsn, autocommit=True) as session, ThreadPoolExecutor(max_workers=1) as aside:

        def run(number: int) -> float:
            session.execute(f"DELETE FROM held WHERE id = {number}".encode())
            return time.time()

        for number in range(count + WARM_UP):
            answered = aside.submit(run, number)
            hold_id = _asked(waiting)
            decide(hold_id)
            capsule = ask(waiting.settings, {"command": "approval", "id": hold_id})["capsule"]
            decided = float(json.loads(capsule["content"])["decided"])
            spent = answered.result(DEADLINE_S) - decided
            if number >= WARM_UP:
                times.append(spent * 1e3)
    return {"requests": count, "p50": _rank(times, 0.5), "p95": _rank(times, 0.95), "longest": _rank(times, 1.0)}


def _rank(times: Sequence[float], share: float) -> float:
    return round(sorted(times)[max(0, -int(-share * len(times) // 1) - 1)], 1)


def _asked(waiting: Instance) -> str:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = ask(waiting.settings, {"command": "approvals", "status": "waiting", "limit": 1})["approvals"]
        if found:
            return str(found[0]["id"])
        time.sleep(0.005)
    raise RuntimeError("nothing waits")


def _socket(instance: Instance) -> Decide:
    def decide(hold_id: str) -> None:
        said = {"command": "decide", "id": hold_id, "answer": "approve", "reason": "measured", "token": instance.token}
        if ask(instance.settings, said).get("approval", {}).get("status") != "approved":
            raise RuntimeError("it was not approved")

    return decide


def _command(instance: Instance) -> Decide:
    config = instance.settings.file

    def decide(hold_id: str) -> None:
        words = ("approvals", "approve", hold_id, "--config", str(config), "--reason", "measured")
        environment = os.environ | {"GOVPROXY_TOKEN": instance.token}
        subprocess.run(
            [sys.executable, "-m", "govproxy", *words], env=environment, check=True, stdout=subprocess.DEVNULL
        )

    return decide


# ---------------------------------------------------------------- servers


def _prepare(server: PostgresServer) -> str:
    password = secrets.token_urlsafe(12)
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {_ROLE} LOGIN PASSWORD '{password}'".encode())
        for name in (_DATABASE, _STORE):
            admin.execute(f"CREATE DATABASE {name} OWNER {_ROLE}".encode())
    with psycopg.connect(server.dsn(_DATABASE, user=_ROLE, password=password), autocommit=True) as owner:
        owner.execute("CREATE TABLE held (id int PRIMARY KEY, word text)")
        owner.execute("INSERT INTO held SELECT n, 'word' FROM generate_series(0, 9999) n")
    return password


@contextmanager
def _fleet(server: PostgresServer, folder: Path, password: str, *, count: int) -> Iterator[list[Instance]]:
    """One instance on a store in a file, or several on one in PostgreSQL with the same keys."""
    key, made = generate_signing_key(), []
    with ExitStack() as stack:
        for number in range(count):
            place = folder / str(number)
            place.mkdir(parents=True)
            state = "" if count == 1 else _shared(server, place, password)
            instance = _configured(server, place, password, key, state)
            for name in ("approvals.key", "approvals.pub") if number else ():
                shutil.copy2(folder / "0" / name, place / name)
            stack.enter_context(
                ProxyProcess(instance.settings.file, log_file=place / "proxy.log", ready_dsn=instance.dsn)
            )
            made.append(instance)
        yield made


def _shared(server: PostgresServer, place: Path, password: str) -> str:
    write_private(place / "state-password", password.encode())
    url = f"postgresql://{_ROLE}@{server.host}:{server.port}/{_STORE}?sslmode=disable"
    return f'state: {{url: "{url}", password: {{file: state-password}}}}\n'


def _configured(server: PostgresServer, place: Path, password: str, key: bytes, state: str) -> Instance:
    port = free_port()
    write_private(place / "upstream-password", password.encode())
    write_private(place / "dev.pem", key)
    (place / "policy.yaml").write_text(POLICY)
    upstream = f"postgresql://{_ROLE}@{server.host}:{server.port}/{_DATABASE}?sslmode=disable"
    config = place / "govproxy.yaml"
    config.write_text(
        f"listen: 127.0.0.1:{port}\nworkers: 1\npolicy: policy.yaml\n{state}"
        f'databases:\n  app: {{upstream: "{upstream}", environment: production,'
        " password: {file: upstream-password}}\n"
        f'identity:\n  tokens:\n    - {{issuer: "{_ISSUER}", audience: govproxy, claims: {{user: email}},'
        " signing_key: {file: dev.pem}}\n"
        "audit: {directory: audit}\n"
    )
    user = _ANA[0].replace("@", "%40")
    return Instance(
        dsn=f"postgresql://{user}:{_token(key, *_ANA)}@127.0.0.1:{port}/app?sslmode=disable",
        settings=load(config),
        token=_token(key, *_LEA),
    )


def _token(key: bytes, user: str, *groups: str) -> str:
    return mint(
        load_signing_key(key), issuer=_ISSUER, audience="govproxy", user=user, groups=groups, agent=None,
        now=time.time(), ttl_s=36_000.0, claims=ClaimNames(user="email"),
    )  # fmt: skip


if __name__ == "__main__":
    main()
