"""A policy as an immutable value: rules, column rules, corrections.

Made by ``policy.loader``, read by ``policy.engine``. Picklable (it is published to workers) and
free of compiled expressions: those are cached per process in ``policy.expressions``. Nothing here
decides.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

from govproxy.masking.values import Masker, OwnTaxonomy
from govproxy.policy.values import Compare, HoldTerms, See, Verb
from govproxy.policy.windows import Burst, Window
from govproxy.sql.values import Action

ANY = "any"  # in ``tags`` and in ``overrides``
NO_TAG = "none"  # in ``classify``

# Names of refusals that no rule states; a policy cannot use them for its own rules.
DEFAULT_DENY = "default-deny"
COMPARE_RIGHT = "compare-right"
MASKED_WRITE = "masked-write"
HIDDEN_COLUMN = "hidden-column"
SENSITIVE_CATALOG = "sensitive-catalog"
MASKED_COPY = "masked-copy"
NO_COMMON_APPROVER = "no-common-approver"
READ_ONLY = "read-only"
RESERVED_NAMES = frozenset(
    {
        DEFAULT_DENY,
        COMPARE_RIGHT,
        MASKED_WRITE,
        HIDDEN_COLUMN,
        SENSITIVE_CATALOG,
        MASKED_COPY,
        NO_COMMON_APPROVER,
        READ_ONLY,
        ANY,
    }
)


class Mode(StrEnum):
    """Whether a rule acts or only records what it would have done."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Whom a rule is for. Every part given must fit; within a part one entry is enough.

    ``groups`` and ``users`` speak of the human (or service), with or without an agent in between.
    ``any_agent`` or ``agents``: only sessions of (these) agents. ``exempt`` takes out again.
    """

    groups: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    any_agent: bool = False
    agents: frozenset[str] = frozenset()
    exempt: Who | None = None

    @property
    def names_agents(self) -> bool:
        """True when the rule's author had agents in mind."""
        return self.any_agent or bool(self.agents)


@dataclass(frozen=True, slots=True, kw_only=True)
class On:
    """What a rule is about; an empty part is no restriction. Patterns may hold ``*`` and ``?``.

    ``tables`` are ``schema.table`` patterns, ``columns`` (column rules only) ``schema.table.column``.
    """

    environments: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    relations: frozenset[int] = frozenset()  # by identity: of grants, not of files
    through: frozenset[int] = frozenset()  # reached by naming one of those
    column_names: frozenset[str] = frozenset()  # of those relations, exactly


@dataclass(frozen=True, slots=True, kw_only=True)
class MayGrant:
    """What an approver may give for a time: ``within_s`` seconds at most, with ``clear`` columns or not."""

    within_s: int
    clear: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One statement rule. ``who`` empty: everyone; several: any of them. ``when`` is CEL or ''.

    ``during`` empty: always; several: in any of them. With ``burst`` it counts what it would match, and
    matches what goes beyond. ``freeze``: it was written as a freeze.
    """

    name: str
    does: frozenset[Action]
    effect: Verb
    who: tuple[Who, ...] = ()
    on: On = On()
    when: str = ""
    approvers: frozenset[str] = frozenset()  # "group:leads", "user:ana"
    overrides: frozenset[str] = frozenset()
    mode: Mode = Mode.ENFORCE
    hint: str = ""
    during: tuple[Window, ...] = ()
    burst: Burst | None = None
    freeze: bool = False
    may_grant: MayGrant | None = None  # of a hold
    rehearse: bool = False  # of a hold: run and taken back, for reviewers
    end_session: bool = False  # of a deny: whoever meets it is put out
    terms: HoldTerms = dataclasses.field(default_factory=HoldTerms)  # of a hold


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """One column rule. ``see`` or ``compare`` None: no opinion on that part."""

    name: str
    who: tuple[Who, ...] = ()
    on: On = On()
    see: See | None = None
    compare: Compare | None = None
    mask: Masker | None = None
    overrides: frozenset[str] = frozenset()
    mode: Mode = Mode.ENFORCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """``classify``: what a column is, whatever was found. ``tag`` is 'none' or a tag or class name.

    The three names may be patterns; ``masking.classify`` says which of several corrections counts.
    """

    schema: str
    relation: str
    column: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopBreaker:
    """For whom the same refusal more than ``repeats`` times within ``within_s`` seconds means "stop and ask".

    With ``end_session_after`` refusals the session ends; None: never.
    """

    repeats: int
    within_s: int
    end_session_after: int | None = None
    who: tuple[Who, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRule:
    """How much of something one identity may use. A figure that is None is no limit; see ``policy.limits``."""

    name: str
    who: tuple[Who, ...] = ()
    on: On = On()  # environments and databases only
    statement_timeout_ms: int | None = None
    lock_timeout_ms: int | None = None
    idle_in_transaction_session_timeout_ms: int | None = None
    rows: int | None = None
    size_bytes: int | None = None
    rows_changed: int | None = None
    statements_per_minute: int | None = None
    rows_per_minute: int | None = None
    rows_per_hour: int | None = None
    bytes_per_minute: int | None = None
    bytes_per_hour: int | None = None
    sessions: int | None = None
    read_only: bool = False
    overrides: frozenset[str] = frozenset()


class Ruling(StrEnum):
    """What a rule says to a held statement it fits."""

    APPROVE = "approve"
    REFUSE = "refuse"


class Counts(StrEnum):
    """What a rule's approval is worth: the whole decision, or one voice of the quorum."""

    ALONE = "alone"
    VOICE = "voice"


