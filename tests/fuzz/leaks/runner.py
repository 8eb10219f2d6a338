"""Runs statements of one world against the proxy until told to stop, and collects what is wrong."""

from __future__ import annotations

import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from tests.fuzz.leaks import wireforms, world
from tests.fuzz.leaks.canary import Secrets
from tests.fuzz.leaks.detector import Detector
from tests.fuzz.leaks.evidence import Evidence, weigh
from tests.fuzz.leaks.judge import UNDETERMINED, Verdict, Wrong, interference, is_undetermined, judge
from tests.fuzz.leaks.mutations import Mutations, secrets_of
from tests.fuzz.leaks.routines import OPERATORS, Routines
from tests.fuzz.leaks.shrink import shrink
from tests.fuzz.leaks.statements import Statement, Statements
from tests.fuzz.leaks.target import AROUND, BESIDE, TWIN, Owner, Target, opened
from tests.fuzz.leaks.wireforms import CROSSED, PARTIAL, Form, Packet
from tests.security.canaries import plant
from tests.security.cases import DATA
from tests.support.postgres import Postgres
from tests.support.raw_session import Answer

# After these the proxy rightly knows less of a session: names may mean more than one thing.
_SOILS = re.compile(
    r"\A\s*(set|reset|discard|do|alter|drop)\b|\b(search_path|set_config|temp|temporary|pg_temp)\b|;",
    re.IGNORECASE,
)

# Code that nobody can follow may have set anything.
_CALLS = re.compile(rf"\bu_\w+|{'|'.join(map(re.escape, OPERATORS))}")

# Ordered by a constant, a window takes the rows as the plan gives them, and the plan follows statistics.
_ANY_ORDER = re.compile(r"\bOVER\s*\([^()]*\bORDER\s+BY\s+(?:\d[\d.]*|'[^']*'|NULL)\s*(?:\)|ROWS|RANGE|GROUPS)", re.I)
# With the database's own chatter asked for, what it says includes what it did for the proxy's catalog and cache.
_CHATTER = re.compile(r"\bclient_min_messages\b", re.IGNORECASE)

# Other ways to plan the same. What the database answers differently then is not determined by statement and data.
_PLANS = (
    "SET enable_hashjoin = off; SET enable_hashagg = off",
    "SET enable_nestloop = off; SET enable_mergejoin = off",
    "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off",
    "SET enable_hashjoin = off; SET enable_nestloop = off; SET enable_memoize = off",
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off",
    "SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off",
    "SET join_collapse_limit = 1; SET from_collapse_limit = 1",
)
# Sets a sequence, which no ROLLBACK takes back: what it was set to directly would be there for all that follow.
_SETS_SEQUENCE = re.compile(r"\bsetval\b", re.IGNORECASE)
_RESET = "SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S' AND relpersistence <> 't'"
# Shows plans or settings: they differ with the plan, and are no less determined for that.
_SHOWS_PLANS = re.compile(r"\b(explain|pg_settings|show)\b", re.IGNORECASE)

# Every third world is asked about by the proxy as well (lineage: strict).
STRICT_EACH = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """Something wrong, and all it takes to see it again."""

    seed: int
    number: int
    statement: Statement
    form: Form
    wrong: Wrong
    detail: str
    reduced: Statement | None = None
    reduced_form: Form | None = None


@dataclass(slots=True)
class Tally:
    """What a run did."""

    statements: int = 0
    worlds: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    by_outcome: Counter[str] = field(default_factory=Counter)
    by_form: Counter[str] = field(default_factory=Counter)
    clean: Counter[str] = field(default_factory=Counter)
    doubtful: list[str] = field(default_factory=list)
    finds: list[Find] = field(default_factory=list)

    def add(self, statement: Statement, form: Form, verdict: Verdict) -> None:
        """Count one statement."""
        self.statements += 1
        self.by_kind[statement.kind] += 1
        self.by_outcome[verdict.outcome] += 1
        self.by_form[form.name] += 1
        if verdict.doubtful:
            self.doubtful.append(verdict.doubtful)
        if statement.clean:
            self.clean[verdict.outcome] += 1

    def share(self, outcome: str) -> float:
        """Of all statements."""
        return self.by_outcome[outcome] / max(1, self.statements)


