"""Small ledgers for the tests of this folder."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from govproxy._fastpath.ledger import Fragment
from govproxy.audit.events import effect, session_fields, session_fragment, statement_fragment
from govproxy.audit.keys import LedgerKey
from govproxy.audit.ledger import Durability, Ledger
from govproxy.audit.verify import VerifyReport, verify
from govproxy.identity.identity import Identity

KEY = LedgerKey(seed=b"\1" * 32, hash_key=b"\2" * 32)
OTHER_KEY = LedgerKey(seed=b"\3" * 32, hash_key=b"\4" * 32)
ANA = Identity(user="ana", groups=frozenset({"analysts", "all"}))
BOT = Identity(user="ana", groups=frozenset({"analysts"}), agent="report-bot", on_behalf_of="ana")


def open_ledger(
    directory: Path,
    *,
    worker: int = 0,
    key: LedgerKey = KEY,
    durability: Durability = Durability.GROUP,
    segment_bytes: int = 1 << 20,
    sealing: bool = False,
) -> Ledger:
    ledger = Ledger(directory, worker, durability, key, segment_bytes=segment_bytes, sealing=sealing)
    ledger.writer.retry_interval_ns = 0
    return ledger


def fragments(
    session: str = "s1",
    *,
    who: Identity = ANA,
    decision: str = "allow",
    sql: str = "SELECT name FROM people",
    table: str = "public.people",
    action: str = "select",
) -> tuple[bytes, bytes, Fragment]:
    return (
        session.encode(),
        session_fragment(who, session, "shop", "127.0.0.1:5000", "psql"),
        _fragment(decision, sql, table, action),
    )


@cache  # as the verdict cache does: the same one again for the same text
def _fragment(decision: str, sql: str, table: str, action: str) -> Fragment:
    members = statement_fragment(
        decision=decision,
        rules=["some-rule"],
        masks=[{"column": f"{table}.name", "masker": "partial"}],
        policy_version="p1",
        sql=sql,
        digest="d1",
        effects=[effect(action, table, "table")],
        tables=[table],
        columns=[f"{table}.name"],
    )
    return Fragment(members, sql.encode())


def run(
    ledger: Ledger,
    number: int,
    *,
    session: str = "s1",
    outcome: bool = True,
    text: bytes | None = None,
    **about: object,
) -> None:
    """One statement and, unless told otherwise, its outcome."""
    session_id, who, what = fragments(session, **about)  # type: ignore[arg-type]
    ledger.writer.statement(session_id, number, who, what, text)
    ledger.writer.flush_now()
    if outcome:
        ledger.writer.outcome(session_id, number, b"ok", None, 3, 120, 2, 900)
        ledger.writer.flush_now()


def start(ledger: Ledger, session: str = "s1", who: Identity = ANA) -> None:
    fields = session_fields(who, session, "shop", "127.0.0.1:5000", "psql")
    ledger.record({"event": "session_start", **fields})


def segment_files(directory: Path, worker: int = 0) -> list[Path]:
    return sorted(directory.glob(f"w{worker}-*.jsonl"), key=lambda p: [int(n) for n in p.stem[1:].split("-")])


def check(directory: Path, key: LedgerKey = KEY) -> VerifyReport:
    report = verify(directory, [key.public])
    if report.sound:
        for path in directory.glob("w*.jsonl"):
            leaning(path)
    return report


def leaning(path: Path) -> dict[str, str]:
    """Lines of a segment that say ``like``, and which line they name; asserts that it stands before them."""
    full, found = set(), {}
    for raw in path.read_bytes().splitlines(keepends=True):
        line = json.loads(raw) if raw.endswith(b"\n") else {}
        if line.get("event") != "statement":
            continue
        if "like" in line:
            assert line["like"] in full, line
            assert "sql" not in line
            found[line["id"]] = line["like"]
        else:
            assert {"sql", "sql_hash", "decision", "columns"} <= line.keys(), line
            full.add(line["id"])
    return found
