"""Whole statements and scripts of them: what a client might send, ordinary or not.

Each is run in a transaction that is rolled back. ``clean`` ones touch nothing planted: their
answers must be a direct connection's. The others may be masked or refused, never leak.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.fuzz.leaks.expressions import Source
from tests.fuzz.leaks.queries import Queries, Query
from tests.fuzz.leaks.world import Relation, World

STEP = " ;; "
_PLACE = re.compile(r"\{[a-z]+\}")
_EXPLAIN = (
    "",
    "VERBOSE ",
    "(VERBOSE, FORMAT JSON) ",
    "(ANALYZE, VERBOSE, TIMING OFF) ",
    "(FORMAT XML) ",
    "(ANALYZE, FORMAT YAML, SUMMARY OFF) ",
)
_COPY = (
    "",
    " (FORMAT csv, HEADER)",
    " (FORMAT binary)",
    " WITH (FORMAT csv, FORCE_QUOTE *)",
    " WITH (DELIMITER '|', NULL 'none')",
)
_FETCHES = (
    ("FETCH 3 FROM {}", "FETCH ALL FROM {}"),
    ("FETCH ALL FROM {}",),
    ("MOVE 1 FROM {}", "FETCH NEXT FROM {}", "FETCH FORWARD 5 FROM {}"),
)
_LATER = ("cursor", "several")
_STORING = ("insert", "update", "merge", "fired", "store")
_WHO = {"attempt": ["analyst", "engineer", "engineer"]}


def _scripts() -> dict[str, list[str]]:
    scripts: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / "scripts.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            kind, _, script = line.partition(" || ")
            scripts.setdefault(kind, []).append(script)
    return scripts


SCRIPTS = _scripts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One find's worth of SQL. ``ordered``: rows come in one order only. ``who``: an identity's name."""

    kind: str
    steps: tuple[str, ...]
    clean: bool = False
    ordered: bool = False
    who: str = "analyst"

    def __str__(self) -> str:
        return " ;; ".join(self.steps)


