"""PostgreSQL's own analysed query trees, read from ``debug_print_parse`` and ``debug_print_rewritten``.

The server prints them as a notice on a bare Parse. Written to be read, not to be quick: it is the
oracle that tracing is compared with, so it shares no code with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r"[(){}]|(?:\\.|[^\s(){}\\])+", re.DOTALL)

Source = tuple[int, int]  # relation OID, attnum


@dataclass(slots=True)
class Node:
    """``{TAG :field value …}``. A value is a Node, a list, or a text (with <> as None)."""

    tag: str
    fields: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.fields.get(name)

    def integer(self, name: str) -> int:
        """A field as a number, 0 when it is missing."""
        value = self.fields.get(name)
        return int(value) if isinstance(value, str) else 0

    def list(self, name: str) -> list[Any]:
        """A field as a list, empty when it is missing."""
        value = self.fields.get(name)
        return value if isinstance(value, list) else []


def read(text: str) -> Any:
    """The tree that a printed text stands for."""
    tokens = _TOKEN.findall(text)
    value, end = _value(tokens, 0)
    assert end == len(tokens), "text after the tree"
    return value


def _value(tokens: list[str], at: int) -> tuple[Any, int]:
    token = tokens[at]
    if token == "{":
        return _node(tokens, at + 1)
    if token == "(":
        items: list[Any] = []
        at += 1
        while tokens[at] != ")":
            item, at = _value(tokens, at)
            items.append(item)
        return items, at + 1
    return (None if token == "<>" else token.replace("\\", "")), at + 1


def _node(tokens: list[str], at: int) -> tuple[Node, int]:
    node = Node(tokens[at])
    at += 1
    name = ""
    while tokens[at] != "}":
        token = tokens[at]
        if token.startswith(":") and len(token) > 1:
            name = token[1:]
            node.fields[name] = None
            at += 1
            continue
        value, at = _value(tokens, at)
        if node.fields.get(name) is None:  # of a constant's bytes only the length is kept
            node.fields[name] = value
    return node, at + 1


@dataclass(frozen=True, slots=True)
class Level:
    """A query with the ones around it."""

    query: Node
    outer: Level | None = None

    def up(self, levels: int) -> Level:
        """The level that ``varlevelsup`` means."""
        level = self
        for _ in range(levels):
            assert level.outer is not None
            level = level.outer
        return level


class Sources:
    """Resolves Vars of one tree. ``columns`` gives a relation's attnums, for whole rows."""

    def __init__(self, columns: dict[int, tuple[int, ...]]) -> None:
        self._columns = columns
        self._open: set[tuple[int, int]] = set()

    def of_output(self, level: Level, place: int) -> set[Source]:
        """What feeds the n-th (from 1) output of a query."""
        key = (id(level.query), place)
        if key in self._open:  # a recursive CTE asks for itself
            return set()
        self._open.add(key)
        try:
            operations = level.query["setOperations"]
            if operations is not None:
                return {s for leaf in _leaves(operations) for s in self._of_rte(level, leaf, place)}
            entry = next(entry for entry in outputs(level.query) if entry.integer("resno") == place)
            return self.of(entry["expr"], level)
        finally:
            self._open.discard(key)

    def of(self, node: Any, level: Level) -> set[Source]:
        """What feeds an expression."""
        if isinstance(node, list):
            return {source for item in node for source in self.of(item, level)}
        if not isinstance(node, Node):
            return set()
        match node.tag:
            case "VAR":
                return self._of_var(node, level)
            case "SUBLINK":
                found = self.of(node["testexpr"], level)
                if node.integer("subLinkType") == 0:  # EXISTS shows nothing
                    return found
                inside = Level(node["subselect"], level)
                for entry in outputs(inside.query):
                    if entry["resjunk"] != "true":
                        found |= self.of_output(inside, entry.integer("resno"))
                return found
            case "AGGREF" | "WINDOWFUNC":
                shown = [a for a in node.list("args") if not (isinstance(a, Node) and a["resjunk"] == "true")]
                return self.of(shown, level) | self.of(node["aggdirectargs"], level)
            case "QUERY":
                return set()
            case "FIELDSELECT":
                return self._of_field(node["arg"], node.integer("fieldnum"), level)
            case _:
                return {source for value in node.fields.values() for source in self.of(value, level)}

    def is_plain(self, node: Any, level: Level) -> bool:
        """Whether an expression is a base column as it is, through any number of queries."""
        if isinstance(node, Node) and node.tag == "SUBLINK" and node.integer("subLinkType") == 4:
            inside = Level(node["subselect"], level)
            return self.is_plain_output(inside, 1)
        if isinstance(node, Node) and node.tag == "FIELDSELECT":
            return True  # whether it is one column's value shows in how many sources it has
        if not isinstance(node, Node) or node.tag != "VAR":
            return False
        at = level.up(node.integer("varlevelsup"))
        rte = at.query.list("rtable")[node.integer("varno") - 1]
        place = node.integer("varattno")
        match rte.integer("rtekind"):
            case 0:
                return place != 0
            case 1:
                return self.is_plain_output(Level(rte["subquery"], at), place)
            case 2:
                alias = rte.list("joinaliasvars")[place - 1]
                return self.is_plain(alias, at)
            case 6:
                inside = _cte(rte, at)
                return inside is not None and self.is_plain_output(inside, place)
            case 3:
                return (
                    len(self._of_functions(rte, place, at)) == 1
                    and rte.list("functions")[0].integer("funccolcount") > 1
                )
            case 9:
                return self.is_plain(rte.list("groupexprs")[place - 1], at)
            case _:
                return False

    def is_plain_output(self, level: Level, place: int) -> bool:
        """The same for a query's output; every member of a set operation must be plain."""
        key = (id(level.query), -place)
        if key in self._open:
            return True
        self._open.add(key)
        try:
            operations = level.query["setOperations"]
            if operations is None:
                entry = next(entry for entry in outputs(level.query) if entry.integer("resno") == place)
                return self.is_plain(entry["expr"], level)
            rtable = level.query.list("rtable")
            return all(
                self.is_plain_output(Level(rtable[leaf - 1]["subquery"], level), place) for leaf in _leaves(operations)
            )
        finally:
            self._open.discard(key)

    def _of_var(self, node: Node, level: Level) -> set[Source]:
        at = level.up(node.integer("varlevelsup"))
        return self._of_rte(at, node.integer("varno"), node.integer("varattno"))

    def _of_rte(self, level: Level, index: int, place: int) -> set[Source]:
        rte = level.query.list("rtable")[index - 1]
        kind = rte.integer("rtekind")
        if kind == 0:
            oid = rte.integer("relid")
            return {(oid, attnum) for attnum in self._columns.get(oid, ())} if place == 0 else {(oid, place)}
        if kind == 1:
            return self._of_query(Level(rte["subquery"], level), place)
        if kind == 2:
            aliases = rte.list("joinaliasvars")
            return self.of(aliases if place == 0 else aliases[place - 1], level)
        if kind == 6:
            inside = _cte(rte, level)
            return set() if inside is None else self._of_query(inside, place)
        if kind == 9:
            return self.of(rte.list("groupexprs")[place - 1], level)
        if kind == 3:
            return self._of_functions(rte, place, level)
        # VALUES, XMLTABLE: whatever goes in may come out of any column.
        return {s for name in ("values_lists", "tablefunc") for s in self.of(rte[name], level)}

    def _of_field(self, node: Any, place: int, level: Level) -> set[Source]:
        """One field of a composite expression, where it can be followed; else all of it."""
        if isinstance(node, Node) and node.tag == "ROWEXPR":
            return self.of(node.list("args")[place - 1], level)
        if isinstance(node, Node) and node.tag == "ARRAYEXPR":
            return {s for element in node.list("elements") for s in self._of_field(element, place, level)}
        if not isinstance(node, Node) or node.tag != "VAR":
            return self.of(node, level)
        at = level.up(node.integer("varlevelsup"))
        rte = at.query.list("rtable")[node.integer("varno") - 1]
        attnum = node.integer("varattno")
        kind = rte.integer("rtekind")
        if kind == 0 and attnum == 0:
            return {(rte.integer("relid"), place)}
        inside = Level(rte["subquery"], at) if kind == 1 else _cte(rte, at) if kind == 6 else None
        if inside is None:
            return self.of(node, level)
        if attnum == 0:
            return self._of_query(inside, place)
        if inside.query["setOperations"] is not None:
            return self.of_output(inside, attnum)
        entry = next(entry for entry in outputs(inside.query) if entry.integer("resno") == attnum)
        return self._of_field(entry["expr"], place, inside)

    def _of_functions(self, rte: Node, place: int, level: Level) -> set[Source]:
        """One column of functions in FROM: it comes from the function that has it."""
        before = 0
        for function in rte.list("functions"):
            count = function.integer("funccolcount")
            if before < place <= before + count:
                expression = function["funcexpr"]
                if count > 1 and expression.tag == "FUNCEXPR" and expression.list("args")[:1]:
                    argument = expression.list("args")[0]
                    if isinstance(argument, Node) and argument.tag == "ARRAYEXPR":
                        return self._of_field(argument, place - before, level)
                return self.of(expression, level)
            before += count
        return set() if place else self.of(rte["functions"], level)

    def _of_query(self, inside: Level, place: int) -> set[Source]:
        entries = [entry.integer("resno") for entry in outputs(inside.query) if entry["resjunk"] != "true"]
        if place > len(entries) and inside.query["commandType"] == "1":
            return set()  # a column that SEARCH or CYCLE adds
        return {s for one in (entries if place == 0 else [place]) for s in self.of_output(inside, one)}


