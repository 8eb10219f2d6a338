"""The list of what a proxy should stop, number by number: what judging a statement alone does not show.

The cases stand in ``data/protections_more.txt``. docs/threat-model.md has all numbers, each with its cases or
with the reason why there are none; the last test holds the two together.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.security.arena import Arena, Seat
from tests.security.cases import DATA
from tests.support import proxy as proxies
from tests.support.ledger import Event, LedgerTail
from tests.support.proxy import Databases
from tests.support.raw_session import SYNC, Answer, RawSession, extended, query
from tests.support.relay import RecordingRelay
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
KINDS = ("deny", "hold", "stop", "late", "mask", "log", "pass")
ATTACKS = frozenset(KINDS) - {"pass"}
PEOPLE: dict[str, tuple[str, tuple[str, ...], str | None]] = {
    "analyst": ("ana@parcels.example", ("analysts",), None),
    "agent": ("ana@parcels.example", ("analysts",), "helper"),
    "rogue": ("ana@parcels.example", ("analysts",), "rogue"),
    "courier-bot": ("ana@parcels.example", ("analysts",), "courier-bot"),
    "intern": ("ivo@parcels.example", ("interns",), None),
    "hasty": ("hal@parcels.example", ("hasty",), None),
    "lead": ("lea@parcels.example", ("leads",), None),
    "lead-agent": ("lea@parcels.example", ("leads",), "helper"),
}
POLICY = """\
extends: production
rules:
  - {name: leads-drop, who: {groups: [leads]}, does: [drop, truncate], effect: allow, overrides: [any]}
  - {name: kill-rogue, who: {agents: [rogue]}, does: [any], effect: deny}
  - {name: kill-frozen-table, does: [any], on: {tables: [public.pt_frozen]}, effect: deny}
  - name: large-changes-wait
    does: [update, delete]
    on: {tables: [public.pt_scans]}
    when: statement.estimated_rows > 1000
    effect: hold
    approvers: {groups: [leads]}
  - name: courier-bot-takes-notes
    who: {agents: [courier-bot]}
    does: [insert]
    on: {tables: [public.pt_notes]}
    effect: allow
    overrides: [agents-ask-before-writing]
columns:
  - {name: leads-see, who: {groups: [leads]}, on: {tags: [any]}, see: clear, compare: any, overrides: [any]}
  - {name: nobody-opens-the-vault, on: {columns: [public.pt_vault.secret]}, see: none, compare: none}
classify:
  - {column: public.pt_vault.secret, tag: SECRET}
limits:
  - {name: the-hasty-have-no-time, who: {groups: [hasty]}, statement_timeout: 250ms, lock_timeout: 100ms}
  - {name: interns-take-little, who: {groups: [interns]}, rows: 5, bytes: 2kB, rows_changed: 3}
"""
TABLES = ("pt_frozen_view", "pt_couriers", "pt_parcels", "pt_memos", "pt_scans", "pt_vault", "pt_frozen", "pt_notes")
CARD = b"4111 1111 1111 1111"
HARMLESS = query("SELECT 42")
REQUEST = re.compile(r"request_id=(\S+)")
_NAMES = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of the file."""

    number: int
    who: str
    kind: str
    word: str
    text: str

    @property
    def name(self) -> str:
        """For pytest."""
        return f"{self.number}-{self.kind}-{self.who}-{self.text[:60]}"


def cases() -> list[Case]:
    """The cases of the data file."""
    found: list[Case] = []
    number, who = 0, ""
    for line in (DATA / "protections_more.txt").read_text().splitlines():
        if line.startswith("# ---- "):
            number = int(line.split()[2])
        elif line.startswith("as "):
            who = line.removeprefix("as ").strip()
        elif line.strip() and not line.startswith("#"):
            head, _, text = line.partition(" || ")
            kind, _, word = head.strip().partition(" ")
            assert kind in KINDS, line
            assert who in PEOPLE, line
            found.append(Case(number=number, who=who, kind=kind, word=word, text=text))
    return found


CASES = cases()


class Yard(Arena):
    """The arena, with people and a database of its own."""

    people = PEOPLE
    database = "app"

    def new_seat(self, who: str, **settings: str) -> Seat:
        """The one who is switched off cannot even say something to be known by."""
        if who != "rogue":
            return super().new_seat(who, **settings)
        session = RawSession(self.proxy.port, PEOPLE[who][0], self.proxy.token(*PEOPLE[who]), self.database)
        leg = self.relay.legs[-1]
        return Seat(session, leg, mark=len(leg.received))


