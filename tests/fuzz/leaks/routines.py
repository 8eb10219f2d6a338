"""Functions of the users' own, and what is made of them: operators, casts, aggregates, views, triggers, defaults.

``routines.txt`` lists them. Bodies are filled by the grammar that fills statements. A definition that the
database does not take is left out, with all that would call it.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.leaks.expressions import Source
from tests.fuzz.leaks.queries import Queries
from tests.fuzz.leaks.world import Call, Column, Relation, Rowset, World

STEP = " ;; "
OPERATORS = ("<+|", "|+>", "@~@", "#>#", "&&+", "%%~", "~>~", "<@!", "!@>", "^^|", "+~+", "|#|", "@#@", "~#~")
_STEADY = ("STABLE", "STABLE", "IMMUTABLE")
# After a call of a volatile one the proxy rightly knows less: it may have set search_path.
_VOLATILE = ("STABLE", "STABLE", "IMMUTABLE", "", "VOLATILE")
_PLACE = re.compile(r"\{(f|t|v|w|p|q|g|e|s|o|volatile)\}")
READ_EACH = 16  # of the functions over tables, in one world
PASS_EACH = 12
DARK_EACH = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One line of ``routines.txt``."""

    use: str  # pass, read, dark
    gives: str
    calls: tuple[str, ...]
    definitions: tuple[str, ...]


