"""The in-process figures of the report, picked out of what pytest-benchmark wrote.

``make bench`` runs the pytest-benchmark files first, into ``bench/out/benchmark.json``. Each file puts its figures
into ``extra_info``; which of them answers which row of the targets, and which is told beside them, stands here.
"""

from __future__ import annotations

import json
from pathlib import Path

# Row of the table of targets: (benchmark, entry of its extra_info). Of two ways to hit, the dearer.
SOURCES: dict[str, tuple[str, str]] = {
    "verdict-lookup": ("test_folded[point select]", "us_per_lookup"),
    "miss-three-joins": ("test_miss[three joins]", "us_per_miss"),
    "mask-2-of-10": ("test_rows[partial and constant 2 of 10]", "ns_per_row"),
    "scan-clean": ("test_rows[scan clean text columns]", "gb_per_s"),
    "ff1-batched": ("test_rows_of_sixteen_digits", "ns_per_value"),
    "ff1-single": ("test_single", "us_per_value"),
    "ledger-statement": ("test_append_and_write_to_a_file", "us_per_statement"),
}

# Told without a goal: (benchmark, entry of its extra_info, text, unit).
TOLD: dict[str, tuple[str, str, str, str]] = {
    "ledger-events": ("test_events_per_second_with_the_thread_sealing", "events_per_s", "events, sealed beside", "/s"),
    "ledger-append": ("test_append_statement", "us_per_event", "a statement's line", "µs"),
    "ledger-append-bytes": ("test_append_statement", "bytes_per_event", "a statement's line", "bytes"),
    "ledger-first-bytes": (
        "test_append_statement_in_full",
        "bytes_per_event",
        "the same, its verdict's first in a segment",
        "bytes",
    ),
    "ledger-outcome": ("test_append_outcome", "us_per_event", "an outcome's line", "µs"),
    "ledger-outcome-bytes": ("test_append_outcome", "bytes_per_event", "an outcome's line", "bytes"),
    "ledger-verify": ("test_verify_speed", "events_per_s", "events verified", "/s"),
}


def read(path: Path, commit: str) -> dict[str, float]:
    """Figures by the row's key; none when there is no file or it is of another commit."""
    if not path.exists():
        return {}
    content = json.loads(path.read_text())
    if str((content.get("commit_info") or {}).get("id") or "") != commit:
        return {}
    found = {benchmark["name"]: benchmark["extra_info"] for benchmark in content["benchmarks"]}
    wanted = SOURCES | {key: (name, entry) for key, (name, entry, _, _) in TOLD.items()}
    return {key: float(found[name][entry]) for key, (name, entry) in wanted.items() if entry in found.get(name, {})}
