"""What decides something in a query tree that the database itself has analysed, and what it stores.

The second opinion on what `sql.comparisons` and `sql.writes` note: WHERE, ON, HAVING, FILTER and CASE,
what sorts, groups and limits, and what bodies of functions compare. Left out is what the asker did not write:
conditions of row security and those inside views. What a computation may fail by, and what is compared
inside the argument of a count, is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from govproxy.sql.arguments import stand_in_place
from govproxy.sql.catalog import ColumnRef
from govproxy.sql.nodetext import TreeNode
from govproxy.sql.origins import EXISTS, RELATION, SELECT, SUBQUERY, Level, Sources
from govproxy.sql.treecalls import Source, TreeCalls, argument
from govproxy.sql.values import Comparison

# Aggregates and window functions that show and compare nothing: count, regr_count, row_number, rank, dense_rank,
# percent_rank, cume_dist, ntile (pg_proc.dat).
_COUNTS = frozenset({2147, 2803, 2818, 3100, 3101, 3102, 3103, 3104, 3105, 3986, 3988, 3990, 3992})

# The built-in operators called "=" (pg_operator.dat); those of extensions and of users are not told apart.
_EQUALITIES = frozenset(
    {
        *(15, 91, 92, 93, 94, 96, 98, 254, 260, 352, 353, 385, 387, 410, 416, 503),
        *(532, 533, 607, 620, 649, 670, 792, 900, 974, 1054, 1070, 1093, 1108, 1120, 1130, 1201),
        *(1220, 1320, 1330, 1500, 1535, 1550, 1616, 1752, 1784, 1804, 1862, 1868, 1955, 2060, 2347, 2360),
        *(2373, 2386, 2536, 2542, 2860, 2972, 2988, 3222, 3240, 3362, 3516, 3629, 3676, 3882, 5068),
    }
)
_FIRST_OTHER = 16_384

_COMPARING = frozenset({"OPEXPR", "DISTINCTEXPR", "NULLIFEXPR", "SCALARARRAYOPEXPR", "ROWCOMPAREEXPR", "NULLTEST",
                        "BOOLEANTEST"})  # fmt: skip
_CASTS = frozenset({"RELABELTYPE", "COERCEVIAIO", "ARRAYCOERCEEXPR", "COERCETODOMAIN", "COLLATEEXPR",
                    "CONVERTROWTYPEEXPR"})  # fmt: skip
_AS_IT_IS = frozenset({"VAR", "FIELDSELECT", "ROWEXPR", "SUBSCRIPTINGREF", "ARRAYREF", "CONST", "PARAM",
                       "CASETESTEXPR"})  # fmt: skip
_UPDATE, _WRITES = "2", frozenset({"2", "3", "5"})  # CmdType: UPDATE, INSERT, MERGE
_NOT_WRITTEN = frozenset({"securityQuals", "withCheckOptions"})


class Deciders:
    """Of one tree: ``plain`` decide as they are, ``computed`` by what is made of them, their order or their groups;
    ``stored`` end in a table."""

    def __init__(
        self,
        query: TreeNode,
        columns: Mapping[int, tuple[int, ...]],
        *,
        on_view: bool = False,
        calls: TreeCalls | None = None,
    ) -> None:
        self._sources = _Compared(columns, calls)
        self._calls = calls
        self.plain: set[Source] = set()
        self.computed: set[Source] = set()
        self.stored: set[Source] = set()
        top = Level(query)
        for level in _levels(top):
            # A view that is written to leaves its own conditions there.
            self._in_query(level, joins=not (on_view and level is top))

    def _in_query(self, level: Level, *, joins: bool) -> None:
        query = level.query
        self._decides(query["havingQual"], level)
        for name in ("limitCount", "limitOffset"):
            self.computed |= self._sources.of(query[name], level)
        for node in _join_nodes(query["jointree"]) if joins else ():
            self._decides(node["quals"], level)
        self._sorted_and_grouped(level)
        for entry in query.list("rtable"):
            if entry.integer("rtekind") == 3:
                for function in entry.list("functions"):
                    expression = function["funcexpr"]
                    if expression.tag != "FUNCEXPR":
                        self.plain |= self._sources.of(expression, level)
                    elif expression["funcretset"] == "true" or expression.integer("funcid") < _FIRST_OTHER:
                        # How many rows come out tells what went in.
                        self.plain |= self._sources.of(expression["args"], level)
        conflict = query["onConflict"]
        if isinstance(conflict, TreeNode):
            self._decides([conflict["arbiterWhere"], conflict["onConflictWhere"]], level)
        for action in query.list("mergeActionList"):
            self._decides(action["qual"], level)
        for node in _own_nodes(query):
            match node.tag:
                case "AGGREF" | "WINDOWFUNC":
                    self._decides(node["aggfilter"], level)
                case "CASEEXPR":
                    self._operand(node["arg"], level)
                case "CASEWHEN":
                    self._decides(node["expr"], level)
                case "FUNCEXPR" if node["funcretset"] == "true":
                    self.plain |= self._sources.of(node["args"], level)
                case _:
                    pass
            self._asked_by_body(node, level)
        if query["commandType"] in _WRITES:
            self._stores(level)

    def _asked_by_body(self, node: TreeNode, level: Level) -> None:
        """What the body of a function compares, with the values that it is called with in place."""
        brought = None if self._calls is None else self._calls.of(node)
        if brought is None or not (brought.asked or brought.fails):
            return
        if brought.fails:
            self.computed |= self._sources.of(node["args"], level)
        for column, kind, partner in brought.asked:
            found: set[Source] = set()
            for ref in (column, partner):
                if ref is not None:
                    found |= self._meant(ref, node, level)
            if kind in (Comparison.EQUALITY, Comparison.JOIN):
                self.plain |= found
            else:
                self.computed |= found

    def _meant(self, ref: ColumnRef, node: TreeNode, level: Level) -> set[Source]:
        """A column that a body names: one of a relation, or an argument, or a field of one."""
        place = stand_in_place(ref)
        if place is None:
            return {(ref.relation, ref.attnum)}
        if node.tag != "FUNCEXPR":
            return self._sources.of(node["args"], level)
        given = argument(node, place)
        if given is None:
            return set()
        return self._sources.of_field(given, ref.attnum, level) if ref.attnum else self._sources.of(given, level)

    def _sorted_and_grouped(self, level: Level) -> None:
        for entry in level.query.list("targetList"):
            if entry.integer("ressortgroupref"):
                self.computed |= self._sources.of(entry["expr"], level)

    def _stores(self, level: Level) -> None:
        query = level.query
        written = [entry for entry in query.list("targetList") if entry["resjunk"] != "true"]
        conflict = query["onConflict"]
        if isinstance(conflict, TreeNode):
            written += conflict.list("onConflictSet")
        for action in query.list("mergeActionList"):
            written += action.list("targetList")
        target = level.entry(query.integer("resultRelation")).integer("relid")
        for entry in written:
            found = self._sources.of(entry["expr"], level)
            # SET home.street = … keeps the rest of home where it was.
            self.stored |= found - {(target, entry.integer("resno"))} if query["commandType"] == _UPDATE else found

    def _decides(self, node: Any, level: Level) -> None:
        """A condition."""
        if isinstance(node, list):
            for item in node:
                self._decides(item, level)
        elif isinstance(node, TreeNode):
            match node.tag:
                case "BOOLEXPR":
                    self._decides(node["args"], level)
                case "SUBLINK":
                    self._decides(node["testexpr"], level)
                    if node.integer("subLinkType") != EXISTS:
                        self._operand(node, level)
                case tag if tag in _COMPARING:
                    equal = _is_equality(node)
                    for name in ("arg", "args", "largs", "rargs"):
                        for operand in _items(node[name]):
                            self._operand(operand, level, equal=equal)
                case _:
                    self._operand(node, level)

    def _operand(self, node: Any, level: Level, *, equal: bool = True) -> None:
        """One side of a comparison; ``equal``: of one that tells no more than that two values are the same."""
        inner = _uncast(node)
        if not isinstance(inner, TreeNode):
            return
        found = self._sources.of(inner, level)
        if equal and (inner.tag in _AS_IT_IS or inner.tag == "SUBLINK"):
            self.plain |= found
        else:
            self.computed |= found


class _Compared(Sources):
    """What a count gives tells nothing of what it counts."""

    def of(self, node: Any, level: Level) -> set[Source]:
        """What feeds an expression."""
        if isinstance(node, TreeNode):
            if node.tag == "AGGREF" and node.integer("aggfnoid") in _COUNTS:
                return set()
            if node.tag == "WINDOWFUNC" and node.integer("winfnoid") in _COUNTS:
                return set()
        return super().of(node, level)


def _is_equality(node: TreeNode) -> bool:
    if node.tag in ("NULLTEST", "BOOLEANTEST"):
        return True
    if node.tag == "ROWCOMPAREEXPR":  # only of < and its kin; rows that are equal are equal field by field
        return False
    operator = node.integer("opno")
    return operator in _EQUALITIES or operator >= _FIRST_OTHER


def _uncast(node: Any) -> Any:
    while isinstance(node, TreeNode):
        if node.tag in _CASTS:
            node = node["arg"]
        elif node.tag == "FUNCEXPR" and node["funcformat"] in ("1", "2") and node.list("args"):
            node = node.list("args")[0]
        else:
            break
    return node


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _levels(level: Level) -> Iterator[Level]:
    """A query and all queries inside it that its writer wrote."""
    yield level
    for name, value in level.query.fields.items():
        if name not in _NOT_WRITTEN:
            yield from _inside(value, level)


def _inside(value: Any, level: Level) -> Iterator[Level]:
    if isinstance(value, list):
        for item in value:
            yield from _inside(item, level)
    elif isinstance(value, TreeNode):
        if value.tag == "QUERY":
            yield from _levels(Level(value, level))
        elif not _is_view(value):
            for name, inner in value.fields.items():
                if name not in _NOT_WRITTEN:
                    yield from _inside(inner, level)


def _is_view(entry: TreeNode) -> bool:
    """Whether a range table's entry is a view that the server has put its query in the place of.

    Until version 15 the view itself stands in that query's range table, but not in its FROM; since 16 the entry
    names it.
    """
    subquery = entry["subquery"]
    if entry.tag != "RANGETBLENTRY" or entry.integer("rtekind") != SUBQUERY or not isinstance(subquery, TreeNode):
        return False
    if entry["relid"] not in (None, "0"):
        return True
    first = next(iter(subquery.list("rtable")), None)
    if not isinstance(first, TreeNode) or first.integer("rtekind") != RELATION or first["relkind"] != "v":
        return False
    return subquery["commandType"] == SELECT and 1 not in set(_from(subquery["jointree"]))


def _from(node: Any) -> Iterator[int]:
    if isinstance(node, list):
        for item in node:
            yield from _from(item)
    elif isinstance(node, TreeNode):
        if node.tag == "RANGETBLREF":
            yield node.integer("rtindex")
        for name in ("fromlist", "larg", "rarg"):
            yield from _from(node[name])


def _join_nodes(node: Any) -> Iterator[TreeNode]:
    if isinstance(node, list):
        for item in node:
            yield from _join_nodes(item)
    elif isinstance(node, TreeNode) and node.tag in ("FROMEXPR", "JOINEXPR"):
        yield node
        for name in ("fromlist", "larg", "rarg"):
            yield from _join_nodes(node[name])


def _own_nodes(query: TreeNode) -> Iterator[TreeNode]:
    """The nodes of a query, those of queries inside it and of row security left out."""
    pending: list[Any] = [value for name, value in query.fields.items() if name not in _NOT_WRITTEN]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, TreeNode) and value.tag != "QUERY":
            yield value
            pending.extend(inner for name, inner in value.fields.items() if name not in _NOT_WRITTEN)
