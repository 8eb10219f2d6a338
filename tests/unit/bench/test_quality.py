"""The floor under recognition: fewer values than ``python -m bench.quality`` takes, the same counts."""

from __future__ import annotations

from typing import Any

import pytest

from bench.quality.kinds import KINDS, STYLES
from bench.quality.negatives import NEGATIVES
from bench.quality.report import html, markdown
from bench.quality.run import run
from govproxy.masking.taxonomy import ENTRIES

# Measured with 200 values a column: 1.000 where values can tell. Held-out names: see docs/performance.md.
FLOORS = {
    "generated/shaped/recall": 0.98,
    "generated/shaped/precision": 0.97,
    "generated/shaped meaningless/recall": 0.97,
    "generated/named/recall": 0.95,
    "generated/named/precision": 0.95,
    "people/recall": 0.92,
    "people/precision": 0.95,
    "schemas/columns/recall": 0.97,
    "schemas/columns/precision": 0.97,
    "schemas/held_out/recall": 0.76,
    "schemas/held_out/precision": 0.95,
}


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return run(values=60, scanned=500)


@pytest.mark.parametrize("path", FLOORS)
def test_recognition_does_not_fall_below_its_floor(report: dict[str, Any], path: str) -> None:
    value: Any = report
    for part in path.split("/"):
        value = value[part]
    assert value >= FLOORS[path], report["generated"]["mistakes"]


def test_hard_negatives_do_not_alarm_the_scan_of_rows(report: dict[str, Any]) -> None:
    for kind, found in report["value_alarms"].items():
        assert set(found) <= {"card"}, (kind, found)
        assert found.get("card", 0.0) <= 0.07, (kind, found)


def test_strong_shapes_are_found_inside_sentences(report: dict[str, Any]) -> None:
    assert len(report["value_recall"]) >= 15
    assert {kind: share for kind, share in report["value_recall"].items() if share < 0.99} == {}


def test_there_is_enough_to_measure() -> None:
    assert len(KINDS) >= 60
    assert len(NEGATIVES) >= 20
    assert len(STYLES) == 5
    assert len({kind.title for kind in (*KINDS, *NEGATIVES)}) == len(KINDS) + len(NEGATIVES)
    for kind in KINDS:
        assert kind.classes <= ENTRIES.keys(), kind.title
    assert not any(kind.classes for kind in NEGATIVES)


def test_what_is_held_out_is_not_listed(report: dict[str, Any]) -> None:
    assert "mistakes" in report["schemas"]["learned"]
    assert "mistakes" not in report["schemas"]["held_out"]


def test_the_report_is_one_page_without_scripts(report: dict[str, Any]) -> None:
    page = html(report)
    assert page.count("<svg") >= 2
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "## Goals" in markdown(report)
