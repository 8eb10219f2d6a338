"""What a WHERE is worth: does it narrow the rows of the table that is written?

Best effort, and in one direction only: a condition counts as effective when it compares a column
of the target with something that is not that column, on every branch of every OR. What is not
recognised counts as always true. It reads the tree and the catalog, and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from govproxy.sql import coverage
from govproxy.sql.catalog import Catalog, RelationKind
from govproxy.sql.conditions import (
    Worth,
    aliased,
    bodies,
    case_branches,
    certain_names,
    conjuncts,
    constant_worth,
    disjuncts,
    fold,
    is_among,
    is_never,
    key_names,
    lets_all_pass,
    looks_at_rows,
    only,
    output_names,
    repeats,
    zeroed,
)
from govproxy.sql.extremes import leaves_none_out
from govproxy.sql.tree import Ctes, Node, alias_of, field_names
from govproxy.sql.trying import holds_always
from govproxy.sql.values import Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Another range item beside or inside. ``columns`` is None when not known.

    ``mirrors`` says that its rows are those of the target, unfiltered, so that joining with it
    on the same column narrows nothing.
    """

    name: str
    columns: frozenset[str] | None
    mirrors: bool = False
    names: frozenset[str] = frozenset()  # columns it has for certain, where it may have others


_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
_WITH_SYSTEM_COLUMNS = frozenset({RelationKind.TABLE, RelationKind.PARTITIONED, RelationKind.MATERIALISED_VIEW})

# Functions that answer a question about their argument; a call of any other is not judged.
_QUESTIONS = frozenset(
    """
    starts_with regexp_like isfinite isempty lower_inc upper_inc lower_inf upper_inf jsonb_exists jsonb_exists_any
    jsonb_exists_all jsonb_contains jsonb_path_exists jsonb_path_match jsonb_path_exists_tz jsonb_path_match_tz
    arraycontains arrayoverlap overlaps like notlike textlike texticlike ts_match_vq range_contains_elem st_within
    st_contains st_intersects st_dwithin
    """.split()  # noqa: SIM905
)
_AGGREGATES = frozenset(
    {"count", "sum", "min", "max", "avg", "array_agg", "string_agg", "bool_or", "bool_and", "every"}
)
_HOLDS_FOR_ITSELF = frozenset({"=", "<=", ">="})
# Up to and with the greatest, by whether it is negated: no row is left out.
_REACHES_THE_LAST = {False: frozenset({"<=", ">="}), True: frozenset({"<", ">"})}
_LAST = frozenset({"max", "min"})


def classify(
    where: Node | None,
    target: Node,
    source: list[Any],
    *,
    catalog: Catalog,
    search_path: tuple[str, ...] | None,
    ctes: Ctes,
) -> Where:
    """The worth of ``where`` on a statement that writes ``target`` (RangeVar) with ``source`` joined to it."""
    if where is None:
        return Where.MISSING
    judge = Judge(catalog, search_path, ctes, target, source)
    match judge.worth(where):
        case Worth.EFFECTIVE if judge.is_by_key(where):
            return Where.BY_KEY
        case Worth.EFFECTIVE:
            return Where.TAUTOLOGY if not source and judge.passes_every_row(where) else Where.EFFECTIVE
        case _ if source:
            return Where.MISSING
        case Worth.ALWAYS:
            return Where.TAUTOLOGY
        case _:
            return Where.CONSTANT


class Budget:
    """How many conditions may still be looked at. Subqueries in subqueries would cost exponentially much."""

    __slots__ = ("left", "mirrors")

    def __init__(self) -> None:
        self.left = 20_000
        self.mirrors: dict[str, bool] = {}  # CTEs already seen, by name

    def is_spent(self) -> bool:
        """Account for one condition."""
        self.left -= 1
        return self.left < 0


