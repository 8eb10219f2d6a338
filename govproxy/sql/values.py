"""What analysis says about a text: effects, output columns, reads, comparisons, flows.

Values only. ``sql.analyze`` makes them; policy decides on them; masking plans with them.
Everything here errs on one side: a missing fact reads as the more dangerous one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from govproxy.sql.catalog import ColumnRef


class Action(StrEnum):
    """DESIGN 2.4: the closed list of what a statement can do."""

    SELECT = "select"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    MERGE = "merge"
    TRUNCATE = "truncate"
    CREATE = "create"
    ALTER = "alter"
    DROP = "drop"
    GRANT = "grant"
    COPY_IN = "copy_in"
    COPY_OUT = "copy_out"
    COPY_PROGRAM = "copy_program"
    CALL = "call"
    DO = "do"
    FUNCTION_MESSAGE = "function_message"
    SET = "set"
    SET_ROLE = "set_role"
    LOCK = "lock"
    LISTEN = "listen"
    NOTIFY = "notify"
    EXPLAIN = "explain"
    MAINTENANCE = "maintenance"
    TRANSACTION = "transaction"
    CURSOR = "cursor"
    PREPARE = "prepare"
    ADMIN = "admin"
    REPLICATION = "replication"
    UNKNOWN = "unknown"


ACTION_SETS: Mapping[str, frozenset[Action]] = {
    "read": frozenset({Action.SELECT, Action.COPY_OUT, Action.EXPLAIN}),
    "write": frozenset({Action.INSERT, Action.UPDATE, Action.DELETE, Action.MERGE, Action.COPY_IN}),
    "ddl": frozenset({Action.CREATE, Action.ALTER, Action.DROP, Action.TRUNCATE}),
    "danger": frozenset(
        {
            Action.DROP,
            Action.TRUNCATE,
            Action.GRANT,
            Action.COPY_PROGRAM,
            Action.DO,
            Action.CALL,
            Action.FUNCTION_MESSAGE,
            Action.SET_ROLE,
            Action.ADMIN,
            Action.REPLICATION,
            Action.UNKNOWN,
        }
    ),
    "any": frozenset(Action),
}


class Where(StrEnum):
    """What a statement's WHERE is worth (fact of UPDATE and DELETE)."""

    MISSING = "missing"
    CONSTANT = "constant"  # true, 1=1, 'a'='a', $1
    TAUTOLOGY = "tautology"  # id = id, IS NOT NULL on NOT NULL, OR with one of these
    EFFECTIVE = "effective"
    BY_KEY = "by_key"  # equality on the whole primary key


