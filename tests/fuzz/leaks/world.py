"""One generated database: its definition, its rows with planted values, and what the grammar may name.

Everything follows from the seed. ``World.definitions`` and ``World.fillings`` build it; ``World.relations``
say what can be read and which columns hold planted values; ``World.corrections`` classify, by policy, the columns
that nobody could recognise.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fuzz.leaks.canary import Canaries, Secrets

ROWS = 14
# Neither names of people nor of places: those would rightly be masked.
_WORDS = ("alpha", "open", "plank", "brick", "solid", "kilo", "paid", "sent", "cable", "wheel", "half", "round")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """``family`` is the grammar's word for the kind of type."""

    name: str
    type: str
    family: str
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """Anything that can stand in FROM by its name. ``writable``: a plain table."""

    name: str
    columns: tuple[Column, ...]
    writable: bool = False

    @property
    def clean(self) -> bool:
        """No column holds planted values."""
        return not any(column.secret for column in self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A form of an expression that calls a function; ``clean``: harmless where its arguments are."""

    made_by: str
    family: str
    form: str
    clean: bool
    groups: bool = False  # an aggregate's


@dataclass(frozen=True, slots=True, kw_only=True)
class Rowset:
    """Functions in FROM. ``passes``: what it gives is as harmless as what it is given."""

    made_by: str
    calls: tuple[str, ...]
    columns: tuple[Column, ...]
    clean: bool
    passes: bool
    typed: str = ""  # what must stand behind the alias


@dataclass(slots=True)
class World:
    """What the fuzzer works on."""

    seed: int
    secrets: Secrets
    definitions: list[str] = field(default_factory=list)
    fillings: list[str] = field(default_factory=list)  # what puts values in, and what depends on them
    relations: list[Relation] = field(default_factory=list)
    corrections: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)  # calls that give planted text, without arguments
    wrappers: list[str] = field(default_factory=list)  # of one text, giving text
    # What the database may refuse, each with the name of what it is for; then all of that name goes.
    attempts: list[tuple[str, str]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    rowsets: list[Rowset] = field(default_factory=list)
    methods: list[tuple[str, str, Column]] = field(
        default_factory=list
    )  # made by, of which relation's rows, as a column
    scripts: list[tuple[str, str]] = field(default_factory=list)
    clean_scripts: list[tuple[str, str]] = field(default_factory=list)
    # Whether there are casts of somebody's own: where something is stored, they may be what does it.
    has_casts: bool = False

    def try_to(self, name: str, definition: str) -> None:
        """Have it run, for all that is known by this name."""
        self.attempts.append((name, definition))

    def forget(self, name: str) -> None:
        """That was not possible."""
        self.calls = [call for call in self.calls if call.made_by != name]
        self.rowsets = [rows for rows in self.rowsets if rows.made_by != name]
        self.methods = [method for method in self.methods if method[0] != name]
        self.scripts = [script for script in self.scripts if script[0] != name]
        self.clean_scripts = [script for script in self.clean_scripts if script[0] != name]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of secret column: names by which it is recognised, types, how values are made."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    family: str
    make: Callable[[Canaries], str]


def quoted(value: object) -> str:
    """An SQL literal."""
    return "'" + str(value).replace("'", "''") + "'"


_KINDS = (
    _Kind(
        ("email", "e_mail", "contact_email", "mail_address"),
        ("text", "varchar(60)", "citizen_mail"),
        "text",
        lambda c: quoted(c.email()),
    ),
    _Kind(("full_name", "customer_name", "last_name"), ("text", "varchar(40)"), "text", lambda c: quoted(c.name())),
    _Kind(("phone", "mobile_number"), ("text", "varchar(24)"), "text", lambda c: quoted(c.phone())),
    _Kind(("ssn", "social_security_number"), ("text", "char(11)"), "text", lambda c: quoted(c.ssn())),
    _Kind(("card_number", "credit_card"), ("text", "varchar(19)"), "text", lambda c: quoted(c.card())),
    _Kind(("iban",), ("text",), "text", lambda c: quoted(c.iban())),
    _Kind(("api_key", "access_token"), ("text",), "text", lambda c: quoted(c.token())),
    _Kind(("salary", "annual_income"), ("numeric", "numeric(14,4)"), "num", lambda c: str(c.decimal())),
    _Kind(("birth_date", "date_of_birth"), ("date",), "date", lambda c: quoted(c.date())),
    _Kind(("last_ip", "ip_address"), ("inet",), "inet", lambda c: quoted(c.address())),
    _Kind(("emails",), ("text[]",), "texts", lambda c: f"ARRAY[{quoted(c.email())}, {quoted(c.email())}]"),
)
# Nobody could tell what these hold: the policy says it.
_OBSCURE = (
    _Kind(("f1", "attr_a", "zz"), ("text", "varchar(80)", "shape"), "text", lambda c: quoted(c.sentence())),
    _Kind(("f2", "val_b"), ("int",), "int", lambda c: str(c.integer())),
    _Kind(("f3", "val_c"), ("bigint",), "int", lambda c: str(c.bigint())),
    _Kind(("f4", "amount_x"), ("numeric", "numeric(20,4)"), "num", lambda c: str(c.decimal())),
    _Kind(("f5", "at_x"), ("date",), "date", lambda c: quoted(c.date())),
    _Kind(("f6", "raw_x"), ("bytea",), "bytes", lambda c: rf"'\x{c.data().hex()}'"),
    _Kind(("f7", "ref_x"), ("uuid",), "uuid", lambda c: quoted(c.identifier())),
    _Kind(("f8", "doc_x"), ("jsonb", "json"), "json",
          lambda c: quoted(f'{{"a": "{c.word()}", "b": [{c.integer()}], "c": {{"d": "{c.word()}"}}}}')),
    _Kind(("f9", "list_x"), ("text[]",), "texts", lambda c: f"ARRAY[{quoted(c.word())}, {quoted(c.word())}]"),
    _Kind(("f10", "pair_x"), ("pair",), "pair", lambda c: f"ROW({quoted(c.word())}, {c.integer()})::pair"),
    _Kind(("f11", "net_x"), ("inet", "cidr"), "inet", lambda c: quoted(c.address())),
    _Kind(("f12", "at_y"), ("timestamp",), "time", lambda c: quoted(f"{c.date()} 00:00:00")),
    _Kind(("f13", "num_x"), ("float8",), "float", lambda c: str(c.decimal())),
    _Kind(("f14", "mac_x"), ("macaddr",), "mac", lambda c: quoted(c.hardware())),
    _Kind(("f15", "span_x"), ("int4range",), "range", lambda c: f"int4range({c.integer() // 2}, NULL)"),
    _Kind(("f16", "words_x"), ("tsvector",), "search", lambda c: f"to_tsvector('simple', {quoted(c.sentence())})"),
)  # fmt: skip
_CLEAN = (
    _Kind(("status", "kind", "state_word"), ("text", "varchar(20)"), "text", lambda c: ""),
    _Kind(("quantity", "position_no", "stock"), ("int", "smallint", "bigint"), "int", lambda c: ""),
    _Kind(("price", "total"), ("numeric(10,2)",), "num", lambda c: ""),
    _Kind(("placed_on", "opened"), ("date",), "date", lambda c: ""),
    _Kind(("changed_at",), ("timestamp",), "time", lambda c: ""),
    _Kind(("active", "done"), ("boolean",), "bool", lambda c: ""),
    _Kind(("tags", "labels"), ("text[]",), "texts", lambda c: ""),
    _Kind(("settings",), ("jsonb",), "json", lambda c: ""),
    _Kind(("ratio",), ("float8",), "float", lambda c: ""),
    _Kind(("mood_word",), ("mood",), "enum", lambda c: ""),
)
_TABLES = ("clients", "visits", "ledger_rows", "t_a", "devices", "members", "parcels", "rooms")
_TYPES = """\
CREATE TYPE mood AS ENUM ('calm', 'busy', 'tired')
CREATE TYPE pair AS (a text, b int)
CREATE DOMAIN citizen_mail AS text CHECK (VALUE LIKE '%@%')
CREATE DOMAIN shape AS text
CREATE SCHEMA side
CREATE SEQUENCE ticket""".splitlines()


def generate(seed: int, *, twin: bool = False) -> World:
    """The world of that number; its twin differs in the planted values and in nothing else."""
    return _Builder(seed, twin).build()


class _Builder:
    def __init__(self, seed: int, twin: bool) -> None:
        self._chance = random.Random(f"world {seed}")
        self._canaries = Canaries(random.Random(f"canaries {seed} {twin}"))
        self.world = World(seed=seed, secrets=self._canaries.secrets)
        self._run = self.world.definitions.append
        self._makers: dict[str, dict[str, Callable[[int], str]]] = {}  # of each table's columns

    def build(self) -> World:
        for text in _TYPES:
            self._run(text)
        names = self._chance.sample(_TABLES, 5)
        for place, name in enumerate(names):
            # The first is clean as a whole; the last shares its name with another schema's.
            self._table(name, secrets=0 if place == 0 else self._chance.randint(2, 5), refers=names[0])
        self._table(f"side.{names[0]}", secrets=2, refers=None)
        self._partitioned()
        self._inherited(names[1])
        for number, relation in enumerate(list(self.world.relations)):
            if self._chance.random() < 0.8:
                self._view(number, relation)
        self._code()
        if self._chance.random() < 0.7:
            self.world.fillings.append("ANALYZE")
        return self.world

    # ------------------------------------------------------------------ tables

    def _columns(self, table: str, secrets: int) -> tuple[list[Column], list[Callable[[int], str]]]:
        columns = [Column(name="id", type="int", family="int")]
        makers: list[Callable[[int], str]] = [str]
        for kind in self._chance.sample(_CLEAN, self._chance.randint(2, 5)):
            name, type_ = self._chance.choice(kind.names), self._chance.choice(kind.types)
            columns.append(Column(name=name, type=type_, family=kind.family))
            makers.append(lambda row, family=kind.family: _clean(family, row))  # type: ignore[misc]
        obvious = self._chance.randint(1, secrets) if secrets else 0
        kinds = [(kind, False) for kind in self._chance.sample(_KINDS, obvious)]
        kinds += [(kind, True) for kind in self._chance.sample(_OBSCURE, secrets - obvious)]
        for kind, obscure in kinds:
            name, type_ = self._chance.choice(kind.names), self._chance.choice(kind.types)
            columns.append(Column(name=name, type=type_, family=kind.family, secret=True))
            makers.append(lambda _, make=kind.make: make(self._canaries))  # type: ignore[misc]
            if obscure or kind.family == "texts":
                self._classify(table, name)
        order = [0, *self._chance.sample(range(1, len(columns)), len(columns) - 1)]
        return [columns[place] for place in order], [makers[place] for place in order]

    def _classify(self, table: str, column: str) -> None:
        schema, _, name = table.rpartition(".")
        self.world.corrections.append(f"{schema or 'public'}.{name}.{column}")

    def _table(self, name: str, *, secrets: int, refers: str | None) -> None:
        columns, makers = self._columns(name, secrets)
        parts = [f"{c.name} {c.type}" + (" PRIMARY KEY" if c.name == "id" else "") for c in columns]
        if refers and refers != name:
            parts.append(f"parent int REFERENCES {refers}")
            columns = [*columns, Column(name="parent", type="int", family="int")]
            makers = [*makers, lambda row: str(row % ROWS + 1)]
        texts = [c for c in columns if c.secret and c.type == "text"]
        if texts and self._chance.random() < 0.5:
            parts.append(f"made text GENERATED ALWAYS AS (upper({texts[0].name}) || '!') STORED")
        self._run(f"CREATE TABLE {name} ({', '.join(parts)})")
        self._fill(name, makers, [c.name for c in columns])
        self._makers[name] = {c.name: make for c, make in zip(columns, makers, strict=True)}
        if parts[-1].startswith("made "):
            columns = [*columns, Column(name="made", type="text", family="text", secret=True)]
        self.world.relations.append(Relation(name=name, columns=tuple(columns), writable=True))
        if self._chance.random() < 0.3:
            sortable = [column.name for column in columns if column.family in ("text", "int", "num", "date")]
            self._run(f"CREATE INDEX ON {name} ({self._chance.choice(sortable)})")
        self._run(f"COMMENT ON TABLE {name} IS 'rows of {name.replace('.', ' ')}'")

    def _fill(self, name: str, makers: list[Callable[[int], str]], columns: list[str], first: int = 1) -> None:
        rows = ", ".join(f"({', '.join(make(row) for make in makers)})" for row in range(first, first + ROWS))
        self.world.fillings.append(f"INSERT INTO {name} ({', '.join(columns)}) VALUES {rows}")

    def _partitioned(self) -> None:
        columns, makers = self._columns("journal", 2)
        listed = ", ".join(f"{c.name} {c.type}" for c in columns)
        self._run(f"CREATE TABLE journal ({listed}) PARTITION BY RANGE (id)")
        for number, (low, high) in enumerate(((0, 8), (8, 100))):
            self._run(f"CREATE TABLE journal_{number} PARTITION OF journal FOR VALUES FROM ({low}) TO ({high})")
            self.world.relations.append(Relation(name=f"journal_{number}", columns=tuple(columns)))
        self._fill("journal", makers, [c.name for c in columns])
        self.world.relations.append(Relation(name="journal", columns=tuple(columns), writable=True))

    def _inherited(self, parent: str) -> None:
        above = next(relation for relation in self.world.relations if relation.name == parent)
        if any(column.name == "made" for column in above.columns):
            return
        more, makers = self._columns("heirs", 2)
        taken = {column.name for column in above.columns}
        extra = [(c, make) for c, make in zip(more, makers, strict=True) if c.secret and c.name not in taken]
        if not extra:
            return
        self._run(f"CREATE TABLE heirs ({', '.join(f'{c.name} {c.type}' for c, _ in extra)}) INHERITS ({parent})")
        makers = [*self._makers[parent].values(), *(make for _, make in extra)]
        self._fill("heirs", makers, [*self._makers[parent], *(c.name for c, _ in extra)], first=501)
        columns = (*above.columns, *(column for column, _ in extra))
        self.world.relations.append(Relation(name="heirs", columns=columns))

    # ------------------------------------------------------------------ views

    def _view(self, number: int, base: Relation) -> None:
        chosen = self._chance.sample(base.columns, self._chance.randint(1, len(base.columns)))
        kind = self._chance.choice(["VIEW", "VIEW", "MATERIALIZED VIEW"])
        columns, targets = [], []
        for place, column in enumerate(chosen):
            name = column.name if self._chance.random() < 0.5 else f"w{place}"
            form, family = self._chance.choice(_VIEWED.get(column.family, [("{}", column.family)]))
            targets.append(f"{form.format(column.name)} AS {name}")
            columns.append(Column(name=name, type=column.type, family=family, secret=column.secret))
        view = f"{'mv' if kind != 'VIEW' else 'v'}{number}"
        grouped = ""
        if self._chance.random() < 0.15:
            keys = [target for target, column in zip(chosen, chosen, strict=True) if column.family != "json"]
            if len(keys) == len(chosen):
                targets.append("count(*) AS n")
                columns.append(Column(name="n", type="bigint", family="int"))
                grouped = " GROUP BY " + ", ".join(str(place + 1) for place in range(len(chosen)))
        if any(column.type in ("json", "xml") for column in chosen):
            grouped, targets, columns = "", targets[: len(chosen)], columns[: len(chosen)]
        if grouped and kind != "VIEW":
            # Stored as they come, groups of planted values would stand in another order in the twin, for LIMIT to find.
            if any(column.name == "id" for column in base.columns):
                grouped += f" ORDER BY min({base.name}.id)"
            else:
                kind, view = "VIEW", f"v{number}"
        self._run(f"CREATE {kind} {view} AS SELECT {', '.join(targets)} FROM {base.name}{grouped}")
        if kind != "VIEW":
            self.world.fillings.append(f"REFRESH MATERIALIZED VIEW {view}")
        relation = Relation(name=view, columns=tuple(columns))
        self.world.relations.append(relation)
        if self._chance.random() < 0.4:
            inner = relation.columns[0]
            self._run(f"CREATE VIEW {view}_n AS SELECT x.{inner.name} AS y, 1 AS one FROM {view} x")
            outer = Column(name="y", type=inner.type, family=inner.family, secret=inner.secret)
            one = Column(name="one", type="int", family="int")
            self.world.relations.append(Relation(name=f"{view}_n", columns=(outer, one)))

    # ------------------------------------------------------------------ code

    def _code(self) -> None:
        """Functions, an operator and a cast, some of which give planted values."""
        self.world.has_casts = self._chance.random() < 0.3
        secret = [
            (relation.name, column.name)
            for relation in self.world.relations
            for column in relation.columns
            if column.secret and column.family == "text" and relation.writable
        ]
        run = self._run
        run("CREATE FUNCTION f_wrap(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t) || ''.'''")
        run("CREATE FUNCTION f_code(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN t; END $$")
        run("CREATE FUNCTION f_tell(t text) RETURNS text LANGUAGE plpgsql STABLE AS "
            "$$ BEGIN RAISE NOTICE 'got %', t; RETURN 'x'; END $$")  # fmt: skip
        run("CREATE FUNCTION f_fail(t text) RETURNS text LANGUAGE plpgsql STABLE AS "
            "$$ BEGIN RAISE EXCEPTION 'bad %', t USING HINT = t; END $$")  # fmt: skip
        run("CREATE FUNCTION f_join(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT a || ''~'' || b'")
        run("CREATE OPERATOR <+> (LEFTARG = text, RIGHTARG = text, FUNCTION = f_join)")
        run("CREATE TYPE boxed AS (v text)")
        run("CREATE FUNCTION f_box(t text) RETURNS boxed LANGUAGE sql IMMUTABLE AS 'SELECT ROW(reverse(t))::boxed'")
        if self.world.has_casts:
            run("CREATE CAST (text AS boxed) WITH FUNCTION f_box(text)")
            self.world.wrappers.append("(CAST({text} AS boxed)).v")
        self.world.wrappers += [
            *("f_wrap({text})", "f_code({text})", "f_tell({text})", "f_fail({text})", "f_join({text}, {text})"),
            *("({text} <+> {text})", "(f_box({text})).v"),
        ]
        if not secret:
            return
        table, column = self._chance.choice(secret)
        run(f"CREATE FUNCTION f_one() RETURNS text LANGUAGE sql STABLE AS 'SELECT {column}::text FROM {table} LIMIT 1'")
        run(f"CREATE FUNCTION f_two() RETURNS text LANGUAGE plpgsql STABLE AS "
            f"$$ BEGIN RETURN (SELECT reverse({column}::text) FROM {table} LIMIT 1); END $$")  # fmt: skip
        run(f"CREATE FUNCTION f_const() RETURNS text LANGUAGE sql IMMUTABLE AS "
            f"'SELECT max({column}::text) FROM {table}'")  # fmt: skip
        run(f"CREATE FUNCTION f_rows() RETURNS TABLE (n int, t text) LANGUAGE sql STABLE AS "
            f"'SELECT 1, {column}::text FROM {table}'")  # fmt: skip
        self.world.functions += ["f_one()", "f_two()", "f_const()", "(SELECT t FROM f_rows() LIMIT 1)", "(f_rows()).t"]


_VIEWED = {
    "text": [("{}", "text"), ("{}", "text"), ("upper({}::text)", "text"), ("{} || ''", "text"), ("md5({})", "text")],
    "int": [("{}", "int"), ("{} + 0", "int")],
    "num": [("{}", "num"), ("{} * 1", "num")],
    "date": [("{}", "date"), ("{}::text", "text")],
}


def _clean(family: str, row: int) -> str:
    word = _WORDS[row % len(_WORDS)]
    match family:
        case "text":
            return quoted(word)
        case "int":
            return str(row * 7 % 50)
        case "num":
            return f"{row * 13 % 90}.{row % 10}0"
        case "date":
            return f"'2024-03-{row % 27 + 1:02d}'"
        case "time":
            return f"'2024-04-{row % 27 + 1:02d} 10:{row % 60:02d}:00'"
        case "bool":
            return "true" if row % 3 else "false"
        case "texts":
            return f"ARRAY['{word}', 'new']"
        case "json":
            return f"""'{{"level": {row % 5}, "colour": "{word}"}}'"""
        case "float":
            return f"{row / 4}"
        case "enum":
            return ("'calm'", "'busy'", "'tired'")[row % 3]
        case _:
            raise AssertionError(family)
