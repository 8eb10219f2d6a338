"""What a table's own definitions ask about a row that is written: CHECK, policies, generated columns, expressions
of indexes, conditions of rules and triggers, and what triggers compare in PL/pgSQL.

What such a definition compares with constants was its author's decision. What it compares with a value that the
statement brings is as if the statement had compared it: whoever may write `cap` under ``CHECK (cap >= salary)``
finds any salary by halves, for the write succeeds or fails. Only what can be seen of the outcome counts, not
what triggers look up in other tables. Knows nothing of classes and rights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from govproxy.sql.bodies import read
from govproxy.sql.catalog import Catalog, Column, ColumnRef, Relation
from govproxy.sql.findings import Findings
from govproxy.sql.hidden import header_of
from govproxy.sql.names import qualified
from govproxy.sql.parse import UnparsableStatement, parse
from govproxy.sql.scope import CONSTANT, Columns, RangeItem, Scope, Value, either
from govproxy.sql.shapes import Shapes
from govproxy.sql.tree import field_names, nodes_of
from govproxy.sql.types import BPCHAR, NAME, TEXT, VARCHAR
from govproxy.sql.values import UNTRACED, Comparison, Derivation

Node = dict[str, Any]
Stored = Mapping[str, Sequence[Value]]
Name = tuple[str, str]  # qualifier (old, new, none) and column

_TEXTS = frozenset({TEXT, VARCHAR, BPCHAR, NAME, 3614})  # tsvector
_SAME = frozenset({"=", "<>", "!="})
_SAME_KINDS = frozenset({"AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT"})
_ASKING = frozenset({"<", "<=", ">", ">=", "~~", "!~~", "~~*", "!~~*", "~", "!~", "~*", "!~*", "@@", "^@", *_SAME})
_PREDICATES = frozenset({"starts_with", "regexp_like", "textlike", "texticlike", "like", "ts_match_vq"})
# How many of several values are missing is what IS NULL tells.
_COUNTS_OF_NULLS = frozenset({"num_nulls", "num_nonnulls"})
# Text put together by these tells nothing by being equal to something that equality of its parts does not tell.
_JOINING = frozenset({"lower", "upper", "btrim", "ltrim", "rtrim", "concat", "concat_ws", "to_tsvector", "setweight"})


class RowTests:
    """The tests behind the writes of one statement."""

    def __init__(self, catalog: Catalog, shapes: Shapes, findings: Findings) -> None:
        self._catalog = catalog
        self._shapes = shapes
        self._findings = findings

    def changed(self, item: RangeItem, stored: Stored) -> None:
        """Rows of ``item`` got these values and keep what they had besides."""
        for relation, brought in self._by_relation(item, stored):
            before = self._shapes.of(relation).columns
            after = tuple((name, brought.get(name, value)) for name, value in before)
            self._test(relation, frozenset(brought), before, after)

    def added(self, item: RangeItem, stored: Stored) -> None:
        """Rows of these values were added to ``item``."""
        if not any(value.sources for values in stored.values() for value in values):
            return
        for relation, brought in self._by_relation(item, stored):
            names = frozenset(column.name for column in relation.columns)
            row = tuple((name, brought.get(name, CONSTANT)) for name in names)
            self._test(relation, names, (), row)

    def _by_relation(self, item: RangeItem, stored: Stored) -> Iterator[tuple[Relation, dict[str, Value]]]:
        """The tables that take the values, each with what its columns get: also below a view, and kin."""
        found: dict[int, dict[str, Value]] = {}
        is_view = any(self._catalog.relations[oid].definition is not None for oid in item.relations)
        for name, values in stored.items():
            for ref in item.index[name].sources if name in item.index else ():
                column = self._column(ref)
                # A table's column may also show what its default looks up elsewhere.
                if column is not None and (is_view or column.name == name):
                    value = either(list(values))._replace(type=column.base_type_oid)
                    found.setdefault(ref.relation, {})[column.name] = value
        for oid, brought in found.items():
            relation = self._catalog.relations[oid]
            if relation.definition is None:
                yield relation, brought

    def _column(self, ref: ColumnRef) -> Column | None:
        relation = self._catalog.relations.get(ref.relation)
        columns = () if relation is None else relation.columns
        return next((column for column in columns if column.attnum == ref.attnum), None)

    def _test(self, relation: Relation, brought: frozenset[str], before: Columns, after: Columns) -> None:
        try:
            self._ask_all(relation, brought, before, after)
        except (UnparsableStatement, ValueError):
            # Security: a definition that cannot be read may ask anything of the row.
            for _, value in (*before, *after):
                self._findings.use(value, Comparison.OTHER)

    def _ask_all(self, relation: Relation, brought: frozenset[str], before: Columns, after: Columns) -> None:
        for column in relation.columns:
            if column.generated and column.default is not None:
                for question in _generated(column.default, column.base_type_oid in _TEXTS):
                    self._ask(question, {("", name) for name in brought}, _row(relation.name, after))
        for what, text in relation.tests:
            if what == "policy" and not relation.row_security:
                continue
            if what in ("trigger", "rule"):
                self._ask_both(_conditions(what, text), brought, before, after)
                continue
            for question in _questions(what, text):
                shown = what == "index"
                self._ask(question, {("", name) for name in brought}, _row(relation.name, after), shown=shown)
        for trigger in relation.triggers if before else ():
            if "u" not in trigger.events or (trigger.columns and brought.isdisjoint(trigger.columns)):
                continue
            routine = self._catalog.functions.get(trigger.function)
            if routine is not None and routine.language == "plpgsql":
                body = read(routine.language, routine.body, header_of(routine, self._catalog))
                self._ask_both(_compared(body.statements), brought, before, after)

    def _ask_both(self, questions: Iterable[Node], brought: frozenset[str], before: Columns, after: Columns) -> None:
        """Questions that speak of the row as it was and as it will be."""
        scope = Scope(None, RangeItem("old", before).part().beside(RangeItem("new", after).part()))
        for question in questions:
            self._ask(question, {("new", name) for name in brought}, scope, versions=True)

    def _ask(
        self, question: Node, brought: set[Name], scope: Scope, *, shown: bool = False, versions: bool = False
    ) -> None:
        """``shown``: an expression that is only computed, and may fail. ``versions``: whole rows in it are compared
        with each other, as audit triggers do to see whether anything changed."""
        names = _names(question)
        if names is None:
            if versions:
                return
        elif len(names) < 2 or names.isdisjoint(brought):
            return
        inner = Findings()
        self._shapes.ask(question, scope, inner, shown=shown)
        for use in inner.uses:
            if use.column != UNTRACED:
                self._findings.use(Value(frozenset({use.column}), Derivation.EXPRESSION), use.comparison)


def _row(name: str, columns: Columns) -> Scope:
    return Scope(None, RangeItem(name, columns).part())


def _names(node: Node) -> frozenset[Name] | None:
    """The columns that an expression names; None where it takes a row as a whole."""
    found: set[Name] = set()
    for tag, body in nodes_of(node):
        if tag != "ColumnRef":
            continue
        if any("A_Star" in field for field in body["fields"]):
            return None
        *before, name = field_names(body["fields"])
        if not before and name in ("old", "new"):
            return None
        found.add((before[-1] if before and before[-1] in ("old", "new") else "", name))
    return frozenset(found)


@lru_cache(maxsize=4096)
def _questions(what: str, text: str) -> tuple[Node, ...]:
    """The pieces of a CHECK or a policy that each look at something, and the expressions of an index."""
    expressions = _expressions(text)
    if what == "index":
        return expressions
    return tuple(piece for expression in expressions for piece in _pieces(expression) if _asks(piece))


@lru_cache(maxsize=4096)
def _generated(text: str, is_text: bool) -> tuple[Node, ...]:
    """What a generated column asks: nothing if it only puts texts together."""
    return tuple(node for node in _expressions(text) if not (is_text and _only_joins(node)))


@lru_cache(maxsize=4096)
def _conditions(what: str, text: str) -> tuple[Node, ...]:
    """The pieces of a trigger's WHEN, or of a rule's WHERE. Raises as `_expressions` does."""
    (made,) = parse(text)
    tag, key = ("CreateTrigStmt", "whenClause") if what == "trigger" else ("RuleStmt", "whereClause")
    condition = made["stmt"].get(tag, {}).get(key)
    return () if condition is None else tuple(piece for piece in _pieces(condition) if _asks(piece))


def _expressions(text: str) -> tuple[Node, ...]:
    """Raises UnparsableStatement, or ValueError where it is more than one statement."""
    (made,) = parse(f"SELECT {text}")
    return tuple(target["ResTarget"]["val"] for target in made["stmt"]["SelectStmt"]["targetList"])


def _pieces(node: Node) -> Iterator[Node]:
    """The parts of a condition that AND, OR and NOT put together."""
    if "BoolExpr" in node:
        for argument in node["BoolExpr"].get("args", ()):
            yield from _pieces(argument)
    else:
        yield node


def _compared(statements: Sequence[Node]) -> Iterator[Node]:
    """The comparisons anywhere in a body."""
    for tag, body in nodes_of(list(statements)):
        if tag == "A_Expr":
            is_plain = body.get("kind", "AEXPR_OP") == "AEXPR_OP"
            asks = not is_plain or qualified(body.get("name", ()))[1] in _ASKING
        else:
            asks = tag == "FuncCall" and qualified(body.get("funcname", ()))[1] in _PREDICATES
        if asks and _asks({tag: body}):
            yield {tag: body}


def _asks(node: Node) -> bool:
    """Whether a condition may tell more of a column than whether it is NULL, or the same as a value that is known."""
    if "NullTest" in node:
        return False
    body = node.get("A_Expr")
    if body is None:
        return True
    sides = [_bare(body[side]) for side in ("lexpr", "rexpr") if side in body]
    if any("FuncCall" in side and qualified(side["FuncCall"]["funcname"])[1] in _COUNTS_OF_NULLS for side in sides):
        return False
    is_same = body.get("kind") in _SAME_KINDS or (
        body.get("kind") == "AEXPR_OP" and qualified(body.get("name", ()))[1] in _SAME
    )
    return not (is_same and all("ColumnRef" in side or "A_Const" in side for side in sides))


def _bare(node: Node) -> Node:
    while "TypeCast" in node and not node["TypeCast"].get("typeName", {}).get("typmods"):
        node = node["TypeCast"]["arg"]
    return node


def _only_joins(node: Node) -> bool:
    for tag, body in nodes_of(node):
        if tag == "FuncCall" and qualified(body["funcname"])[1] not in _JOINING:
            return False
        if tag == "A_Expr" and qualified(body.get("name", ()))[1] != "||":
            return False
        if tag in ("CaseExpr", "MinMaxExpr") or (tag == "typeName" and body.get("typmods")):
            return False
    return True