# The ``node`` of an unknown effect: a condition on names that an open transaction has given another meaning.
REDEFINED_NAMES = "ConditionOnRedefinedNames"
# Values of the fact ``by``: what the database does of itself when rows are written or objects are made.
BESIDE = frozenset({"trigger", "rule", "cascade", "default", "check", "index", "event_trigger", "body"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing the statement does. ``schema``/``name`` of the object as resolved, '' if none.

    ``kind`` is table, view, function, schema, role, database, setting, file, … ``relation`` is
    the OID when it is a known relation. ``temporary`` marks objects of the session's own temp
    schema. ``facts`` holds what rules may ask, e.g. ``where``, ``function``, ``setting``,
    ``volatility``, ``option``; values are str, int or bool. Of what runs behind the statement ``via``
    says where it is entered, ``by`` how (function, trigger, rule, cascade …).
    """

    action: Action
    kind: str = ""
    schema: str = ""
    name: str = ""
    relation: int | None = None
    columns: tuple[str, ...] = ()
    temporary: bool = False
    facts: Mapping[str, str | int | bool] = field(default_factory=dict)

    @property
    def object(self) -> str:
        """``schema.name``, or whichever part there is."""
        return f"{self.schema}.{self.name}" if self.schema and self.name else self.name or self.schema

    @property
    def beside(self) -> bool:
        """True for what happens beside the statement: nothing of it can show in the statement's result."""
        return self.facts.get("by") in BESIDE

    @property
    def anything(self) -> bool:
        """True when nobody can say what it does: it may be any action on any object."""
        return self.action is Action.UNKNOWN or self.facts.get("body") == "unreadable"


class Derivation(StrEnum):
    """How an output column comes from its sources."""

    PLAIN = "plain"  # the value of one column, untouched (same type, no cast)
    EXPRESSION = "expression"  # computed by proven functions and operators
    AGGREGATE_SAFE = "aggregate_safe"  # count and kin: reveals no value
    CONSTANT = "constant"  # literals, parameters, now() ...
    OPAQUE = "opaque"  # something not understood feeds it


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputColumn:
    """One column of a result. ``sources`` are base columns (views mapped to their bases)."""

    name: str
    sources: frozenset[ColumnRef] = frozenset()
    derivation: Derivation = Derivation.OPAQUE


class Comparison(StrEnum):
    """How a column's value is used other than being shown."""

    EQUALITY = "equality"  # = / IN / IS NULL against literals and parameters, count(DISTINCT …)
    RANGE = "range"
    PATTERN = "pattern"  # LIKE, regular expressions, full text
    ORDER = "order"
    GROUP = "group"  # GROUP BY, DISTINCT, set operations, window PARTITION
    JOIN = "join"  # equality against another column
    OTHER = "other"  # anything else, inside a function, a CASE condition ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A column used in a comparison."""

    column: ColumnRef
    comparison: Comparison
    partner: ColumnRef | None = None  # the other column of a JOIN comparison


# Stands in a `Use` for whatever a value that cannot be traced was made of: no relation has this OID.
UNTRACED = ColumnRef(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A constant or a parameter at its place in the text. ``at`` is a byte offset as the parser
    gives it; ``parameter`` is the number of a ``$n``, 0 for a constant, whose value is ``text``.
    """

    at: int
    parameter: int = 0
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Equality:
    """``column = value``, ``column IN (values)`` or ``column = ANY (values)`` that decides something.

    ``columns`` are all that the name may mean. ``starts_at`` and ``operator_at`` are byte offsets of
    the comparison's first token and of its operator.
    """

    columns: frozenset[ColumnRef]
    starts_at: int
    operator_at: int
    values: tuple[Written, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Values written out that end in a column. ``column`` None: in any of those that are written."""

    relation: int | None
    column: str | None
    values: tuple[Written, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Values stored: ``sources`` end in ``target`` (a relation OID or None when new or unknown)."""

    sources: frozenset[ColumnRef]
    target: str
    target_column: ColumnRef | None = None
    opaque: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChange:
    """What the statement does to the session that later statements depend on."""

    settings: bool = False  # search_path, role or another pinned setting may differ afterwards
    prepares: tuple[str, ...] = ()  # SQL-level PREPARE / DEALLOCATE names ('*' = all)
    cursors: tuple[str, ...] = ()  # DECLARE / CLOSE names ('*' = all)
    creates_temporary: bool = False
    catalog: bool = False  # DDL: the catalog snapshot is stale once this has run


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFacts:
    """Everything known about one statement of a text.

    ``outputs`` is None when the statement returns rows whose columns could not be named;
    an empty tuple when it returns none. ``reads`` are base relations reached, views expanded.
    ``opaque`` is True when something reached is not understood (user function, operator or
    cast, unknown relation): every column without proven clean lineage must then be redacted.
    """

    tag: str
    effects: tuple[Effect, ...]
    outputs: tuple[OutputColumn, ...] | None = ()
    reads: frozenset[int] = frozenset()
    unresolved: tuple[str, ...] = ()  # relation names the snapshot does not know
    opaque: bool = False
    own: bool = False  # a temporary table is read that only this session can have filled
    routines: frozenset[int] = frozenset()  # all that its calls, operators and casts may mean, by OID
    bodies_read: bool = False  # a routine that it calls reads rows, perhaps while the statement is planned
    uses: tuple[Use, ...] = ()
    equalities: tuple[Equality, ...] = ()
    stored: tuple[Stored, ...] = ()
    flows: tuple[Flow, ...] = ()
    session: SessionChange = field(default_factory=SessionChange)
    copies_in: bool = False
    uncounted: bool = False  # it changes rows that its command tag does not count
    inner: StatementFacts | None = None  # of EXPLAIN, PREPARE, DECLARE, COPY (query)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyForm:
    """How rows are written. ``encoding`` None is the session's own; the single characters are ASCII."""

    format: str = "text"  # text | csv | binary
    delimiter: str = "\t"
    null: str = "\\N"
    header: bool = False
    quote: str = '"'
    escape: str = '"'
    encoding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOut:
    """One COPY … TO STDOUT. ``query`` gives the same columns in the same order."""

    query: str
    form: CopyForm


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyIn:
    """One COPY … FROM STDIN. ``columns`` are those listed, empty for all that are not generated;
    ``form`` is None where an option is not understood."""

    columns: tuple[str, ...]
    form: CopyForm | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A whole text. ``redacted_sql`` has data literals replaced; ``digest`` names its shape.

    ``foldable`` are the byte offsets of constants whose value cannot change a decision (see
    ``sql.folding``). ``cacheable`` is False when the meaning depends on session state beyond the context key
    (EXECUTE, FETCH, temp tables of this session). ``added`` is what the database knew of its columns and
    reads and analysis did not, for people; ``certain`` is False where it was asked and gave no answer.
    """

    statements: tuple[StatementFacts, ...]
    redacted_sql: str
    digest: str
    cacheable: bool = True
    foldable: frozenset[int] = frozenset()
    copy_out: CopyOut | None = None  # where the text is one COPY … TO STDOUT whose rows can be read
    added: tuple[str, ...] = ()
    certain: bool = True
    copy_in: CopyIn | None = None  # the COPY … FROM STDIN of the text

    @property
    def unresolved(self) -> tuple[str, ...]:
        """Names no snapshot knew, over all statements."""
        return tuple(name for s in self.statements for name in s.unresolved)
