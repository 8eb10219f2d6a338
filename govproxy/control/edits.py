"""Notices that configuration or policy files were changed, however an editor or a volume does it.

Watches the folders, not the files: editors replace a file by renaming another, and mounted volumes
swap a link. What counts is the content, so that touching a file changes nothing. Knows nothing of
what the files mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from watchfiles import awatch

QUIET_MS = 200  # an editor's several steps are one edit
CHECK_MS = 2_000  # how long the watcher's thread outlives whoever stopped listening


async def edits(files: Iterable[Path]) -> AsyncIterator[None]:
    """Once for each time that the content of any of ``files`` is another than before."""
    watched = [file.absolute() for file in files]
    seen = _content(watched)
    folders = {file.parent for file in watched if file.parent.is_dir()}
    async for _ in awatch(*folders, recursive=False, step=QUIET_MS, rust_timeout=CHECK_MS):
        found = _content(watched)
        if found != seen:
            seen = found
            yield


def _content(files: Iterable[Path]) -> list[str]:
    return [hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "" for file in files]
