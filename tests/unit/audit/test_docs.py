"""docs/ledger.md holds the table of events as the code has it.

``python -m tests.unit.audit.test_docs`` writes it there.
"""

from __future__ import annotations

import re
from pathlib import Path

from govproxy.audit.events import EVENTS

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "ledger.md"
_TABLE = re.compile(r"(<!-- events:.*?-->\n).*?(<!-- /events -->)", re.DOTALL)


def _table() -> str:
    lines = []
    for event in EVENTS:
        lines += [f"### `{event.name}`", "", f"{event.meaning[0].upper()}{event.meaning[1:]}.", ""]
        lines += ["| member | type | meaning |", "|---|---|---|"]
        lines += [f"| `{field.name}` | {field.type} | {field.meaning} |" for field in event.fields]
        lines.append("")
    return "\n" + "\n".join(lines)


def test_the_table_of_events_is_the_codes() -> None:
    text = DOCUMENT.read_text()
    found = _TABLE.search(text)
    assert found is not None
    assert _TABLE.sub(lambda m: m[1] + _table() + m[2], text) == text


if __name__ == "__main__":
    DOCUMENT.write_text(_TABLE.sub(lambda m: m[1] + _table() + m[2], DOCUMENT.read_text()))
