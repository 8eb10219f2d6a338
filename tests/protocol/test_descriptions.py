"""The description a mask plan is made from carries the formats that Bind asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.protocol.transcript import Stage, backend, frontend


def say(words: str) -> bytes:
    return frontend(words.split())


@pytest.mark.parametrize(
    ("formats", "expected"), [("", [0, 0]), ("1", [1, 1]), ("0,1", [0, 1]), ("1,0", [1, 0])], ids=str
)
def test_formats_of_bind_complete_a_statement_description(tmp_path: Path, formats: str, expected: list[int]) -> None:
    stage = Stage(tmp_path / "ledger")
    talk = stage.conversation
    talk.frontend(frontend(["Parse", "s", "select secret"]) + say("Describe S s") + say("Sync"))
    talk.backend(
        backend(["ParseComplete"])
        + backend(["ParameterDescription"])
        + backend(["RowDescription", "a:7:1", "b:7:2"])
        + backend(["ReadyForQuery", "I"])
    )
    bind = frontend(["Bind", "", "s", "value", f"formats={formats}"])
    talk.frontend(bind + frontend(["Execute", ""]) + say("Sync"))
    talk.backend(backend(["BindComplete"]) + backend(["DataRow", "x", "y"]))
    assert stage.gate.descriptions == [backend(["RowDescription", f"a:7:1:{expected[0]}", f"b:7:2:{expected[1]}"])[5:]]
    stage.close()
