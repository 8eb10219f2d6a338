"""Values of an approval: the request, what people say to it, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from govproxy.identity.identity import Identity
from govproxy.policy.grants import Grant
from govproxy.policy.values import Decision, HoldTerms


class Status(StrEnum):
    """How a request stands. Only ``waiting`` can change."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    WITHDRAWN = "withdrawn"  # the client went away or cancelled, or what it asked for became moot


class Answer(StrEnum):
    """What one approver says."""

    APPROVE = "approve"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """A relation that the statement touches, by identity. ``tags``: what is sensitive in it."""

    oid: int
    name: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What exactly is to run. Equal subjects are the same statement with the same parameters.

    ``digest`` is `sql.canonical`'s. ``parameters`` is a digest over the values bound, empty where there
    are none. ``objects`` are sorted by oid. ``settings`` are those that change what a text means:
    search_path, role and the like, as ``name=value``, sorted.
    """

    database: str
    digest: str
    parameters: str = ""
    objects: tuple[Object, ...] = ()
    settings: tuple[str, ...] = ()
    catalog_version: str
    policy_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the policy wants of a decision. ``approvers`` and ``delegates`` are ``group:x`` and ``user:y``.

    ``delegates`` may decide too once ``delegate_after_s`` seconds have gone without a decision.
    ``quorum`` different people must approve; one refusal is enough. ``principal_may_approve``: the
    human may decide what their own agent asks for. An approval lets the statement run ``uses`` times
    within ``valid_s`` seconds.
    """

    names: tuple[str, ...]
    approvers: frozenset[str]
    quorum: int = 1
    delegates: frozenset[str] = frozenset()
    delegate_after_s: float | None = None
    principal_may_approve: bool = False
    uses: int = 1
    valid_s: float = 600.0

    @classmethod
    def of(cls, decision: Decision) -> Rule:
        """What a decision that holds a statement wants."""
        terms = decision.terms or HoldTerms()
        return cls(
            names=decision.rules,
            approvers=decision.approvers,
            quorum=terms.quorum,
            delegates=terms.delegates,
            delegate_after_s=terms.delegate_after_s,
            principal_may_approve=terms.principal_may_approve,
            uses=terms.uses,
            valid_s=terms.valid_s,
        )

    def __post_init__(self) -> None:
        if self.quorum < 1:
            raise ValueError("a quorum is at least one")
        if self.uses < 1:
            raise ValueError("an approval is for at least one use")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """What rules may ask of a held statement, as the worker that judged it knows it.

    ``wheres`` and ``actions`` over all effects; ``estimated_rows`` -1: unknown. ``tickets`` are words of
    its comments that could name one. ``targets``: each action with the relation it is on, as
    (action, oid, name, via): ``via`` is '' where it is named, else through what it is reached. ``search_path`` is
    None where it is not known.
    """

    tag: str
    actions: tuple[str, ...]
    tables: tuple[str, ...]
    tags: tuple[str, ...]
    sensitivity: int
    functions: tuple[str, ...]
    wheres: tuple[str, ...]
    opaque: bool
    estimated_rows: int
    tickets: tuple[str, ...] = ()
    targets: tuple[tuple[str, int, str, str], ...] = ()
    search_path: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One request. Times are POSIX seconds. ``sql``, ``oddities`` and ``effects`` are for reviewers.

    ``nature`` None: nobody said, so that no rule can approve it. ``waits``: the statement is parked on its
    connection until this is decided. Otherwise its client got an error, and may send it again once it is approved.
    """

    id: str
    session: str
    statement: str  # its id in the ledger
    requester: Identity
    environment: str
    subject: Subject
    rule: Rule
    sql: str
    oddities: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    nature: Nature | None = None
    asked: float
    deadline: float
    waits: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ByRule:
    """A rule that answered in a person's place, and what it rested on.

    ``alone``: it decides by itself; otherwise it is one voice of the quorum.
    """

    name: str
    policy_version: str
    evidence: tuple[str, ...] = ()
    alone: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What one person said. ``person`` is the identity that said it, for the evidence.

    With ``rule`` it was a rule; ``person`` then only names it for people. ``grant``: what the approval gives
    for a time besides. ``seen``: SHA-256 of the facts that reviewers were shown by then, None while there were none.
    """

    person: Identity
    answer: Answer
    reason: str
    time: float
    rule: ByRule | None = None
    grant: Grant | None = None
    seen: str | None = None

    @property
    def by(self) -> str:
        """Who said it, for people. A rule cannot be taken for a person, nor a person for a rule."""
        return f"user {self.person.user}" if self.rule is None else f"rule {self.rule.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A request with everything said to it so far."""

    hold: Hold
    votes: tuple[Vote, ...] = field(default=())
    status: Status = Status.WAITING
