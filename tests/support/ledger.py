"""The ledger of a running proxy, read on from where the last look ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from govproxy.audit.expand import Expander
from govproxy.audit.read import read_segment

Event = dict[str, Any]


@dataclass(slots=True)
class _Segment:
    expander: Expander
    offset: int = 0
    events: list[Event] = field(default_factory=list)


class LedgerTail:
    """Every line below a folder, each read once however often somebody looks.

    ``lines`` has those with a number of their own by kind and number, as far as has been read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segments: dict[Path, _Segment] = {}
        self.lines: dict[str, dict[str, Event]] = {"statement": {}, "outcome": {}}

    def events(self) -> list[Event]:
        """All lines that are there by now, in the order of their times."""
        self._read_on()
        lines = [event for segment in self._segments.values() for event in segment.events]
        return sorted(lines, key=lambda line: str(line.get("time", "")))

    def read(self) -> dict[str, dict[str, Event]]:
        """``lines`` as they are by now."""
        self._read_on()
        return self.lines

    def event(self, kind: str, number: str) -> Event | None:
        """The ``statement`` or ``outcome`` of that id, if it is there by now."""
        if number not in self.lines[kind]:
            self._read_on()
        return self.lines[kind].get(number)

    def _read_on(self) -> None:
        for path in sorted(self._folder.rglob("*.jsonl")):
            segment = self._segments.setdefault(path, _Segment(Expander(path)))
            for entry in read_segment(path, segment.offset, segment.expander):
                event = dict(entry.event)
                segment.offset = entry.offset + len(entry.raw) + 1
                segment.events.append(event)
                if entry.kind in self.lines:
                    self.lines[entry.kind][str(event["id"])] = event
