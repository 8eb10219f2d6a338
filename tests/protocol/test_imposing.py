"""What a changed policy imposes on an open session: when it goes out, and what the client sees of it (nothing)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from govproxy._fastpath.conversation import Conversation
from govproxy.errors import UpstreamFault
from govproxy.policy.limits import Figure, SessionLimits
from govproxy.session.asking import run
from govproxy.session.imposing import Imposing
from tests.protocol.transcript import Stage, backend, frontend

QUERY, SYNC, FLUSH = frontend(["Query", "select 1"]), frontend(["Sync"]), frontend(["Flush"])
RUN = frontend(["Parse", "", "select 1"]) + frontend(["Bind", "", ""]) + frontend(["Describe", "P", ""])
EXECUTE = frontend(["Execute", ""])
ANSWER = backend(["RowDescription", "a"]) + backend(["DataRow", "x"]) + backend(["CommandComplete", "SELECT 1"])
PREPARED = backend(["ParseComplete"]) + backend(["BindComplete"])
IDLE, BLOCK = backend(["ReadyForQuery", "I"]), backend(["ReadyForQuery", "T"])
SHOW = run("SHOW statement_timeout") + run("SHOW default_transaction_read_only")
SESSION = run("SET SESSION statement_timeout = 3000") + run("SET SESSION default_transaction_read_only = on")
LOCAL = run("SET LOCAL statement_timeout = 3000") + run("SET LOCAL transaction_read_only = on")
CLOSED = backend(["CloseComplete"]) * 2
STATUS = backend(["ParameterStatus", "default_transaction_read_only", "on"])
OTHER = backend(["ParameterStatus", "TimeZone", "UTC"])
LIMITS = SessionLimits(statement_timeout_ms=Figure(value=3_000, rule="patience"), read_only="look-only")


def shown(*values: str) -> bytes:
    """The database's answer to SHOW of these."""
    return b"".join(
        PREPARED + backend(["DataRow", value]) + backend(["CommandComplete", "SHOW"]) + CLOSED for value in values
    )


def was_set(count: int) -> bytes:
    """The same to as many SET."""
    return (PREPARED + backend(["CommandComplete", "SET"]) + CLOSED) * count


