"""No planted value reaches a client that is masked, by any statement in any wire form; ordinary work stays as it is.

The cases are lines of ``data/leaks.txt`` and ``data/leaks_outside.txt`` (attacks) and of ``data/leaks_benign.txt``
(ordinary work), which say how to read them. All bytes that the client receives are searched for the planted values
in many disguises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from govproxy.wire.errors import decode_fields
from tests.security.leak_harness import FORMS, Case, in_transaction, read_cases, run
from tests.security.leak_lab import DATA, ENGINEER, Lab, open_lab
from tests.support.postgres import Postgres
from tests.support.proxy import Databases
from tests.support.raw_session import ERROR, Answer

DATABASE = "leaks"
# Answers to a right and a wrong guess may differ in the number under which the ledger has them.
_REQUEST = re.compile(rb"request_id=[\w.-]+")


@pytest.fixture(scope="module")
def lab(databases: Databases, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with open_lab(databases, postgres, tmp_path_factory.mktemp("leaks"), "leaks") as made:
        yield made


ATTACKS = ("leaks.txt", "leaks_outside.txt")


def _cases(files: str | tuple[str, ...], *kinds: str) -> list[Case]:
    names = (files,) if isinstance(files, str) else files
    return [case for name in names for case in read_cases(DATA / name) if case.kind in kinds]


@pytest.mark.parametrize("case", _cases(ATTACKS, "leak", "leak?"), ids=str)
def test_nothing_planted_comes_back(case: Case, lab: Lab) -> None:
    for form, answers in run(lab.session(), case):
        found = lab.watcher.look(answers)
        assert not found, f"{form}: {len(found)} pieces, such as {found[0]}"


@pytest.mark.parametrize("case", _cases(ATTACKS, "once"), ids=str)
def test_nothing_planted_comes_back_later(case: Case, lab: Lab) -> None:
    with lab.connect() as session:
        for _, answers in run(session, case):
            found = lab.watcher.look(answers)
            assert not found, f"{len(found)} pieces, such as {found[0]}"


@pytest.mark.parametrize("case", _cases(ATTACKS, "guess"), ids=str)
def test_a_right_guess_answers_like_a_wrong_one(case: Case, lab: Lab) -> None:
    session = lab.session()
    email = str(lab.planted.people[0][2])
    said = []
    for guess in (email[:5], "qq7zx"):
        steps = [step.replace("{yes|no}", guess) for step in case.steps]
        answers = in_transaction(session, "simple", tuple(steps))
        said.append([[(m.kind, _without_guess(m.body, guess)) for m in answer.messages] for answer in answers])
    assert said[0] == said[1]


@pytest.mark.parametrize("case", _cases(ATTACKS, "ddl"), ids=str)
def test_nothing_planted_comes_back_by_a_changed_schema(case: Case, lab: Lab) -> None:
    for form in ("simple", "extended"):
        with lab.connect(ENGINEER) as session:
            found = lab.watcher.look(in_transaction(session, form, case.steps))
        assert not found, f"{form}: {len(found)} pieces, such as {found[0]}"


@pytest.mark.parametrize("case", _cases(ATTACKS, "ddl guess"), ids=str)
def test_a_changed_schema_tells_no_right_guess_from_a_wrong_one(case: Case, lab: Lab) -> None:
    email = str(lab.planted.people[0][2])
    said = []
    for guess in (email[:5], "qq7zx"):
        steps = tuple(step.replace("{yes|no}", guess) for step in case.steps)
        with lab.connect(ENGINEER) as session:
            answers = in_transaction(session, "simple", steps)
        said.append([[(m.kind, _without_guess(m.body, guess)) for m in answer.messages] for answer in answers])
    assert said[0] == said[1]


def _without_guess(body: bytes, guess: str) -> bytes:
    """A client may read what it has sent."""
    return _REQUEST.sub(b"", body).replace(guess.encode(), b"?")


def test_every_attack_works_without_the_proxy(lab: Lab) -> None:
    """What shows nothing directly tests nothing."""
    empty = []
    with lab.direct() as session:
        for case in _cases(ATTACKS, "leak"):
            answers = [session.query("BEGIN"), *map(session.query, case.steps), session.query("ROLLBACK")]
            without_xml = any(error["C"] == "0A000" for answer in answers for error in answer.errors)
            if not without_xml and not lab.watcher.look(answers):
                empty.append(str(case))
    assert not empty


@pytest.mark.parametrize("case", _cases("leaks_benign.txt", "exact"), ids=str)
def test_ordinary_work_is_the_same(case: Case, lab: Lab) -> None:
    session = lab.session()
    with lab.direct() as direct:
        for form in FORMS:
            assert seen(in_transaction(session, form, case.steps)) == seen(in_transaction(direct, form, case.steps)), (
                form
            )


@pytest.mark.parametrize("case", _cases("leaks_benign.txt", "answered"), ids=str)
def test_masked_columns_may_be_shown_and_counted(case: Case, lab: Lab) -> None:
    for answer in in_transaction(lab.session(), "simple", case.steps):
        assert not answer.errors
        assert not lab.watcher.look([answer])


@pytest.mark.parametrize("case", _cases("leaks_benign.txt", "once"), ids=str)
def test_ordinary_work_in_steps_is_the_same(case: Case, lab: Lab) -> None:
    with lab.connect() as session, lab.direct() as direct:
        through = [session.query(step) for step in case.steps]
        around = [direct.query(step) for step in case.steps]
    assert [(a.kinds, a.rows) for a in through] == [(a.kinds, a.rows) for a in around]


def seen(answers: list[Answer]) -> list[list[tuple[int, bytes]]]:
    """Everything but the wording of errors, which may be the proxy's own."""
    return [
        [(m.kind, dict(decode_fields(m.body))["C"].encode() if m.kind == ERROR else m.body) for m in answer.messages]
        for answer in answers
    ]
