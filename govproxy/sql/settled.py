"""What a row's key settles: GROUP BY, DISTINCT and ORDER BY over columns that can make no difference there.

``GROUP BY c.id, c.email`` makes the groups of ``GROUP BY c.id``, and ``ORDER BY c.id, c.email`` its order: rows that
agree in the primary key of a table are one row of it. Programs write such lists all the time, because every column that
is shown has to stand in them. The key comes first there, as in ORDER BY; plain columns of GROUP BY may stand anywhere.

Security: what makes no difference tells nothing. So nothing is settled unless it certainly is: by the declared primary
key, whole, of one table that stands in this very FROM, in a list that is taken as a whole, and only plain columns of
that table and texts put together from them. Knows nothing of who asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from govproxy.sql import functions
from govproxy.sql.catalog import Catalog, Column, Relation, RelationKind
from govproxy.sql.findings import Findings
from govproxy.sql.names import Names, qualified, strings
from govproxy.sql.scope import Part, RangeItem, Rows, Scope
from govproxy.sql.types import FIRST_USER_OID

Node = dict[str, Any]

# Built-in, and the same for the same row each time; what they are called with is looked at.
_STEADY_FUNCTIONS = frozenset({"concat", "concat_ws", "lower", "upper", "initcap", "btrim"})
_STEADY_OPERATORS = frozenset({"||"})
_DEEPEST = 40


class Keys:
    """The columns of one list at one query level, and what their keys settle."""

    def __init__(self, names: Names, scope: Scope, findings: Findings) -> None:
        self._names = names
        self._findings = findings
        # Security: in a routine a name may mean a variable of it instead.
        self._part = Part() if _is_in_code(scope) else scope.part
        self._covered: dict[int, set[int]] = {}

    def add(self, node: Node) -> None:
        """Take along what stands in the list."""
        found = self._column(node)
        if found is not None:
            item, _, column = found
            self._covered.setdefault(id(item), set()).add(column.attnum)

    def settle_next(self, node: Node) -> bool:
        """`settle` by what stands before it in the list; then take it along.

        Security: rows may come sorted by such a list, in the order of its parts: a key that stands behind what it
        settles would show the order of that.
        """
        settled = self.settle(node)
        self.add(node)
        return settled

    def settle(self, node: Node, depth: int = 0) -> bool:
        """Whether rows that agree in what was added certainly agree in this as well."""
        if depth > _DEEPEST or len(node) != 1:
            return False
        ((tag, body),) = node.items()
        match tag:
            case "A_Const":
                return depth > 0  # alone it may be the place of an output
            case "ColumnRef":
                found = self._column(node)
                if found is None:
                    return False
                item, relation, column = found
                if column.attnum in relation.primary_key:
                    return False  # the key is what may or may not be compared
                covered = self._covered.get(id(item), set())
                return covered.issuperset(relation.primary_key) and _compares_itself(column, self._names.catalog)
            case "A_Expr":
                parts = (body.get("lexpr", {}), body.get("rexpr", {}))
                known = body.get("kind") == "AEXPR_OP" and self._is_built_in(qualified(body.get("name", ())))
            case "CoalesceExpr":
                parts, known = body.get("args", ()), True
            case "FuncCall":
                parts, known = body.get("args", ()), self._is_steady(body)
            case _:
                return False
        return known and all(self.settle(part, depth + 1) for part in parts)

    def _column(self, node: Node) -> tuple[RangeItem, Relation, Column] | None:
        """The column of a table with a primary key that a name certainly means."""
        fields = node.get("ColumnRef", {}).get("fields", ())
        written = strings(fields)
        if len(written) not in (1, 2) or len(written) != len(fields) or not self._part.certain:
            return None
        *qualifier, name = written
        items = self._part.items
        self._findings.spend(1 + len(items))
        if qualifier:
            holders = [item for item in items if item.name == qualifier[0]]
        else:
            holders = [item for item in items if item.wild is not None or name in item.index]
        if len(holders) != 1:
            return None
        relation = self._table(holders[0])
        column = relation.column(name) if relation is not None else None
        return None if relation is None or column is None else (holders[0], relation, column)

    def _table(self, item: RangeItem) -> Relation | None:
        """The table behind an item, where its primary key tells its rows apart."""
        if not item.certain or item.wild is not None or len(item.relations) != 1:
            return None
        relation = self._names.catalog.relations.get(item.relations[0])
        if relation is None or not relation.primary_key or relation.is_key_deferrable:
            return None
        # The key of a table holds for the table alone, not for those that inherit from it.
        alone = relation.kind is RelationKind.TABLE and not relation.children
        if not alone and relation.kind is not RelationKind.PARTITIONED:
            return None
        as_made = [name for name, _ in item.columns] == [column.name for column in relation.columns]
        return relation if as_made else None  # AS t (other, names)

    def _is_built_in(self, operator: tuple[str | None, str]) -> bool:
        schema, name = operator
        return schema is None and name in _STEADY_OPERATORS and name not in self._names.catalog.user_operators

    def _is_steady(self, body: Mapping[str, Any]) -> bool:
        schema, name = qualified(body.get("funcname", ()))
        plain = not any(key in body for key in ("over", "agg_filter", "agg_order", "agg_distinct", "func_variadic"))
        if not plain or schema not in (None, "pg_catalog") or name not in _STEADY_FUNCTIONS:
            return False
        found = self._names.catalog.resolve_function(None, name, self._names.path)
        return all(routine.schema == "pg_catalog" for routine in found)


def _is_in_code(scope: Scope | None) -> bool:
    while scope is not None:
        if scope.parameters is not None:
            return True
        scope = scope.parent
    return False


def _compares_itself(column: Column, catalog: Catalog) -> bool:
    """Whether nothing of the user's runs where values of a column are put in order or told apart."""
    kind = catalog.types.get(column.base_type_oid)
    if column.base_type_oid < FIRST_USER_OID:
        return True
    return kind is not None and (kind.kind == "e" or kind.extension in functions.COMPUTING_EXTENSIONS)


