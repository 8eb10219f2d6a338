"""What reviewers are shown of a held statement besides its text: how many rows, which, and how sensitive.

Looked up over a read-only connection of the control process's own, under the role that the requester has
in the database, within strict times. Only what is provably about the same rows is asked (`sql.counting`), and
only where nothing but reading can happen: a function that is not known to be harmless is never run
for a reviewer's sake.

Security: rows leave here masked, as for somebody whom no rule lets see anything; what no mask is certain for
is redacted. As they are shown, so they are kept with the request (`Keep`), for whoever asks later what was seen.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import orjson

from govproxy.approvals import risk
from govproxy.approvals.automatic import UNKNOWN_ROWS
from govproxy.approvals.values import Hold
from govproxy.config.settings import Database
from govproxy.control.metadata import MetadataConnection, connect_to
from govproxy.errors import GovproxyError, StateUnavailable
from govproxy.identity.identity import Identity
from govproxy.masking.plan import Field, MaskKey, Right, Sight, build_plan
from govproxy.masking.values import ColumnClass
from govproxy.policy.columns import column_right
from govproxy.policy.rules import Policy
from govproxy.policy.touched import Ground
from govproxy.policy.values import See
from govproxy.session.log import get_logger
from govproxy.session.snapshot import DatabaseSnapshot
from govproxy.sql.analyze import analyze
from govproxy.sql.canonical import canonical
from govproxy.sql.catalog import ColumnRef, Relation, RelationKind
from govproxy.sql.counting import Countable, NotCountable, countable, quoted
from govproxy.sql.lineage import behind
from govproxy.sql.parse import UnparsableStatement
from govproxy.sql.values import Action

SAMPLE_ROWS = 5
SAMPLE_COLUMNS = 40
LONGEST_VALUE = 200  # characters of a masked value that are shown
STATEMENT_TIMEOUT_MS = 2_000
LOCK_TIMEOUT_MS = 200
WHOLE_TIMEOUT_S = 8.0
MOST_KEPT = 500  # held statements whose facts are kept
PATIENCE_S = 0.1  # before a look begins
NOT_REHEARSED = "not rehearsed"
AT_ONCE = 2  # connections for looking, whatever number of statements waits

_READABLE = frozenset({RelationKind.TABLE, RelationKind.PARTITIONED, RelationKind.VIEW, RelationKind.MATERIALISED_VIEW})
ACTIVE = frozenset({"sequence", "function", "operator"})
_NOBODY = Identity(user="")
log = get_logger("govproxy.review")


class NotLooked(Exception):
    """Nothing was asked, for govproxy's own reasons; the message says which, to reviewers."""


_UNREACHABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, GovproxyError, NotLooked)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """A relation within reach. ``sensitive``: column → class with its level, for those that are."""

    name: str
    level: int
    sensitive: tuple[tuple[str, str], ...]
    estimated_rows: int  # -1: unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows concerned, masked. None in a row is NULL."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFacts:
    """All of it. Figures are -1 where they are not known; ``notes`` say why not."""

    tables: tuple[TableFacts, ...] = ()
    risk: tuple[risk.Part, ...] = ()
    planned_rows: int = UNKNOWN_ROWS
    actual_rows: int = UNKNOWN_ROWS
    sample: Sample | None = None
    rehearsal: dict[str, Any] | None = None  # where the policy wants one: `control.rehearsal`, as JSON
    notes: tuple[str, ...] = ()

    @property
    def form(self) -> dict[str, Any]:
        """As JSON, with the score beside its parts."""
        return asdict(self) | {"risk_score": risk.score(self.risk), "risk": risk.told(self.risk)}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a look is made with: the picture of the database, the policy in force, the masking key."""

    database: Database
    snapshot: DatabaseSnapshot
    policy: Policy
    mask_key: bytes = field(repr=False)


# What trying a held statement shows, as JSON, and notes. Raises NotCountable, and what connecting raises.
Rehearse = Callable[[Hold, World], Awaitable[tuple[dict[str, Any] | None, tuple[str, ...]]]]
Keep = Callable[[str, dict[str, Any]], Awaitable[None]]  # of which request, and what is shown of it


class Reviewer:
    """Looks things up. ``world`` gives what is known of a database by its name now, None for nothing.

    ``rehearse`` tries a statement, where a rule that holds it says so or a reviewer asks. ``keep`` stores what is
    found for people, before they are shown it.
    """

    def __init__(
        self, world: Callable[[str], World | None], rehearse: Rehearse | None = None, keep: Keep | None = None
    ) -> None:
        self._world = world
        self._rehearse = rehearse
        self._keep = keep
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._looks: dict[str, asyncio.Task[ReviewFacts]] = {}
        self._wholes: dict[str, asyncio.Task[ReviewFacts]] = {}  # with a rehearsal
        self._soon: dict[str, asyncio.TimerHandle] = {}

    async def count(self, hold: Hold) -> int:
        """How many rows it would change now; -1 where that cannot be told. Rehearses nothing."""
        return (await asyncio.shield(self._begun(self._looks, hold, self._look))).actual_rows

    async def facts(self, hold: Hold) -> ReviewFacts:
        """Everything about one held statement that waits for people, looked up once."""
        return await asyncio.shield(self.begin(hold))

    def begin_soon(self, hold: Hold) -> None:
        """Look into it unless it is forgotten within moments: what a rule decides nobody has to review."""
        if hold.id not in self._looks and hold.id not in self._soon:
            self._soon[hold.id] = asyncio.get_running_loop().call_later(PATIENCE_S, self._begin_late, hold)

    def _begin_late(self, hold: Hold) -> None:
        self._soon.pop(hold.id, None)
        self.begin(hold)

    def begin(self, hold: Hold) -> asyncio.Task[ReviewFacts]:
        """Look into a held statement for people, unless that has begun."""
        return self._begun(self._wholes, hold, self._whole)

    def _begun(
        self,
        begun: dict[str, asyncio.Task[ReviewFacts]],
        hold: Hold,
        look: Callable[[Hold], Coroutine[Any, Any, ReviewFacts]],
    ) -> asyncio.Task[ReviewFacts]:
        task = begun.get(hold.id)
        if task is None:
            # Of more than are kept the oldest are forgotten.
            while len(begun) >= MOST_KEPT:
                self.forget(next(iter(begun)))
            task = begun[hold.id] = asyncio.get_running_loop().create_task(look(hold), name=f"review {hold.id}")
        return task

    async def rehearse(self, hold: Hold) -> ReviewFacts:
        """Everything, with a rehearsal even where no rule wants one."""
        facts = await self.facts(hold)
        if facts.rehearsal is not None and facts.rehearsal["until"]:
            return facts
        facts = replace(facts, notes=tuple(note for note in facts.notes if not note.startswith(NOT_REHEARSED)))
        task = self._wholes.get(hold.id)
        if task is not None and task.done():
            again = asyncio.get_running_loop().create_task(self._again(hold, facts), name=f"rehearse {hold.id}")
            task = self._wholes[hold.id] = again
        if task is None:
            return facts  # it was decided meanwhile
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
            return facts

    def known(self, hold_id: str) -> ReviewFacts | None:
        """What has been found already."""
        look = self._wholes.get(hold_id)
        found = look is not None and look.done() and not look.cancelled() and look.exception() is None
        return look.result() if look is not None and found else None

    def forget(self, hold_id: str) -> None:
        """The request waits no more."""
        for begun in (self._soon, self._wholes, self._looks):
            waiting = begun.pop(hold_id, None)
            if waiting is not None:
                waiting.cancel()

    async def stop(self) -> None:
        """End all looks."""
        looks = (*self._looks.values(), *self._wholes.values())
        for hold_id in (*self._looks, *self._wholes, *self._soon):
            self.forget(hold_id)
        await asyncio.gather(*looks, return_exceptions=True)

    async def _whole(self, hold: Hold) -> ReviewFacts:
        facts = await asyncio.shield(self._begun(self._looks, hold, self._look))
        world = self._world(hold.subject.database)
        by_rule = world is not None and _is_rehearsed(hold, world.policy)
        return await self._kept(hold, await self._tried(hold, facts) if by_rule else facts)

    async def _again(self, hold: Hold, facts: ReviewFacts) -> ReviewFacts:
        return await self._kept(hold, await self._tried(hold, facts))

    async def _kept(self, hold: Hold, facts: ReviewFacts) -> ReviewFacts:
        if self._keep is not None:
            try:
                await self._keep(hold.id, facts.form)
            except StateUnavailable as error:
                log.warning("what reviewers see is not kept", approval=hold.id, error=str(error))
        return facts

    async def _tried(self, hold: Hold, facts: ReviewFacts) -> ReviewFacts:
        world = self._world(hold.subject.database)
        if self._rehearse is None or world is None:
            return replace(facts, notes=(*facts.notes, f"{NOT_REHEARSED}: the database cannot be looked at now"))
        try:
            found, notes = await self._rehearse(hold, world)
            return replace(facts, rehearsal=found, notes=(*facts.notes, *notes))
        except NotCountable as why:
            return replace(facts, notes=(*facts.notes, f"{NOT_REHEARSED}: {why}"))
        except _UNREACHABLE as error:
            return replace(facts, notes=(*facts.notes, f"{NOT_REHEARSED}: {reason_of(error)}"))

    async def _look(self, hold: Hold) -> ReviewFacts:
        world = self._world(hold.subject.database)
        facts = ReviewFacts(risk=risk.parts(hold))
        if world is None:
            return replace(facts, notes=("the database cannot be looked at now",))
        facts = replace(facts, tables=_tables(hold, world))
        try:
            question = question_of(hold, world)
        except NotCountable as why:
            return replace(facts, notes=(f"rows are not counted: {why}",))
        try:
            async with asyncio.timeout(WHOLE_TIMEOUT_S), self._slots:
                facts = await _Look(hold, world, question).run(facts)
        except _UNREACHABLE as error:
            reason = reason_of(error)
            log.info("a held statement could not be looked into", approval=hold.id, error=reason)
            return replace(facts, notes=(*facts.notes, f"rows are not counted: {reason}"))
        return replace(facts, risk=risk.parts(hold, actual_rows=facts.actual_rows))


def reason_of(error: Exception) -> str:
    """Why nothing came of it, for reviewers. Security: no message of the server's, which may quote a value."""
    match error:
        case NotLooked():
            return str(error)
        case TimeoutError():
            return "it takes too long"
        case asyncpg.PostgresError():
            return f"the database said {error.sqlstate}"
        case _:
            return f"the database cannot be asked ({type(error).__name__})"


