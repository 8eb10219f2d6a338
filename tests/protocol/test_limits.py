"""Counts and sizes at their ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from govproxy.errors import GovproxyError, LimitExceeded, ProtocolViolation, UpstreamFault
from tests.protocol.transcript import Stage, backend, frontend, message


def test_as_many_parameters_as_the_protocol_has(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "ledger")
    said = frontend(["Parse", "", "select norows"]) + frontend(["Bind", "", "", *(["v"] * 65_535)])
    to_backend, to_frontend = stage.conversation.frontend(said)
    assert (to_backend, to_frontend) == (said, b"")
    stage.close()


def test_as_many_parameter_types(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "ledger")
    said = message("P", b"\0select norows\0" + (65_535).to_bytes(2, "big") + b"\0\0\0\x17" * 65_535)
    assert stage.conversation.frontend(said) == (said, b"")
    stage.close()


@pytest.mark.parametrize(
    "said",
    [
        message("B", b"\0\0" + b"\0\0" + b"\0\1" + b"\x7f\xff\xff\xff" + b"\0\0"),  # a value longer than its message
        message("B", b"\0\0" + b"\0\0" + b"\0\1" + b"\xff\xff\xff\xfe" + b"\0\0"),  # a length below -1
        message("B", b"\0\0" + b"\0\0" + b"\0\0"),  # ends early
        message("B", b"\0\0" + b"\0\0" + b"\0\0" + b"\0\0" + b"x"),  # goes on
        message("B", b"no end"),
        message("P", b"\0select 1\0\0\5"),
        message("P", b"\0select 1"),
        message("Q", b"select 1"),
        message("Q", b"select 1\0; drop table t\0"),
        message("Q", b""),
        message("E", b"\0\0\0"),
        message("D", b"X\0"),
        message("D", b"S"),
        message("C", b"\0"),
        message("S", b"x"),
        message("H", b"x"),
        message("!", b""),
        message("p", b"password\0"),
        b"Q\0\0\0\3",
        b"Q\0\0\0\0",
        b"Q\xff\xff\xff\xff",
        b"\0\0\0\x08\x04\xd2\x16\x2f",  # an SSLRequest after login
    ],
)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "bytes"])
def test_broken_messages_end_the_conversation(tmp_path: Path, said: bytes, cut: bool) -> None:
    stage = Stage(tmp_path / "ledger")
    pieces = [said[i : i + 1] for i in range(len(said))] if cut else [said]
    sent = b""
    try:
        for piece in pieces:
            sent += stage.conversation.frontend(piece)[0]
    except ProtocolViolation:
        pass
    else:
        pytest.fail("it was taken for a message")
    assert sent == b""
    assert stage.conversation.drain()[0] == b""
    assert stage.lines() == []
    stage.close()


def test_a_message_over_the_limit_is_refused_before_it_is_here(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "ledger", max_message_bytes=1_000)
    with pytest.raises(LimitExceeded, match="1000 bytes"):
        stage.conversation.frontend(b"Q" + (5_000).to_bytes(4, "big") + b"select")
    stage.close()


def test_names_are_bounded(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "ledger", max_names=5)
    talk = stage.conversation
    for number in range(5):
        assert talk.frontend(frontend(["Parse", f"s{number}", "select norows"]))[0]
    to_backend, _ = talk.frontend(frontend(["Parse", "s5", "select norows"]))
    assert to_backend == frontend(["FailingParse"])
    stage.close()


@pytest.mark.parametrize(
    "said",
    [
        backend(["CopyBothResponse"]),
        backend(["DataRow", "a"]),
        backend(["CommandComplete", "SELECT 1"]),
        backend(["ReadyForQuery", "I"]),
        backend(["ParseComplete"]),
        message("R", b"\0\0\0\0"),
        message("K", b"\0\0\0\1\0\0\0\2"),
        message("v", b"\0\3\0\2\0\0\0\0"),
        message("?", b""),
        b"N\0\0\0\1",
    ],
)
def test_what_the_database_must_not_say_goes_nowhere(tmp_path: Path, said: bytes) -> None:
    stage = Stage(tmp_path / "ledger")
    with pytest.raises(UpstreamFault):
        stage.conversation.backend(said)
    assert stage.conversation.drain() == (b"", b"")
    stage.close()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["Query", "select secret"], backend(["DataRow", "canary"])),  # rows nobody described
        (["Query", "select secret"], backend(["CopyOutResponse"]) + backend(["CopyData", "canary"])),
        (["Query", "select secret"], backend(["CopyInResponse"])),
        (["Query", "select secret"], backend(["RowDescription", "a"]) + backend(["DataRow", "canary", "canary"])),
        (["Query", "select secret"], backend(["RowDescription", "a"]) + message("D", b"\0\1\0\0\0\xffcanary")),
        (["Query", "select secret"], backend(["RowDescription", "a"]) + message("D", b"\0\1\xff\xff\xff\xfe")),
        (["Query", "select secret"], backend(["FunctionCallResponse", "canary"])),
        (["Query", "select secret"], backend(["BindComplete"])),
        (["Query", "select secret"], message("Z", b"?")),
    ],
)
def test_a_result_that_was_not_judged_goes_nowhere(tmp_path: Path, asked: list[str], said: bytes) -> None:
    stage = Stage(tmp_path / "ledger")
    stage.conversation.frontend(frontend(asked))
    with pytest.raises(GovproxyError):
        stage.conversation.backend(said)
    assert b"canary" not in stage.conversation.drain()[1]
    stage.close()
