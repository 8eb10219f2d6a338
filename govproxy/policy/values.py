"""Values of policy: what is asked and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from govproxy.errors import Reason
from govproxy.identity.identity import Identity
from govproxy.masking.values import Masker
from govproxy.sql.values import Analysis


class Verb(StrEnum):
    """What may happen to a statement."""

    ALLOW = "allow"
    HOLD = "hold"
    DENY = "deny"


class See(StrEnum):
    CLEAR = "clear"
    MASKED = "masked"
    NONE = "none"


class Compare(StrEnum):
    ANY = "any"
    EQUALITY = "equality"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to the engine. ``now`` is POSIX time in seconds, an argument on purpose.

    ``counted``: by the name of a rule with a ``burst``, how many effects this identity has had within the
    rule's time that the rule counts. ``denials``: how many statements were refused in this session before.
    """

    identity: Identity
    database: str
    environment: str
    analysis: Analysis
    now: float
    application: str = ""
    client_address: str = ""
    counted: Mapping[str, int] = field(default_factory=dict)
    denials: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRight:
    """What an identity may do with one sensitive column. ``rule`` is '' for the default."""

    see: See
    compare: Compare
    masker: Masker | None = None  # None: the class's default
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a statement does not pass: for the client's error and for ``explain``."""

    rule: str
    object: str
    message: str  # without the ``govproxy: `` prefix
    hint: str
    reason: Reason
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldTerms:
    """How a hold is decided, and what an approval is worth. Times in seconds.

    ``waits``: the statement waits on its connection, for ``timeout_s``, or ``transaction_timeout_s`` where locks
    may be held meanwhile; otherwise its client gets an error and sends it again. ``delegates`` may decide too
    after ``delegate_after_s``. An approval is for ``uses`` runs within ``valid_s``. Tried for its reviewers it
    stands in its transaction for ``rehearsal_s`` at most.
    """

    quorum: int = 1
    delegates: frozenset[str] = frozenset()
    delegate_after_s: float | None = None
    principal_may_approve: bool = False
    waits: bool = True
    timeout_s: float = 600.0
    transaction_timeout_s: float = 10.0
    notice_s: float = 15.0
    uses: int = 1
    valid_s: float = 600.0
    rehearsal_s: float = 30.0

    def and_(self, other: HoldTerms) -> HoldTerms:
        """Both at once: of each part the stricter."""
        after = [terms.delegate_after_s for terms in (self, other) if terms.delegate_after_s is not None]
        return HoldTerms(
            quorum=max(self.quorum, other.quorum),
            # Whoever stands in must be able to for both.
            delegates=self.delegates & other.delegates,
            delegate_after_s=max(after) if after else None,
            principal_may_approve=self.principal_may_approve and other.principal_may_approve,
            waits=self.waits and other.waits,
            timeout_s=min(self.timeout_s, other.timeout_s),
            transaction_timeout_s=min(self.transaction_timeout_s, other.transaction_timeout_s),
            notice_s=min(self.notice_s, other.notice_s),
            uses=min(self.uses, other.uses),
            valid_s=min(self.valid_s, other.valid_s),
            rehearsal_s=min(self.rehearsal_s, other.rehearsal_s),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer.

    ``rules`` are the names of the rules that matched and counted; ``shadow`` those that would
    have, in shadow mode. ``clear`` is True when this identity sees everything untouched
    (``see: clear`` on ``tags: [any]``): no masking and no value scan. ``varies`` is True when a
    condition read something that may differ at the next run of the same text (time, address,
    application, how much came before): such an answer must not be kept. ``counts`` are the rules with a
    ``burst`` that count this statement once it runs, each with the number of effects. ``approvers`` are
    ``group:name`` and ``user:name``. ``asks_rows`` is True when the answer rests on how many rows the catalog has at
    most, and a better figure could change it. ``ends_session``: whoever asked is put out.
    """

    verb: Verb
    rules: tuple[str, ...]
    shadow: tuple[str, ...] = ()
    refusal: Refusal | None = None
    approvers: frozenset[str] = frozenset()
    terms: HoldTerms | None = None  # of a hold
    clear: bool = False
    policy_version: str = ""
    varies: bool = False
    counts: tuple[tuple[str, int], ...] = ()
    asks_rows: bool = False
    ends_session: bool = False
