"""Which base columns feed each output of a query tree that the database itself has analysed.

The second opinion on `sql.lineage`: names, stars, views, overloads and casts are resolved by the
server; here only its references are followed. Shares no code with tracing but what reads bodies of functions
(`sql.treecalls`).

Errs on one side: what is not known how to follow raises `UnreadableTree`, what is computed comes
from everything in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from govproxy.sql.nodetext import TreeNode, UnreadableTree
from govproxy.sql.treecalls import Source, TreeCalls

MAX_STEPS = 200_000  # a tree of CTEs that name each other twice would take for ever

RELATION, SUBQUERY, CTE = 0, 1, 6  # RTEKind
EXISTS = 0  # SubLinkType
SELECT = "1"  # CmdType
UNNEST = 2331  # unnest(anyarray), pg_proc.dat


@dataclass(frozen=True, slots=True)
class Level:
    """A query with the ones around it."""

    query: TreeNode
    outer: Level | None = None

    def up(self, levels: int) -> Level:
        """The level that ``varlevelsup`` means. Raises `UnreadableTree` where there is none."""
        level = self
        for _ in range(levels):
            if level.outer is None:
                raise UnreadableTree("a reference out of the query")
            level = level.outer
        return level

    def entry(self, index: int) -> TreeNode:
        """The range table's n-th entry, from 1."""
        found = nth(self.query.list("rtable"), index)
        if not isinstance(found, TreeNode):
            raise UnreadableTree("a range table of something else")
        return found


class Sources:
    """Resolves the references of one tree. ``columns`` gives a relation's attnums, for whole rows; ``calls`` what
    functions bring besides their arguments, nothing where it is missing."""

    def __init__(self, columns: Mapping[int, tuple[int, ...]], calls: TreeCalls | None = None) -> None:
        self._columns = columns
        self._calls = calls
        self._open: set[tuple[int, int]] = set()
        self._known: dict[tuple[int, int], set[Source]] = {}
        self._cut = False  # something under way was left out, because it is being found out already
        self._steps = 0

    def of_output(self, level: Level, place: int) -> set[Source]:
        """What feeds the output with that ``resno`` of a query."""
        key = (id(level.query), place)
        if key in self._known:
            return self._known[key]
        if key in self._open:  # a recursive CTE asks for itself
            self._cut = True
            return set()
        self._open.add(key)
        try:
            operations = level.query["setOperations"]
            if operations is not None:
                found = {s for leaf in _leaves(operations) for s in self.of_entry(level, leaf, place)}
            else:
                found = self.of(_output(level.query, place)["expr"], level)
        finally:
            self._open.discard(key)
        if not self._open:
            self._cut = False
        if not self._cut:
            self._known[key] = found
        return found

    def of(self, node: Any, level: Level) -> set[Source]:
        """What feeds an expression."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise UnreadableTree("too large")
        if isinstance(node, list):
            return {source for item in node for source in self.of(item, level)}
        if not isinstance(node, TreeNode):
            return set()
        match node.tag:
            case "VAR":
                at = level.up(node.integer("varlevelsup"))
                return self.of_entry(at, node.integer("varno"), node.integer("varattno"))
            case "SUBLINK":
                return self._of_sublink(node, level)
            case "AGGREF" | "WINDOWFUNC":
                shown = [a for a in node.list("args") if not (isinstance(a, TreeNode) and a["resjunk"] == "true")]
                return self.of(shown, level) | self.of(node["aggdirectargs"], level) | self._brought(node)
            case "FIELDSELECT":
                return self.of_field(node["arg"], node.integer("fieldnum"), level)
            case "QUERY":
                raise UnreadableTree("a query where none is expected")
            case _:
                found = {source for value in node.fields.values() for source in self.of(value, level)}
                return found | self._brought(node)

    def _brought(self, node: TreeNode, place: int = 0) -> frozenset[Source]:
        """What the function that a node calls brings: in one of its columns, or in all of them."""
        if self._calls is None:
            return frozenset()
        brought = self._calls.of(node)
        if place == 0 or brought.columns is None or place > len(brought.columns):
            return brought.sources
        return brought.columns[place - 1]

    def of_entry(self, level: Level, index: int, place: int) -> set[Source]:
        """What feeds a column (0: all of them) of a range table's entry."""
        entry = level.entry(index)
        match entry.integer("rtekind"):
            case 0:
                oid = entry.integer("relid")
                return {(oid, attnum) for attnum in self._columns.get(oid, (0,))} if place == 0 else {(oid, place)}
            case 1:
                return self.of_query(Level(query_in(entry, "subquery"), level), place)
            case 2:
                aliases = entry.list("joinaliasvars")
                return self.of(aliases if place == 0 else nth(aliases, place), level)
            case 3:
                return self._of_functions(entry, place, level)
            case 4 | 5:  # whatever goes in may come out of any column
                return {s for name in ("values_lists", "tablefunc") for s in self.of(entry[name], level)}
            case 6:
                return self.of_query(cte(entry, level), place)
            case 8:
                return set()
            case 9:
                return self.of(nth(entry.list("groupexprs"), place), level)
            case kind:
                raise UnreadableTree(f"a range table entry of kind {kind}")

    def _of_sublink(self, node: TreeNode, level: Level) -> set[Source]:
        found = self.of(node["testexpr"], level)
        if node.integer("subLinkType") == EXISTS:  # shows nothing
            return found
        return found | self.of_query(Level(query_in(node, "subselect"), level), 0)

    def of_field(self, node: Any, place: int, level: Level) -> set[Source]:
        """One field of a composite expression, where it can be followed; else all of it."""
        if not isinstance(node, TreeNode):
            raise UnreadableTree("a field of nothing")
        if node.tag == "ROWEXPR":
            return self.of(nth(node.list("args"), place), level)
        if node.tag == "ARRAYEXPR":
            return {s for element in node.list("elements") for s in self.of_field(element, place, level)}
        if node.tag == "FUNCEXPR":
            return self.of(node.list("args"), level) | self._brought(node, place)
        if node.tag != "VAR":
            return self.of(node, level)
        at = level.up(node.integer("varlevelsup"))
        entry, attnum = at.entry(node.integer("varno")), node.integer("varattno")
        kind = entry.integer("rtekind")
        if kind == RELATION and attnum == 0:
            return {(entry.integer("relid"), place)}
        if kind not in (SUBQUERY, CTE):
            return self.of(node, level)
        inside = Level(query_in(entry, "subquery"), at) if kind == SUBQUERY else cte(entry, at)
        if attnum == 0:
            return self.of_query(inside, place)
        if inside.query["setOperations"] is not None:
            return self.of_output(inside, attnum)
        return self.of_field(_output(inside.query, attnum)["expr"], place, inside)

    def _of_functions(self, entry: TreeNode, place: int, level: Level) -> set[Source]:
        """One column of functions in FROM: it comes from the function that has it."""
        before = 0
        for function in entry.list("functions"):
            count = function.integer("funccolcount")
            if before < place <= before + count:
                expression = function["funcexpr"]
                if count == 1 or expression.tag != "FUNCEXPR":
                    return self.of(expression, level)
                if expression.integer("funcid") == UNNEST:
                    argument = nth(expression.list("args"), 1)
                    if isinstance(argument, TreeNode) and argument.tag == "ARRAYEXPR":
                        return self.of_field(argument, place - before, level)
                return self.of_field(expression, place - before, level)
            before += count
        return set() if place else self.of(entry["functions"], level)

    def of_query(self, inside: Level, place: int) -> set[Source]:
        places = [entry.integer("resno") for entry in shown(inside.query)] if place == 0 else [place]
        return {s for one in places for s in self.of_output(inside, one)}


