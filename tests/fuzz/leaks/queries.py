"""Queries over the grammar: FROM in all its forms, joins, set operations, WITH, grouping, windows.

``Shape`` says what a query gives, so that the one around it can use its columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.fuzz.leaks.expressions import AGGREGATES, FAMILIES, WINDOWS, Expressions, Scope, Source
from tests.fuzz.leaks.world import Column, Relation

_ROWS_OF_FUNCTIONS = 0.12
_JOINS = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
_CASTS = {"text": "text", "int": "bigint", "num": "numeric", "date": "date", "time": "timestamp", "bool": "boolean",
          "json": "jsonb", "bytes": "bytea", "texts": "text[]", "float": "float8"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Text, and the columns it gives. ``ordered``: its rows come in one order only."""

    text: str
    columns: tuple[Column, ...]
    ordered: bool = False


class Queries(Expressions):
    """Makes queries of growing depth."""

    def query(self, depth: int, outer: Scope = (), ctes: Scope = ()) -> Query:
        """Any query."""
        roll = self.chance.random()
        if depth > 0 and roll < 0.12:
            return self._with(depth, outer, ctes)
        if depth > 0 and roll < 0.22:
            return self._set_operation(depth, outer, ctes)
        if roll < 0.26:
            return self._values(depth, outer)
        if roll < 0.44:
            return self._grouped(depth, outer, ctes)
        return self._select(depth, outer, ctes)

    def of(self, families: list[str], depth: int, outer: Scope = (), ctes: Scope = ()) -> Query:
        """A query whose columns are of these families."""
        source, scope = self._from(depth, ctes, outer)
        columns, targets = [], []
        for family in families:
            before = self._count
            text = self.make(family, [*scope, *outer], depth)
            name = self.name("o")
            assert before <= self._count
            targets.append(f"({text})::{_CASTS.get(family, 'text')} AS {name}")
            columns.append(Column(name=name, type=family, family=family, secret=not self.clean))
        where = f" WHERE {self.predicate(scope, 1)}" if self.chance.random() < 0.4 else ""
        return Query(text=f"SELECT {', '.join(targets)} FROM {source}{where}", columns=tuple(columns))

    def scalar(self, family: str, scope: Scope, depth: int) -> str:
        inner = self.of([family], min(depth, 1), scope)
        if self.chance.random() < 0.5:
            function = self.chance.choice(["max", "min"]) if family in ("text", "int", "num", "date") else ""
            if function:
                return f"(SELECT {function}(q.{inner.columns[0].name}) FROM ({inner.text}) q)"
        return f"({inner.text} ORDER BY 1 LIMIT 1)" if self.clean and family != "json" else f"({inner.text} LIMIT 1)"

    def exists(self, scope: Scope, depth: int) -> str:
        return self.of([self.chance.choice(["int", "text"])], 0, scope).text

    # ------------------------------------------------------------------ SELECT

    def _select(self, depth: int, outer: Scope, ctes: Scope) -> Query:
        source, scope = self._from(depth, ctes, outer)
        visible = [*scope, *outer] if self.chance.random() < 0.4 else scope
        targets: list[str] = []
        columns: list[Column] = []
        for _ in range(self.chance.randint(1, 4)):
            self._target(depth, scope, visible, targets, columns)
        text = f"SELECT {', '.join(targets)} FROM {source}"
        if self.chance.random() < 0.5:
            text += f" WHERE {self.predicate(scope, depth)}"
        keyed = all(source.columns and source.columns[0].name == "id" for source in scope)
        roll = self.chance.random()
        if keyed and roll < 0.45:
            text += " ORDER BY " + ", ".join(f"{source.alias}.id" for source in scope)
            if roll < 0.2:
                text += f" LIMIT {self._limit(scope)}"
            return Query(text=text, columns=tuple(columns), ordered=len(scope) == 1)
        if roll < 0.5:
            with self.nothing_secret(unless=0.3):
                text += f" ORDER BY {self.make('text', scope, 1)}"
        elif roll < 0.53 and not self.clean:
            text += " ORDER BY 1"
        elif roll < 0.57 and not any(column.family in ("json", "xml") for column in columns):
            text = text.replace("SELECT ", "SELECT DISTINCT ", 1)
        elif roll < 0.6:
            with self.nothing_secret(unless=0.2):
                text = text.replace("SELECT ", f"SELECT DISTINCT ON ({self.leaf('int', scope)}) ", 1)
                text += " LIMIT 0" if self.clean else ""
        elif roll < 0.63 and not self.clean:
            text += f" LIMIT {self._limit(scope)}"
        return Query(text=text, columns=tuple(columns))

    def _limit(self, scope: Scope) -> str:
        if self.chance.random() < 0.8:
            return str(self.chance.randint(1, 9))
        with self.nothing_secret(unless=0.3):
            return f"(SELECT 1 + abs(coalesce({self.scalar('int', (), 1)}, 0)) % 9)"

    def _target(self, depth: int, scope: Scope, visible: Scope, targets: list[str], columns: list[Column]) -> None:
        roll = self.chance.random()
        if roll < 0.08:
            source = self.chance.choice(list(scope))
            if self._whole(source):
                form = self.chance.choice(
                    [f"{source.alias}.*", f"({source.alias}).*"] if source.row else [f"{source.alias}.*"]
                )
                targets.append(form)
                columns += source.columns
                return
        if roll < 0.13:
            whole = [source for source in scope if source.row and self._whole(source)]
            if whole:
                source, name = self.chance.choice(whole), self.name("r")
                targets.append(f"{source.alias} AS {name}")
                columns.append(Column(name=name, type="record", family="record", secret=not source.clean))
                return
        if roll < 0.4 and (found := self.column(visible)):
            text, column = found
            name = self.name("o") if self.chance.random() < 0.6 else None
            targets.append(f"{text} AS {name}" if name else text)
            if name:
                columns.append(Column(name=name, type=column.type, family=column.family, secret=column.secret))
            else:
                columns.append(Column(name="?", type=column.type, family="unnamed", secret=column.secret))
            return
        family = self.chance.choice(["text", "text", "text", *FAMILIES])
        name = self.name("o")
        if roll > 0.88 and family in WINDOWS:
            text = self.fill(self.chance.choice(WINDOWS[family]), scope, depth - 1)
        else:
            text = self.make(family, visible, depth)
        targets.append(f"{text} AS {name}")
        columns.append(Column(name=name, type=family, family=family, secret=not self.clean))

    def _grouped(self, depth: int, outer: Scope, ctes: Scope) -> Query:
        source, scope = self._from(depth, ctes, outer)
        columns, targets, keys = [], [], []
        for _ in range(self.chance.choice([0, 1, 1, 2])):
            with self.nothing_secret(unless=0.3):
                family = self.chance.choice(["text", "int", "date"])
                keys.append(self.make(family, scope, min(depth, 1)))
                name = self.name("g")
                targets.append(f"{keys[-1]} AS {name}")
                columns.append(Column(name=name, type=family, family=family, secret=not self.clean))
        for _ in range(self.chance.randint(1, 3)):
            family = self.chance.choice(list(AGGREGATES))
            name = self.name("a")
            targets.append(f"{self.aggregate(family, scope, depth - 1)} AS {name}")
            columns.append(Column(name=name, type=family, family=family, secret=not self.clean))
        text = f"SELECT {', '.join(targets)} FROM {source}"
        if self.chance.random() < 0.4:
            text += f" WHERE {self.predicate(scope, depth)}"
        if keys:
            by = ", ".join(str(place + 1) for place in range(len(keys)))
            if len(keys) == 2 and self.chance.random() < 0.4:
                one, two = (f"({key})" for key in keys)
                by = self.chance.choice([f"ROLLUP ({one}, {two})", f"CUBE ({one}, {two})",
                                         f"GROUPING SETS ({one}, {two}, ())"])  # fmt: skip
            text += f" GROUP BY {by}"
        if self.chance.random() < 0.2:
            text += f" HAVING {self.chance.choice(['count(*) > 1', 'count(*) >= 0', 'true'])}"
        return Query(text=text, columns=tuple(columns))

    def _values(self, depth: int, outer: Scope) -> Query:
        rows = [
            f"({self.make('text', outer, min(depth, 1))}, {self.make('int', outer, 0)})"
            for _ in range(self.chance.randint(1, 3))
        ]
        columns = tuple(Column(name=f"column{place}", type=family, family=family, secret=not self.clean)
                        for place, family in ((1, "text"), (2, "int")))  # fmt: skip
        return Query(text=f"VALUES {', '.join(rows)}", columns=columns)

    def _set_operation(self, depth: int, outer: Scope, ctes: Scope) -> Query:
        families = [self.chance.choice(["text", "text", "int", "date"]) for _ in range(self.chance.randint(1, 3))]
        left = self.of(families, depth - 1, outer, ctes)
        text = f"({left.text})"
        for _ in range(self.chance.choice([1, 1, 2])):
            operator = self.chance.choice(["UNION ALL", "UNION ALL", "UNION", "INTERSECT", "EXCEPT"])
            text += f" {operator} ({self.of(families, depth - 1, outer, ctes).text})"
        return Query(text=text, columns=left.columns)

    def _with(self, depth: int, outer: Scope, ctes: Scope) -> Query:
        name = self.name("w")
        if self.chance.random() < 0.25:
            return self._recursive(name, depth, outer, ctes)
        if self.chance.random() < 0.15:
            head, made = self._returning(name)
        else:
            inner = self._usable(self.query(depth - 1, (), ctes))
            renamed = [
                Column(name=self.name("k"), type=c.type, family=c.family, secret=c.secret) for c in inner.columns
            ]
            cut = self.chance.randint(0, len(renamed))
            listed = f"({', '.join(c.name for c in renamed[:cut])})" if cut else ""
            kept = self.chance.choice(["", "MATERIALIZED ", "NOT MATERIALIZED "])
            head = f"{name}{listed} AS {kept}({inner.text})"
            made = Source(alias=name, columns=(*renamed[:cut], *inner.columns[cut:]))
        body = self.query(depth - 1, outer, [*ctes, made])
        return (
            Query(text=f"WITH {head} {body.text}", columns=body.columns, ordered=body.ordered)
            if not body.text.startswith("WITH")
            else body
        )

    def _recursive(self, name: str, depth: int, outer: Scope, ctes: Scope) -> Query:
        start = self.of(["text"], depth - 1, (), ctes)
        step = self.make(
            "text",
            [Source(alias=name, columns=(Column(name="b", type="text", family="text", secret=not self.clean),))],
            1,
        )
        number = Column(name="a", type="int", family="int")
        made = Source(alias=name, columns=(number, Column(name="b", type="text", family="text", secret=not self.clean)))
        text = (
            f"WITH RECURSIVE {name}(a, b) AS (SELECT 1, q.{start.columns[0].name} FROM ({start.text}) q UNION ALL "
            f"SELECT {name}.a + 1, ({step})::text FROM {name} WHERE {name}.a < 4) "
        )
        body = self._select(depth - 1, outer, [*ctes, made])
        return Query(text=text + body.text, columns=body.columns)

    def _returning(self, name: str) -> tuple[str, Source]:
        relation = self.chance.choice([r for r in self.world.relations if r.writable])
        source = Source(alias=relation.name.rpartition(".")[2], columns=relation.columns)
        columns, targets = [], []
        for family in ("text", "int"):
            column = self.name("o")
            targets.append(f"({self.make(family, [source], 1)})::{_CASTS[family]} AS {column}")
            columns.append(Column(name=column, type=family, family=family, secret=not self.clean))
        head = f"{name} AS (UPDATE {self._named(relation)} SET id = id WHERE id < 6 RETURNING {', '.join(targets)})"
        return head, Source(alias=name, columns=tuple(columns))

    # ------------------------------------------------------------------ FROM

    def _from(self, depth: int, ctes: Scope, outer: Scope = ()) -> tuple[str, list[Source]]:
        text, scope = self._item(depth, ctes)
        for _ in range(self.chance.choice([0, 0, 0, 1, 1, 2]) if depth >= 0 else 0):
            roll = self.chance.random()
            if roll < 0.15 and depth > 0:
                inner = self._usable(self.query(depth - 1, scope, ctes))
                name = self.name("l")
                text += f" CROSS JOIN LATERAL ({inner.text}) AS {name}"
                scope.append(Source(alias=name, columns=inner.columns))
                continue
            if roll < 0.25:
                extra, source = self._function(scope)
                text += f" CROSS JOIN LATERAL {extra}"
                scope.append(source)
                continue
            other, more = self._item(depth - 1, ctes)
            shared = [
                c.name
                for c in scope[-1].columns
                if c.name in {m.name for m in more[0].columns} and not (self.clean and c.secret)
            ]
            keyed = "id" in shared
            if keyed and roll < 0.45 and len(scope) == 1:
                text += f" {self.chance.choice(_JOINS)} {other} USING (id)"
            elif roll < 0.5 and not self.clean and shared:
                text += f" NATURAL {self.chance.choice(_JOINS)} {other}"
            elif keyed:
                text += f" {self.chance.choice(_JOINS[:3])} {other} ON {scope[-1].alias}.id = {more[0].alias}.id"
            else:
                with self.nothing_secret(unless=0.2):
                    text += f" JOIN {other} ON {self.leaf('text', scope)} = {self.leaf('text', more)}"
            scope += more
        return text, scope

    def _item(self, depth: int, ctes: Scope) -> tuple[str, list[Source]]:
        name = self.name("t")
        roll = self.chance.random()
        if depth > 0 and roll < 0.22:
            inner = self._usable(self.query(depth - 1, (), ctes))
            if self.chance.random() < 0.3:
                renamed = tuple(
                    Column(name=self.name("c"), type=c.type, family=c.family, secret=c.secret) for c in inner.columns
                )
                return f"({inner.text}) AS {name}({', '.join(c.name for c in renamed)})", [
                    Source(alias=name, columns=renamed)
                ]
            return f"({inner.text}) AS {name}", [Source(alias=name, columns=inner.columns)]
        if ctes and roll < 0.65:
            chosen = self.chance.choice(list(ctes))
            return f"{chosen.alias} {name}", [Source(alias=name, columns=chosen.columns)]
        relation = self._relation()
        columns = relation.columns
        if self.chance.random() < 0.12:
            columns = tuple(Column(name=self.name("c"), type=c.type, family=c.family, secret=c.secret) for c in columns)
            return f"{self._named(relation)} AS {name}({', '.join(c.name for c in columns)})", [
                Source(alias=name, columns=columns)
            ]
        if (rows := self._rowset((), name)) is not None:
            return rows[0], [rows[1]]
        only = "ONLY " if self.chance.random() < 0.05 and relation.writable else ""
        return f"{only}{self._named(relation)} {name}", [Source(alias=name, columns=columns, relation=relation.name)]

    def _named(self, relation: Relation) -> str:
        return relation.name if "." in relation.name or not self.qualified else f"public.{relation.name}"

    def _relation(self) -> Relation:
        clean = [relation for relation in self.world.relations if relation.clean]
        mixed = [relation for relation in self.world.relations if not relation.clean]
        wanted = clean if self.chance.random() < (0.4 if self.clean else 0.15) else mixed
        return self.chance.choice(wanted or mixed or clean)

    def _rowset(self, scope: Scope, name: str) -> tuple[str, Source] | None:
        """Now and then, a function of somebody's own that gives rows."""
        found = [rows for rows in self.world.rowsets if rows.clean or not self.clean]
        if not found or self.chance.random() >= _ROWS_OF_FUNCTIONS:
            return None
        rows = self.chance.choice(found)
        columns = rows.columns if not self.clean else tuple(replace(column, secret=False) for column in rows.columns)
        if rows.passes and not self.clean:
            columns = tuple(replace(column, secret=True) for column in columns)
        call = self.fill(self.chance.choice(rows.calls), scope, 1)
        return f"{call} AS {name}{rows.typed}", Source(alias=name, columns=columns)

    def _function(self, scope: Scope) -> tuple[str, Source]:
        name = self.name("f")
        if (rows := self._rowset(scope, name)) is not None:
            return rows
        column = Column(name="v", type="text", family="text", secret=not self.clean)
        # Of what type an unnested array is cannot always be told; then all that stands beside it is suspect.
        forms = ("unnest(({texts})::text[])" if self.clean else "unnest({texts})",
                 "regexp_split_to_table({text}, '@')", "string_to_table({text}, '-')",
                 "jsonb_array_elements_text(jsonb_build_array({text}, {any}))", "(SELECT {text})")  # fmt: skip
        return f"{self.fill(self.chance.choice(forms), scope, 1)} AS {name}(v)", Source(
            alias=name, columns=(column,), row=False
        )

    def _usable(self, query: Query) -> Query:
        """The same with names that are known and different, for whoever selects from it."""
        names = [column.name for column in query.columns]
        if "?" not in names and len(set(names)) == len(names) and not any(c.family == "unnamed" for c in query.columns):
            return query
        renamed = tuple(
            Column(
                name=self.name("u"), type=c.type, family=c.family if c.family != "unnamed" else "other", secret=c.secret
            )
            for c in query.columns
        )
        inner = self.name("q")
        return Query(
            text=f"SELECT * FROM ({query.text}) {inner}({', '.join(c.name for c in renamed)})", columns=renamed
        )
