"""What the API takes and gives, as pydantic models: the one source of answers and of their description."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from govproxy.approvals.deciding import MAX_REASON_CHARACTERS

StatusWord = Literal["waiting", "approved", "refused", "timed_out", "withdrawn"]
Time = Annotated[float, Field(description="POSIX seconds.")]


class Form(BaseModel):
    """Unknown fields are errors, in what comes and in what goes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Error(Form):
    word: str = Field(description="Stable, for programs.")
    message: str = Field(description="For people; may change.")


class ErrorAnswer(Form):
    error: Error


class Who(Form):
    user: str
    groups: list[str]
    agent: str | None = Field(description="The agent that acts for the user.")


class Me(Form):
    """Whom the token proves."""

    user: str
    groups: list[str]
    agent: str | None
    expires: Time | None
    time: Time = Field(description="The instance's clock.")


class Summary(Form):
    """A request in a list."""

    id: str
    status: StatusWord
    database: str
    environment: str
    requester: Who
    sql: str = Field(description="Written anew from what it means, and cut where it is long.")
    sql_is_cut: bool
    effects: list[str]
    rules: list[str]
    tags: list[str] = Field(description="What is sensitive in what it touches.")
    oddities: int = Field(description="How many things in it could mislead the eye.")
    asked: Time
    deadline: Time
    decided: Time | None
    approvals: int = Field(description="How many have approved so far.")
    quorum: int
    mine: bool = Field(description="Whoever asks now asked for it, or an agent that acts for them did.")
    objection: str | None = Field(description="Why whoever asks now cannot answer it; null: they can.")


class Table(Form):
    name: str
    tags: list[str]


class ScopeForm(Form):
    """One action, and on which tables."""

    action: str
    tables: list[str]


class GrantForm(Form):
    """A right for a time, given with an approval."""

    id: str = Field(description="The approval's.")
    user: str
    agent: str | None
    database: str
    scope: list[ScopeForm]
    lifts: list[str] = Field(description="The rules that hold no more.")
    clear: bool = Field(description="Whether columns are shown as they are.")
    columns: list[str] = Field(description="With clear: only these; none: all.")
    since: Time
    until: Time
    by: str
    reason: str


class VoteForm(Form):
    by: Who
    rule: str | None = Field(description="The rule that said it, in a person's place.")
    evidence: list[str] = Field(description="What that rule rested on.")
    through: str | None = Field(description="Who proved it: the token's issuer, or callback:NAME.")
    answer: Literal["approve", "refuse"]
    reason: str
    time: Time
    grant: GrantForm | None
    seen: str | None = Field(
        description="SHA-256 of the facts that were there to be seen, as JSON with sorted keys and no blanks."
    )


class Grantable(Form):
    """What an approver may give for a time, by the policy in force."""

    within_s: int
    clear: bool


class Detail(Summary):
    """A request with everything a reviewer needs."""

    notices: list[str] = Field(description="What in the statement could mislead the eye.")
    tables: list[Table]
    settings: list[str]
    has_parameters: bool
    digest: str
    votes: list[VoteForm]
    approvers: list[str]
    delegates: list[str]
    delegates_from: Time | None
    grantable: Grantable | None = Field(description="null: an approval is for single runs only.")
    facts: dict[str, Any] | None = Field(
        description="What was found out for those who may answer, by name; null: it is being looked up."
    )
    policy_version: str
    catalog_version: str
    session: str
    statement: str = Field(description="Its id in the ledger.")


class SummaryPage(Form):
    """Requests that whoever asks may see, the newest first."""

    approvals: list[Summary]
    next: str | None = Field(description="Give it as `after` for the next page; null: there is none.")


Names = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)]


class GrantAskedForm(Form):
    """What an approver wants to give for a time."""

    until: Annotated[float, Field(ge=0, le=1e12, strict=False, description="POSIX seconds.")]
    clear: bool = False
    columns: Names = []
    actions: Names | None = Field(default=None, description="null: what the statement does.")
    tables: Names | None = Field(default=None, description="null: those of the statement.")


class AnswerForm(Form):
    """What one approver says."""

    answer: Literal["approve", "refuse"]
    reason: Annotated[str, Field(max_length=MAX_REASON_CHARACTERS, description="Needed; blanks are none.")]
    grant: GrantAskedForm | None = Field(default=None, description="With an approval: more than this run.")


class RevokeForm(Form):
    """Why a grant is taken back."""

    reason: Annotated[str, Field(max_length=MAX_REASON_CHARACTERS, description="Needed; blanks are none.")]


class GrantRow(GrantForm):
    """A grant with how it stands."""

    state: Literal["live", "ended", "revoked"]
    revoked_by: str | None
    revoked_reason: str | None
    mine: bool
    revocable: bool = Field(description="Whoever asks now can take it back.")


class GrantList(Form):
    """Grants that whoever asks may see, of the last days; the one that ends last first."""

    grants: list[GrantRow]


class CapsuleForm(Form):
    """The signed evidence. What is signed is the line ``govproxy approval 1``, a line end, and ``content``."""

    content: str = Field(description="JSON, exactly as it was signed.")
    signature: str = Field(description="Ed25519, in hexadecimal digits.")
    key_id: str


class PublicKeyForm(Form):
    """What capsules and the ledger are verified with."""

    key_id: str
    algorithm: Literal["Ed25519"]
    pem: str


class WebhookForm(Form):
    """How the deliveries of one webhook go."""

    name: str
    format: Literal["generic", "slack"]
    events: list[str]
    waiting: int
    delivered: int
    failed: int
    dropped: int
    last_error: str | None
    last_delivered: Time | None


class WebhookList(Form):
    webhooks: list[WebhookForm]


class CallbackAnswer(Form):
    """An answer that a program brought for somebody."""

    hold: Annotated[str, Field(min_length=1, max_length=200)]
    answer: Literal["approve", "refuse"]
    reason: Annotated[str, Field(max_length=MAX_REASON_CHARACTERS)]
    by: Annotated[str, Field(min_length=1, max_length=200, description="A name of the callback's `people`.")]
    nonce: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,128}$", description="Never the same twice.")]


class CallbackTaken(Form):
    """What came of it."""

    id: str
    status: StatusWord