class Judge:
    """Judges conditions on one target relation."""

    __slots__ = (
        "beside",
        "budget",
        "catalog",
        "ctes",
        "handed_out",
        "inner",
        "name",
        "relations",
        "search_path",
        "target",
    )

    def __init__(
        self,
        catalog: Catalog,
        search_path: tuple[str, ...] | None,
        ctes: Ctes,
        target: Node,
        source: list[Any],
        budget: Budget | None = None,
    ) -> None:
        self.budget = budget or Budget()
        self.catalog = catalog
        self.search_path = search_path
        self.ctes = ctes
        self.target = target
        self.name = alias_of(target)
        self.relations = catalog.resolve(target.get("schemaname"), target["relname"], search_path)
        self.inner: list[list[Item]] = []  # range items of the subqueries around the place looked at
        self.handed_out = False  # whether that place is what a subquery gives, where doubt makes it the target's
        self.beside: list[Item] = []
        self.beside = self._items(source)

    # Conditions

    def worth(self, node: Node, negated: bool = False) -> Worth:
        """The worth of a boolean expression."""
        if self.budget.is_spent():
            return Worth.ALWAYS
        kind, body = only(node)
        match kind:
            case "BoolExpr":
                return self._boolean(body, negated)
            case "A_Const":
                return constant_worth(body, negated)
            case "ParamRef":
                return Worth.TRUE
            case "TypeCast" | "CollateClause":
                return self.worth(body["arg"], negated)
            case "A_Expr":
                return self._comparison(body, negated)
            case "NullTest":
                return self._null_test(body, negated)
            case "BooleanTest":
                return self._boolean_test(body, negated)
            case "SubLink":
                return self._sublink(body, negated)
            case "CaseExpr":
                return self._any(list(case_branches(body)), negated=False) if not negated else Worth.ALWAYS
            case "CoalesceExpr":
                return self._any(body["args"], negated) if self._reads(node) else self._without_target(node)
            case "CurrentOfExpr":
                return Worth.EFFECTIVE
            case "ColumnRef" | "A_Indirection":
                return Worth.EFFECTIVE if self._reads(node) else Worth.ALWAYS
            case "FuncCall":
                asks = field_names(body["funcname"])[-1] in _QUESTIONS
                return Worth.EFFECTIVE if asks and self._reads(node) else self._without_target(node)
            case _:
                return self._without_target(node)

    def passes_every_row(self, where: Node) -> bool:
        """True when the condition held for every row that it was tried on."""
        return holds_always(where, self._column, self.relations)

    def is_by_key(self, where: Node) -> bool:
        """True when conjuncts fix every column of the primary key, whichever relation is meant."""
        fixed = {name for conjunct in conjuncts(where) for name in self._fixed_columns(conjunct)}
        return bool(self.relations) and all(
            relation.primary_key and fixed.issuperset(key_names(relation)) for relation in self.relations
        )

    def _boolean(self, body: Node, negated: bool) -> Worth:
        match body["boolop"], negated:
            case ("NOT_EXPR", _):
                return self.worth(body["args"][0], not negated)
            case ("OR_EXPR", False) | ("AND_EXPR", True):
                return self._any(body["args"], negated)
            case ("AND_EXPR", False) | ("OR_EXPR", True):
                return self._all([self.worth(argument, negated) for argument in body["args"]])
            case _:
                return Worth.ALWAYS

    def _any(self, arguments: list[Node], negated: bool) -> Worth:
        worths = [self.worth(argument, negated) for argument in arguments]
        telling = [worth for worth in worths if worth is not Worth.FALSE]
        if not telling:
            return Worth.FALSE
        if any(worth is not Worth.EFFECTIVE for worth in telling):
            return Worth.TRUE if all(worth is Worth.TRUE for worth in telling) else Worth.ALWAYS
        leaves = [(leaf, sign) for argument in arguments for leaf, sign in disjuncts(argument, negated)]
        return Worth.ALWAYS if coverage.covers_everything(leaves) else Worth.EFFECTIVE

    def _all(self, worths: list[Worth]) -> Worth:
        if Worth.FALSE in worths:
            return Worth.FALSE
        if Worth.EFFECTIVE in worths:
            return Worth.EFFECTIVE
        return Worth.ALWAYS if Worth.ALWAYS in worths else Worth.TRUE

    # Comparisons

    def _comparison(self, body: Node, negated: bool) -> Worth:
        kind = body["kind"]
        operator = field_names(body["name"])[-1]
        left, right = body.get("lexpr"), body.get("rexpr")
        if left is None or right is None:
            return self._without_target({"A_Expr": body})
        if kind == "AEXPR_OP" and is_never(operator, left, right, negated):
            return Worth.FALSE
        reads_left, reads_right = self._reads(left), self._reads(right)
        if not reads_left and not reads_right:
            return fold(kind, operator, left, right, negated) or self._without_target({"A_Expr": body})
        overlap = set(reads_left) & set(reads_right)
        if overlap or repeats(reads_left) or repeats(reads_right) or zeroed(left) or zeroed(right):
            return Worth.ALWAYS
        if coverage.NULL in (coverage.literal(left), coverage.literal(right)) and kind == "AEXPR_OP":
            return Worth.FALSE
        if kind == "AEXPR_IN" and not negated and is_among(left, right):
            return Worth.ALWAYS
        if lets_all_pass(kind, operator, right, negated):
            return Worth.ALWAYS
        if {*reads_left, *reads_right} == {"tableoid"}:
            return Worth.ALWAYS
        if leaves_none_out(kind, operator, left, right, negated, self.relations):
            return Worth.ALWAYS
        if kind == "AEXPR_OP_ANY" and not negated and self._from_all(right):
            return Worth.ALWAYS
        if operator in _REACHES_THE_LAST[negated] and (self._from_all(left, _LAST) or self._from_all(right, _LAST)):
            return Worth.ALWAYS
        if operator in _HOLDS_FOR_ITSELF and (self._mirrored(left, right) or self._mirrored(right, left)):
            return Worth.ALWAYS
        return Worth.EFFECTIVE

    def _from_all(self, node: Node, made_by: frozenset[str] = frozenset()) -> bool:
        """True for what a subquery hands out of all rows of the target, or makes of them by such a function."""
        for body in bodies(node, "SubLink", stop="SubLink"):
            query = body["subselect"].get("SelectStmt")
            if query is None:
                return True
            calls = {field_names(call["funcname"])[-1] for call in bodies(query, "FuncCall")}
            if (not made_by or calls & made_by) and self._mirrors(query):
                return True
        return False

    def _mirrored(self, left: Node, right: Node) -> bool:
        """``t.id = u.id`` where ``u`` holds the very rows of ``t``."""
        mine, theirs = left.get("ColumnRef"), right.get("ColumnRef")
        if mine is None or theirs is None:
            return False
        fields = field_names(theirs["fields"])
        if field_names(mine["fields"])[-1] != fields[-1]:
            return False
        items = [item for level in (self.beside, *self.inner) for item in level if item.mirrors]
        return any(item.name == fields[-2] if len(fields) > 1 else True for item in items)

    def _null_test(self, body: Node, negated: bool) -> Worth:
        argument = body["arg"]
        reads = self._reads(argument)
        if not reads:
            return self._without_target(argument)
        if "ColumnRef" not in argument or reads[0] == "*":
            return Worth.ALWAYS  # (id = 1) IS NOT NULL and its like
        is_null = (body["nulltesttype"] == "IS_NULL") is not negated
        return Worth.EFFECTIVE if is_null or self._is_nullable(reads[0]) else Worth.ALWAYS

    def _is_nullable(self, column: str) -> bool:
        found = [relation.column(column) for relation in self.relations]
        return bool(found) and all(column is not None and not column.not_null for column in found)

    def _boolean_test(self, body: Node, negated: bool) -> Worth:
        argument = body["arg"]
        match body["booltesttype"]:
            case "IS_TRUE" | "IS_NOT_FALSE":
                return self.worth(argument, negated)
            case "IS_FALSE" | "IS_NOT_TRUE":
                return self.worth(argument, not negated)
            case _:
                return Worth.ALWAYS

    def _without_target(self, node: Node) -> Worth:
        """A condition that never looks at the target: the same for all of its rows."""
        return Worth.ALWAYS if looks_at_rows(node) else Worth.TRUE

    # Subqueries

    def _sublink(self, body: Node, negated: bool) -> Worth:
        query = body["subselect"].get("SelectStmt")
        if query is None:
            return Worth.ALWAYS
        match body["subLinkType"]:
            case "EXISTS_SUBLINK":
                return self._exists(query)
            case "ANY_SUBLINK" | "ALL_SUBLINK":
                return self._in_query(body, query, negated)
            case _:
                return Worth.ALWAYS

    def _exists(self, query: Node) -> Worth:
        if query.get("op", "SETOP_NONE") != "SETOP_NONE":
            if query["op"] != "SETOP_UNION":
                return Worth.ALWAYS
            arms = [self._exists(query[arm]) for arm in ("larg", "rarg")]
            return Worth.EFFECTIVE if all(arm is Worth.EFFECTIVE for arm in arms) else Worth.ALWAYS
        if "valuesLists" in query or ("fromClause" not in query and "whereClause" not in query):
            return Worth.TRUE
        if "groupClause" not in query and any(
            field_names(call["funcname"])[-1] in _AGGREGATES for call in bodies(query.get("targetList"), "FuncCall")
        ):
            return Worth.ALWAYS  # an aggregate without GROUP BY always has a row
        worth = self._inside(query, query.get("whereClause"))
        return Worth.ALWAYS if worth is Worth.TRUE and "fromClause" in query else worth

    def _in_query(self, body: Node, query: Node, negated: bool) -> Worth:
        test = body.get("testexpr")
        tested = self._reads(test) if test is not None else []
        if test is None or not tested or "*" in tested:
            return Worth.ALWAYS
        operator = field_names(body["operName"])[-1] if "operName" in body else "="
        excludes = negated is not (operator == "<>" or body["subLinkType"] == "ALL_SUBLINK")
        if excludes:
            never = self._inside(query, query.get("whereClause")) is Worth.FALSE or "limitCount" in query
            return Worth.ALWAYS if never else Worth.EFFECTIVE
        returned = self._returned(query)
        if set(returned) & set(tested) or self._mirrors(query):
            return Worth.ALWAYS
        return Worth.EFFECTIVE

    def _inside(self, query: Node, where: Node | None) -> Worth:
        """The worth of a subquery's condition for the target outside."""
        if where is None:
            return Worth.TRUE
        self.inner.append(self._items(query.get("fromClause", [])))
        try:
            return self.worth(where)
        finally:
            self.inner.pop()

    def _mirrors(self, query: Node) -> bool:
        """True for a query over the target itself that keeps (nearly) all of its rows."""
        if self.budget.is_spent():
            return True
        if query.get("op", "SETOP_NONE") != "SETOP_NONE":
            return any(self._mirrors(query[arm]) for arm in ("larg", "rarg"))
        if (
            "limitCount" in query
            and "A_Const" in query["limitCount"]
            and "isnull" not in query["limitCount"]["A_Const"]
        ):
            return False
        source = query.get("fromClause", [])
        for item in source:
            relation = item.get("RangeVar")
            if relation is None:
                subquery = item.get("RangeSubselect", {}).get("subquery", {}).get("SelectStmt")
                if subquery is not None and len(source) == 1 and self._mirrors(subquery):
                    return query.get("whereClause") is None
            elif self._is_target(relation):
                others = [other for other in source if other is not item]
                inside = Judge(self.catalog, self.search_path, self.ctes, relation, others, self.budget)
                where = query.get("whereClause")
                if where is None or inside.worth(where) is not Worth.EFFECTIVE:
                    return True
            elif "schemaname" not in relation and relation["relname"] in self.ctes:
                if not self._cte_mirrors(relation["relname"]):
                    continue
                return query.get("whereClause") is None
        return False

    def _cte_mirrors(self, name: str) -> bool:
        """The same of a CTE, looked at once; one that refers to itself adds nothing by that."""
        seen = self.budget.mirrors
        if name not in seen:
            seen[name] = False
            seen[name] = self._mirrors(self.ctes[name].get("SelectStmt", {}))
        return seen[name]

    def _is_target(self, relation: Node) -> bool:
        if "schemaname" not in relation and relation["relname"] in self.ctes:
            return False
        if not self.relations:
            return bool(relation["relname"] == self.target["relname"])
        found = self.catalog.resolve(relation.get("schemaname"), relation["relname"], self.search_path)
        return any(candidate in self.relations for candidate in found)

    # Columns

    def _reads(self, node: Any) -> list[str]:
        """The target's columns in an expression, one entry per mention; of subqueries, those handed out."""
        if isinstance(node, dict) and "CoalesceExpr" in node:
            first = node["CoalesceExpr"]["args"][0]
            if coverage.literal(first) not in (None, coverage.NULL):
                return []  # the rest is never looked at
        names = [self._column(field_names(body["fields"])) for body in bodies(node, "ColumnRef", stop="SubLink")]
        found = [name for name in names if name is not None]
        for body in bodies(node, "SubLink", stop="SubLink"):
            found.extend(self._returned(body["subselect"].get("SelectStmt", {})))
            found.extend(self._reads(body.get("testexpr")))
        return found

    def _returned(self, query: Node) -> list[str]:
        """The target's columns that a subquery hands back: ``(SELECT t.id)`` is ``t.id`` again."""
        if query.get("op", "SETOP_NONE") != "SETOP_NONE":
            return [name for arm in ("larg", "rarg") for name in self._returned(query[arm])]
        source = query.get("fromClause", [])
        from_inside = [name for entry in source for name in self._brought_in(entry)]
        self.inner.append(self._items(source))
        # Security: a name that nothing inside is known to have is the target's own: ``id IN (SELECT id FROM f())``.
        before, self.handed_out = self.handed_out, True
        try:
            return [*from_inside, *self._reads(query.get("targetList")), *self._reads(query.get("valuesLists"))]
        finally:
            self.handed_out = before
            self.inner.pop()

    def _brought_in(self, entry: Node) -> list[str]:
        """The target's columns that an item of FROM hands on."""
        kind, body = only(entry)
        match kind:
            case "RangeVar":
                return []
            case "RangeSubselect":
                return self._returned(body["subquery"].get("SelectStmt", {}))
            case "JoinExpr":
                return [*self._brought_in(body["larg"]), *self._brought_in(body["rarg"])]
            case _:
                return self._reads(entry)

    def _column(self, fields: list[str]) -> str | None:
        name = fields[-1]
        if len(fields) > 1:
            qualifier = fields[-2]
            hidden = any(item.name == qualifier for level in (*self.inner, self.beside) for item in level)
            return name if qualifier == self.name and not hidden else None
        known = [relation.column(name) is not None for relation in self.relations]
        if name == self.name and not any(known):
            return "*"
        for level in self.inner:
            if any(name in (item.columns or ()) or name in item.names for item in level):
                return None
            if any(item.columns is None for item in level) and not self.handed_out:
                return None
        mine = all(known) if known else not self.beside
        if any(item.columns is not None and name in item.columns for item in self.beside):
            return None
        return name if mine or (name in _SYSTEM_COLUMNS and not self.beside) else None

    def _fixed_columns(self, conjunct: Node) -> Iterable[str]:
        body = conjunct.get("A_Expr")
        if body is None or body["kind"] != "AEXPR_OP" or field_names(body["name"])[-1] != "=":
            return
        left, right = body.get("lexpr", {}), body.get("rexpr", {})
        for column, value in ((left, right), (right, left)):
            if "RowExpr" in column and "RowExpr" in value:
                pairs = zip(column["RowExpr"].get("args", []), value["RowExpr"].get("args", []), strict=False)
                for one, other in pairs:
                    yield from self._fixed_column(one, other)
            else:
                yield from self._fixed_column(column, value)

    def _fixed_column(self, column: Node, value: Node) -> Iterator[str]:
        if "ColumnRef" not in column or any(True for _ in bodies(value, "ColumnRef", stop="SubLink")):
            return
        name = self._column(field_names(column["ColumnRef"]["fields"]))
        if name is not None:
            yield name

    # Range items

    def _items(self, source: list[Any]) -> list[Item]:
        return [item for entry in source for item in self._item(entry)]

    def _item(self, entry: Node) -> Iterator[Item]:
        kind, body = only(entry)
        match kind:
            case "RangeVar":
                yield self._relation_item(body)
            case "RangeSubselect":
                query = body["subquery"].get("SelectStmt", {})
                name = body.get("alias", {}).get("aliasname", "")
                yield Item(
                    name=name,
                    columns=output_names(query, body.get("alias")),
                    mirrors=self._mirrors(query),
                    names=self._certain_names(query) if "colnames" not in body.get("alias", {}) else aliased(body),
                )
            case "JoinExpr":
                yield from self._item(body["larg"])
                yield from self._item(body["rarg"])
                if "alias" in body:
                    yield Item(name=body["alias"]["aliasname"], columns=None)
            case "RangeTableSample":
                yield from self._item(body["relation"])
            case _:
                yield Item(name=body.get("alias", {}).get("aliasname", ""), columns=None, names=aliased(body))

    def _certain_names(self, query: Node) -> frozenset[str]:
        """Output names of a query that can be told, those behind ``*`` included."""
        if query.get("op", "SETOP_NONE") != "SETOP_NONE":
            return self._certain_names(query["larg"])
        found = set(certain_names(query))
        if any("A_Star" in field for body in bodies(query.get("targetList"), "ColumnRef") for field in body["fields"]):
            for item in self._items(query.get("fromClause", [])):
                found |= (item.columns or frozenset()) | item.names
        return frozenset(found) - _SYSTEM_COLUMNS

    def _relation_item(self, relation: Node) -> Item:
        name = alias_of(relation)
        renamed = bool(relation.get("alias", {}).get("colnames"))
        if "schemaname" not in relation and relation["relname"] in self.ctes:
            query = self.ctes[relation["relname"]].get("SelectStmt", {})
            mirrors = self._cte_mirrors(relation["relname"])
            names = aliased(relation) if renamed else self._certain_names(query)
            return Item(name=name, columns=None if renamed else output_names(query), mirrors=mirrors, names=names)
        found = self.catalog.resolve(relation.get("schemaname"), relation["relname"], self.search_path)
        columns = frozenset(column.name for candidate in found for column in candidate.columns)
        if all(candidate.kind in _WITH_SYSTEM_COLUMNS for candidate in found):
            columns |= _SYSTEM_COLUMNS
        known = bool(found) and not renamed
        names = aliased(relation) if renamed else frozenset()
        return Item(name=name, columns=columns if known else None, mirrors=self._is_target(relation), names=names)
