"""Typed expressions over columns in scope: forms, which ``forms.txt`` lists, and how one is filled."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.leaks.world import Column, World

FAMILIES = ("text", "int", "num", "date", "time", "bool", "json", "bytes", "texts", "float")


def _tables() -> dict[str, dict[str, tuple[str, ...]]]:
    tables: dict[str, dict[str, tuple[str, ...]]] = {}
    for line in (Path(__file__).parent / "forms.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            head, _, form = line.partition(" || ")
            table, _, family = head.partition(" ")
            families = tables.setdefault(table, {})
            families[family] = (*families.get(family, ()), form)
    return tables


_TABLES = _tables()
FORMS, ROW_FORMS, WILD = _TABLES["plain"], _TABLES["row"], _TABLES["wild"]
AGGREGATES, WINDOWS = _TABLES["aggregate"], _TABLES["window"]
PREDICATES, LITERALS = _TABLES["predicate"][""], _TABLES["literal"]
_CALLED = 0.14
_METHODS = ("{method}({row})", "{row}.{method}", "({row}).{method}")
_PLACE = re.compile(r"\{([a-z]+)(?::([a-z]+))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Something in FROM. ``row``: its name may stand for the whole row."""

    alias: str
    columns: tuple[Column, ...]
    row: bool = True
    relation: str = ""  # whose rows they are

    @property
    def clean(self) -> bool:
        """Without planted values."""
        return not any(column.secret for column in self.columns)


Scope = Sequence[Source]