class Open(Stage):
    """A session whose limits have changed."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.settled = 0
        self.imposing = Imposing({}, {}, self._settle)
        self.imposing.want(LIMITS)

    def _settle(self, conversation: Conversation) -> None:
        self.settled += 1


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Open]:
    made = Open(tmp_path / "ledger")
    yield made
    made.close()


@pytest.mark.parametrize("way", ["whole", "bytes"])
@pytest.mark.parametrize("said", [QUERY, RUN + EXECUTE + SYNC, QUERY + QUERY], ids=["query", "extended", "two"])
def test_between_transactions(stage: Open, way: str, said: bytes) -> None:
    talk = stage.conversation
    talk.impose(stage.imposing)
    assert talk.drain() == (b"", b"")  # nothing before the client says something

    def feed(side: str, data: bytes) -> tuple[bytes, bytes]:
        pieces = [data] if way == "whole" else [data[i : i + 1] for i in range(len(data))]
        found = [(talk.frontend if side == "F" else talk.backend)(piece) for piece in pieces]
        return b"".join(to for to, _ in found), b"".join(to for _, to in found)

    assert feed("F", said) == (SHOW + SYNC, b"")
    assert feed("B", shown("0", "off") + IDLE) == (SESSION + SYNC, b"")
    assert feed("B", was_set(2) + STATUS + OTHER + IDLE) == (said, OTHER)
    assert (stage.settled, talk.hold) == (1, 0)
    assert [line["event"] for line in stage.lines()] == ["statement"] * (said.count(b"select"))


def test_nothing_to_change_costs_one_question(stage: Open) -> None:
    talk = stage.conversation
    talk.impose(stage.imposing)
    talk.frontend(QUERY)
    assert talk.backend(shown("2s", "on") + IDLE) == (QUERY, b"")
    assert talk.frontend(QUERY)[0] == QUERY


def test_in_a_transaction_before_each_statement(stage: Open) -> None:
    talk = stage.conversation
    talk.frontend(QUERY)
    talk.backend(ANSWER + BLOCK)
    talk.impose(stage.imposing)
    for _ in range(2):
        assert talk.frontend(QUERY) == (SHOW + SYNC, b"")
        assert talk.backend(shown("0", "off") + BLOCK) == (LOCAL + SYNC, b"")
        assert talk.backend(was_set(2) + BLOCK) == (QUERY, b"")
        assert talk.backend(ANSWER + BLOCK) == (b"", ANSWER + BLOCK)
    assert talk.frontend(QUERY)[0] == SHOW + SYNC
    talk.backend(shown("3s", "off") + BLOCK)
    talk.backend(was_set(1) + BLOCK)
    # Its transaction over, the session's turn has come.
    assert talk.backend(ANSWER + IDLE) == (b"", ANSWER + IDLE)
    assert talk.frontend(RUN + EXECUTE + SYNC) == (SHOW + SYNC, b"")
    assert talk.backend(shown("0", "off") + IDLE) == (SESSION + SYNC, b"")
    assert talk.backend(was_set(2) + IDLE) == (RUN + EXECUTE + SYNC, b"")
    assert stage.settled == 1


def test_within_a_pipeline(stage: Open) -> None:
    talk = stage.conversation
    talk.frontend(RUN)
    talk.impose(stage.imposing)
    assert talk.frontend(EXECUTE) == (FLUSH, b"")
    described = PREPARED + backend(["RowDescription", "a"])
    assert talk.backend(described) == (SHOW + FLUSH, described)
    assert talk.backend(shown("0", "off")) == (LOCAL + FLUSH, b"")
    assert talk.backend(was_set(2)) == (EXECUTE, b"")
    assert talk.frontend(SYNC) == (SYNC, b"")
    assert stage.settled == 0


def test_a_failed_transaction_may_end(stage: Open) -> None:
    talk = stage.conversation
    talk.frontend(QUERY)
    talk.backend(backend(["ErrorResponse", "22012", "division by zero"]) + backend(["ReadyForQuery", "E"]))
    talk.impose(stage.imposing)
    assert talk.frontend(QUERY)[0] == QUERY


def test_a_late_cancel_is_survived_twice(stage: Open) -> None:
    talk = stage.conversation
    talk.impose(stage.imposing)
    talk.frontend(QUERY)
    cancelled = backend(["ErrorResponse", "57014", "canceling statement"]) + IDLE
    for _ in range(2):
        assert talk.backend(cancelled) == (SHOW + SYNC, b"")
    with pytest.raises(UpstreamFault, match="cannot be set"):
        talk.backend(cancelled)
    assert QUERY not in talk.drain()[0]


def test_an_error_within_a_pipeline_is_the_clients(stage: Open) -> None:
    talk = stage.conversation
    talk.frontend(RUN)
    talk.impose(stage.imposing)
    talk.frontend(EXECUTE)
    talk.backend(PREPARED + backend(["RowDescription", "a"]))
    assert talk.backend(backend(["ErrorResponse", "57014", "canceling statement"]))[0] == b""
    assert talk.frontend(EXECUTE + SYNC)[0] == SYNC
    assert talk.backend(IDLE) == (b"", IDLE)
    assert talk.frontend(QUERY)[0] == SHOW + SYNC


def test_what_is_wanted_may_change_meanwhile(stage: Open) -> None:
    talk = stage.conversation
    talk.impose(stage.imposing)
    talk.frontend(QUERY)
    talk.backend(shown("0", "off") + IDLE)
    stage.imposing.want(SessionLimits())
    talk.impose(stage.imposing)
    assert talk.backend(was_set(2) + IDLE) == (SHOW + SYNC, b"")
    back = run("SET SESSION statement_timeout = 0") + run("SET SESSION default_transaction_read_only = off")
    assert talk.backend(shown("3s", "on") + IDLE) == (back + SYNC, b"")
    assert talk.backend(was_set(2) + IDLE) == (QUERY, b"")
    assert stage.settled == 1


def test_a_transaction_that_changes_under_it_ends_the_session(stage: Open) -> None:
    talk = stage.conversation
    talk.impose(stage.imposing)
    talk.frontend(QUERY)
    with pytest.raises(UpstreamFault):
        talk.backend(shown("0", "off") + BLOCK)
