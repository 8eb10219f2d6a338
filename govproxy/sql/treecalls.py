"""What functions bring along that a query tree of the database's names: what their bodies read, show and ask.

The tree knows a function by its OID alone. Its body is read by `sql.results`, the one thing that the two opinions
share. PostgreSQL's own functions and those of extensions that only compute bring nothing besides their arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any, NamedTuple

from govproxy.sql import functions
from govproxy.sql.arguments import Asked, is_stand_in
from govproxy.sql.catalog import Catalog, Function
from govproxy.sql.names import is_proven
from govproxy.sql.nodetext import TreeNode
from govproxy.sql.results import Results
from govproxy.sql.scope import Value
from govproxy.sql.types import FIRST_USER_OID
from govproxy.sql.values import UNTRACED, Derivation

Source = tuple[int, int]  # relation OID, attnum

UNKNOWN: Source = (UNTRACED.relation, UNTRACED.attnum)
NOTHING: frozenset[Source] = frozenset()

# Nodes that call a function, with the field that names it; operators have it besides their own OID.
_CALLS = {"FUNCEXPR": "funcid", "AGGREF": "aggfnoid", "WINDOWFUNC": "winfnoid"}
_OPERATORS = frozenset({"OPEXPR", "DISTINCTEXPR", "NULLIFEXPR", "SCALARARRAYOPEXPR"})
_CALLING = _OPERATORS | _CALLS.keys() | {"ROWCOMPAREEXPR", "SORTGROUPCLAUSE"}
_POLICIES = frozenset({"securityQuals", "withCheckOptions"})


class Brought(NamedTuple):
    """What one function's result is made of besides its arguments. ``columns`` where it returns rows whose columns
    are known, in order; ``asked``: the comparisons that a caller takes part in; ``fails``: it may fail by its
    arguments."""

    sources: frozenset[Source]
    columns: tuple[frozenset[Source], ...] | None = None
    asked: frozenset[Asked] = frozenset()
    reads: frozenset[int] = frozenset()
    fails: bool = False


_NOTHING = Brought(NOTHING)
_UNKNOWN = Brought(frozenset({UNKNOWN}))


class TreeCalls:
    """The functions of one catalog. ``given``: OIDs of those that run whoever asks, which bring nothing here."""

    def __init__(self, catalog: Catalog, results: Results, given: Set[int] = frozenset()) -> None:
        self._catalog = catalog
        self._results = results
        self._given = given
        self._known: dict[tuple[int, bool], Brought] = {}

    def without(self, given: Set[int]) -> TreeCalls:
        """The same, where ``given`` bring nothing."""
        return TreeCalls(self._catalog, self._results, given) if given else self

    def of(self, node: TreeNode) -> Brought:
        """What the function that a node calls brings; nothing for other nodes."""
        if node.tag not in _CALLS and node.tag not in _OPERATORS and node.tag != "ROWCOMPAREEXPR":
            return _NOTHING
        found = [self._of(oid, self._computes(node)) for oid in called(node, self._catalog)]
        if len(found) == 1:
            return found[0]
        return Brought(frozenset(source for one in found for source in one.sources)) if found else _NOTHING

    def is_known(self, oid: int) -> bool:
        """Whether it is known what a function does, without anybody having looked for it."""
        if oid in self._given:
            return True
        function = self._catalog.functions.get(oid)
        return function is not None and (_is_harmless(function) or functions.is_taken_at_its_word(function))

    def is_followed(self, oid: int) -> bool:
        """Whether what a function gives can be told."""
        return UNKNOWN not in self._of(oid, False).sources

    def reads(self, oid: int) -> frozenset[int]:
        """The relations that a function's body reads, as far as it can be followed."""
        return self._of(oid, False).reads

    def _of(self, oid: int, computes: bool) -> Brought:
        key = (oid, computes)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._found(oid, computes)
        return known

    def _found(self, oid: int, computes: bool) -> Brought:
        if oid < FIRST_USER_OID or oid in self._given:
            return _NOTHING
        function = self._catalog.functions.get(oid)
        if function is None:
            return _UNKNOWN
        if _is_harmless(function) or (computes and function.extension in functions.COMPUTING_EXTENSIONS):
            return _NOTHING
        try:
            result = self._results.of(function)
        except (RecursionError, LookupError, TypeError, AttributeError, ValueError):
            # Too deep, or a tree of a make never seen: as in `lineage.trace`, nothing of it is understood.
            return _UNKNOWN
        if result is None:
            return _UNKNOWN
        row = result.value.row
        return Brought(
            _sources(result.value),
            None if row is None else tuple(_sources(value) for _, value in row),
            result.asked,
            result.reads,
            result.fails,
        )

    def _computes(self, node: TreeNode) -> bool:
        """Whether it stands for an operator or a cast and not for a call that somebody wrote."""
        return node.tag not in _CALLS or node["funcformat"] in ("1", "2")


