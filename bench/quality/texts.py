"""Public sets of labelled texts, when their files are given by path: spans found by value alone.

Reads JSON lists of ``{"full_text", "spans": [{"entity_type", "start_position", "end_position"}]}``, the form of
the presidio-research sets. A hit is any overlap with a labelled span.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from govproxy._fastpath import detectors

# Their names for what the scan calls otherwise.
_ENTITIES = {
    "CREDIT_CARD": "card",
    "EMAIL_ADDRESS": "email",
    "EMAIL": "email",
    "IBAN_CODE": "iban",
    "IBAN": "iban",
    "PHONE_NUMBER": "phone",
}


def text_set(path: Path) -> dict[str, Any]:
    """Precision and recall of each kind the scan knows, over one file. Raises ValueError for another form."""
    documents = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(documents, list) or not all(_is_labelled(document) for document in documents):
        raise ValueError(f"{path}: not a list of texts with their spans")
    there = dict.fromkeys(sorted(set(_ENTITIES.values())), 0)
    seen, found, right = dict(there), dict(there), dict(there)
    for document in documents:
        text = document["full_text"]
        spans = [
            (_ENTITIES[span["entity_type"]], span["start_position"], span["end_position"])
            for span in document["spans"]
            if span["entity_type"] in _ENTITIES
        ]
        hits = [(name, *_characters(text, start, end)) for name, start, end in detectors.scan(text.encode())]
        for name, start, end in spans:
            there[name] += 1
            seen[name] += any(hit[0] == name and hit[1] < end and start < hit[2] for hit in hits)
        for name, start, end in hits:
            if name in found:
                found[name] += 1
                right[name] += any(span[0] == name and start < span[2] and span[1] < end for span in spans)
    return {
        name: {
            "spans": there[name],
            "precision": round(right[name] / found[name], 4) if found[name] else 1.0,
            "recall": round(seen[name] / there[name], 4) if there[name] else 1.0,
        }
        for name in there
        if there[name] or found[name]
    }


def _is_labelled(document: object) -> bool:
    return isinstance(document, dict) and isinstance(document.get("full_text"), str) and "spans" in document


def _characters(text: str, start: int, end: int) -> tuple[int, int]:
    """Offsets in bytes as offsets in characters."""
    raw = text.encode()
    return len(raw[:start].decode(errors="ignore")), len(raw[:end].decode(errors="ignore"))
