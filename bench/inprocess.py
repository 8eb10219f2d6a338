"""The figures of DESIGN's in-process rows, picked out of what pytest-benchmark wrote.

``make bench`` runs the pytest-benchmark files first, into ``bench/out/benchmark.json``. Each file puts its figures
into ``extra_info``; which of them answers which row stands here.
"""

from __future__ import annotations

import json
from pathlib import Path

# Row of the table: (benchmark, entry of its extra_info). Of two ways to hit, the dearer.
SOURCES: dict[str, tuple[str, str]] = {
    "verdict-lookup": ("test_folded[point select]", "us_per_lookup"),
    "miss-three-joins": ("test_miss[three joins]", "us_per_miss"),
    "mask-2-of-10": ("test_rows[partial and constant 2 of 10]", "ns_per_row"),
    "scan-clean": ("test_rows[scan clean text columns]", "gb_per_s"),
    "ff1-batched": ("test_rows_of_sixteen_digits", "ns_per_value"),
    "ff1-single": ("test_single", "us_per_value"),
}


def read(path: Path, commit: str) -> dict[str, float]:
    """Figures by the row's key; none when there is no file or it is of another commit."""
    if not path.exists():
        return {}
    content = json.loads(path.read_text())
    if str((content.get("commit_info") or {}).get("id") or "") != commit:
        return {}
    found = {benchmark["name"]: benchmark["extra_info"] for benchmark in content["benchmarks"]}
    return {key: float(found[name][entry]) for key, (name, entry) in SOURCES.items() if entry in found.get(name, {})}