def outputs(query: Node) -> list[Node]:
    """The entries a query returns: its RETURNING list where it has one."""
    return query.list("returningList") or (query.list("targetList") if query["commandType"] == "1" else [])


def _leaves(node: Node) -> list[int]:
    if node.tag == "RANGETBLREF":
        return [node.integer("rtindex")]
    return _leaves(node["larg"]) + _leaves(node["rarg"])


def _cte(rte: Node, level: Level) -> Level | None:
    at = level.up(rte.integer("ctelevelsup"))
    for cte in at.query.list("cteList"):
        if cte["ctename"] == rte["ctename"]:
            return Level(cte["ctequery"], at)
    return None


def levels(level: Level) -> Iterator[Level]:
    """A query and all queries inside it."""
    yield level
    for value in level.query.fields.values():
        yield from _inside(value, level)


def _inside(value: Any, level: Level) -> Iterator[Level]:
    if isinstance(value, list):
        for item in value:
            yield from _inside(item, level)
    elif isinstance(value, Node):
        if value.tag == "QUERY":
            yield from levels(Level(value, level))
        else:
            for inner in value.fields.values():
                yield from _inside(inner, level)


def relations(query: Node) -> set[int]:
    """OIDs of all relations a tree reads or writes."""
    found = set()
    for level in levels(Level(query)):
        for rte in level.query.list("rtable"):
            if rte.integer("rtekind") == 0:
                found.add(rte.integer("relid"))
    return found