class Expressions:
    """Fills forms. ``clean``: nothing with planted values may be used; a subclass makes subqueries."""

    def __init__(self, chance: random.Random, world: World) -> None:
        self.chance = chance
        self.world = world
        self.clean = True
        self.qualified = False  # tables are written with their schema
        self.wild = 0.0  # how often a wild form is taken
        self._count = 0

    def name(self, prefix: str) -> str:
        """A new one."""
        self._count += 1
        return f"{prefix}{self._count}"

    @contextmanager
    def nothing_secret(self, *, unless: float = 0.0) -> Iterator[None]:
        """Inside, planted columns are left alone; with a chance of ``unless`` they are not."""
        before = self.clean, self.wild
        if self.chance.random() >= unless:
            self.clean, self.wild = True, 0.0
        try:
            yield
        finally:
            self.clean, self.wild = before

    def make(self, family: str, scope: Scope, depth: int) -> str:
        """An expression of that family."""
        chance = self.chance
        if depth <= 0 or chance.random() < 0.25:
            return self.leaf(family, scope)
        if not self.clean and family == "text" and chance.random() < 0.06 and self.world.functions:
            return chance.choice(self.world.functions)
        if (call := self._call(family, scope, groups=False)) is not None:
            return self.fill(call, scope, depth - 1)
        forms = FORMS.get(family, ())
        rows = ROW_FORMS.get(family, ())
        if chance.random() < self.wild:
            forms = WILD.get(family, forms)
            if family == "text" and chance.random() < 0.3:
                forms = tuple(self.world.wrappers)
        elif rows and chance.random() < 0.1 and any(source.row and self._whole(source) for source in scope):
            forms = rows
        return self.fill(chance.choice(forms or ("{" + family + "}",)), scope, depth - 1)

    def _call(self, family: str, scope: Scope, *, groups: bool) -> str | None:
        """Now and then, a form that calls a function of somebody's own."""
        if self.chance.random() >= _CALLED:
            return None
        found = [
            call.form
            for call in self.world.calls
            if call.family == family and call.groups is groups and (call.clean or not self.clean)
        ]
        if family == "text" and not groups:
            found += [
                self.chance.choice(ways).format(method=column.name, row=source.alias)
                for source in scope
                for _, relation, column in self.world.methods
                if source.row and relation == source.relation and not (self.clean and column.secret)
                for ways in [_METHODS if self._whole(source) else _METHODS[:1]]
            ]
        return self.chance.choice(found) if found else None

    def aggregate(self, family: str, scope: Scope, depth: int) -> str:
        """An aggregate of that family."""
        form = self._call(family, scope, groups=True) or self.chance.choice(AGGREGATES[family])
        return self.fill(form, scope, depth)

    def leaf(self, family: str, scope: Scope) -> str:
        """A column of that family if there is one, a literal, or a cast of another column."""
        found = [
            f"{source.alias}.{column.name}"
            for source in scope
            for column in source.columns
            if column.family == family and not (self.clean and column.secret)
        ]
        secret = [
            f"{source.alias}.{column.name}"
            for source in scope
            for column in source.columns
            if column.secret and (column.family == family or family == "text")
        ]
        if not self.clean and secret and self.chance.random() < 0.6:
            chosen = self.chance.choice(secret)
            return chosen if chosen in found else f"{chosen}::text"
        if found and self.chance.random() < 0.85:
            return self._written(self.chance.choice(found), scope)
        return self.fill(self.chance.choice(LITERALS.get(family, ("NULL",))), scope, 0)

    def column(self, scope: Scope) -> tuple[str, Column] | None:
        """Any column."""
        found = [
            (source, column) for source in scope for column in source.columns if not (self.clean and column.secret)
        ]
        if not found:
            return None
        secret = [pair for pair in found if pair[1].secret]
        source, column = self.chance.choice(secret if secret and self.chance.random() < 0.6 else found)
        return self._written(f"{source.alias}.{column.name}", scope), column

    def fill(self, form: str, scope: Scope, depth: int) -> str:
        """The form with all its places filled."""

        def place(found: re.Match[str]) -> str:
            word, detail = found[1], found[2]
            match word:
                case "n":
                    return str(self.chance.randint(1, 7))
                case "any":
                    return self.make(self.chance.choice(FAMILIES), scope, depth)
                case "pred":
                    return self.predicate(scope, depth)
                case "row":
                    whole = [source.alias for source in scope if source.row and self._whole(source)]
                    return self.chance.choice(whole) if whole else "ROW(1, 'a')"
                case "query":
                    return self.scalar(detail, scope, depth)
                case "select":
                    return self.exists(scope, depth)
                case "over":
                    return self._over(scope)
                case _:
                    return self.make(word, scope, depth)

        return _PLACE.sub(place, form.replace("{{", "\0").replace("}}", "\1")).replace("\0", "{").replace("\1", "}")

    def predicate(self, scope: Scope, depth: int) -> str:
        """A condition; mostly one that asks nothing of planted columns."""
        with self.nothing_secret(unless=0.1):
            if self.chance.random() < self.wild:
                return self.fill(self.chance.choice(WILD["bool"]), scope, depth - 1)
            return f"({self.fill(self.chance.choice(PREDICATES), scope, min(depth, 1))})"

    def scalar(self, family: str, scope: Scope, depth: int) -> str:
        """A scalar subquery; a subclass knows how."""
        raise NotImplementedError

    def exists(self, scope: Scope, depth: int) -> str:
        """A query for EXISTS; a subclass knows how."""
        raise NotImplementedError

    def _whole(self, source: Source) -> bool:
        return not self.clean or source.clean

    def _written(self, qualified: str, scope: Scope) -> str:
        """The same column in another of the ways to write it."""
        alias, _, column = qualified.rpartition(".")
        if self.chance.random() < 0.85:
            return qualified
        ways: list[Callable[[], str]] = [lambda: f"({alias}).{column}", lambda: f'{alias}."{column}"',
                                         lambda: f"(SELECT {alias}.{column})"]  # fmt: skip
        if sum(any(c.name == column for c in source.columns) for source in scope) == 1:
            ways.append(lambda: column)
        source = next(source for source in scope if source.alias == alias)
        if source.row and self._whole(source):
            ways.append(lambda: f"{column}({alias})")
        return self.chance.choice(ways)()

    def _over(self, scope: Scope) -> str:
        with self.nothing_secret(unless=0.15):
            by = self.leaf("text", scope)
            order = f"{scope[0].alias}.id" if any(c.name == "id" for c in scope[0].columns) else self.leaf("int", scope)
        return f"PARTITION BY {by} ORDER BY {order}" if self.chance.random() < 0.4 else f"ORDER BY {order}"