def called(node: TreeNode, catalog: Catalog) -> Iterator[int]:
    """OIDs of the functions that one node calls by itself; 0 where that is not known.

    What stands in a view names operators without their functions.
    """
    if node.tag in _CALLS:
        yield node.integer(_CALLS[node.tag])
    elif node.tag in _OPERATORS:
        yield _of_operator(node.integer("opno"), catalog)
    elif node.tag == "ROWCOMPAREEXPR":
        for operator in node.list("opnos"):
            if isinstance(operator, str) and operator.isdigit():
                yield _of_operator(int(operator), catalog)
    elif node.tag == "SORTGROUPCLAUSE":
        for name in ("eqop", "sortop"):
            yield _of_operator(node.integer(name), catalog)


def users(tree: Any, catalog: Catalog) -> tuple[frozenset[int], frozenset[int]]:
    """The functions of somebody's own that a tree calls: all of them, and those that not only row security does."""
    found: set[int] = set()
    guarding: set[int] = set()
    pending: list[Any] = [tree]
    guarded: list[Any] = []
    while pending or guarded:
        ours = bool(pending)
        value = pending.pop() if ours else guarded.pop()
        if isinstance(value, list):
            (pending if ours else guarded).extend(value)
        elif isinstance(value, TreeNode):
            if value.tag in _CALLING:
                (found if ours else guarding).update(called(value, catalog))
            for name, inner in value.fields.items():
                if inner.__class__ is not str and inner is not None:
                    (pending if ours and name not in _POLICIES else guarded).append(inner)
    shown = frozenset(oid for oid in found if oid == 0 or oid >= FIRST_USER_OID)
    return shown.union(oid for oid in guarding if oid == 0 or oid >= FIRST_USER_OID), shown


def argument(node: TreeNode, place: int) -> Any:
    """What a call gives for an argument, counted from 0; None where it leaves it to a default."""
    for at, given in enumerate(node.list("args")):
        if isinstance(given, TreeNode) and given.tag == "NAMEDARGEXPR":
            if given.integer("argnumber") == place:
                return given["arg"]
        elif at == place:
            return given
    return None


def _of_operator(oid: int, catalog: Catalog) -> int:
    """An operator's function: of PostgreSQL's own ones just some that is none of the users'."""
    return 1 if 0 <= oid < FIRST_USER_OID else catalog.operators.get(oid, 0)


def _is_harmless(function: Function) -> bool:
    return is_proven(function, len(function.argument_types))


def _sources(value: Value) -> frozenset[Source]:
    if value.derivation is Derivation.AGGREGATE_SAFE:
        return NOTHING
    if value.derivation is Derivation.OPAQUE:
        return frozenset({UNKNOWN, *((ref.relation, ref.attnum) for ref in value.sources if not is_stand_in(ref))})
    return frozenset((ref.relation, ref.attnum) for ref in value.sources if not is_stand_in(ref))
