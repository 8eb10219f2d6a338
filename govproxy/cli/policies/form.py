"""The form of a file of policy cases, and the file as values.

A file draws a schema in SQL, names identities, and says for each statement what must be decided.
docs/policy.md has an example of every key. Nothing is decided here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from govproxy.approvals.values import Status
from govproxy.cli.policies.foretell import Given
from govproxy.config.source import Document, Location, read, suggestion, validate
from govproxy.errors import ConfigError, ConfigErrors
from govproxy.identity.identity import Identity
from govproxy.masking import taxonomy
from govproxy.masking.classify import Correction
from govproxy.masking.values import Masker
from govproxy.policy.rules import NO_TAG
from govproxy.policy.schema import Strict, Text, Words
from govproxy.policy.values import Verb
from govproxy.sql.catalog import Catalog
from govproxy.sql.sketch import NotDrawable, sketch

DEFAULT_MOMENT = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)  # a Wednesday at noon
SHOWN = ("clear", "masked", "redacted", "none", *(masker.value for masker in Masker))
Statement = Annotated[str, Field(min_length=0, max_length=100_000)]


class IdentityEntry(Strict):
    user: Text
    groups: Words = Field(default=[])
    agent: Text | None = None


class ThenEntry(Strict):
    """What becomes of a held statement: one of these."""

    approved: Text | None = None
    refused: Text | None = None
    waits: Words | None = None


class GivenEntry(Strict):
    """What rules that decide would ask elsewhere."""

    rows: Annotated[int, Field(ge=0)] | None = None
    tickets: Words = Field(default=[])
    approved: bool = False


class CaseEntry(Strict):
    who: Text = Field(alias="as")
    sql: Statement | list[Statement]
    expect: Literal["allow", "deny", "hold"]
    rules: Words | None = None
    shadow: Words | None = None
    masks: dict[str, str] | None = None
    approvers: Words | None = None
    then: ThenEntry | None = None
    given: GivenEntry | None = None
    at: Text | None = None
    database: Text | None = None
    environment: Text | None = None
    application: Text | None = None
    address: Text | None = None


class CasesFile(Strict):
    """The whole file."""

    policy: Text | None = None
    database: Text = "shop"
    environment: Text = "production"
    schema_: str = Field(default="", alias="schema")
    rows: dict[str, int] = Field(default={})
    tags: dict[str, str] = Field(default={})
    identities: dict[str, IdentityEntry] = Field(min_length=1)
    cases: list[CaseEntry] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """What must become of a held statement. ``rule`` decides; of one that waits, ``waits_for`` these people."""

    status: Status
    rule: str = ""
    waits_for: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One statement of one case. ``line`` is where it stands, ``now`` a POSIX time. ``then``: of a hold."""

    line: int
    who: str
    identity: Identity
    sql: str
    expect: Verb
    rules: tuple[str, ...] | None
    shadow: tuple[str, ...] | None
    masks: Mapping[str, str]
    approvers: frozenset[str] | None
    then: Then | None
    given: Given
    now: float
    database: str
    environment: str
    application: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """A file, checked. ``policy`` is the file it names, resolved beside it."""

    file: Path
    policy: Path | None
    catalog: Catalog
    corrections: tuple[Correction, ...]
    identities: Mapping[str, Identity]
    cases: tuple[Case, ...]


def load_cases(path: Path) -> Cases:
    """Read and check a file of cases. Raises ConfigErrors with every mistake and its line."""
    document = read(path)
    return _Reader(document, validate(document, CasesFile)).cases()


def _given(entry: GivenEntry | None) -> Given:
    if entry is None:
        return Given()
    rows = -1 if entry.rows is None else entry.rows
    return Given(rows=rows, tickets=frozenset(entry.tickets), approved=entry.approved)


