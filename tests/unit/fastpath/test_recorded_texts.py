"""Which text the ledger fingerprints when one verdict stands for many: the one that the client sent."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from govproxy._fastpath.verdicts import Outcome, Verdict
from tests.protocol.transcript import HASH_KEY, Stage, backend, frontend

KNOWN = b"select name from t where id = 5"
OTHER = b"select name from t where id = 66"
SYNC = frontend(["Sync"])


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[[Outcome], Stage]]:
    made: list[Stage] = []

    def make(outcome: Outcome) -> Stage:
        found = Stage(tmp_path / "ledger", folds=True)
        made.append(found)
        members = b'"decision":"?","sql":"select name from t where id = $1"'
        found.cache.put(Verdict(outcome=outcome, text=KNOWN, context_id=1, fragment=members), [])
        return found

    yield make
    for each in made:
        each.close()


def _hashes(stage: Stage) -> list[str]:
    return [line["sql_hash"] for line in stage.lines() if line["event"] == "statement"]


def _hashed(*texts: bytes) -> list[str]:
    return [hmac.digest(HASH_KEY, text, "sha256").hex() for text in texts]


def _parse(name: str, text: bytes) -> bytes:
    return frontend(["Parse", name, text.decode()])


def _run(name: str) -> bytes:
    return frontend(["Bind", "", name]) + frontend(["Execute", ""])


@pytest.mark.parametrize("outcome", [Outcome.ALLOW, Outcome.DENY])  # what is held is never kept
def test_a_query(stage: Callable[[Outcome], Stage], outcome: Outcome) -> None:
    made = stage(outcome)
    for text in (OTHER, KNOWN, OTHER):
        made.conversation.frontend(frontend(["Query", text.decode()]))
    assert _hashes(made) == _hashed(OTHER, KNOWN, OTHER)
    assert not made.gate.asked  # all of them were found by their shape


def test_a_portal_has_the_text_of_its_statement(stage: Callable[[Outcome], Stage]) -> None:
    made = stage(Outcome.ALLOW)
    made.conversation.frontend(_parse("other", OTHER) + _parse("known", KNOWN))
    made.conversation.frontend(_run("other") + _run("known") + _run("other") + SYNC)
    assert _hashes(made) == _hashed(OTHER, KNOWN, OTHER)
    assert not made.gate.asked


def test_a_refused_parse(stage: Callable[[Outcome], Stage]) -> None:
    made = stage(Outcome.DENY)
    made.conversation.frontend(_parse("", OTHER) + SYNC)
    assert _hashes(made) == _hashed(OTHER)
    assert not made.gate.asked


def test_a_portal_that_is_run_again(stage: Callable[[Outcome], Stage]) -> None:
    made = stage(Outcome.ALLOW)
    talk = made.conversation
    talk.frontend(_parse("s", OTHER) + frontend(["Describe", "S", "s"]) + _run("s") + frontend(["Flush"]))
    for words in (
        ["ParseComplete"],
        ["ParameterDescription"],
        ["RowDescription", "name"],
        ["BindComplete"],
        ["CommandComplete", "SELECT 0"],
    ):
        talk.backend(backend(words))
    talk.frontend(frontend(["Execute", ""]) + SYNC)
    assert _hashes(made) == _hashed(OTHER, OTHER)


@pytest.mark.parametrize("text", [OTHER, b"select forbidden from t where id = 7"])
def test_a_statement_that_is_judged_again(stage: Callable[[Outcome], Stage], text: bytes) -> None:
    made = stage(Outcome.ALLOW)
    talk = made.conversation
    members = b'"decision":"allow","sql":"?"'
    made.cache.put(Verdict(outcome=Outcome.ALLOW, text=text.replace(b"7", b"8"), context_id=1, fragment=members), [])
    talk.frontend(_parse("s", text))
    talk.context_id = 2
    talk.frontend(_run("s") + SYNC)
    assert made.gate.asked == [text]
    assert _hashes(made) == _hashed(text)


def test_a_function_call_has_no_text(stage: Callable[[Outcome], Stage]) -> None:
    made = stage(Outcome.ALLOW)
    made.conversation.frontend(frontend(["FunctionCall", "42"]))
    assert _hashes(made) == _hashed(b"function")  # what the stub calls the verdict's text
