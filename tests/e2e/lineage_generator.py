"""Random queries over a catalog, most of them valid: fuel for comparing lineage with the server.

Written for breadth of name resolution, not of functions: nested queries, aliases, column lists,
CTEs, joins of all kinds, laterals, set operations.
"""

from __future__ import annotations

import random

from govproxy.sql.catalog import Catalog, RelationKind

_RELATIONS = (RelationKind.TABLE, RelationKind.VIEW, RelationKind.PARTITIONED, RelationKind.MATERIALISED_VIEW)
_WRITABLE = ("public.customers", "public.orders", "public.products", "archive.customers", "public.child")
_TEXTS = ("name", "email", "ssn", "phone", "note", "secret", "more")
Item = tuple[str, list[str]]  # visible name and columns


class Generator:
    """Makes one query after the other from one source of randomness."""

    def __init__(self, chance: random.Random, catalog: Catalog) -> None:
        self._chance = chance
        self._count = 0
        self._tables = [
            (f"{relation.schema}.{relation.name}", [column.name for column in relation.columns])
            for relation in catalog.relations.values()
            if relation.schema in ("public", "archive")
            and relation.kind in _RELATIONS
            and relation.name != "opaque_view"
        ]

    def query(self) -> str:
        """One query, or now and then a data-modifying statement."""
        if self._chance.random() < 0.15:
            return self._write()
        return self._query(3, [], [])[0]

    def _write(self) -> str:
        name, columns = self._chance.choice([table for table in self._tables if table[0] in _WRITABLE])
        texts = [column for column in columns if column in _TEXTS]
        target = self._name("t")
        kind = self._chance.choice(["insert", "update", "delete", "cte"])
        if kind == "update":
            source, items, _ = self._from(1, [], [])
            visible = [(target, columns), *items]
            return (
                f"UPDATE {name} AS {target} SET {self._chance.choice(texts)} = {self._text(1, visible, [])}"
                f" FROM {source} WHERE {self._predicate(1, visible, [])} RETURNING *"
            )
        if kind == "delete":
            source, items, _ = self._from(1, [], [])
            visible = [(target, columns), *items]
            where, shown = self._predicate(1, visible, []), self._text(1, visible, [])
            return f"DELETE FROM {name} AS {target} USING {source} WHERE {where} RETURNING {shown}"
        rows, _ = self._select(2, [], [], texts=len(texts))
        insert = f"INSERT INTO {name} AS {target} ({', '.join(texts)}) {rows} RETURNING *"
        return (
            insert if kind == "insert" else f"WITH i AS ({insert}) SELECT {self._text(1, [('i', columns)], [])} FROM i"
        )

    def _name(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def _query(self, depth: int, outer: list[Item], ctes: list[Item]) -> tuple[str, list[str]]:
        roll = self._chance.random()
        if depth > 0 and roll < 0.15:
            return self._with(depth, outer, ctes)
        if depth > 0 and roll < 0.25:
            return self._union(depth, outer, ctes)
        return self._select(depth, outer, ctes)

    def _with(self, depth: int, outer: list[Item], ctes: list[Item]) -> tuple[str, list[str]]:
        text, columns = self._query(depth - 1, [], ctes)
        name = self._name("w")
        renamed = [self._name("k") for _ in columns[: self._chance.randint(0, len(columns))]]
        head = f"{name}({', '.join(renamed)})" if renamed else name
        known = [*ctes, (name, renamed + columns[len(renamed) :])]
        inner, shown = self._select(depth - 1, outer, known)
        return f"WITH {head} AS ({text}) {inner}", shown

    def _union(self, depth: int, outer: list[Item], ctes: list[Item]) -> tuple[str, list[str]]:
        left, columns = self._select(depth - 1, outer, ctes, texts=2)
        right, _ = self._select(depth - 1, outer, ctes, texts=2)
        operator = self._chance.choice(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"])
        return f"({left}) {operator} ({right})", columns

    def _select(
        self, depth: int, outer: list[Item], ctes: list[Item], texts: int | None = None
    ) -> tuple[str, list[str]]:
        source, items, merged = self._from(depth, outer, ctes)
        visible = items + (outer if self._chance.random() < 0.5 else [])
        targets: list[str] = []
        columns: list[str] = []
        for _ in range(texts or self._chance.randint(1, 4)):
            text, name = self._target(depth, visible, items, ctes, as_text=texts is not None)
            targets.append(text)
            if name is None:
                columns += next(names for item, names in items if f"{item}.*" == text)
            else:
                columns.append(name)
        if merged and texts is None:
            targets.append(merged)
            columns.append(merged)
        clauses = f"SELECT {', '.join(targets)} FROM {source}"
        if self._chance.random() < 0.5:
            clauses += f" WHERE {self._predicate(depth, visible, ctes)}"
        if texts is None and self._chance.random() < 0.3:
            clauses += " ORDER BY 1"
        return clauses, columns

    def _from(self, depth: int, outer: list[Item], ctes: list[Item]) -> tuple[str, list[Item], str | None]:
        text, items = self._item(depth, outer, ctes)
        merged = None
        for _ in range(self._chance.choice([0, 0, 1, 1, 2])):
            roll = self._chance.random()
            lateral = roll > 0.8 and depth > 0
            other, more = self._item(depth, [*items, *outer] if lateral else outer, ctes, lateral=lateral)
            kind = self._chance.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]) if not lateral else "JOIN"
            if roll < 0.05:
                text, items = f"{text} NATURAL {kind} {other}", items + more
                continue
            if lateral or roll < 0.3:
                text, items = f"{text} CROSS JOIN {other}", items + more
            elif roll < 0.5 and len(items) == 1 and (common := [c for c in items[0][1] if c in more[0][1]]):
                merged = common[0]
                text, items = f"{text} {kind} {other} USING ({merged})", items + more
            else:
                items = items + more
                kind = "JOIN" if kind == "FULL JOIN" else kind
                text = f"{text} {kind} {other} ON {self._column(items)}::text = {self._column(items)}::text"
        return text, items, merged

    def _item(
        self, depth: int, outer: list[Item], ctes: list[Item], *, lateral: bool = False
    ) -> tuple[str, list[Item]]:
        name = self._name("t")
        roll = self._chance.random()
        if lateral or (depth > 0 and roll < 0.3):
            text, columns = self._query(depth - 1, outer if lateral else [], ctes)
            return f"{'LATERAL ' if lateral else ''}({text}) AS {name}", [(name, columns)]
        source, columns = self._chance.choice(ctes if ctes and roll < 0.6 else self._tables)
        if self._chance.random() < 0.2:
            renamed = [self._name("c") for _ in columns[: self._chance.randint(1, len(columns))]]
            return f"{source} AS {name}({', '.join(renamed)})", [(name, renamed + columns[len(renamed) :])]
        return f"{source} {name}", [(name, columns)]

    def _target(
        self, depth: int, visible: list[Item], items: list[Item], ctes: list[Item], *, as_text: bool
    ) -> tuple[str, str | None]:
        roll = self._chance.random()
        if not as_text and roll < 0.1:
            return f"{self._chance.choice(items)[0]}.*", None
        name = self._name("o")
        if not as_text and roll < 0.5:
            column = self._column(visible)
            return (f"{column} AS {name}", name) if self._chance.random() < 0.5 else (column, column.split(".")[1])
        return f"{self._text(depth, visible, ctes)} AS {name}", name

    def _text(self, depth: int, visible: list[Item], ctes: list[Item]) -> str:
        """An expression of type text."""
        roll = self._chance.randint(0, 9)
        column = f"{self._column(visible)}::text"
        if depth > 0 and roll == 0:
            inner, columns = self._select(0, visible, ctes, texts=1)
            return f"(SELECT max(s.{columns[0]}) FROM ({inner}) s)"
        if depth > 0 and roll == 1:
            return f"CASE WHEN {self._predicate(0, visible, ctes)} THEN {column} ELSE {self._column(visible)}::text END"
        if roll == 2:
            return f"coalesce({column}, {self._text(0, visible, ctes)})"
        if roll == 3:
            return f"{self._chance.choice(visible)[0]}::text"
        if roll == 4:
            return f"(lower({column}) || {self._column(visible)}::text)"
        if roll in (6, 7):
            return f"{self._loose(visible)}::text"
        if roll == 8:
            return self._row_or_set(visible)
        if roll == 5:
            return f"(to_jsonb({self._chance.choice(visible)[0]}) ->> 'x')"
        return column

    def _row_or_set(self, visible: list[Item]) -> str:
        one, two = self._column(visible), self._column(visible)
        form = self._chance.choice(
            [
                "(ROW({0}, {1})).f2::text",
                "(SELECT v.b::text FROM (VALUES (1, {0}::text), (2, {1}::text)) v(a, b) LIMIT 1)",
                "(SELECT max(u) FROM unnest(ARRAY[{0}::text, {1}::text]) u)",
                "(WITH RECURSIVE r(a, b) AS (SELECT {0}::text, {1}::text UNION SELECT b, a FROM r)"
                " SELECT min(a) FROM r)",
                "nullif({0}::text, {1}::text)",
                "(ARRAY[{0}::text, {1}::text])[1]",
            ]
        )
        return form.format(one, two)

    def _predicate(self, depth: int, visible: list[Item], ctes: list[Item]) -> str:
        roll = self._chance.randint(0, 5)
        column = f"{self._column(visible)}::text"
        if depth > 0 and roll == 0:
            inner, columns = self._select(0, visible, ctes, texts=1)
            return f"{column} IN (SELECT s.{columns[0]} FROM ({inner}) s)"
        if depth > 0 and roll == 1:
            return f"EXISTS ({self._select(0, visible, ctes)[0]})"
        if roll == 2:
            return f"({column} LIKE 'x%' OR {self._column(visible)} IS NULL)"
        if roll == 3:
            return f"{column} = {self._column(visible)}::text"
        return f"{column} > 'x'"

    def _column(self, items: list[Item]) -> str:
        """A reference to a column, qualified; see `_loose` for other ways to write one."""
        usable = [item for item in items if item[1]]
        name, columns = self._chance.choice(usable)
        return f"{name}.{self._chance.choice(columns)}"

    def _loose(self, items: list[Item]) -> str:
        """A reference to a column in one of the other ways; not always a valid one."""
        name, _, column = self._column(items).partition(".")
        return self._chance.choice([column, f"({name}).{column}", f"{column}({name})", f"(SELECT {name}.{column})"])
