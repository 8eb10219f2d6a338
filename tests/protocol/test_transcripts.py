"""Every transcript, message by message, byte by byte and joined: always the same bytes leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.protocol.transcript import Stage, Turn, ledger_note, parse

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


def _pieces(turn: Turn, way: str) -> Iterator[bytes]:
    if way == "messages":
        yield from turn.said
    elif way == "joined":
        yield b"".join(turn.said)
    else:
        joined = b"".join(turn.said)
        yield from (joined[i : i + 1] for i in range(len(joined)))


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) >= 20


@pytest.mark.parametrize("way", ["messages", "joined", "bytes"])
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda p: p.stem)
def test_transcript(path: Path, way: str, tmp_path: Path) -> None:
    options, turns = parse(path)
    stage = Stage(tmp_path / "ledger", **options)
    talk = stage.conversation
    noted = 0
    for turn in turns:
        to_backend = to_frontend = b""
        if turn.side == "G>":
            text = stage.gate.asked[-1]
            talk.resume(stage.gate.verdict(talk, text, denied=turn.said[0] == b"deny"))
            to_backend, to_frontend = talk.drain()
        else:
            feed = talk.frontend if turn.side == "F>" else talk.backend
            for piece in _pieces(turn, way):
                to_b, to_f = feed(piece)
                to_backend += to_b
                to_frontend += to_f
        where = f"{path.name}:{turn.line} ({way})"
        assert to_backend == turn.to_backend, f"{where}: to the database"
        assert to_frontend == turn.to_frontend, f"{where}: to the client"
        lines = [ledger_note(line) for line in stage.lines()]
        if turn.ledger:
            assert lines[noted:] == turn.ledger, f"{where}: in the ledger"
        noted = len(lines)
    assert talk.held_bytes == 0
    stage.close()
