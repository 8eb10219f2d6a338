"""What the protocol core costs for one transaction, with a warm verdict cache and no sockets.

``pytest bench/test_framing.py``. Both directions of a whole transaction go through ``Conversation``: framing,
transition table, lookup, ledger lines, expected replies, mask plan. The calls from Python and the bytes objects they
return are in the figure; the engine has neither. The gate is the transcripts' stub, and is not asked once warm.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.protocol.transcript import Stage, backend, frontend

TRANSACTIONS = 500
TEXT = "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;"
COMPLETE = backend(["CommandComplete", "SELECT 1"]) + backend(["ReadyForQuery", "I"])
DESCRIPTION = backend(["RowDescription", "abalance:16390:3"])
ROW = backend(["DataRow", "-1234"])

SIMPLE = (frontend(["Query", TEXT]), DESCRIPTION + ROW + COMPLETE)
EXTENDED = (
    frontend(["Parse", "", TEXT])
    + frontend(["Bind", "", "", "4711"])
    + frontend(["Describe", "P", ""])
    + frontend(["Execute", ""])
    + frontend(["Sync"]),
    backend(["ParseComplete"]) + backend(["BindComplete"]) + DESCRIPTION + ROW + COMPLETE,
)
PREPARED = (
    frontend(["Bind", "", "s1", "4711"])
    + frontend(["Describe", "P", ""])
    + frontend(["Execute", ""])
    + frontend(["Sync"]),
    backend(["BindComplete"]) + DESCRIPTION + ROW + COMPLETE,
)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path / "ledger")
    yield made
    made.close()


def _measure(benchmark: BenchmarkFixture, stage: Stage, said: bytes, answered: bytes) -> None:
    conversation, ledger = stage.conversation, stage.ledger
    # As the real gate does after it has judged.
    stage.cache.put(stage.gate.verdict(conversation, TEXT.encode()))
    to_backend, _ = conversation.frontend(said)
    _, to_frontend = conversation.backend(answered)
    assert to_backend == said
    assert to_frontend == answered
    asked = len(stage.gate.asked), len(stage.gate.descriptions)

    def batch() -> None:
        for _ in range(TRANSACTIONS):
            conversation.frontend(said)
            conversation.backend(answered)

    def empty() -> None:
        ledger.flush_now()
        ledger.take()

    benchmark.pedantic(batch, setup=empty, rounds=100, warmup_rounds=5)
    assert (len(stage.gate.asked), len(stage.gate.descriptions)) == asked, "verdict or plan was not cached"
    assert conversation.outstanding == 0
    if benchmark.stats is not None:
        benchmark.extra_info["us_per_transaction"] = round(benchmark.stats.stats.median / TRANSACTIONS * 1e6, 3)


def test_simple_query(benchmark: BenchmarkFixture, stage: Stage) -> None:
    _measure(benchmark, stage, *SIMPLE)


def test_parse_bind_describe_execute_sync(benchmark: BenchmarkFixture, stage: Stage) -> None:
    _measure(benchmark, stage, *EXTENDED)


def test_bind_of_a_prepared_statement(benchmark: BenchmarkFixture, stage: Stage) -> None:
    prepare = frontend(["Parse", "s1", TEXT]) + frontend(["Sync"])
    assert stage.conversation.frontend(prepare)[0] == prepare
    stage.conversation.backend(backend(["ParseComplete"]) + backend(["ReadyForQuery", "I"]))
    _measure(benchmark, stage, *PREPARED)