class Fuzz:
    """One world, opened; ``try_one`` runs a statement and says what is wrong with it."""

    def __init__(self, target: Target, detector: Detector, twins: Detector, *, is_exact_twin: bool) -> None:
        self._is_exact_twin = is_exact_twin
        self._target = target
        self._detector = detector
        self._twins = twins
        self._marker = 0

    def try_one(self, statement: Statement, form: Form) -> Verdict:
        """Through the proxy and around it, then a marker that must come back as it went."""
        try:
            return self._try_one(statement, form)
        finally:
            if any(_SETS_SEQUENCE.search(step) for step in statement.steps):
                self._target.direct().query(_RESET)
                self._target.direct(twin=True).query(_RESET)

    def _try_one(self, statement: Statement, form: Form) -> Verdict:
        if form.name in CROSSED:
            statement = replace(statement, clean=False)
        packets = form.packets(statement.steps)
        try:
            session = self._target.session(statement.who)
            through = wireforms.send(session, packets)
            self._marker += 1
            marked = session.query(f"SELECT 'marker {self._marker}'")
        except (OSError, AssertionError) as error:
            self._target.forget()
            return Verdict(outcome="broken", wrong=Wrong.BROKEN, detail=f"{type(error).__name__}: {str(error)[:300]}")
        if marked.rows != [[b"marker %d" % self._marker]] or marked.status != b"I":
            self._target.forget()
            return Verdict(outcome="broken", wrong=Wrong.BROKEN, detail=f"the marker came back as {marked.messages}")
        soils = any(_SOILS.search(step) for step in statement.steps) or (
            not statement.clean and any(_CALLS.search(step) for step in statement.steps)
        )
        if soils:
            self._target.forget(statement.who)
        around = wireforms.send(self._target.direct(), packets, whole=True)
        if soils:
            self._target.forget(AROUND)
        verdict = judge(statement, through, around, lambda: self._weighed(statement, packets, through, around, soils))
        if verdict.wrong in (Wrong.DIFFERENT, Wrong.INTERNAL) and self._is_undetermined(statement, packets, around):
            return Verdict(outcome=UNDETERMINED)
        if verdict.wrong is None and verdict.outcome in ("allowed", "masked") and self._twinned(statement, form):
            twin, beside = self._in_twin(statement, packets, soils)
            if interference(through, around, twin, beside):
                replanned = self._replanned(statement, packets)
                detail = interference(through, around, twin, beside, replanned)
                if not detail:
                    return Verdict(outcome=UNDETERMINED)
                return Verdict(outcome=verdict.outcome, wrong=Wrong.DEPENDS, detail=detail)
        return verdict

    def _weighed(
        self, statement: Statement, packets: list[Packet], through: list[Answer], around: list[Answer], soils: bool
    ) -> Evidence:
        """What the answers show of planted values, with the twin's where it is not sure."""
        evidence = weigh(self._detector, through, around)
        if evidence.is_sure or not evidence.bits:
            return evidence
        return evidence.with_twin(weigh(self._twins, *self._in_twin(statement, packets, soils)))

    def _in_twin(self, statement: Statement, packets: list[Packet], soils: bool) -> tuple[list[Answer], list[Answer]]:
        """The answers where the planted values are other ones, through the proxy and around it."""
        twin = wireforms.send(self._target.session(statement.who, twin=True), packets)
        if soils:
            self._target.forget(f"{statement.who}{TWIN}")
        beside = wireforms.send(self._target.direct(twin=True), packets, whole=True)
        if soils:
            self._target.forget(BESIDE)
        return twin, beside

    def _replanned(self, statement: Statement, packets: list[Packet]) -> list[list[Answer]]:
        """What the database itself answers with other plans."""
        if any(_SHOWS_PLANS.search(step) for step in statement.steps):
            return []
        found = []
        for settings in _PLANS:
            self._target.forget(AROUND)
            session = self._target.direct()
            session.query(settings)
            found.append(wireforms.send(session, packets, whole=True))
        self._target.forget(AROUND)
        return found

    def _is_undetermined(self, statement: Statement, packets: list[Packet], around: list[Answer]) -> bool:
        return is_undetermined(statement, around, self._replanned(statement, packets))

    def _twinned(self, statement: Statement, form: Form) -> bool:
        """Plans and statistics rightly differ: so do estimates, and which rows come first."""
        if not self._is_exact_twin or statement.kind in ("explain", "catalog", "cursor") or form.name in PARTIAL:
            return False
        return not any(_ANY_ORDER.search(step) or _CHATTER.search(step) for step in statement.steps)

    def reduce(self, find: Find) -> Find:
        """The same find with a text as small as it gets."""

        def holds(statement: Statement, form: Form) -> bool:
            self._target.forget(statement.who)
            return self.try_one(statement, form).wrong is find.wrong

        if not holds(find.statement, find.form):
            return find
        statement, form = shrink(find.statement, find.form, holds)
        return replace(find, reduced=statement, reduced_form=form)