class Alike(StrEnum):
    """For whom the same statement must have been approved before."""

    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket that must stand in a comment. ``check``: the configured service must know it as well."""

    pattern: str
    check: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Precedent:
    """The same statement, approved by people within so many seconds before."""

    within_s: int
    by: Alike


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """One rule. All parts given must fit. ``holds`` empty: whatever rule holds the statement.

    ``risk`` is the most an approval bears, or the least from which on is refused.
    """

    name: str
    ruling: Ruling
    holds: frozenset[str] = frozenset()
    who: tuple[Who, ...] = ()
    on: On = On()  # environments and databases only
    when: str = ""
    during: tuple[Window, ...] = ()
    ticket: Ticket | None = None
    precedent: Precedent | None = None
    risk: int | None = None
    counts: Counts = Counts.ALONE
    mode: Mode = Mode.ENFORCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A whole policy, pack included. ``version`` is a hash of its meaning, not of its text."""

    rules: tuple[Rule, ...] = ()
    columns: tuple[ColumnRule, ...] = ()
    limits: tuple[LimitRule, ...] = ()
    approvals: tuple[ApprovalRule, ...] = ()
    classify: tuple[Correction, ...] = ()
    own: OwnTaxonomy = dataclasses.field(default_factory=OwnTaxonomy)
    loop_breaker: LoopBreaker | None = None
    version: str = ""

    @property
    def bursts(self) -> tuple[Rule, ...]:
        """The rules that count."""
        return tuple(rule for rule in self.rules if rule.burst is not None)

    def versioned(self) -> Policy:
        """This policy with its version filled in."""
        content = dataclasses.replace(self, version="")
        text = json.dumps(_canonical(content), sort_keys=True, separators=(",", ":"))
        return dataclasses.replace(self, version=hashlib.sha256(text.encode()).hexdigest()[:16])


def _canonical(value: object) -> object:
    """Plain JSON with an order of its own: the order of rules never matters, so it is not hashed."""
    if isinstance(value, Policy):
        return {
            "rules": sorted((_canonical(rule) for rule in value.rules), key=_name),
            "columns": sorted((_canonical(rule) for rule in value.columns), key=_name),
            "limits": sorted((_canonical(limit) for limit in value.limits), key=_name),
            "approvals": sorted((_canonical(rule) for rule in value.approvals), key=_name),
            "classify": sorted((_canonical(c) for c in value.classify), key=repr),
            "classes": sorted((_canonical(c) for c in value.own.classes), key=repr),
            "recognise": sorted((_canonical(r) for r in value.own.recognitions), key=repr),
            "loop_breaker": _canonical(value.loop_breaker),
        }
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _canonical(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, frozenset):
        return sorted(str(_canonical(item)) for item in value)
    if isinstance(value, tuple):
        return [_canonical(item) for item in value]
    return value


def _name(rule: object) -> str:
    return str(rule["name"]) if isinstance(rule, Mapping) else ""
