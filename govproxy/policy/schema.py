"""The form of policy.yaml as pydantic models (DESIGN 2.3): keys, types and words.

``policy.loader`` turns these into ``policy.rules`` values and checks what spans several keys.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=1000)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$")]
Words = list[Text]
Condition = Annotated[str, Field(min_length=1, max_length=4096)]


class Strict(BaseModel):
    """Unknown keys are errors; values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Subject(Strict):
    groups: Words | None = None
    users: Words | None = None
    agents: Literal[True] | Words | None = None


class WhoEntry(Subject):
    exempt: Subject | None = Field(default=None, alias="not")


class OnEntry(Strict):
    environments: Words | None = None
    databases: Words | None = None
    schemas: Words | None = None
    tables: Words | None = None
    tags: Words | None = None


class ColumnOnEntry(OnEntry):
    columns: Words | None = None


class Delegates(Strict):
    groups: Words | None = None
    users: Words | None = None
    after: Text


class Approvers(Strict):
    groups: Words | None = None
    users: Words | None = None
    quorum: int = Field(default=1, ge=1, le=20)
    delegates: Delegates | None = None
    own_agents: bool = False


class HoldEntry(Strict):
    on_hold: Literal["wait", "refuse"] = "wait"
    timeout: Text | None = None
    in_transaction: Text | None = None
    notice_every: Text | None = None
    uses: int = Field(default=1, ge=1, le=1_000)
    valid: Text | None = None
    rehearsal: Text | None = None


class WindowEntry(Strict):
    from_: Text = Field(alias="from")
    until: Text
    timezone: Text = "UTC"


class BurstEntry(Strict):
    more_than: int = Field(ge=0, le=900)
    within: Text


class MayGrantEntry(Strict):
    within: Text
    see: Literal["clear", "masked"] = "masked"


class RuleEntry(Strict):
    name: Name
    who: WhoEntry | list[WhoEntry] | None = None
    does: Words = Field(min_length=1)
    on: OnEntry = OnEntry()
    when: Condition | None = None
    effect: Literal["allow", "deny", "hold"]
    approvers: Approvers | None = None
    hold: HoldEntry | None = None
    overrides: Words | None = None
    mode: Literal["enforce", "shadow"] = "enforce"
    hint: Text | None = None
    during: WindowEntry | list[WindowEntry] | None = None
    burst: BurstEntry | None = None
    may_grant: MayGrantEntry | None = None
    rehearse: bool = False
    end_session: bool = False


class FreezeEntry(Strict):
    name: Name
    during: WindowEntry | list[WindowEntry]
    who: WhoEntry | list[WhoEntry] | None = None
    does: Words | None = Field(default=None, min_length=1)
    on: OnEntry = OnEntry()
    mode: Literal["enforce", "shadow"] = "enforce"
    hint: Text | None = None


class ColumnRuleEntry(Strict):
    name: Name
    who: WhoEntry | list[WhoEntry] | None = None
    on: ColumnOnEntry = ColumnOnEntry()
    see: Literal["clear", "masked", "none"] | None = None
    compare: Literal["any", "equality", "none"] | None = None
    mask: Text | None = None
    overrides: Words | None = None
    mode: Literal["enforce", "shadow"] = "enforce"


class PlaceEntry(Strict):
    environments: Words | None = None
    databases: Words | None = None


Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8} ?(ms|s|min|h)$")]
Size = Annotated[int, Field(ge=1, le=1 << 50)] | Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8} ?(kB|MB|GB)$")]
Count = Annotated[int, Field(ge=1, le=1 << 50)]


class LimitEntry(Strict):
    name: Name
    who: WhoEntry | list[WhoEntry] | None = None
    on: PlaceEntry = PlaceEntry()
    statement_timeout: Duration | None = None
    lock_timeout: Duration | None = None
    idle_in_transaction_session_timeout: Duration | None = None
    rows: Count | None = None
    size: Size | None = Field(default=None, alias="bytes")
    rows_changed: Count | None = None
    statements_per_minute: Count | None = None
    rows_per_minute: Count | None = None
    rows_per_hour: Count | None = None
    bytes_per_minute: Size | None = None
    bytes_per_hour: Size | None = None
    sessions: Count | None = None
    transactions: Literal["read_only"] | None = None
    overrides: Words | None = None


class CorrectionEntry(Strict):
    column: Text
    tag: Text


class ClassEntry(Strict):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,79}$")]
    tags: Words = Field(min_length=1)
    level: Annotated[int, Field(ge=1, le=4)]
    mask: Text = "redact"


class RecogniseEntry(Strict):
    of: Text = Field(alias="class")
    words: Words = []
    columns: Words = []
    values: Text | None = None
    share: Annotated[float, Field(ge=0.5, le=1.0, strict=False)] = 0.9


class TicketEntry(Strict):
    pattern: Text
    in_: Literal["comment"] = Field(default="comment", alias="in")
    check: bool = False


class PrecedentEntry(Strict):
    within: Text
    by: Literal["user", "group"] = "user"


Score = Annotated[int, Field(ge=0, le=100)]


class RiskEntry(Strict):
    at_most: Score | None = None
    at_least: Score | None = None


class ApprovalEntry(Strict):
    name: Name
    decide: Literal["approve", "refuse"]
    holds: Words | None = None
    who: WhoEntry | list[WhoEntry] | None = None
    on: PlaceEntry = PlaceEntry()
    when: Condition | None = None
    during: WindowEntry | list[WindowEntry] | None = None
    ticket: TicketEntry | None = None
    same_statement_approved: PrecedentEntry | None = None
    risk: RiskEntry | None = None
    counts: Literal["alone", "voice"] | None = None
    mode: Literal["enforce", "shadow"] = "enforce"


class LoopBreakerEntry(Strict):
    repeats: int = Field(ge=1, le=900)
    within: Text
    end_session_after: int | None = Field(default=None, ge=2, le=900)
    who: WhoEntry | list[WhoEntry] | None = None


class File(Strict):
    """The whole file."""

    extends: Literal["production", "none"] = "production"
    rules: list[RuleEntry] = []
    freezes: list[FreezeEntry] = []
    columns: list[ColumnRuleEntry] = []
    limits: list[LimitEntry] = []
    approvals: list[ApprovalEntry] = []
    classify: list[CorrectionEntry] = []
    classes: list[ClassEntry] = []
    recognise: list[RecogniseEntry] = []
    loop_breaker: LoopBreakerEntry | Literal[False] | None = None
