"""The figures of one short real run, kept in ``data/recorded.json``: three rounds, seven peers, one of them left out of
a workload it cannot do. Tests reckon with these, and nothing here runs or times anything.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.values import Cell, PeerFacts, Results

FILE = Path(__file__).parent / "data" / "recorded.json"


def results(**changes: Any) -> Results:
    """What was recorded, with some of it changed."""
    content = json.loads(FILE.read_text())
    made = Results(
        mode=content["mode"],
        started=content["started"],
        seconds_per_cell=content["seconds_per_cell"],
        rounds=content["rounds"],
        machine=content["machine"],
        peers=tuple(PeerFacts(**{**peer, "notes": tuple(peer["notes"])}) for peer in content["peers"]),
        cells=tuple(Cell(**cell) for cell in content["cells"]),
        skipped=tuple((s["workload"], s["peer"], s["why"]) for s in content["skipped"]),
        evidence=content["evidence"],
        mixed=content["mixed"],
    )
    return replace(made, **changes)


def scaled(factor: float, *, peer: str = "govproxy", metric: str = "cpu_us") -> tuple[Cell, ...]:
    """The recorded cells with one peer's metric multiplied."""
    return tuple(
        replace(cell, metrics=cell.metrics | {metric: cell.metrics[metric] * factor})
        if cell.peer == peer and metric in cell.metrics
        else cell
        for cell in results().cells
    )


def cells(*values: tuple[str, str, int, float], metric: str = "cpu_us") -> tuple[Cell, ...]:
    """Cells from (workload, peer, round, value)."""
    return tuple(Cell(workload=w, peer=p, round=n, metrics={metric: value}) for w, p, n, value in values)