@pytest.fixture(scope="module")
def yard(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with ExitStack() as stack:
        with databases.direct() as direct:
            direct.execute((DATA / "protections_schema.sql").read_text())
            direct.execute("GRANT ALL ON " + ", ".join(TABLES) + " TO govproxy_login")
        stack.callback(_drop, databases)
        relay = stack.enter_context(RecordingRelay((databases.postgres.host, databases.postgres.port)))
        folder = tmp_path_factory.mktemp("yard")
        proxy = proxies.start(databases, folder, policy=POLICY, upstream_port=relay.port)
        stack.callback(proxy.stop)
        yard = Yard(proxy, relay, LedgerTail(folder / "audit"))
        yield yard
        for seat in yard.seats.values():
            seat.session.socket.close()


def _drop(databases: Databases) -> None:
    with databases.direct() as direct:
        direct.execute("DROP VIEW pt_frozen_view")
        direct.execute("DROP TABLE " + ", ".join(TABLES[1:]) + " CASCADE")


@pytest.fixture
def seat(case: Case, yard: Yard) -> Iterator[Seat]:
    """The session of whoever asks, in a transaction of its own where the case may change something."""
    seat = yard.new_seat(case.who) if case.kind == "hold" else yard.seat(case.who)
    try:
        yield seat
    except BaseException:
        yard.seats.pop(case.who, None)
        raise
    finally:
        if yard.seats.get(case.who) is not seat:
            seat.session.socket.close()


def _of(kind: str) -> Any:
    return pytest.mark.parametrize("case", [case for case in CASES if case.kind == kind], ids=lambda case: case.name)


def _forms(text: str) -> Iterator[bytes]:
    """The ways to send it: cold and warm, simple and extended, text and binary, named."""
    yield query(text)
    yield query(text)
    if "; " not in text:
        yield extended(text) + SYNC
        yield extended(text, formats=[1]) + SYNC
        yield extended(text, name=b"s%d" % next(_NAMES)) + SYNC


def _answers(seat: Seat, text: str) -> Iterator[Answer]:
    """The answers to it in every form: whole, in pieces, and behind something harmless in one segment.

    Nothing stands behind it: what is cancelled at a limit is told to the database by another connection, and may
    have ended by then (docs/limits.md).
    """
    for whole in _forms(text):
        yield seat.session.ask(whole)
    for whole in _forms(text):
        yield seat.session.in_pieces(whole, range(1, len(whole), max(1, len(whole) // 3)))
    for whole in _forms(text):
        before, answer = seat.session.answers(HARMLESS + whole, 2)
        assert before.rows == [[b"42"]], before
        yield answer


def _recorded(yard: Yard, error: dict[str, str]) -> dict[str, Any]:
    found = REQUEST.search(error.get("D", ""))
    assert found is not None, error
    statement = yard.ledger.event("statement", found[1])
    assert statement is not None, f"{found[1]} is not in the ledger"
    return statement


@_of("deny")
def test_refused(case: Case, seat: Seat, yard: Yard) -> None:
    seat.mark = len(seat.leg.received)
    for whole in _forms(case.text):
        for answer in (seat.session.ask(whole), seat.session.in_pieces(whole, range(1, len(whole), 7))):
            assert answer.kinds == "EZ", answer
            (error,) = answer.errors
            assert error["C"] == "42501", error
            statement = _recorded(yard, error)
            assert statement["decision"] == "deny"
            assert case.word in statement["rules"], statement["rules"]
            assert "reason=" in error["D"]
            assert error.get("H"), error
    assert seat.leg.received[seat.mark :] == b""


@_of("hold")
def test_held(case: Case, seat: Seat, yard: Yard) -> None:
    """It does not run, whether it is refused for the time being or waits for somebody."""
    seat.mark = len(seat.leg.received)
    seat.session.send(query(case.text))
    statement = _held(yard, case)
    assert case.word in statement["rules"], statement["rules"]
    for text in _texts(bytes(seat.leg.received[seat.mark :])):
        # A rule may ask how many rows it is about: the planner says so, and runs nothing.
        assert text.startswith(("SET LOCAL ", "EXPLAIN (FORMAT JSON) ")), text


def _texts(sent: bytes) -> list[str]:
    """The texts of everything that the database was sent to parse or run."""
    found = []
    while sent:
        end = 1 + int.from_bytes(sent[1:5], "big")
        kind, body, sent = sent[:1], sent[5:end], sent[end:]
        if kind in b"QP":
            found.append(body.split(b"\0")[kind == b"P"].decode())
    return found


def _held(yard: Yard, case: Case) -> dict[str, Any]:
    user = PEOPLE[case.who][0]

    def held() -> dict[str, Any]:
        lines = yard.ledger.read()["statement"].values()
        return next(
            (s for s in lines if s["decision"] == "hold" and s["user"] == user and _same(s["sql"], case.text)), {}
        )

    return until(held, f"the ledger has it as held: {case.text}")


def _same(recorded: str, text: str) -> bool:
    def shape(sql: str) -> str:
        return re.sub(r"'[^']*'|\b\d+\b|\s+", "", sql.replace("?", ""))

    return shape(recorded) == shape(text)


@_of("stop")
def test_stopped(case: Case, seat: Seat, yard: Yard) -> None:
    for answer in _answers(seat, case.text):
        (error,) = answer.errors
        assert error["C"] == "53400", error
        assert case.word in error["M"], error
        assert "interns-take-little" in error["M"]
        assert len(answer.rows) <= 5
        assert sum(len(value or b"") for row in answer.rows for value in row) <= 2_048
        assert answer.status == b"I"
    with yard.proxy.databases.direct() as direct:
        for left in ("pt_parcels WHERE status = 'x'", "pt_notes WHERE id > 1000"):
            assert direct.execute(f"SELECT count(*) FROM {left}").fetchone() == (0,)
        assert direct.execute("SELECT count(*) FROM pt_parcels").fetchone() == (200,)


@_of("late")
def test_ended_in_time(case: Case, seat: Seat) -> None:
    for whole in (query(case.text), extended(case.text) + SYNC):
        answer = seat.session.ask(whole)
        (error,) = answer.errors
        assert error["C"] == "57014", error
        assert answer.status == b"I"


@_of("mask")
def test_masked(case: Case, seat: Seat, yard: Yard) -> None:
    """Somebody who sees all gets planted words by the same statement; this one gets an answer without any."""
    lead = yard.seat("lead").session.query(case.text)
    assert not lead.errors, lead
    if "EXPLAIN" not in case.text:
        assert _planted(lead), "nothing planted is to be had by this statement"
    for answer in _answers(seat, case.text):
        assert not answer.errors, answer
        assert not _planted(answer), answer


def _planted(answer: Answer) -> bool:
    """Whether anything planted is in the answer, as it is or in hexadecimal."""
    said = b"".join(found.body for found in answer.messages)
    words = (b"zqname", b"zqmail", b"zqrecipient", b"zqmemo", b"zqjson", b"zqline", b"zqraw", b"zqvault", b"zqfamily")
    return CARD in said or any(word in said.lower() or word.hex().encode() in said for word in words)


@_of("log")
def test_recorded(case: Case, seat: Seat, yard: Yard) -> None:
    """The statement and its outcome under one number with who and where; not what was written in it."""
    known = set(yard.ledger.read()["statement"])
    count = 0
    for whole in _forms(case.text):
        answer = seat.session.ask(whole)
        assert not answer.errors, answer
        count += 1
    seat.received()

    def recorded() -> dict[str, Event]:
        lines = yard.ledger.read()
        new = {i: s for i, s in lines["statement"].items() if i not in known and s["sql"] != "SELECT ?"}
        return new if len(new) >= count and new.keys() <= lines["outcome"].keys() else {}

    new = until(recorded, f"{count} statements and their outcomes")
    outcomes = yard.ledger.lines["outcome"]
    user, _, agent = PEOPLE[case.who]
    for number, statement in new.items():
        assert (statement["user"], statement["agent"], statement["database"]) == (user, agent, "app")
        assert statement["policy_version"]
        assert statement["digest"]
        assert number.startswith(f"{statement['session']}.")
        assert outcomes[number]["status"] == "ok"
    if case.word != "-":
        for path in (yard.proxy.folder / "audit").rglob("*"):
            if path.is_file():
                assert case.word.encode() not in path.read_bytes(), path


@_of("pass")
def test_its_twin_passes(case: Case, seat: Seat) -> None:
    for whole in _forms(case.text):
        answer = seat.session.ask(whole)
        assert not answer.errors, answer
        assert answer.status == b"I"


# ---------------------------------------------------------------------- the list

ITEMS = 46
_ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_BLOCKS = ("protections.txt", "protections_more.txt")


def _blocks(file: str) -> Counter[int]:
    counts: Counter[int] = Counter()
    number = 0
    for line in (DATA / file).read_text().splitlines():
        if line.startswith("# ---- "):
            number = int(line.split()[2])
        elif re.match(r"[0-9A-Z]{5} ", line) or line.split(" ", 1)[0] in ATTACKS:
            counts[number] += 1
    return counts


def _tests_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_number_has_cases_or_a_reason() -> None:
    rows = {int(number): where for number, _, where in _ROW.findall((ROOT / "docs" / "threat-model.md").read_text())}
    assert sorted(rows) == list(range(1, ITEMS + 1))
    counts = {file: _blocks(file) for file in _BLOCKS}
    for number, where in rows.items():
        references = re.findall(r"`([^`]+)`", where)
        if where.startswith("out of scope: "):
            assert len(where) > 60, f"{number}: why?"
            assert not any(counts[file][number] for file in _BLOCKS), number
            continue
        assert references, number
        for reference in references:
            name, _, test = reference.partition("::")
            assert (ROOT / name).exists(), f"{number}: {reference}"
            if test:
                assert test in _tests_in(ROOT / name), f"{number}: {reference}"
            if Path(name).name in _BLOCKS:
                assert counts[Path(name).name][number] >= 3, f"{number}: {reference}"
        for file in _BLOCKS:
            assert bool(counts[file][number]) == (f"tests/security/data/{file}" in references), (number, file)


def test_every_block_of_the_file_has_twins_or_is_about_what_is_kept() -> None:
    twins = {case.number for case in CASES if case.kind == "pass"}
    assert {case.number for case in CASES} - twins <= {30, 45, 46}
    assert len({(case.who, case.text) for case in CASES}) == len(CASES)
    assert len(CASES) > 120