def outputs(query: TreeNode) -> list[TreeNode]:
    """The entries a query returns, hidden ones included: its RETURNING list where it has one."""
    return query.list("returningList") or (query.list("targetList") if query["commandType"] == SELECT else [])


def shown(query: TreeNode) -> list[TreeNode]:
    """The entries a query returns to whoever asks it."""
    return [entry for entry in outputs(query) if entry["resjunk"] != "true"]


def relations(tree: Any, *, policies: bool = True) -> set[int]:
    """OIDs of all relations a tree reads or writes, or of those that not only row security (``policies``) reads."""
    found: set[int] = set()
    pending = [tree]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, TreeNode):
            if value.tag == "RANGETBLENTRY" and value.integer("rtekind") == RELATION:
                found.add(value.integer("relid"))
            left = () if policies else ("securityQuals", "withCheckOptions")
            pending.extend(inner for name, inner in value.fields.items() if name not in left)
    return found


def cte(entry: TreeNode, level: Level) -> Level:
    """The query behind a reference to a CTE. Raises `UnreadableTree` where it is not one and clear."""
    at = level.up(entry.integer("ctelevelsup"))
    named = [found for found in at.query.list("cteList") if found["ctename"] == entry["ctename"]]
    if len(named) != 1:
        raise UnreadableTree("a CTE that is not there, or there twice")
    return Level(query_in(named[0], "ctequery"), at)


def query_in(node: TreeNode, name: str) -> TreeNode:
    """A field that must be a query."""
    found = node[name]
    if not isinstance(found, TreeNode) or found.tag != "QUERY":
        raise UnreadableTree(f"{node.tag} without {name}")
    return found


def nth(items: list[Any], place: int) -> Any:
    """The n-th, from 1. Raises `UnreadableTree`."""
    if not 1 <= place <= len(items):
        raise UnreadableTree("a reference to what is not there")
    return items[place - 1]


def _output(query: TreeNode, place: int) -> TreeNode:
    found = [entry for entry in outputs(query) if entry.integer("resno") == place]
    if len(found) != 1:
        raise UnreadableTree("an output that is not there, or there twice")
    return found[0]


def _leaves(node: Any) -> Iterator[int]:
    if not isinstance(node, TreeNode):
        raise UnreadableTree("a set operation of nothing")
    if node.tag == "RANGETBLREF":
        yield node.integer("rtindex")
        return
    yield from _leaves(node["larg"])
    yield from _leaves(node["rarg"])
