"""Small ledgers for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

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
) -> tuple[bytes, bytes, bytes]:
    return (
        session.encode(),
        session_fragment(who, session, "shop", "127.0.0.1:5000", "psql"),
        statement_fragment(
            decision=decision,
            rules=["some-rule"],
            masks=[{"column": f"{table}.name", "masker": "partial"}],
            policy_version="p1",
            sql=sql,
            sql_hash="ab" * 32,
            digest="d1",
            effects=[effect(action, table, "table")],
            tables=[table],
            columns=[f"{table}.name"],
        ),
    )


def run(ledger: Ledger, number: int, *, session: str = "s1", outcome: bool = True, **about: object) -> None:
    """One statement and, unless told otherwise, its outcome."""
    session_id, who, what = fragments(session, **about)  # type: ignore[arg-type]
    ledger.writer.statement(session_id, number, who, what)
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
    return verify(directory, [key.public])
