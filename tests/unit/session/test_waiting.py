"""A statement that waits: only the answer that is waited for now counts, and only while somebody is there."""

from __future__ import annotations

from typing import Any, cast

import pytest

from govproxy._fastpath.verdicts import Outcome, Verdict
from govproxy.session.figures import Counters, Miss
from govproxy.session.judgement import Basis
from govproxy.session.waiting import Cause, Waiting


class Link:
    def __init__(self) -> None:
        self.resumed: list[Verdict] = []
        self.ended: list[Exception] = []
        self.sent = 0

    def resume(self, verdict: Verdict) -> None:
        self.resumed.append(verdict)

    def proceed(self, *, cancelled: bool = False, counted: bool = False) -> None:
        self.sent += 1

    def terminate(self, error: Exception) -> None:
        self.ended.append(error)


class Parked:
    parked = True


def verdict() -> Verdict:
    basis = Basis(analysis=None, obligations=None, refusal=None)
    return Verdict(outcome=Outcome.ALLOW, text=b"", context_id=1, fragment=b'"decision":"allow"', basis=basis)


@pytest.fixture
def link() -> Link:
    return Link()


@pytest.fixture
def waiting(link: Link) -> Waiting:
    found = Waiting(Counters())
    found.attach(cast(Any, Parked()), link)
    return found


def test_an_answer_makes_the_verdict_with_which_the_statement_goes_on(waiting: Waiting, link: Link) -> None:
    made = verdict()
    answered = waiting.begin(Cause.CATALOG, lambda answer: made if answer == "now" else None)
    assert waiting.cause is Cause.CATALOG
    answered("now")
    assert link.resumed == [made]
    assert waiting.cause is None


def test_a_second_answer_is_not_heard(waiting: Waiting, link: Link) -> None:
    answered = waiting.begin(Cause.CATALOG, lambda answer: verdict())
    answered(None)
    answered(None)
    assert len(link.resumed) == 1


def test_what_was_waited_for_before_is_not_heard(waiting: Waiting, link: Link) -> None:
    old = waiting.begin(Cause.CATALOG, lambda answer: verdict())
    waiting.begin(Cause.ANALYSIS, lambda answer: verdict())
    old(None)
    assert link.resumed == []
    assert waiting.cause is Cause.ANALYSIS


def test_one_wait_may_lead_to_another(waiting: Waiting, link: Link) -> None:
    second: list[Any] = []

    def then(answer: object) -> None:
        second.append(waiting.begin(Cause.ANALYSIS, lambda answer: verdict()))

    waiting.begin(Cause.CATALOG, then)(None)
    assert link.resumed == []
    assert link.sent == 1  # the second may be a question to the database
    assert waiting.cause is Cause.ANALYSIS
    second[0](None)
    assert len(link.resumed) == 1


def test_a_statement_that_was_skipped_waits_for_nothing(waiting: Waiting, link: Link) -> None:
    answered = waiting.begin(Cause.QUESTION, lambda answer: verdict())
    waiting.drop()
    assert waiting.cause is None
    answered(None)
    assert link.resumed == []


def test_nobody_is_resumed_once_the_session_is_over(waiting: Waiting, link: Link) -> None:
    answered = waiting.begin(Cause.CATALOG, lambda answer: verdict())
    waiting.end()
    answered(None)
    assert link.resumed == []


def test_an_error_in_the_answer_ends_the_session(waiting: Waiting, link: Link) -> None:
    def then(answer: object) -> Verdict:
        raise ValueError("broken")

    waiting.begin(Cause.ANALYSIS, then)(None)
    assert [str(error) for error in link.ended] == ["broken"]
    assert link.resumed == []


def test_what_is_judged_is_counted() -> None:
    counters = Counters()
    assert Waiting(counters).judged(lambda: None) is None
    assert counters.misses[Miss.WAITED] == 1