def _is_rehearsed(hold: Hold, policy: Policy) -> bool:
    return any(rule.rehearse for rule in policy.rules if rule.name in hold.rule.names)


def _tables(hold: Hold, world: World) -> tuple[TableFacts, ...]:
    ground = Ground(world.snapshot.catalog, world.snapshot.classification)
    found = []
    for touched in hold.subject.objects:
        relation = ground.relation(touched.oid)
        columns = ground.sensitive_columns(touched.oid)
        found.append(
            TableFacts(
                name=touched.name,
                level=max((kind.sensitive.level for _, kind in columns), default=0),
                sensitive=tuple(
                    (ground.column_name(column), f"{kind.sensitive.name} (level {kind.sensitive.level})")
                    for column, kind in columns
                ),
                estimated_rows=UNKNOWN_ROWS if relation is None else int(relation.estimated_rows),
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question that is safe to ask. ``path``: the session's search_path, None where it is not known."""

    text: Countable
    relation: Relation
    path: tuple[str, ...] | None


def question_of(hold: Hold, world: World) -> Question:
    """What may be asked about the rows. Raises NotCountable, with the reason for reviewers."""
    catalog = world.snapshot.catalog
    try:
        if canonical(hold.sql).digest != hold.subject.digest:
            raise NotCountable("its text cannot be shown as it is")
        text = countable(hold.sql)
        path = hold.nature.search_path if hold.nature is not None else None
        facts = analyze(text.plan, catalog, path).statements[0]
    except UnparsableStatement:
        raise NotCountable("it cannot be read") from None
    if facts.opaque or facts.unresolved or len(text.names) == 0:
        raise NotCountable("it calls something that is not known to be harmless")
    if any(e.action is not Action.SELECT or e.kind in ACTIVE or set(e.facts) - {"via"} for e in facts.effects):
        # Facts of a reading effect tell of functions, sequences and locks; plain reading has none but its views.
        raise NotCountable("it does more than read")
    touched = {one.oid for one in hold.subject.objects}
    reached = (catalog.relations.get(oid) for oid in facts.reads)
    if any(relation is None or relation.kind not in _READABLE for relation in reached):
        raise NotCountable("it reads what may run a program or reach another machine")
    if not facts.reads <= touched:
        raise NotCountable("its names mean other tables here than in the session")
    return Question(text=text, relation=_target(text, facts.reads, world), path=path)


def _target(text: Countable, reads: frozenset[int], world: World) -> Relation:
    schema, name = text.relation
    relations = world.snapshot.catalog.relations
    found = [
        relation
        for relation in (relations.get(oid) for oid in reads)
        if relation is not None and relation.name == name and schema in ("", relation.schema)
    ]
    if len(found) != 1 or name in text.ctes:
        raise NotCountable("which table it changes cannot be told")
    return found[0]


@asynccontextmanager
async def under_the_role(hold: Hold, world: World) -> AsyncIterator[MetadataConnection]:
    """A connection of its own to the database, read-only unless a transaction says otherwise, under the role
    that the requester has there. Raises NotLooked where none is meant for them."""
    role = None
    if world.database.roles:
        role = next((role for group, role in world.database.roles if group in hold.requester.groups), "")
        if not role:
            raise NotLooked("no role is meant for the requester in this database")
    connection = await connect_to(world.database)
    try:
        if role is not None:
            await connection.execute(f"SET ROLE {quoted(role)}")
        yield connection
    finally:
        connection.terminate()


async def must_mean_the_same(connection: MetadataConnection, hold: Hold, question: Question) -> None:
    """Take the session's search_path for this transaction; every name must then mean, to this connection,
    a table that the session's statement touches. Raises NotLooked."""
    # Where it is not known, nothing is found by a bare name.
    path = ", ".join(quoted(name) for name in question.path or ()) or "''"
    await connection.fetchval("SELECT pg_catalog.set_config('search_path', $1, true)", path)
    touched = {one.oid for one in hold.subject.objects}
    for schema, name in sorted(question.text.names):
        if not schema and name in question.text.ctes:
            continue
        called = quoted(name) if not schema else f"{quoted(schema)}.{quoted(name)}"
        found = await connection.fetchval("SELECT pg_catalog.to_regclass($1)::pg_catalog.oid", called)
        if found is None or int(found) not in touched:
            raise NotLooked("a name in it means another table to this connection")


@dataclass(slots=True)
class _Look:
    """One look at one statement's rows."""

    hold: Hold
    world: World
    question: Question

    async def run(self, facts: ReviewFacts) -> ReviewFacts:
        """``facts`` with what the database says. What is refused or takes too long leaves a note."""
        async with under_the_role(self.hold, self.world) as connection:
            facts = replace(facts, planned_rows=await self._planned(connection))
            try:
                facts = replace(facts, actual_rows=await self._counted(connection))
            except asyncpg.QueryCanceledError:
                facts = replace(facts, notes=(*facts.notes, "rows are not counted: it takes too long"))
            try:
                return replace(facts, sample=await self._sample(connection))
            except asyncpg.QueryCanceledError:
                return replace(facts, notes=(*facts.notes, "no sample: it takes too long"))

    async def _ask(self, connection: MetadataConnection, query: str) -> list[Any]:
        async with connection.transaction(readonly=True):
            await connection.execute(
                f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}; SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"
            )
            await must_mean_the_same(connection, self.hold, self.question)
            return await connection.fetch(query)

    async def _planned(self, connection: MetadataConnection) -> int:
        rows = await self._ask(connection, f"EXPLAIN (FORMAT JSON) {self.question.text.plan}")
        try:
            return int(orjson.loads(rows[0][0])[0]["Plan"]["Plan Rows"])
        except (orjson.JSONDecodeError, LookupError, TypeError, ValueError):
            return UNKNOWN_ROWS

    async def _counted(self, connection: MetadataConnection) -> int:
        rows = await self._ask(connection, self.question.text.count)
        return int(rows[0][0])

    async def _sample(self, connection: MetadataConnection) -> Sample:
        columns = self.question.relation.columns[:SAMPLE_COLUMNS]
        names = tuple(column.name for column in columns)
        rows = await self._ask(connection, self.question.text.rows(names, SAMPLE_ROWS))
        return masked_sample(self.world, self.question.relation, names, [tuple(row) for row in rows])


def masked_sample(
    world: World, relation: Relation, names: Sequence[str], rows: Sequence[tuple[str | None, ...]]
) -> Sample:
    """Rows of ``relation``, given as text, as somebody sees them whom no rule lets see anything."""
    columns = [column for column in (relation.column(name) for name in names) if column is not None]
    fields = [
        Field(
            name=column.name,
            table_oid=relation.oid,
            attnum=column.attnum,
            type_oid=column.type_oid,
            typmod=column.typmod,
        )
        for column in columns
    ]
    catalog = world.snapshot.catalog

    def right(column: ColumnRef, found: ColumnClass) -> Right:
        owner = catalog.relations.get(column.relation)
        name = next((c.name for c in owner.columns if c.attnum == column.attnum), "") if owner else ""
        policy = column_right(
            _NOBODY, world.snapshot.name, world.snapshot.environment, found, owner, name, world.policy
        )
        # What a rule shows to everybody is still not shown here: this page goes where those rows may not.
        return Right(see=Sight.NONE if policy.see is See.NONE else Sight.MASKED, masker=policy.masker)

    plan = build_plan(
        fields,
        None,
        world.snapshot.classification,
        lambda column: behind(column, catalog),
        right,
        opaque=True,
        reads_sensitive=True,
        key=MaskKey(world.mask_key),
        catalog=catalog,
    )
    sent = b"".join(_data_row(row) for row in rows)
    consumed, output, count, _ = plan.apply(sent)
    if consumed != len(sent) or count != len(rows):
        raise NotLooked("rows could not be masked")
    return Sample(columns=tuple(f.name for f in fields), rows=tuple(_rows_of(output)))


def _data_row(values: tuple[str | None, ...]) -> bytes:
    parts = [struct.pack("!H", len(values))]
    for value in values:
        encoded = None if value is None else value.encode()
        parts.append(struct.pack("!i", -1) if encoded is None else struct.pack("!i", len(encoded)) + encoded)
    body = b"".join(parts)
    return b"D" + struct.pack("!I", len(body) + 4) + body


def _rows_of(data: bytes) -> list[tuple[str | None, ...]]:
    rows = []
    at = 0
    while at < len(data):
        (count,) = struct.unpack_from("!H", data, at + 5)
        at += 7
        values: list[str | None] = []
        for _ in range(count):
            (size,) = struct.unpack_from("!i", data, at)
            at += 4
            values.append(None if size < 0 else _shown(data[at : at + size]))
            at += max(size, 0)
        rows.append(tuple(values))
    return rows


def _shown(value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
