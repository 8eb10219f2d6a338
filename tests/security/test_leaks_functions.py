"""Functions of the users' own: what they bring from masked columns stays masked, what is harmless stays as it is.

The cases are lines of ``data/functions.txt`` (attacks) and ``data/functions_benign.txt`` (ordinary work), the
functions stand in ``data/functions_schema.sql``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.security.leak_harness import FORMS, Case, in_transaction, read_cases, run
from tests.security.leak_lab import DATA, ENGINEER, Lab, open_lab
from tests.security.test_leaks import seen
from tests.support.postgres import Postgres
from tests.support.proxy import Databases

# All functions may be called: what they give is at issue here, and not who may call them.
RULES = "  - {name: functions-may-be-called, does: [call, do], effect: allow, overrides: [any]}\n"
# By one of these a case asks something.
ALONE = ("h_dark", "f_const", "h_dynamic", "q_dynamic", "q_writes", "q_nested", "q_unused", "q_agg", "q_proc", "?~")
_REQUEST = re.compile(rb"request_id=[\w.-]+")


@pytest.fixture(scope="module")
def lab(databases: Databases, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("functions")
    with open_lab(databases, postgres, folder, "functions", "functions_schema.sql", rules=RULES) as made:
        yield made


def _cases(file: str, *kinds: str) -> list[Case]:
    return [case for case in read_cases(DATA / file) if case.kind in kinds]


@pytest.mark.parametrize("case", _cases("functions.txt", "leak", "leak?"), ids=str)
def test_nothing_planted_comes_back(case: Case, lab: Lab) -> None:
    for form, answers in run(lab.session(), case):
        found = lab.watcher.look(answers)
        assert not found, f"{form}: {len(found)} pieces, such as {found[0]}"


@pytest.mark.parametrize("case", _cases("functions.txt", "once"), ids=str)
def test_nothing_planted_comes_back_later(case: Case, lab: Lab) -> None:
    with lab.connect() as session:
        for _, answers in run(session, case):
            found = lab.watcher.look(answers)
            assert not found, f"{len(found)} pieces, such as {found[0]}"


@pytest.mark.parametrize("case", _cases("functions.txt", "guess"), ids=str)
def test_a_right_guess_answers_like_a_wrong_one(case: Case, lab: Lab) -> None:
    email = str(lab.planted.people[0][2])
    for form in FORMS:
        said = []
        for guess in (email[:5], "qq7zx"):
            steps = tuple(step.replace("{yes|no}", guess) for step in case.steps)
            answers = in_transaction(lab.session(), form, steps)
            said.append([[(m.kind, _REQUEST.sub(b"", m.body)) for m in answer.messages] for answer in answers])
        assert said[0] == said[1], form


def test_every_question_to_a_function_that_takes_nothing_is_answered_without_the_proxy(lab: Lab) -> None:
    email = str(lab.planted.people[0][2])
    silent = []
    with lab.direct() as session:
        for case in _cases("functions.txt", "guess"):
            said = []
            for guess in (email[:5], "qq7zx"):
                steps = tuple(step.replace("{yes|no}", guess) for step in case.steps)
                answers = in_transaction(session, "simple", steps)
                said.append([(m.kind, m.body.replace(guess.encode(), b"?")) for a in answers for m in a.messages])
            if said[0] == said[1] and any(name in str(case) for name in ALONE):
                silent.append(str(case))
    assert not silent


def test_every_attack_works_without_the_proxy(lab: Lab) -> None:
    """What shows nothing directly tests nothing."""
    empty = []
    with lab.direct() as session:
        for case in _cases("functions.txt", "leak"):
            answers = [session.query("BEGIN"), *map(session.query, case.steps), session.query("ROLLBACK")]
            without_xml = any(error["C"] == "0A000" for answer in answers for error in answer.errors)
            if not without_xml and not lab.watcher.look(answers):
                empty.append(str(case))
    assert not empty


@pytest.mark.parametrize("case", _cases("functions_benign.txt", "exact"), ids=str)
def test_ordinary_work_is_the_same(case: Case, lab: Lab) -> None:
    session = lab.session()
    with lab.direct() as direct:
        for form in FORMS:
            through = seen(in_transaction(session, form, case.steps))
            assert through == seen(in_transaction(direct, form, case.steps)), form


@pytest.mark.parametrize("case", _cases("functions_benign.txt", "answered"), ids=str)
def test_what_is_masked_is_masked_and_not_refused(case: Case, lab: Lab) -> None:
    for answer in in_transaction(lab.session(), "simple", case.steps):
        assert not answer.errors
        assert not lab.watcher.look([answer])


@pytest.mark.parametrize("case", _cases("functions_benign.txt", "once"), ids=str)
def test_ordinary_work_in_steps_is_the_same(case: Case, lab: Lab) -> None:
    with lab.connect() as session, lab.direct() as direct:
        through = [session.query(step) for step in case.steps]
        around = [direct.query(step) for step in case.steps]
    assert [(a.kinds, a.rows) for a in through] == [(a.kinds, a.rows) for a in around]


def test_a_function_replaced_by_another_session_is_looked_at_again(lab: Lab) -> None:
    """Cold and warm, in the simple protocol and as a prepared statement that stays open."""
    make = "CREATE OR REPLACE FUNCTION swapped(n int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT {} $$"
    harmless, harmful = "title FROM products WHERE id = n", "reverse(email) FROM people WHERE id = n"
    with lab.connect(ENGINEER) as engineer, lab.connect() as analyst, lab.direct() as direct:
        try:
            assert not engineer.query(make.format(harmless)).errors
            expected = direct.query("SELECT swapped(1)").rows
            for _ in range(3):
                assert analyst.query("SELECT swapped(1)").rows == expected
            assert not analyst.query("PREPARE kept AS SELECT swapped(1)").errors
            assert analyst.query("EXECUTE kept").rows == expected
            direct.query(make.format(harmful))  # what the engineer may not, for the values are masked for them
            engineer.query("CREATE TABLE made_public (id int)")  # and a change that the proxy knows of
            for text in ("SELECT swapped(1)", "EXECUTE kept", "SELECT swapped(1)", "SELECT swapped(1) || ''"):
                answer = analyst.query(text)
                assert not lab.watcher.look([answer]), text
            direct.query(make.format(harmless))
            engineer.query("DROP TABLE made_public")
            assert analyst.query("SELECT swapped(1)").rows == expected
        finally:
            direct.query("DROP TABLE IF EXISTS made_public")
            direct.query("DROP FUNCTION swapped(int)")