def _templates() -> list[Template]:
    found = []
    for line in (Path(__file__).parent / "routines.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            head, _, body = line.partition(" || ")
            use, gives, calls = head.split(" ", 2)
            found.append(
                Template(use=use, gives=gives, calls=tuple(calls.split(" | ")), definitions=tuple(body.split(STEP)))
            )
    return found


TEMPLATES = _templates()


class Routines:
    """Defines the functions of one world, and tells the world how they are called."""

    def __init__(self, chance: random.Random, world: World) -> None:
        self._chance = chance
        self._world = world
        self._queries = Queries(chance, world)
        self._operators = list(OPERATORS)
        self._from_number: dict[bool, list[str]] = {True: [], False: []}  # number to text, by whether it is harmless

    def define(self) -> None:
        """All of them."""
        chance = self._chance
        for use, count in (("pass", PASS_EACH), ("read", READ_EACH), ("dark", DARK_EACH)):
            of_use = [template for template in TEMPLATES if template.use == use and self._fits(template)]
            for number, template in enumerate(chance.sample(of_use, count)):
                for planted in (False, True) if use == "read" else (use == "dark",):
                    self._define(f"u_{use}{number}{'s' * planted}", template, clean=not planted)
        self._defaulted()
        self._triggered()

    def _fits(self, template: Template) -> bool:
        return self._world.has_casts or not any("CREATE CAST" in text for text in template.definitions)

    def _is_followed(self, template: Template, table: Relation) -> bool:
        """What PL/pgSQL is given may be what comes out, a whole row with all of its columns."""
        in_plpgsql = any("plpgsql" in text for text in template.definitions)
        return not (in_plpgsql and template.gives == "row" and not table.clean)

    def _define(self, name: str, template: Template, *, clean: bool) -> None:
        """One function; ``clean``: it gives nothing planted by itself."""
        table = self._table(clean=clean)
        if table is None:
            return
        operator = ""
        if any("{o}" in text for text in (*template.definitions, *template.calls)):
            operator = self._operators.pop()
        with self._of(clean=clean):
            places = {
                "f": lambda: name,
                "t": lambda: f"public.{table.name}",
                "v": lambda: self._value(table, clean=clean),
                "w": lambda: f"({self._queries.make('int', [_row_of(table)], 1)})::bigint",
                "p": lambda: self._queries.predicate([_row_of(table)], 1),
                "q": lambda: self._queries.of(["int", "text"], 1).text.replace("::bigint", "::int", 1),
                "g": lambda: self._chance.choice(self._from_number[clean] or ["to_hex"]),
                "e": lambda: self._column(table, clean=clean),
                "s": lambda: self._column(table, clean=False),
                "o": lambda: operator,
                "volatile": lambda: self._chance.choice(_STEADY if clean else _VOLATILE),
            }
            for text in template.definitions:
                self._world.try_to(name, _PLACE.sub(lambda found: places[found[1]](), text))
        calls = [call.replace("{f}", name).replace("{o}", operator) for call in template.calls]
        if template.use == "read" and template.gives == "text" and "{f}({int})" in template.calls:
            self._from_number[clean and self._is_followed(template, table)].append(name)
        self._tell(name, template, calls, table, clean=clean and self._is_followed(template, table))

    def _tell(self, name: str, template: Template, calls: list[str], table: Relation, *, clean: bool) -> None:
        """How it is called."""
        world = self._world
        match template.gives:
            case "set" | "records":
                columns = tuple(
                    Column(name=column, type=type_, family=type_, secret=not clean)
                    for column, type_ in (("a", "int"), ("b", "text"))
                )
                typed = "(a int, b text)" if template.gives == "records" else ""
                made = Rowset(
                    made_by=name, calls=tuple(calls), columns=columns, clean=clean, passes=template.use == "pass",
                    typed=typed,
                )  # fmt: skip
                world.rowsets.append(made)
            case "row":
                column = Column(name=name, type="text", family="text", secret=not (clean and table.clean))
                world.methods.append((name, table.name, column))
            case "aggregate":
                world.calls += [
                    Call(made_by=name, family="text", form=form, clean=clean, groups=True) for form in calls
                ]
            case family:
                world.calls += [Call(made_by=name, family=family, form=form, clean=clean) for form in calls]

    def _of(self, *, clean: bool) -> _Only:
        return _Only(self._queries, clean=clean)

    def _table(self, *, clean: bool) -> Relation | None:
        plain = [r for r in self._world.relations if r.writable and "." not in r.name and r.columns[0].name == "id"]
        return self._chance.choice(plain if clean else [r for r in plain if not r.clean] or plain)

    def _value(self, table: Relation, *, clean: bool) -> str:
        """A text over a row of the table; not clean: it has something planted in it."""
        scope = [_row_of(table)]
        if clean:
            return f"({self._queries.make('text', scope, 1)})::text"
        column = self._column(table, clean=False)
        around = self._chance.choice(["{}", "{}", "reverse({})", "{} || ''", "upper({})", "coalesce({}, 'x')"])
        return around.format(column)

    def _column(self, table: Relation, *, clean: bool) -> str:
        """A column as text, without a quote in it."""
        found = [c.name for c in table.columns if c.secret is not clean and c.name != "made"]
        return f"x.{self._chance.choice(found or ['id'])}::text"

    # ------------------------------------------------------------------ what the database does by itself

    def _defaulted(self) -> None:
        """A table whose defaults and generated columns call functions."""
        harmless, planted = (self._chance.choice(self._from_number[clean] or [""]) for clean in (True, False))
        if not (harmless and planted):
            return
        self._world.try_to("u_defaulted", "CREATE TABLE u_defaulted (id int PRIMARY KEY, word text DEFAULT 'kilo', "
                           f"noted text DEFAULT {harmless}(2), told text DEFAULT {planted}(1))")  # fmt: skip
        self._world.scripts += [
            ("u_defaulted", "INSERT INTO u_defaulted (id) VALUES (1) RETURNING told ;; SELECT told FROM u_defaulted"),
            ("u_defaulted", "INSERT INTO u_defaulted VALUES (2, 'a', DEFAULT, DEFAULT) RETURNING id, told || '' ;; "
                            "TABLE u_defaulted"),
            ("u_defaulted", "INSERT INTO u_defaulted (id, told) VALUES (3, 'x') ;; "
                            "UPDATE u_defaulted SET told = DEFAULT WHERE id = 3 RETURNING u_defaulted"),
            ("u_defaulted", "MERGE INTO u_defaulted d USING (SELECT 7 AS n) s ON d.id = s.n WHEN NOT MATCHED THEN "
                            "INSERT (id) VALUES (s.n) ;; SELECT upper(told) FROM u_defaulted"),
            ("u_defaulted", "CREATE TEMP TABLE {name} (LIKE u_defaulted INCLUDING ALL) ;; "
                            "INSERT INTO {name} (id) VALUES (4) RETURNING told ;; SELECT told FROM {name}"),
        ]  # fmt: skip
        self._world.clean_scripts += [
            ("u_defaulted", "INSERT INTO u_defaulted (id, told) VALUES (1, 'x') RETURNING id, word ;; "
                            "SELECT id, word FROM u_defaulted"),
        ]  # fmt: skip

    def _triggered(self) -> None:
        """A table with triggers: one harmless, one that brings planted values, one that tells them."""
        planted = self._chance.choice(self._from_number[False] or [""])
        if not planted:
            return
        run = self._world.try_to
        run("u_fired", "CREATE TABLE u_fired (id int PRIMARY KEY, word text, said text, stamp int DEFAULT 0)")
        run("u_fired", "CREATE TABLE u_watched (id int PRIMARY KEY, word text, stamp int DEFAULT 0)")
        run("u_fired", "CREATE TABLE u_log (n serial, line text)")
        run("u_fired", "CREATE FUNCTION u_stamp() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.stamp := coalesce(OLD.stamp, 0) + 1; RETURN NEW; END $$")  # fmt: skip
        body = self._chance.choice([
            f"NEW.said := {planted}(NEW.id); RETURN NEW;",
            f"SELECT {planted}(1) INTO NEW.said; RETURN NEW;",
            f"NEW.said := 'x'; RAISE NOTICE 'now %', {planted}(1); RETURN NEW;",
            f"IF NEW.id > 0 THEN RAISE EXCEPTION 'not %', {planted}(1) USING HINT = {planted}(2); END IF; RETURN NEW;",
            f"INSERT INTO u_log (line) VALUES ({planted}(2)); RETURN NEW;",
        ])  # fmt: skip
        run("u_fired", f"CREATE FUNCTION u_fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
        run("u_fired", "CREATE TRIGGER stamps BEFORE UPDATE ON u_watched FOR EACH ROW EXECUTE FUNCTION u_stamp()")
        when = self._chance.choice(["BEFORE INSERT OR UPDATE", "BEFORE UPDATE", "BEFORE INSERT"])
        run("u_fired", f"CREATE TRIGGER fires {when} ON u_fired FOR EACH ROW EXECUTE FUNCTION u_fire()")
        # What triggers copy elsewhere is for the policy to name (docs/limits.md).
        self._world.corrections += ["public.u_fired.said", "public.u_log.line"]
        self._world.scripts += [
            ("u_fired", script)
            for script in (
                "INSERT INTO u_fired (id, word) VALUES (1, 'a') RETURNING said ;; "
                "SELECT said FROM u_fired ;; SELECT reverse(line) FROM u_log",
                "INSERT INTO u_fired (id, word) VALUES (1, 'a') ;; "
                "UPDATE u_fired SET word = 'b' WHERE id = 1 RETURNING * ;; "
                "SELECT to_jsonb(f) FROM u_fired f ;; TABLE u_log",
                "INSERT INTO u_fired (id, word) VALUES (1, {value}) RETURNING word, said ;; "
                "SELECT word || said FROM u_fired",
                "WITH w AS (INSERT INTO u_fired (id) VALUES (3) RETURNING said) SELECT upper(said) FROM w",
            )
        ]
        self._world.clean_scripts += [
            ("u_fired", "INSERT INTO u_watched VALUES (1, 'a'), (2, 'b') ;; "
                        "UPDATE u_watched SET word = 'c' WHERE id = 1 RETURNING id, word, stamp ;; "
                        "SELECT * FROM u_watched ORDER BY id"),
        ]  # fmt: skip


class _Only:
    """While it is entered, the grammar makes harmless expressions only, or any.

    Harmless ones name tables with their schema: inside a function, a name that two schemas have means both
    to the proxy (docs/limits.md), and one of the two may have planted columns.
    """

    def __init__(self, queries: Queries, *, clean: bool) -> None:
        self._queries = queries
        self._clean = clean

    def __enter__(self) -> None:
        self._before = self._queries.clean
        self._queries.clean = self._queries.qualified = self._clean

    def __exit__(self, *_: object) -> None:
        self._queries.clean, self._queries.qualified = self._before, False


def _row_of(table: Relation) -> Source:
    return Source(alias="x", columns=table.columns)
