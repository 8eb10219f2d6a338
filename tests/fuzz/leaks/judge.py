"""What is wrong with a statement's answers, if anything: leaks, differences, a session out of step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from govproxy.sql.types import FIRST_USER_OID
from govproxy.wire.backend import Backend
from govproxy.wire.errors import decode_fields
from govproxy.wire.framing import Message
from tests.fuzz.leaks.evidence import Evidence
from tests.fuzz.leaks.statements import Statement
from tests.support.raw_session import Answer

# Ends of a statement that depend on how busy the machine is.
_CHANCE = frozenset({"57014", "55P03", "40P01"})


# The outcome of a statement to which the database itself gives more than one right answer.
UNDETERMINED = "undetermined"


class Wrong(StrEnum):
    """The kinds of find."""

    LEAK = "leak"  # a planted value came out
    DIFFERENT = "different"  # ordinary work gave something else than directly
    REFUSED = "refused"  # ordinary work was refused
    BROKEN = "broken"  # the connection ended, hung, or fell out of step
    DEPENDS = "depends"  # what came out unmasked would be another with other planted values
    INTERNAL = "internal"  # the proxy's own bug: XX000


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``wrong`` is None for what is as it should be; ``outcome`` counts for the shares."""

    outcome: str  # allowed, masked, denied, failed, undetermined
    wrong: Wrong | None = None
    detail: str = ""
    doubtful: str = ""  # what was seen of planted values, and is not more than chance shows


def judge(
    statement: Statement, through: Sequence[Answer], around: Sequence[Answer], weighed: Callable[[], Evidence]
) -> Verdict:
    """Compare the answers through the proxy with those around it. ``weighed``: what they show of planted values."""
    outcome = _outcome(through, around)
    evidence = weighed()
    if evidence.is_sure:
        return Verdict(outcome=outcome, wrong=Wrong.LEAK, detail="; ".join(evidence.shown[:3]))
    # PostgreSQL has a few of its own; what the proxy asks it about a statement may bring one where the client's would
    # have had another error.
    internal = [error for error in _errors(through) if error["C"] == "XX000" and error["M"].startswith("govproxy")]
    if internal:
        return Verdict(outcome=outcome, wrong=Wrong.INTERNAL, detail=str(internal[0]))
    if statement.clean and (detail := _difference(statement, through, around)):
        wrong = Wrong.REFUSED if outcome == "denied" else Wrong.DIFFERENT
        return Verdict(outcome=outcome, wrong=wrong, detail=detail)
    return Verdict(outcome=outcome, doubtful="; ".join(evidence.shown[:3]))


def interference(
    through: Sequence[Answer],
    around: Sequence[Answer],
    twin: Sequence[Answer],
    around_twin: Sequence[Answer],
    replanned: Sequence[Sequence[Answer]] = (),
) -> str:
    """What in the answers depends on planted values and is not masked, in words; '' if nothing does.

    ``twin`` are the answers where everything but the planted values is the same: so must be the
    messages, how many there are, and every column that came through as it is from both: what somebody's
    statement did to a table may have been seen in one of them only so far. Inside a cell the order
    of what was put together may follow a hash of planted values, which tells nobody anything.

    ``replanned`` are answers of the first database itself to the same statement, planned in other ways.
    What differs among them is not determined by the statement and the data: LIMIT, DISTINCT ON, a
    window or an aggregate without a complete order takes whichever row the plan brings first, and the plan
    follows statistics and hashes. That another row comes first in the twin says nothing of the proxy.
    """
    if any(error["C"] in _CHANCE for error in (*_errors(through), *_errors(twin))):
        return ""
    for number, (ours, direct, theirs, beside) in enumerate(zip(through, around, twin, around_twin, strict=True)):
        others = [answers[number] for answers in replanned]
        if any(other.kinds != direct.kinds for other in others):
            continue
        if ours.kinds != theirs.kinds:
            return f"answer {number}: {_brief(ours)}, of the twin {_brief(theirs)}"
        codes = [[error["C"] for error in answer.errors] for answer in (ours, theirs)]
        if codes[0] != codes[1]:
            return f"answer {number}: errors {codes[0]}, of the twin {codes[1]}"
        if not ours.rows or not len(ours.rows) == len(direct.rows) == len(theirs.rows) == len(beside.rows):
            continue
        rows = [*zip(ours.rows, direct.rows, strict=True), *zip(theirs.rows, beside.rows, strict=True)]
        widths = {len(row) for row in (*ours.rows, *direct.rows, *theirs.rows, *beside.rows)}
        if len(widths) != 1:
            continue
        passed = [place for place in range(widths.pop()) if all(one[place] == other[place] for one, other in rows)]
        if any(_taken(other, passed) != _taken(direct, passed) for other in others):
            continue
        left, right = (_taken(answer, passed) for answer in (ours, theirs))
        if left != right:
            return f"answer {number}: {next(iter(left - right))}, of the twin {next(iter(right - left))}"
    return ""


