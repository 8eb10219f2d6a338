"""Which of several routines of one name a call may mean, and which argument ends where.

By number and names of arguments and by types that are known for certain; where that leaves several,
any of them may be meant. Knows nothing of bodies.

Security: a routine is left out only where the server cannot choose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from govproxy.sql.catalog import Function
from govproxy.sql.names import SYSTEM_SCHEMAS
from govproxy.sql.scope import Value
from govproxy.sql.types import FIRST_USER_OID, PSEUDO_TYPES

_GOES_IN = frozenset("ibv")


class Given(NamedTuple):
    """One argument of a call. ``fixed``: the same for every row, written in the statement; ``type``: None for an
    untyped literal, 0 where it is not known; ``name``: where it is given by name."""

    value: Value
    fixed: bool = False
    type: int | None = 0
    name: str = ""


Slots = list[list[Given]]


def fitting(candidates: Sequence[Function], given: Sequence[Given], *, spread: bool) -> tuple[Function, ...]:
    """Those that a call can mean. ``spread``: VARIADIC is written before its last argument."""
    slots = {
        routine.oid: found for routine in candidates if (found := placed(routine, given, spread=spread)) is not None
    }
    fits = [routine for routine in candidates if routine.oid in slots or not _is_own(routine)]
    if any(routine.oid in slots and _is_exact(routine, slots[routine.oid]) for routine in fits):
        fits = [
            routine
            for routine in fits
            if not _is_own(routine) or not _is_passed_over(routine, slots.get(routine.oid, []))
        ]
    return tuple(fits)


def placed(routine: Function, given: Sequence[Given], *, spread: bool) -> Slots | None:
    """What goes into each argument: nothing where its default does, several things where they make an array.

    None where the routine does not take such a call.
    """
    count = len(routine.argument_types)
    taking = [place for place, mode in enumerate(routine.argument_modes or "i" * count) if mode in _GOES_IN]
    if len(taking) != count:
        raise ValueError("a routine whose arguments are not known")
    names = [routine.argument_names[place] if place < len(routine.argument_names) else "" for place in taking]
    gathers = "v" in routine.argument_modes and not spread
    slots: Slots = [[] for _ in range(count)]
    for place, one in enumerate(given):
        if one.name:
            if one.name not in names or slots[names.index(one.name)]:
                return None
            slots[names.index(one.name)].append(one)
        elif place < count:
            slots[place].append(one)
        elif gathers:
            slots[-1].append(one)
        else:
            return None
    return slots if all(slots[: count - routine.optional]) else None


def _is_exact(routine: Function, slots: Slots) -> bool:
    """Whether every argument is of the very type that the routine declares."""
    return all(
        [one.type for one in slot] == [declared]
        for slot, declared in zip(slots, routine.argument_types, strict=True)
        if slot
    ) and any(slots)


def _is_passed_over(routine: Function, slots: Slots) -> bool:
    """Whether some argument is of another built-in type than the routine declares.

    A domain and a polymorphic type may be what a value really is.
    """
    return any(
        one.type is not None and one.type != declared < FIRST_USER_OID and declared not in PSEUDO_TYPES
        for slot, declared in zip(slots, routine.argument_types, strict=False)
        for one in slot
    )


def _is_own(routine: Function) -> bool:
    return routine.schema not in SYSTEM_SCHEMAS or routine.oid >= FIRST_USER_OID
