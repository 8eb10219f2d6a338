"""Requests, votes and capsules in the state store: one decision, whoever comes first."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from govproxy.approvals import capsule as capsules
from govproxy.approvals.deciding import Objection
from govproxy.approvals.values import Answer, Standing, Status
from govproxy.audit.keys import LedgerKey
from govproxy.control.state import approvals
from govproxy.control.state.store import open_store
from govproxy.errors import StateUnavailable
from tests.unit.approvals.building import ANA, ASKED, LEA, LEO, SUBJECT, hold, person, vote
from tests.unit.control.test_state import settings

T = TypeVar("T")
KEY = LedgerKey.generate()
EXPIRES = ASKED + 600


def in_store(folder: Path, *works: Callable[[sa.Connection], T]) -> list[T]:
    async def run() -> list[T]:
        store = await open_store(settings(folder))
        try:
            return [await store.run(work) for work in works]
        finally:
            await store.close()

    return asyncio.run(run())


def sealing(uses: int = 1, expires: float = EXPIRES) -> approvals.Sealing:
    def seal(standing: Standing) -> approvals.Sealed:
        made = capsules.seal(
            standing.hold,
            standing.status,
            standing.votes,
            KEY,
            uses=uses,
            expires=expires,
            decided=standing.votes[-1].time,
        )
        return approvals.Sealed(capsule=made, uses=uses, expires=expires)

    return seal


def test_a_request_is_kept_as_it_was_asked(tmp_path: Path) -> None:
    asked = hold()
    _, found, waiting, approved = in_store(
        tmp_path,
        approvals.ask(asked),
        approvals.read("h1"),
        approvals.read_all(status=Status.WAITING),
        approvals.read_all(status=Status.APPROVED),
    )
    assert found == Standing(hold=asked)
    assert (waiting, approved) == ([found], [])
    assert in_store(tmp_path, approvals.read("h2")) == [None]


def test_a_decision_survives_a_restart_with_its_evidence(tmp_path: Path) -> None:
    in_store(tmp_path, approvals.ask(hold()), approvals.answer("h1", vote(LEA), sealing()))
    found, capsule = in_store(tmp_path, approvals.read("h1"), approvals.capsule("h1"))
    assert isinstance(found, Standing)
    assert (found.status, found.votes) == (Status.APPROVED, (vote(LEA),))
    assert isinstance(capsule, capsules.Capsule)
    assert capsules.flaw(capsule, KEY.public, subject=SUBJECT, requester=ANA, used=0, now=ASKED + 2) is None


def test_a_refusal_has_evidence_too(tmp_path: Path) -> None:
    *_, capsule = in_store(
        tmp_path,
        approvals.ask(hold()),
        approvals.answer("h1", vote(LEA, Answer.REFUSE), sealing()),
        approvals.capsule("h1"),
    )
    assert isinstance(capsule, capsules.Capsule)
    assert capsule.fields["status"] == "refused"


def test_votes_that_do_not_count_leave_nothing(tmp_path: Path) -> None:
    _, own, nobody, found = in_store(
        tmp_path,
        approvals.ask(hold()),
        approvals.answer("h1", vote(ANA), sealing()),
        approvals.answer("h9", vote(LEA), sealing()),
        approvals.read("h1"),
    )
    assert own == approvals.Objected(why=Objection.OWN_REQUEST)
    assert nobody is None
    assert found == Standing(hold=hold())


def test_a_quorum_is_counted_across_processes(tmp_path: Path) -> None:
    in_store(tmp_path, approvals.ask(hold(quorum=2)))
    [once] = in_store(tmp_path, approvals.answer("h1", vote(LEA), sealing()))
    [again] = in_store(tmp_path, approvals.answer("h1", vote(person("LEA@X", "leads")), sealing()))
    [twice] = in_store(tmp_path, approvals.answer("h1", vote(LEO, time=ASKED + 2), sealing()))
    assert isinstance(once, Standing)
    assert isinstance(twice, Standing)
    assert (once.status, twice.status) == (Status.WAITING, Status.APPROVED)
    assert again == approvals.Objected(why=Objection.ANSWERED)


def test_two_approvers_at_once_make_one_decision(tmp_path: Path) -> None:
    in_store(tmp_path, approvals.ask(hold()))
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(in_store, tmp_path, approvals.answer("h1", vote(who, said), sealing()))
            for who, said in ((LEA, Answer.APPROVE), (LEO, Answer.REFUSE))
        ]
        results = [done.result()[0] for done in both]
    decided = [found for found in results if isinstance(found, Standing)]
    assert len(decided) == 1
    assert [found for found in results if found not in decided] == [approvals.Objected(why=Objection.DECIDED)]


def test_a_use_is_taken_once(tmp_path: Path) -> None:
    in_store(tmp_path, approvals.ask(hold()), approvals.answer("h1", vote(LEA), sealing(uses=3)))
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: in_store(tmp_path, approvals.use("h1", ASKED + 5))[0], range(8)))
    assert sum(taken) == 3
    assert in_store(tmp_path, approvals.use("none", ASKED + 5)) == [False]


def test_a_use_ends_with_the_time(tmp_path: Path) -> None:
    in_store(tmp_path, approvals.ask(hold()), approvals.answer("h1", vote(LEA), sealing()))
    assert in_store(tmp_path, approvals.use("h1", EXPIRES)) == [False]


def test_time_and_clients_end_what_waits(tmp_path: Path) -> None:
    late, gone = hold(id="late"), hold(id="gone")
    in_store(tmp_path, approvals.ask(late), approvals.ask(gone))
    assert in_store(tmp_path, approvals.overdue(ASKED + 59)) == [[]]
    in_store(tmp_path, approvals.end("gone", ASKED + 5, withdrawn=True))
    assert in_store(tmp_path, approvals.overdue(ASKED + 60)) == [["late"]]
    ended = in_store(
        tmp_path, approvals.end("late", ASKED + 60, withdrawn=False), approvals.read("gone"), approvals.read("late")
    )
    assert [found.status for found in ended if found is not None] == [
        Status.TIMED_OUT,
        Status.WITHDRAWN,
        Status.TIMED_OUT,
    ]
    assert in_store(tmp_path, approvals.answer("gone", vote(LEA), sealing())) == [
        approvals.Objected(why=Objection.DECIDED)
    ]


def test_what_is_damaged_decides_nothing(tmp_path: Path) -> None:
    in_store(tmp_path, approvals.ask(hold()))
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE govproxy_holds SET content = '{}'")
    connection.close()
    with pytest.raises(StateUnavailable, match="damaged"):
        in_store(tmp_path, approvals.answer("h1", vote(LEA), sealing()))
