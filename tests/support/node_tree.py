"""What the lineage oracle asks of PostgreSQL's own trees beyond the origins of outputs.

Reading and following them is `govproxy.sql.nodetext` and `govproxy.sql.origins`, which share no code
with tracing. Here is what only the comparison needs: whether a column is plain, and what decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from govproxy.sql.nodetext import TreeNode
from govproxy.sql.origins import Level, Source, Sources, cte, outputs, shown


class PlainSources(Sources):
    """Also tells which outputs are a base column as it is."""

    def __init__(self, columns: dict[int, tuple[int, ...]]) -> None:
        super().__init__(columns)
        self._asked: set[tuple[int, int]] = set()

    def of_query(self, inside: Level, place: int) -> set[Source]:
        """Of the analysed tree also the columns that SEARCH and CYCLE add, which only the rewritten one has."""
        return set() if place > len(shown(inside.query)) else super().of_query(inside, place)

    def is_plain(self, node: Any, level: Level) -> bool:
        """Whether an expression is a base column as it is, through any number of queries."""
        if isinstance(node, TreeNode) and node.tag == "SUBLINK" and node.integer("subLinkType") == 4:
            inside = Level(node["subselect"], level)
            return self.is_plain_output(inside, 1)
        if isinstance(node, TreeNode) and node.tag == "FIELDSELECT":
            return True  # whether it is one column's value shows in how many sources it has
        if not isinstance(node, TreeNode) or node.tag != "VAR":
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
                return self.is_plain_output(cte(rte, at), place)
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
        key = (id(level.query), place)
        if key in self._asked:
            return True
        self._asked.add(key)
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
            self._asked.discard(key)


def _leaves(node: TreeNode) -> list[int]:
    if node.tag == "RANGETBLREF":
        return [node.integer("rtindex")]
    return _leaves(node["larg"]) + _leaves(node["rarg"])


def levels(level: Level) -> Iterator[Level]:
    """A query and all queries inside it."""
    yield level
    for value in level.query.fields.values():
        yield from _inside(value, level)


def _inside(value: Any, level: Level) -> Iterator[Level]:
    if isinstance(value, list):
        for item in value:
            yield from _inside(item, level)
    elif isinstance(value, TreeNode):
        if value.tag == "QUERY":
            yield from levels(Level(value, level))
        else:
            for inner in value.fields.values():
                yield from _inside(inner, level)


def quals(query: TreeNode, sources: Sources) -> set[Source]:
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


def _own_nodes(node: TreeNode) -> Iterator[TreeNode]:
    """The nodes of a query, those of queries inside it left out."""
    pending: list[Any] = list(node.fields.values())
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, TreeNode) and value.tag != "QUERY":
            yield value
            pending.extend(value.fields.values())


def _join_nodes(node: Any) -> Iterator[TreeNode]:
    if isinstance(node, list):
        for item in node:
            yield from _join_nodes(item)
    elif isinstance(node, TreeNode) and node.tag in ("FROMEXPR", "JOINEXPR"):
        yield node
        for name in ("fromlist", "larg", "rarg"):
            yield from _join_nodes(node[name])
