"""Everything the quality bench measures, as one JSON value, and what it is held to.

Goals are those set beforehand; ``must`` is the floor that CI holds (``tests/unit/bench/test_quality.py``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.quality import people, texts
from bench.quality.columns import Judged, generated, judge, schema
from bench.quality.kinds import KINDS, STYLES
from bench.quality.negatives import NEGATIVES
from bench.quality.score import MENTIONS, confusion, per_class, score, value_alarms, value_recall

SEED = 20_261_122
VALUES = 200
SCHEMAS = Path(__file__).with_name("schemas")
KNOWN = Path(__file__).parents[2] / "tests" / "unit" / "masking" / "columns.tsv"

# goal: text, what is measured, at least this
GOALS: tuple[tuple[str, str, float], ...] = (
    ("shaped kinds, any name: recall", "generated/shaped/recall", 0.98),
    ("shaped kinds, any name: precision", "generated/shaped/precision", 0.97),
    ("shaped kinds under meaningless names: recall", "generated/shaped meaningless/recall", 0.98),
    ("other kinds, meaningful names: recall", "generated/named/recall", 0.92),
    ("other kinds, meaningful names: precision", "generated/named/precision", 0.90),
    ("tables of meaningless names, about people or not: recall", "people/recall", 0.92),
    ("tables of meaningless names, about people or not: precision", "people/precision", 0.90),
    ("names of schemas the words were learned from: recall", "schemas/columns/recall", 0.97),
    ("names of schemas the words were learned from: precision", "schemas/columns/precision", 0.97),
    ("names of schemas held out: recall", "schemas/held_out/recall", 0.90),
    ("names of schemas held out: precision", "schemas/held_out/precision", 0.90),
)


def run(*, values: int = VALUES, seed: int = SEED, scanned: int = 20_000, paths: Sequence[Path] = ()) -> dict[str, Any]:
    """The whole report. ``scanned``: values per kind for the scan of rows; 0 leaves that out."""
    began = time.perf_counter()
    columns = judge(generated(values, seed))
    report: dict[str, Any] = {
        "kinds": len(KINDS),
        "hard_negatives": len(NEGATIVES),
        "styles": list(STYLES),
        "values_per_column": values,
        "seed": seed,
        "generated": _generated(columns),
        "people": _people(judge(people.tables(values, seed), together=True)),
        "schemas": {path.stem: _schema(path) for path in (KNOWN, *sorted(SCHEMAS.glob("*.tsv")))},
        "texts": {path.name: texts.text_set(path) for path in paths},
    }
    if scanned:
        report["value_alarms"] = value_alarms(scanned, seed)
        report["value_recall"] = value_recall(max(scanned // 10, 1), seed)
        report["scanned_per_kind"] = scanned
    report["goals"] = [_goal(report, *goal) for goal in GOALS]
    report["seconds"] = round(time.perf_counter() - began, 1)
    return report


def _goal(report: dict[str, Any], text: str, path: str, least: float) -> dict[str, Any]:
    value: Any = report
    for part in path.split("/"):
        value = value[part]
    return {"goal": text, "least": least, "measured": value, "met": value >= least}


def _generated(columns: Sequence[Judged]) -> dict[str, Any]:
    clean = [one for one in columns if not one.labelled.expected]
    shaped = [one for one in columns if one.labelled.shaped]
    named = [one for one in columns if one.labelled.expected and not one.labelled.shaped]
    told = [one for one in named if one.labelled.style != "meaningless"]
    found = {
        "shaped": score([*shaped, *clean]).as_json(),
        "shaped meaningless": score(
            [one for one in [*shaped, *clean] if one.labelled.style == "meaningless"]
        ).as_json(),
        "named": score([*told, *clean]).as_json(),
        "named meaningless": score([one for one in named if one.labelled.style == "meaningless"]).as_json(),
    }
    return {
        **found,
        "styles": {
            style: score([one for one in [*shaped, *told, *clean] if one.labelled.style == style]).as_json()
            for style in STYLES
        },
        "classes": per_class([*shaped, *told, *clean]),
        "confusion": confusion([*shaped, *told, *clean]),
        "mistakes": [_mistake(one) for one in [*shaped, *told, *clean] if not _is_right(one)],
        "not_found_without_a_name": sorted(
            {one.labelled.kind for one in named if one.labelled.style == "meaningless" and not one.found}
        ),
    }


def _people(columns: Sequence[Judged]) -> dict[str, Any]:
    missed = sorted({one.labelled.kind for one in columns if not _is_right(one)})
    return {**score(columns).as_json(), "columns": len(columns), "mistaken_kinds": missed}


def _schema(path: Path) -> dict[str, Any]:
    columns = judge(schema(path), together=True)
    # Security of the measure: what is held out is counted and not listed, so that nobody learns from it.
    listed = {} if path.stem == "held_out" else {"mistakes": [_mistake(one) for one in columns if not _is_right(one)]}
    return {**score(columns).as_json(), "columns": len(columns), "classes": per_class(columns), **listed}


def _is_right(one: Judged) -> bool:
    if "-" in one.labelled.expected and not one.found:
        return True
    return one.found in (one.labelled.expected or ("", MENTIONS))


def _mistake(one: Judged) -> dict[str, str]:
    return {
        "table": one.labelled.table,
        "column": one.labelled.column,
        "kind": one.labelled.kind,
        "label": "|".join(sorted(one.labelled.expected)),
        "found": one.found,
        "reason": one.reason,
    }
