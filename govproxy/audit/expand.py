"""Makes statement lines whole again that name another line (``like``) for what is the same in both.

A segment has what one verdict says in full once; each later line of that verdict has the id of the
line that does. Both stand in one segment, the full one first, so this needs nothing but the file.
Knows the form of lines, not what is in them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import orjson

LIKE = "like"
# What a line takes from the one it names. ``sql_hash`` is on the line itself where it is another.
SHARED = frozenset(
    {
        "sql_hash",
        "decision",
        "rules",
        "shadow",
        "masks",
        "translated",
        "lineage_added",
        "policy_version",
        "sql",
        "sql_size",
        "digest",
        "effects",
        "tables",
        "columns",
    }
)
_STATEMENT = b'{"event":"statement","id":"'
# Inside a JSON string a quote has a backslash before it, so this occurs as a member only.
_LIKE_MEMBER = b',"like":"'
_PARSED = 1024


class Expander:
    """The full statement lines of one segment, by id. Feed it every line that is read of it.

    Keeps an offset for each full line and the members of those used last. Who begins to read in
    the middle needs nothing else: what stands before is looked through when a line asks for it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offsets: dict[str, int] = {}
        self._members: OrderedDict[str, Mapping[str, object]] = OrderedDict()
        self._looked_through_to = 0

    def whole(self, event: Mapping[str, object], offset: int) -> Mapping[str, object]:
        """``event``, the line at ``offset``, with the members it shares.

        A line that names one which is not before it stays as it is, ``like`` included.
        """
        if event.get("event") != "statement":
            return event
        name = event.get(LIKE)
        if name is None:
            self._note(event.get("id"), offset)
            return event
        shared = self._shared_by(name, offset) if isinstance(name, str) else None
        if shared is None:
            return event
        own = {key: value for key, value in event.items() if key != LIKE}
        return own | {key: value for key, value in shared.items() if key not in own}

    def _note(self, name: object, offset: int) -> None:
        if isinstance(name, str):
            self._offsets.setdefault(name, offset)

    def _shared_by(self, name: str, before: int) -> Mapping[str, object] | None:
        if (known := self._members.get(name)) is not None:
            self._members.move_to_end(name)
            return known
        if name not in self._offsets:
            self._look_through(before)
        offset = self._offsets.get(name, before)
        if offset >= before:
            return None
        with self._path.open("rb") as file:
            file.seek(offset)
            line = _object(file.readline())
        shared = {key: value for key, value in line.items() if key in SHARED}
        self._members[name] = shared
        if len(self._members) > _PARSED:
            self._members.popitem(last=False)
        return shared

    def _look_through(self, stop: int) -> None:
        with self._path.open("rb") as file:
            offset = file.seek(self._looked_through_to)
            while offset < stop and (line := file.readline()):
                if line.startswith(_STATEMENT) and _LIKE_MEMBER not in line:
                    name = line[len(_STATEMENT) : line.find(b'"', len(_STATEMENT))]
                    self._note(name.decode("ascii", "replace"), offset)
                offset += len(line)
        self._looked_through_to = max(self._looked_through_to, stop)


def _object(line: bytes) -> Mapping[str, object]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