@dataclass(frozen=True, slots=True)
class Source:
    """Where statements come from: a database to build, what must not be seen of it, and statements for it."""

    seed: int
    build: Callable[[Owner], None]
    fill: Callable[[Owner, bool], Secrets]  # the database, or its twin
    is_exact_twin: bool  # the twin differs in the planted values alone
    corrections: list[str]
    next: Callable[[], Statement]


def define(owner: Owner, made: world.World) -> list[str]:
    """Build a world but for its rows; gives what the database refused, which the world forgets."""
    for statement in made.definitions:
        owner.execute(statement.encode())
    refused: list[str] = []
    missing: list[str] = []
    for name, statement in made.attempts:
        # PL/pgSQL takes a call of what is not there, and fails when it comes to it.
        if any(re.search(rf"\b{gone}\b", statement) for gone in missing if gone != name):
            made.forget(name)
            missing.append(name)
            continue
        try:
            owner.execute(statement.encode())
        except psycopg.Error as error:
            made.forget(name)
            missing.append(name)
            refused.append(f"{statement}: {error}")
    return refused


def source_for(seed: int) -> Source:
    """The source of that number: a generated world mostly, every fourth time the one of the case files."""
    chance = random.Random(f"statements {seed}")
    if seed % 4 == 0:
        changed = Mutations(chance, settles=seed % STRICT_EACH != 1)
        return Source(seed, _define_cases, _fill_cases, False, [], changed.next)
    made = world.generate(seed)

    Routines(random.Random(f"routines {seed}"), made).define()

    def build(owner: Owner) -> None:
        define(owner, made)

    def fill(owner: Owner, twin: bool) -> Secrets:
        values = world.generate(seed, twin=twin)
        for statement in values.fillings:
            owner.execute(statement.encode())
        return values.secrets

    return Source(seed, build, fill, True, made.corrections, Statements(chance, made).next)


def _define_cases(owner: Owner) -> None:
    owner.execute((DATA / "leaks_schema.sql").read_bytes())


def _fill_cases(owner: Owner, twin: bool) -> Secrets:
    return secrets_of(plant(owner, seed=21 if twin else 20))


@contextmanager
def fuzzing(postgres: Postgres, source: Source) -> Iterator[Fuzz]:
    """The source's database, a proxy before it, and what looks at both."""
    secrets: list[Secrets] = []

    def fill(owner: Owner, twin: bool) -> None:
        secrets.append(source.fill(owner, twin))

    with (
        tempfile.TemporaryDirectory(prefix="govproxy-fuzz-") as folder,
        opened(
            postgres, Path(folder), source.build, fill, source.corrections, strict=source.seed % STRICT_EACH == 1
        ) as target,
    ):
        yield Fuzz(target, Detector(secrets[0]), Detector(secrets[1]), is_exact_twin=source.is_exact_twin)


def run(postgres: Postgres, source: Source, tally: Tally, *, go_on: Callable[[], bool]) -> Iterator[Find]:
    """Statements one after the other while ``go_on``; gives each find, reduced, as it comes."""
    chance = random.Random(f"forms {source.seed}")
    tally.worlds += 1
    with fuzzing(postgres, source) as fuzz:
        number = 0
        while go_on():
            number += 1
            statement, form = source.next(), wireforms.choose(chance)
            verdict = fuzz.try_one(statement, form)
            tally.add(statement, form, verdict)
            if verdict.wrong is not None:
                find = fuzz.reduce(
                    Find(
                        seed=source.seed,
                        number=number,
                        statement=statement,
                        form=form,
                        wrong=verdict.wrong,
                        detail=verdict.detail,
                    )
                )
                tally.finds.append(find)
                yield find