def quals(query: Node, sources: Sources) -> set[Source]:
    """The columns that decide something in any query of a tree, outputs of subqueries included.

    WHERE, ON, HAVING, FILTER, CASE, whatever sorts or groups, LIMIT, and arguments of functions
    in FROM or returning sets.
    """
    found: set[Source] = set()
    for level in levels(Level(query)):
        for name in ("havingQual", "limitCount", "limitOffset"):
            found |= sources.of(level.query[name], level)
        for node in _join_nodes(level.query["jointree"]):
            found |= sources.of(node["quals"], level)
        for entry in level.query.list("targetList"):
            if entry.integer("ressortgroupref"):
                found |= sources.of(entry["expr"], level)
        for rte in level.query.list("rtable"):
            if rte.integer("rtekind") == 3:
                found |= sources.of([function["funcexpr"] for function in rte.list("functions")], level)
        for node in _own_nodes(level.query):
            if node.tag in ("AGGREF", "WINDOWFUNC"):
                found |= sources.of(node["aggfilter"], level)
            elif node.tag == "CASEWHEN":
                found |= sources.of(node["expr"], level)
            elif node.tag == "FUNCEXPR" and node["funcretset"] == "true":
                found |= sources.of(node["args"], level)
    return found


def _own_nodes(node: Node) -> Iterator[Node]:
    """The nodes of a query, those of queries inside it left out."""
    pending: list[Any] = list(node.fields.values())
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, Node) and value.tag != "QUERY":
            yield value
            pending.extend(value.fields.values())


def _join_nodes(node: Any) -> Iterator[Node]:
    if isinstance(node, list):
        for item in node:
            yield from _join_nodes(item)
    elif isinstance(node, Node) and node.tag in ("FROMEXPR", "JOINEXPR"):
        yield node
        for name in ("fromlist", "larg", "rarg"):
            yield from _join_nodes(node[name])