class Statements:
    """Makes one statement after the other."""

    def __init__(self, chance: random.Random, world: World) -> None:
        self._chance = chance
        self._world = world
        self._queries = Queries(chance, world)
        self._clean_kinds: dict[Callable[[], Statement], float] = {
            self._query: 10, self._cursor: 1, self._prepared: 1, self._stored: 1, self._several: 1, self._writing: 2,
            self._copied: 1, self._fired: 0.4,
        }  # fmt: skip
        self._kinds: dict[Callable[[], Statement], float] = {
            self._query: 10, self._cursor: 1, self._prepared: 1, self._stored: 2, self._several: 1, self._writing: 3,
            self._explained: 1, self._copied: 1, self._fired: 1, **{partial(self._script, kind): 1 for kind in SCRIPTS},
        }  # fmt: skip

    def next(self) -> Statement:
        """One more."""
        queries, chance = self._queries, self._chance
        queries.clean = chance.random() < 0.4
        queries.wild = 0.0 if queries.clean else chance.choice([0.0, 0.0, 0.05, 0.3])
        kinds = self._clean_kinds if queries.clean else self._kinds
        return chance.choices(list(kinds), weights=list(kinds.values()))[0]()

    def _make(self, kind: str, *steps: str, ordered: bool = False, who: str = "analyst") -> Statement:
        # A cast of somebody's own may run wherever something is stored, and code may change what comes after.
        may_run = (self._world.has_casts and kind in _STORING) or (kind in _LATER and any("u_" in s for s in steps))
        clean = self._queries.clean and not may_run
        return Statement(kind=kind, steps=steps, clean=clean, ordered=ordered, who=who)

    def _some_query(self, depth: int | None = None) -> Query:
        return self._queries.query(self._chance.choice([0, 1, 1, 2, 2, 3]) if depth is None else depth)

    # ------------------------------------------------------------------ kinds

    def _query(self) -> Statement:
        query = self._some_query()
        return self._make("query", query.text, ordered=query.ordered)

    def _cursor(self) -> Statement:
        name, query = self._queries.name("c"), self._some_query()
        binary = self._chance.choice(["", "BINARY ", "SCROLL "])
        fetches = self._chance.choice(_FETCHES)
        steps = [f"DECLARE {name} {binary}CURSOR FOR {query.text}", *(fetch.format(name) for fetch in fetches)]
        return self._make("cursor", *steps, f"CLOSE {name}")

    def _prepared(self) -> Statement:
        name, query = self._queries.name("p"), self._some_query()
        return self._make("prepare", f"PREPARE {name} AS {query.text}", f"EXECUTE {name}", f"EXECUTE {name}")

    def _stored(self) -> Statement:
        name, query = self._queries.name("tmp"), self._queries._usable(self._some_query(1))
        columns = ", ".join(column.name for column in query.columns)
        column = self._chance.choice(query.columns).name
        show = self._chance.choice([f"SELECT * FROM {name}", f"SELECT {columns} FROM {name}", f"TABLE {name}",
                                    f"SELECT {column}::text FROM {name}", f"SELECT x.* FROM {name} x",
                                    f"SELECT lower({column}::text) FROM {name}"])  # fmt: skip
        make = self._chance.choice([f"CREATE TEMP TABLE {name} AS {query.text}",
                                    f"CREATE TEMP TABLE {name} AS SELECT * FROM ({query.text}) z",
                                    f"SELECT * INTO TEMP {name} FROM ({query.text}) z"])  # fmt: skip
        if not self._queries.clean and self._chance.random() < 0.3:
            make = f"CREATE TEMP VIEW {name} AS {query.text}"
        return self._make("store", make, show, f"DROP {'VIEW' if 'VIEW' in make else 'TABLE'} {name}")

    def _several(self) -> Statement:
        return self._make("several", "; ".join(self._some_query(1).text for _ in range(self._chance.randint(2, 3))))

    def _writing(self) -> Statement:
        queries, chance = self._queries, self._chance
        target = chance.choice([r for r in self._world.relations if r.writable and "." not in r.name])
        source = Source(alias=target.name, columns=target.columns)
        with queries.nothing_secret():
            texts = [
                c
                for c in target.columns
                if c.family in ("text", "int", "num") and not c.secret and c.name not in ("id", "parent")
            ]
        returned = self._returning(source)
        if not texts or chance.random() < 0.2:
            if target.name == self._world.relations[0].name:
                return self._query()
            return self._make(
                "delete", f"DELETE FROM {target.name} WHERE id = {chance.randint(1, 9)} RETURNING {returned}"
            )
        column = chance.choice(texts)
        value = queries.make(column.family, [source], 1)
        cast = column.type if column.family != "int" else "bigint"
        roll = chance.random()
        if roll < 0.5:
            update = (
                f"UPDATE {target.name} SET {column.name} = ({value})::{cast} "
                f"WHERE {target.name}.id < 9 RETURNING {returned}"
            )
            return self._make("update", update, f"SELECT {column.name} FROM {target.name} ORDER BY id")
        if roll < 0.7:
            other = self._relation(but=target)
            with queries.nothing_secret(unless=0.2):
                key = f"{target.name}.id = z.id" if other.columns[0].name == "id" else f"{target.name}.id = 3"
            scope = [source, Source(alias="z", columns=other.columns)]
            value = queries.make(column.family, scope, 1)
            update = (
                f"UPDATE {target.name} SET {column.name} = ({value})::{cast} FROM {other.name} z "
                f"WHERE {key} RETURNING {self._returning(scope[-1])}"
            )
            return self._make("update", update)
        if roll < 0.85:
            query = queries.of([column.family], 1)
            given = f"({query.columns[0].name})::{cast}"
            insert = (
                f"INSERT INTO {target.name} (id, {column.name}) SELECT 900 + row_number() OVER (), {given} "
                f"FROM ({query.text}) z RETURNING {returned}"
            )
            return self._make("insert", insert, f"SELECT {column.name} FROM {target.name} WHERE id >= 900")
        merge = (
            f"MERGE INTO {target.name} USING (SELECT 3 AS k) s ON {target.name}.id = s.k "
            f"WHEN MATCHED THEN UPDATE SET {column.name} = ({value})::{cast}"
        )
        return self._make("merge", merge, f"SELECT {column.name} FROM {target.name} WHERE id = 3")

    def _returning(self, source: Source) -> str:
        queries = self._queries
        if queries._whole(source) and self._chance.random() < 0.2:
            return self._chance.choice([f"{source.alias}.*", source.alias, "*" if source.alias != "z" else "z.*"])
        return f"{queries.make(self._chance.choice(['text', 'int']), [source], 1)} AS o, {source.alias}.id" if any(
            c.name == "id" for c in source.columns) else "1"  # fmt: skip

    def _relation(self, *, but: Relation) -> Relation:
        return self._chance.choice([relation for relation in self._world.relations if relation is not but])

    # ------------------------------------------------------------------ only against what is planted

    def _explained(self) -> Statement:
        options = self._chance.choice(_EXPLAIN)
        return self._make("explain", f"EXPLAIN {options}{self._some_query(1).text}")

    def _copied(self) -> Statement:
        options = self._chance.choice(_COPY)
        clean = self._queries.clean
        relation = self._chance.choice([r for r in self._world.relations if r.writable])
        columns = [column.name for column in relation.columns if not (clean and column.secret)]
        listed = ", ".join(self._chance.sample(columns, self._chance.randint(1, len(columns))))
        what = [f"({self._some_query(1).text})", f"{relation.name} ({listed})"]
        what = self._chance.choice(what if clean and not relation.clean else [*what, relation.name])
        return self._make("copy", f"COPY {what} TO STDOUT{options}")

    def _fired(self) -> Statement:
        """What calls functions without naming them: defaults, triggers."""
        scripts = self._world.clean_scripts if self._queries.clean else self._world.scripts
        if not scripts:
            return self._query()
        return self._filled("fired", self._chance.choice(scripts)[1])

    def _script(self, kind: str) -> Statement:
        """One line of ``scripts.txt``."""
        return self._filled(kind, self._chance.choice(SCRIPTS[kind]))

    def _filled(self, kind: str, script: str) -> Statement:
        """A script with its places filled."""
        name, who = self._queries.name("s"), self._chance.choice(_WHO.get(kind, ["analyst"]))
        secret = self._chance.choice([r.name for r in self._world.relations if r.writable and not r.clean])
        places = {
            "{name}": lambda: name,
            "{query}": lambda: self._some_query(1).text,
            "{value}": lambda: self._one("text"),
            "{count}": lambda: self._one("int"),
            "{table}": lambda: self._world.relations[0].name,
            "{secret}": lambda: secret,
        }
        steps = [_PLACE.sub(lambda found: places[found[0]](), step) for step in script.split(STEP)]
        return self._make(kind, *steps, who=who)

    def _one(self, family: str) -> str:
        """A scalar subquery."""
        query = self._queries.of([family], 1)
        return f"(SELECT {query.columns[0].name} FROM ({query.text}) z LIMIT 1)"