class _Reader:
    def __init__(self, document: Document, file: CasesFile) -> None:
        self.document = document
        self.file = file
        self.errors: list[ConfigError] = []

    def cases(self) -> Cases:
        catalog = self._catalog()
        corrections = tuple(self._correction(name, tag) for name, tag in self.file.tags.items())
        identities = {
            name: Identity(
                user=entry.user,
                groups=frozenset(entry.groups),
                agent=entry.agent,
                on_behalf_of=entry.user if entry.agent else None,
            )
            for name, entry in self.file.identities.items()
        }
        cases = [case for index, entry in enumerate(self.file.cases) for case in self._case(index, entry, identities)]
        if self.errors:
            raise ConfigErrors(sorted(self.errors, key=lambda error: error.line or 0))
        policy = self.file.policy
        return Cases(
            file=self.document.file,
            policy=None if policy is None else self.document.file.parent / policy,
            catalog=catalog,
            corrections=corrections,
            identities=identities,
            cases=tuple(cases),
        )

    def _catalog(self) -> Catalog:
        text = self.file.schema_
        try:
            return sketch(text, database=self.file.database, rows=self.file.rows)
        except NotDrawable as error:
            line = self.document.line(("schema",))
            if error.position is not None:
                # A block scalar's text begins on the line after its key.
                block = text.count("\n") > 0
                line += text.count("\n", 0, error.position) + (1 if block else 0)
            self.errors.append(ConfigError(f"schema: {error}", file=self.document.file, line=line))
            return sketch("")

    def _correction(self, name: str, tag: str) -> Correction:
        if len(name.split(".")) != 3:
            self._fail(f"`{name}` is not schema.table.column", "tags", name)
            return Correction(pattern="a.b.c", tag=NO_TAG)
        if tag != NO_TAG and taxonomy.class_for(tag) is None:
            known = [NO_TAG, *taxonomy.TAGS, *taxonomy.ENTRIES]
            self._fail(f"unknown tag `{tag}`{suggestion(tag, known)}", "tags", name)
            return Correction(pattern=name, tag=NO_TAG)
        return Correction(pattern=name, tag=tag)

    def _case(self, index: int, entry: CaseEntry, identities: Mapping[str, Identity]) -> list[Case]:
        identity = identities.get(entry.who)
        if identity is None:
            self._fail(f"no identity `{entry.who}`{suggestion(entry.who, sorted(identities))}", "cases", index, "as")
            identity = Identity(user=entry.who)
        for name, shown in (entry.masks or {}).items():
            if shown not in SHOWN:
                near = suggestion(shown, SHOWN) or f" (known: {', '.join(SHOWN)})"
                self._fail(f"unknown mask `{shown}`{near}", "cases", index, "masks", name)
        if entry.masks and entry.expect != "allow":
            self._fail(f"nothing is shown by a statement that is not allowed ({entry.expect})", "cases", index, "masks")
        first = Case(
            line=self.document.line(("cases", index)),
            who=entry.who,
            identity=identity,
            sql="",
            expect=Verb(entry.expect),
            rules=None if entry.rules is None else tuple(entry.rules),
            shadow=None if entry.shadow is None else tuple(entry.shadow),
            masks=entry.masks or {},
            approvers=None if entry.approvers is None else frozenset(entry.approvers),
            then=self._then(entry, index),
            given=_given(entry.given),
            now=self._moment(entry.at, index),
            database=entry.database or self.file.database,
            environment=entry.environment or self.file.environment,
            application=entry.application or "",
            address=entry.address or "",
        )
        if isinstance(entry.sql, str):
            return [dataclasses.replace(first, sql=entry.sql)]
        return [
            dataclasses.replace(first, sql=sql, line=self.document.line(("cases", index, "sql", at)))
            for at, sql in enumerate(entry.sql)
        ]

    def _then(self, entry: CaseEntry, index: int) -> Then | None:
        then = entry.then
        if then is None:
            if entry.given is not None:
                self._fail("`given` is for what `then` says", "cases", index, "given")
            return None
        if entry.expect != "hold":
            self._fail(f"`then` is of what is held ({entry.expect})", "cases", index, "then")
        said = [name for name in ("approved", "refused", "waits") if getattr(then, name) is not None]
        match said:
            case ["approved"]:
                return Then(status=Status.APPROVED, rule=then.approved or "")
            case ["refused"]:
                return Then(status=Status.REFUSED, rule=then.refused or "")
            case ["waits"]:
                return Then(status=Status.WAITING, waits_for=frozenset(then.waits or ()))
            case _:
                self._fail("one of `approved`, `refused`, `waits`", "cases", index, "then")
                return None

    def _moment(self, written: str | None, index: int) -> float:
        if written is None:
            return DEFAULT_MOMENT.timestamp()
        try:
            found = datetime.fromisoformat(written)
        except ValueError:
            self._fail(f"`{written}` is no time (as in 2026-12-24T20:00+01:00)", "cases", index, "at")
            return 0.0
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()

    def _fail(self, message: str, *place: str | int) -> None:
        location: Location = place
        self.errors.append(self.document.error(location, message))