def shown(targets: Sequence[Node], rows: Rows, scope: Scope) -> list[Node]:
    """An output list with each ``*`` written out, as many as ``rows`` has; empty nodes where that cannot be told."""
    unknown: list[Node] = [{}] * len(rows.columns)
    nodes: list[Node] = []
    for target in targets:
        value = target.get("ResTarget", {}).get("val", {})
        fields = value.get("ColumnRef", {}).get("fields", ())
        if not fields or "A_Star" not in fields[-1]:
            nodes.append(value)
            continue
        names = strings(fields)
        items = scope.part.items if not names else tuple(i for i in scope.part.items if i.name == names[-1])
        if not names and sum(len(item.columns) for item in items) != len(scope.part.columns):
            return unknown  # columns that USING merged
        nodes.extend(_written_out(items))
    return nodes if rows.wild is None and len(nodes) == len(rows.columns) else unknown


def _written_out(items: Sequence[RangeItem]) -> Iterator[Node]:
    for item in items:
        for name, _ in item.columns:
            fields = [{"String": {"sval": part}} for part in (item.name, name)]
            yield {"ColumnRef": {"fields": fields}} if item.name else {}


def sorted_by(node: Node, nodes: Sequence[Node], rows: Rows) -> Node:
    """The expression that ORDER BY means: an output by place or by name comes before a column of that name.

    ``nodes`` are the outputs as `shown` gives them; an empty node is one that cannot be told.
    """
    constant = node.get("A_Const")
    if constant is not None:
        place = constant.get("ival", {}).get("ival", 0)
        return nodes[place - 1] if 0 < place <= len(nodes) else {}
    fields = node.get("ColumnRef", {}).get("fields", ())
    names = strings(fields)
    if len(fields) != 1 or len(names) != 1:
        return node
    labelled = [meant for (label, _), meant in zip(rows.columns, nodes, strict=True) if label == names[0]]
    if not labelled:
        return node
    return labelled[0] if len(labelled) == 1 else {}
