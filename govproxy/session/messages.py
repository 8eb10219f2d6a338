"""Errors and notices for identities that are masked: everything in them may be data.

A message from the database quotes values in its text, detail, hint and context: a failed cast
prints what it could not cast, a violated constraint the key, RAISE whatever its author liked.
So where sensitive data was within reach, a message is rebuilt from its SQLSTATE; only what
cannot hold a value stays.
"""

from __future__ import annotations

from collections.abc import Callable

from govproxy._fastpath.detectors import mask_text, may_contain
from govproxy.wire.cursor import Reader

# Severity, its unlocalised form, the code, and the place in the client's own text.
KEPT = frozenset("SVCP")
GENERIC_NOTICE = "the database sent a notice that may hold sensitive data; its text is withheld"
WITHHELD = "the text of this error may hold sensitive data and is withheld"

# First line per SQLSTATE, then per class (two characters).
TEXTS = {
    "22P02": "a value has the wrong form for its type",
    "22003": "a number is out of range",
    "22007": "a date or time has the wrong form",
    "22008": "a date or time is out of range",
    "22012": "division by zero",
    "22001": "a value is too long for its type",
    "23502": "a required value is missing",
    "23503": "a foreign key is violated",
    "23505": "a unique constraint is violated",
    "23514": "a check constraint is violated",
    "25P02": "current transaction is aborted, commands ignored until end of transaction block",
    "40001": "could not serialize access; try the transaction again",
    "40P01": "deadlock detected; try the transaction again",
    "42501": "permission denied",
    "53300": "too many connections",
    "55P03": "could not obtain a lock",
    "57014": "canceling statement due to user request or timeout",
    "57P01": "terminating connection due to administrator command",
    "22": "a value is not acceptable",
    "23": "an integrity constraint is violated",
    "25": "the transaction is in the wrong state for this",
    "40": "the transaction was rolled back",
    "42": "the statement refers to something that does not fit",
    "53": "the database is short of resources",
    "57": "the database operator intervened",
    "P0": "a function raised an error",
    "XX": "the database reports an internal error",
}


def rebuild(payload: bytes, *, at_parse: bool, original_position: Callable[[int], int] | None = None) -> bytes:
    """The fields of an ErrorResponse or NoticeResponse without anything that may be a value.

    An error found before anything ran (``at_parse``, or a syntax or name error that points at a
    place in the client's own text) can only quote that text, and stays readable. Where another text
    was sent than the client's, ``original_position`` gives the place in the client's.
    """
    fields = fields_of(payload)
    if original_position is not None and fields.get("P", b"").isdigit():
        fields["P"] = str(original_position(int(fields["P"]))).encode()
    code = fields.get("C", b"XX000").decode("ascii", "replace")
    # What fails while it runs points nowhere; and a literal may be one that the proxy put in.
    pointing = ("42", "22") if original_position is None else ("42",)
    if at_parse or (code[:2] in pointing and "P" in fields and fields.keys().isdisjoint("Wqp")):
        kept = {letter: value for letter, value in fields.items() if letter in KEPT or letter in "MH"}
    else:
        kept = {letter: value for letter, value in fields.items() if letter in KEPT}
        kept["M"] = _text(code).encode()
        kept["D"] = (GENERIC_NOTICE if code.startswith("0") else WITHHELD).encode()
    return b"".join(letter.encode() + value + b"\0" for letter, value in kept.items()) + b"\0"


def scanned(payload: bytes) -> bytes:
    """The same message with what looks like a card, an address, a token … masked in each field.

    Security: a message may quote any value, and values of columns that hold nothing sensitive are looked
    at on their way out as well.
    """
    if not may_contain(payload):
        return payload
    fields = fields_of(payload)
    return b"".join(letter.encode() + mask_text(value) + b"\0" for letter, value in fields.items()) + b"\0"


def elsewhere(payload: bytes, *, tainted: bool) -> bytes:
    """A whole ErrorResponse for a statement around the one that failed: its places mean nothing there."""
    fields = fields_of(rebuild(payload, at_parse=True) if tainted else payload)
    kept = b"".join(letter.encode() + value + b"\0" for letter, value in fields.items() if letter not in "Ppq")
    return b"E" + (len(kept) + 5).to_bytes(4, "big") + kept + b"\0"


def instead(payload: bytes, *, tainted: bool, prefix: int) -> bytes:
    """A whole ErrorResponse for a message from that of a question about its text, in which ``prefix``
    characters stood before it."""
    fields = fields_of(rebuild(payload, at_parse=True) if tainted else payload)
    place = fields.get("P", b"")
    if place.isdigit():
        fields["P"] = str(max(int(place) - prefix, 1)).encode()
    kept = b"".join(letter.encode() + value + b"\0" for letter, value in fields.items())
    return b"E" + (len(kept) + 5).to_bytes(4, "big") + kept + b"\0"


def without_payload(payload: bytes) -> bytes:
    """A NotificationResponse that says who notified on which channel and nothing else."""
    reader = Reader(payload)
    pid = reader.take(4)
    channel = reader.cstring()
    return pid + channel + b"\0\0"


def _text(code: str) -> str:
    notice = "the database sent a notice" if code[:2] in ("00", "01", "02") else None
    return TEXTS.get(code) or TEXTS.get(code[:2]) or notice or "the database refused the statement"


def fields_of(payload: bytes) -> dict[str, bytes]:
    """The fields of an ErrorResponse or NoticeResponse by their letters."""
    reader = Reader(payload)
    fields: dict[str, bytes] = {}
    while letter := reader.byte():
        fields[chr(letter)] = reader.cstring()
    return fields