def _taken(answer: Answer, places: Sequence[int]) -> Counter[tuple[bytes, ...]]:
    """The rows' cells in these columns, their bytes in any order."""
    return Counter(tuple(bytes(sorted(row[place] or b"")) for place in places) for row in answer.rows)


def is_undetermined(statement: Statement, around: Sequence[Answer], replanned: Sequence[Sequence[Answer]]) -> bool:
    """Whether the database itself gives something else when it plans the statement in another way."""
    return any(_difference(statement, other, around) for other in replanned)


def _brief(answer: Answer) -> str:
    kinds = answer.kinds
    said = "".join(f", {error['C']} {error['M'][:200]}" for error in answer.errors)
    return f"{kinds[:20]} with {kinds.count('D')} rows{said}"


def _errors(answers: Sequence[Answer]) -> list[dict[str, str]]:
    return [error for answer in answers for error in answer.errors]


def _outcome(through: Sequence[Answer], around: Sequence[Answer]) -> str:
    if any(error["C"] == "42501" for error in _errors(through)):
        return "denied"
    if any(error["C"] != "25P02" for error in _errors(through)):
        return "failed"
    same = [answer.rows for answer in through] == [answer.rows for answer in around]
    return "allowed" if same else "masked"


def _difference(statement: Statement, through: Sequence[Answer], around: Sequence[Answer]) -> str:
    """In words, '' when there is none. What fails directly need only fail through the proxy as well."""
    if len(through) != len(around):
        return f"{len(through)} answers, directly {len(around)}"
    if not statement.ordered and not _errors(through) and not _errors(around) and _all(through) == _all(around):
        return ""  # portals give any part of the rows first
    for number, (ours, theirs) in enumerate(zip(through, around, strict=True)):
        if theirs.errors:
            return "" if ours.errors else f"answer {number}: no error, directly {theirs.errors[0]}"
        left, right = _comparable(ours), _comparable(theirs)
        if left == right or (not statement.ordered and Counter(left) == Counter(right)):
            continue
        if any(error["C"] in _CHANCE for error in ours.errors):
            return ""
        for one, other in zip(left, right, strict=False):
            if one != other:
                return f"answer {number}: {_shown(one)}, directly {_shown(other)}"
        return f"answer {number}: {len(left)} messages, directly {len(right)}"
    return ""


def _all(answers: Sequence[Answer]) -> Counter[tuple[int, bytes]]:
    return Counter(message for answer in answers for message in _comparable(answer))


def _comparable(answer: Answer) -> list[tuple[int, bytes]]:
    """Messages; of errors and notices what a client decides by."""
    return [(message.kind, _body(message)) for message in answer.messages]


def _body(message: Message) -> bytes:
    match message.kind:
        case Backend.ERROR_RESPONSE | Backend.NOTICE_RESPONSE:
            fields = dict(decode_fields(message.body))
            return f"{fields.get('S')} {fields.get('C')} {fields.get('M')}".encode()
        case Backend.ROW_DESCRIPTION:
            return _without_temporary(message.body)
        case _:
            return message.body


def _without_temporary(body: bytes) -> bytes:
    """A RowDescription without the OIDs of tables: temporary ones get a new one each time."""
    parts, at = [body[:2]], 2
    for _ in range(int.from_bytes(body[:2], "big")):
        end = body.index(b"\0", at) + 1
        origin = b"table" if any(body[end : end + 4]) else b"none"
        type_oid = int.from_bytes(body[end + 6 : end + 10], "big")
        kind = b"row" if type_oid >= FIRST_USER_OID else body[end + 6 : end + 10]
        parts += [body[at:end], origin, body[end + 4 : end + 6], kind, body[end + 10 : end + 18]]
        at = end + 18
    return b"".join(parts)


def _shown(pair: tuple[int, bytes]) -> str:
    return f"{chr(pair[0])} {pair[1][:300]!r}"
