"""Statements made from the case files of ``tests/security``: changed, wrapped, spliced into each other.

They run in the schema that those cases are written for. Ordinary cases are only changed in ways that
keep their meaning, so that they must still give what a direct connection gives.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.leaks.canary import LETTERS, Secrets
from tests.fuzz.leaks.statements import STEP, Statement
from tests.fuzz.leaks.tokens import joined, tokens_of
from tests.security.canaries import Planted
from tests.security.cases import DATA
from tests.security.leak_harness import Case, read_cases

_IDENTIFIERS = (
    *("id", "email", "full_name", "phone", "ssn", "birth_date", "salary", "notes", "emails", "profile", "country"),
    *("people", "accounts", "holders", "t7", "events", "letters", "v_people", "v_renamed", "v_nested", "m_people"),
    *("card_number", "iban", "card_digits", "contact", "contacts", "work_email", "auth_token", "device_id", "label"),
)


def _lines(kind: str) -> list[str]:
    text = (Path(__file__).parent / "mutations.txt").read_text()
    return [line.partition(" || ")[2] for line in text.splitlines() if line.startswith(kind)]


_AROUND, _WRAPPED = _lines("around"), _lines("wrap")
_LISTS = re.compile(r"\b(group|distinct|order)\b", re.IGNORECASE)
_KEYWORD = re.compile(r"[a-z_]+\Z", re.IGNORECASE)
_SPACES = (" ", "\n", "\t", " /* x */ ", " -- y\n", "  ", " /* /* z */ */ ")


class Mutations:
    """Makes one statement after the other from the cases.

    ``settles``: what a primary key settles in a list is no comparison; with lineage: strict it is one (docs/limits.md).
    """

    def __init__(self, chance: random.Random, *, settles: bool = True) -> None:
        self._chance = chance
        self._settles = settles
        attacks = [case for name in ("leaks.txt", "leaks_outside.txt") for case in read_cases(DATA / name)]
        self._attacks = [case for case in attacks if "pg_sleep" not in str(case)]
        self._ordinary = [case for case in read_cases(DATA / "leaks_benign.txt") if case.kind in ("exact", "once")]
        self._queries = [case.steps[0] for case in self._attacks if case.is_query]

    def next(self) -> Statement:
        """One more."""
        if self._chance.random() < 0.25:
            case = self._chance.choice(self._ordinary)
            steps = tuple(self._same(step) for step in case.steps)
            clean = self._settles or not any(_LISTS.search(step) for step in steps)
            return Statement(kind="ordinary case", steps=_inside(steps), clean=clean)
        case = self._chance.choice(self._attacks)
        steps = tuple(step.replace("{yes|no}", "b") for step in case.steps)
        for _ in range(self._chance.randint(1, 3)):
            steps = self._chance.choice(self._changes())(steps)
        who = "engineer" if case.kind.startswith("ddl") else "analyst"
        return Statement(kind="attack case", steps=_inside(steps), who=who)

    def _changes(self) -> list[Callable[[tuple[str, ...]], tuple[str, ...]]]:
        return [self._wrap, self._rename, self._surround, self._surround, self._respell, self._splice, self._drop,
                self._continue]  # fmt: skip

    # ------------------------------------------------------------------ changes

    def _wrap(self, steps: tuple[str, ...]) -> tuple[str, ...]:
        """A query inside another."""
        if len(steps) != 1 or not Case(kind="", steps=steps).is_query:
            return steps
        return tuple(text.replace("{}", steps[0]) for text in self._chance.choice(_WRAPPED).split(STEP))

    def _rename(self, steps: tuple[str, ...]) -> tuple[str, ...]:
        """Another column or table in the place of one."""
        return self._one(steps, lambda token: token in _IDENTIFIERS, lambda _: self._chance.choice(_IDENTIFIERS))

    def _surround(self, steps: tuple[str, ...]) -> tuple[str, ...]:
        """An expression around a column."""
        around = self._chance.choice(_AROUND)
        return self._one(steps, lambda token: token in _IDENTIFIERS, lambda token: around.replace("{}", token))

    def _splice(self, steps: tuple[str, ...]) -> tuple[str, ...]:
        """A query as one of the values."""
        query = f"(SELECT x::text FROM ({self._chance.choice(self._queries)}) x LIMIT 1)"
        return self._one(steps, lambda token: token in _IDENTIFIERS or token.startswith("'"), lambda _: query)

    def _drop(self, steps: tuple[str, ...]) -> tuple[str, ...]:
        """A few tokens less."""

        def less(text: str) -> str:
            tokens = tokens_of(text) or [""]
            start = self._chance.randrange(len(tokens))
            return joined(tokens[:start] + tokens[start + self._chance.randint(1, 4) :])

        return self._somewhere(steps, less)

    def _respell(self, steps: tuple[str, ...]) -> tuple[str, ...]:
        """The same, written otherwise."""
        return self._somewhere(steps, self._same)

    def _continue(self, steps: tuple[str, ...]) -> tuple[str, ...]:
        """Another case after this one."""
        return (*steps, *(step.replace("{yes|no}", "b") for step in self._chance.choice(self._attacks).steps))

    def _same(self, text: str) -> str:
        """Other white space, comments, letters and quotes; the same meaning."""
        if any(mark in text for mark in ("U&", "$$", "E'")):
            return text
        tokens = tokens_of(text)
        roll = self._chance.random()
        for place, token in enumerate(tokens):
            if token.isspace() and roll < 0.6:
                # A literal goes on after a line break.
                near = tokens[place - 1 : place] + tokens[place + 1 : place + 2]
                if not any(other.endswith("'") for other in near):
                    tokens[place] = self._chance.choice(_SPACES)
            elif roll > 0.4 and _KEYWORD.match(token) and self._chance.random() < 0.3:
                tokens[place] = token.upper() if self._chance.random() < 0.5 else token.capitalize()
        return "".join(tokens)

    def _somewhere(self, steps: tuple[str, ...], change: Callable[[str], str]) -> tuple[str, ...]:
        place = self._chance.randrange(len(steps))
        return (*steps[:place], change(steps[place]), *steps[place + 1 :])

    def _one(
        self, steps: tuple[str, ...], wanted: Callable[[str], bool], change: Callable[[str], str]
    ) -> tuple[str, ...]:
        def changed(text: str) -> str:
            tokens = tokens_of(text)
            found = [place for place, token in enumerate(tokens) if wanted(token)]
            if found:
                place = self._chance.choice(found)
                tokens[place] = change(tokens[place])
            return "".join(tokens)

        return self._somewhere(steps, changed)


def _inside(steps: tuple[str, ...]) -> tuple[str, ...]:
    """Steps that leave the transaction they are run in alone."""
    ending = re.compile(r"\s*(begin|commit|rollback|end|abort|start)\b(?!.*\bto\b)", re.IGNORECASE)
    return tuple(step for step in steps if not ending.match(step)) or ("SELECT 1",)


def secrets_of(planted: Planted) -> Secrets:
    """The planted values of those cases as the detector wants them."""
    found = Secrets(numbers=list(planted.numbers), dates=list(planted.dates), raw=list(planted.bytes))
    for text in planted.texts:
        (found.digits if text.isdigit() else found.words).append(text)
    for whole in planted.wholes:
        if not any(letter in LETTERS for letter in whole):
            digits = re.sub(r"\D", "", whole)
            (found.digits if len(digits) > 8 and "." not in whole else found.wholes).append(
                digits if len(digits) > 8 and "." not in whole else whole
            )
        else:
            found.wholes.append(whole)
    found.hashed = [str(value) for row in planted.people for value in (row[1], row[2], row[4])]
    return found
