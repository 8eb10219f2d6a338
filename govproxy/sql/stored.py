"""Which constants and parameters of a write end in which column.

For telling whether a masked value is being written back as data. Exact where a value stands in the
place of a column (VALUES, SET, a select list); what comes from anywhere else in the statement may
end in any column it writes. Values that rows are only compared with are left out. Knows nothing
of classes and maskers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from govproxy.sql.catalog import Relation
from govproxy.sql.comparisons import constant
from govproxy.sql.tree import Node, Write
from govproxy.sql.values import Stored, Written

Resolve = Callable[[Node], tuple[Relation, ...]]

# Operators whose operands are not what is stored.
_COMPARING = frozenset({"=", "<>", "!=", "<", "<=", ">", ">=", "~~", "!~~", "~~*", "!~~*", "~", "!~", "~*", "!~*"})
_CONDITIONS = frozenset({"whereClause", "havingClause", "joinCondition", "quals", "limitCount", "limitOffset"})


def stored_values(writes: Sequence[Write], resolve: Resolve) -> tuple[Stored, ...]:
    """All values written out that INSERT, UPDATE and MERGE store, with the columns they may end in."""
    found: list[Stored] = []
    for write in writes:
        if write.kind == "DeleteStmt":
            continue
        relations = resolve(write.body["relation"])
        pairs, rest = _pairs(write, relations)
        for relation in relations:
            found += [Stored(relation=relation.oid, column=name, values=values) for name, values in pairs]
            if rest:
                found.append(Stored(relation=relation.oid, column=None, values=rest))
    return tuple(found)


def _pairs(
    write: Write, relations: Sequence[Relation]
) -> tuple[list[tuple[str, tuple[Written, ...]]], tuple[Written, ...]]:
    """Values by column, and those that come from elsewhere in the statement."""
    body = write.body
    pairs: list[tuple[str, tuple[Written, ...]]] = []
    rest: list[Written] = []
    placed: list[tuple[str, Node]] = list(_assigned(body.get("targetList", ())))
    elsewhere: list[Any] = [body.get("fromClause"), body.get("withClause"), body.get("sourceRelation")]
    names = [target["ResTarget"].get("name", "") for target in body.get("cols", ())]
    names = names or [column.name for column in relations[0].columns] if relations else names
    source = body.get("selectStmt", {}).get("SelectStmt")
    if source is not None:
        rows, others = _rows(source)
        placed += [(name, value) for row in rows for name, value in zip(names, row, strict=False)]
        elsewhere += others
    placed += _assigned(body.get("onConflictClause", {}).get("targetList", ()))
    for node in body.get("mergeWhenClauses", ()):
        clause = node.get("MergeWhenClause", {})
        targets = clause.get("targetList", ())
        if clause.get("commandType") == "CMD_INSERT":
            columns = [target.get("ResTarget", {}).get("name", "") for target in targets] or names
            placed += zip(columns, clause.get("values", ()), strict=False)
        else:
            placed += _assigned(targets)
    for name, value in placed:
        values = tuple(_written(value))
        if values:
            pairs.append((name, values))
    for part in elsewhere:
        rest += _written(part)
    return pairs, tuple(rest)


def _assigned(targets: Sequence[Node]) -> Iterator[tuple[str, Node]]:
    for node in targets:
        target = node.get("ResTarget", {})
        value = target.get("val", {})
        several = value.get("MultiAssignRef")
        if several is not None:
            row = several.get("source", {}).get("RowExpr", {}).get("args", ())
            place = several.get("colno", 1) - 1
            value = row[place] if place < len(row) else several.get("source", {})
        yield target.get("name", ""), value


def _rows(select: Node) -> tuple[list[list[Node]], list[Any]]:
    """The rows that a query writes out, column by column, and what else feeds them."""
    if select.get("op", "SETOP_NONE") != "SETOP_NONE":
        one, other = _rows(select.get("larg", {})), _rows(select.get("rarg", {}))
        return [*one[0], *other[0]], [*one[1], *other[1], select.get("withClause")]
    rows = [list(row.get("List", {}).get("items", ())) for row in select.get("valuesLists", ())]
    targets = select.get("targetList", ())
    if targets:
        rows.append([target.get("ResTarget", {}).get("val", {}) for target in targets])
    return rows, [select.get("fromClause"), select.get("withClause")]


def _written(node: Any) -> Iterator[Written]:
    """Constants and parameters below a node, except what is only compared."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending.extend(current)
        elif isinstance(current, dict):
            for tag, body in current.items():
                if tag == "A_Const":
                    found = constant(body)
                    if found.text is not None:
                        yield found
                elif tag == "ParamRef":
                    yield Written(at=body.get("location", 0), parameter=body.get("number", 0))
                elif tag in _CONDITIONS or tag == "typeName" or (tag == "A_Expr" and _is_comparison(body)):
                    continue
                else:
                    pending.append(body)


def _is_comparison(body: Node) -> bool:
    names = body.get("name", ())
    return bool(names) and names[-1].get("String", {}).get("sval") in _COMPARING
