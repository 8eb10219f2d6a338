"""Attacks on a real database through a real proxy: the cases stand in ``data/denials.txt``.

Each is sent in every way a client can send it, and each time three things must hold: the client
gets the SQLSTATE and stays in step, the database gets exactly nothing of it, the ledger has the
denial and its outcome.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.security.arena import Arena, Seat
from tests.security.cases import DATA, Denial, denials
from tests.support.ledger import LedgerTail
from tests.support.raw_session import (
    ERROR,
    FLUSH,
    SYNC,
    Answer,
    bind,
    close,
    describe,
    execute,
    extended,
    message,
    parse,
    query,
)

CASES = [*denials("denials.txt"), *denials("protections.txt")]
# What the database gets in a denied statement's place where it has to fail as well.
FAILING_TEXT = b"govproxy refused this statement"
FAILING_QUERY, FAILING_PARSE = query(FAILING_TEXT), parse(FAILING_TEXT)
HARMLESS = "SELECT 42"
INSERT = "INSERT INTO attack_log VALUES (1, 'must not stay')"
REQUEST = re.compile(r"request_id=(\S+)")
MAX_CUT_BYTES = 2_000
MAX_AT_ONCE_BYTES = 20_000
CUTS = 4


class Attack:
    """One case on one session."""

    def __init__(self, case: Denial, seat: Seat, ledger: LedgerTail) -> None:
        self.case = case
        self.seat = seat
        self.session = seat.session
        self.ledger = ledger

    def refused(self, answer: Answer, status: bytes = b"I", kinds: str = "EZ") -> None:
        """The last thing before ReadyForQuery is the denial, and the ledger has it."""
        assert answer.kinds == kinds, answer
        error = answer.errors[-1]
        assert (error["V"], error["C"]) == ("ERROR", self.case.sqlstate), error
        assert answer.status == status
        found = REQUEST.search(error.get("D", ""))
        assert found is not None, error
        statement, outcome = (self.ledger.event(kind, found[1]) for kind in ("statement", "outcome"))
        assert statement is not None, f"{found[1]} is not in the ledger"
        assert statement["decision"] == "deny"
        assert self.case.rule in statement["rules"], statement["rules"]
        assert outcome is not None, f"{found[1]} has no outcome"
        assert outcome["status"] == "denied"

    def received(self, *expected: bytes) -> None:
        """The database got exactly this (or this), and the session is usable."""
        assert self.seat.received() in expected

    # ------------------------------------------------------------------ ways to send it

    def alone(self) -> None:
        """By itself, where nothing is under way: the database hears nothing at all."""
        text = self.case.text
        for whole in (
            query(text),  # a cold cache
            query(text),  # a warm one
            extended(text) + SYNC,
            extended(text, name=b"s", formats=[1]) + close(b"S", b"s") + SYNC,
            parse(text, b"s") + describe(b"S", b"s") + SYNC,
            parse(text) + bind(b"p", formats=[1, 1]) + execute(b"p", 1) + execute(b"p", 1) + SYNC,
        ):
            self.refused(self.session.ask(whole))
            if len(whole) <= MAX_CUT_BYTES:
                step = max(1, len(whole) // CUTS)
                self.refused(self.session.in_pieces(whole, range(1, len(whole), step)))
        self.received(b"")

    def flushed(self) -> None:
        """The error comes before the Sync, and what stands between is skipped."""
        self.session.send(parse(self.case.text) + FLUSH)
        (first,) = self.session.read_until(ERROR)
        self.session.send(bind() + execute() + extended(HARMLESS) + FLUSH + query(HARMLESS))
        answer = self.session.ask(SYNC)
        self.refused(Answer([first, *answer.messages]))
        self.received(b"")

    def behind_others(self) -> None:
        """In one segment with something allowed before and behind it, which runs."""
        text, harmless = self.case.text, query(HARMLESS)
        before, denied, behind = self.session.answers(harmless + query(text) + harmless, 3)
        assert before.rows == behind.rows == [[b"42"]]
        self.refused(denied)
        self._one_behind_the_other(harmless, FAILING_QUERY)
        harmless = extended(HARMLESS) + SYNC
        before, denied, behind = self.session.answers(harmless + extended(text) + SYNC + harmless, 3)
        assert before.rows == behind.rows == [[b"42"]]
        self.refused(denied)
        self._one_behind_the_other(harmless, FAILING_PARSE + SYNC)

    def _one_behind_the_other(self, harmless: bytes, replacement: bytes) -> None:
        if len(self.case.text) < MAX_AT_ONCE_BYTES:
            self.received(harmless + replacement + harmless)
        else:  # the first may be answered before the whole of the second is here
            self.received(harmless + replacement + harmless, harmless + harmless)

    def in_a_transaction(self) -> None:
        """The transaction is aborted, as by any error, and can be rolled back."""
        begin, rollback, insert = query("BEGIN"), query("ROLLBACK"), query(INSERT)
        for whole, replacement in (
            (query(self.case.text), FAILING_QUERY),
            (extended(self.case.text) + SYNC, FAILING_PARSE + SYNC),
        ):
            assert self.session.ask(begin).status == b"T"
            assert self.session.ask(insert).status == b"T"
            self.refused(self.session.ask(whole), status=b"E")
            assert [error["C"] for error in self.session.ask(query(HARMLESS)).errors] == ["25P02"]
            self.refused(self.session.ask(whole), status=b"E")
            assert self.session.ask(rollback).status == b"I"
            self.received(begin + insert + replacement + query(HARMLESS) + replacement + rollback)

    def in_a_pipeline(self) -> None:
        """What ran before it in the same pipeline is rolled back, what stands behind is skipped."""
        insert = extended(INSERT)
        answer = self.session.ask(insert + extended(self.case.text) + extended(INSERT) + SYNC)
        self.refused(answer, kinds="12nCEZ")
        self.received(insert + FAILING_PARSE + SYNC)
        # The database takes one text for one transaction, so it must be refused as one.
        answer = self.session.ask(query(INSERT.encode() + b";\n" + self.case.text))
        assert answer.kinds == "EZ"
        assert answer.errors[0]["C"] == self.case.sqlstate
        self.received(b"")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_denied(case: Denial, arena: Arena) -> None:
    seat = arena.new_seat(case.who) if case.before else arena.seat(case.who)
    try:
        for text in case.before:
            assert not seat.session.query(text).errors
        seat.received()
        attack = Attack(case, seat, arena.ledger)
        attack.alone()
        attack.flushed()
        attack.behind_others()
        attack.in_a_transaction()
        attack.in_a_pipeline()
    except BaseException:
        if arena.seats.get(case.who) is seat:
            del arena.seats[case.who]  # out of step, perhaps: the next case gets a new one
        raise
    finally:
        if arena.seats.get(case.who) is not seat:
            seat.session.socket.close()


@pytest.mark.parametrize("case", [c for c in CASES if c.who == "analyst" and not c.before], ids=lambda case: case.name)
def test_an_agent_is_refused_what_its_human_is(case: Denial, arena: Arena) -> None:
    seat = arena.seat("agent")
    try:
        answer = seat.session.query(case.text)
        assert answer.kinds == "EZ"
        assert answer.errors[0]["C"] == case.sqlstate
        assert seat.received() == b""
    except BaseException:
        arena.seats.pop("agent").session.socket.close()
        raise


def test_nothing_of_it_was_done(arena: Arena) -> None:
    seat = arena.seat("analyst")
    denied = Denial(
        who="analyst", before=(), sqlstate="42501", rule="no-unqualified-delete", text=b"DELETE FROM orders"
    )
    Attack(denied, seat, arena.ledger).in_a_pipeline()
    with arena.proxy.databases.direct("shop") as direct:
        assert direct.execute("SELECT count(*) FROM attack_log").fetchone() == (0,)
        assert direct.execute("SELECT count(*) FROM orders").fetchone() == (500,)


def test_every_kind_of_protection_has_cases() -> None:
    counts: Counter[str] = Counter()
    number = ""
    for line in (DATA / "protections.txt").read_text().splitlines():
        if line.startswith("# ---- "):
            number = line.split()[2]
        elif re.match(r"[0-9A-Z]{5} ", line):
            counts[number] += 1
    threats = (DATA.parents[2] / "docs" / "threat-model.md").read_text()
    listed = re.findall(r"^\| (\d+) \|.*`tests/security/data/protections\.txt`", threats, re.MULTILINE)
    assert len(listed) >= 15
    assert set(listed) == set(counts)
    assert min(counts.values()) >= 3


def test_every_line_of_the_file_is_a_case() -> None:
    assert len(CASES) > 300
    for file in ("denials.txt", "protections.txt"):
        cases = denials(file)
        assert len({(case.who, case.before, case.text) for case in cases}) == len(cases)
    assert message(b"Q", b"x\0") == query("x")
