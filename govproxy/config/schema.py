"""The form of govproxy.yaml as pydantic models: keys, types and ranges, nothing across keys.

``config.loader`` turns these into ``config.settings`` values and checks what spans several keys.
``File.model_json_schema()`` is what editors complete from.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400, strict=False)]
Bytes = Annotated[int, Field(ge=1024, le=1 << 30)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class Strict(BaseModel):
    """Unknown keys are errors; values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretEntry(Strict):
    """Where a secret is: exactly one of ``env`` and ``file``."""

    env: str | None = None
    file: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_a_literal(cls, value: object) -> object:
        if isinstance(value, str | int | float):
            raise ValueError("secrets are not written into this file; use {env: NAME} or {file: path}")
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretEntry:
        if (self.env is None) == (self.file is None):
            raise ValueError("give exactly one of `env` and `file`")
        return self


class Tls(Strict):
    certificate: Text
    private_key: Text
    client_ca: Text | None = None
    require: bool = True


class Role(Strict):
    from_group: dict[Text, Text] = Field(min_length=1)


class DatabaseEntry(Strict):
    upstream: Text
    environment: Text
    password: SecretEntry | None = None
    role: Role | None = None
    lineage: Annotated[
        Literal["analysed", "strict"],
        Field(description="strict: the database itself is asked what feeds each column, once per new text"),
    ] = "analysed"


class ClaimNames(Strict):
    user: Text = "sub"
    groups: Text = "groups"
    agent: Text = "agent"


Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class Token(Strict):
    issuer: Text
    audience: Text
    keys: Text | None = None
    claims: ClaimNames = ClaimNames()
    signing_key: SecretEntry | None = None
    # Security: no HS*: a shared secret lets every verifier sign. No "none" at all.
    algorithms: list[Algorithm] = Field(default=[], description="absent: those that fit the keys")


class UserEntry(Strict):
    name: Text
    password: SecretEntry | None = None
    verifier: (
        Annotated[str, Field(pattern=r"^SCRAM-SHA-256\$[0-9]{1,7}:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$")]
        | None
    ) = None
    groups: list[Text] = []


class Identity(Strict):
    tokens: list[Token] = []
    users: list[UserEntry] = []


class Audit(Strict):
    directory: Text = "audit"
    durability: Literal["strict", "group", "async"] = "group"


class ConsoleTls(Strict):
    certificate: Text
    private_key: Text


class Console(Strict):
    listen: Text = "127.0.0.1:6480"
    tls: ConsoleTls | None = None


Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class WebhookEntry(Strict):
    """Who is told of requests. ``url`` may be a secret: for some receivers whoever knows it may post."""

    url: Text | SecretEntry
    name: Word | None = None
    secret: SecretEntry | None = None
    former_secret: SecretEntry | None = None
    format: Literal["generic", "slack"] = "generic"
    buttons: bool = False
    events: list[Literal["asked", "voted", "approved", "refused", "timed_out", "withdrawn"]] = Field(
        default=["asked", "approved", "refused", "timed_out", "withdrawn"], min_length=1
    )


class PersonEntry(Strict):
    """Whose answer a callback's is."""

    user: Text
    groups: list[Text] = []


class CallbackEntry(Strict):
    """A program that may bring people's answers. ``people``: by the name that program knows them by."""

    name: Word
    secret: SecretEntry
    former_secret: SecretEntry | None = None
    format: Literal["generic", "slack"] = "generic"
    team: Text | None = None
    people: dict[Text, PersonEntry] = Field(min_length=1)


class TicketsEntry(Strict):
    """A service that knows tickets; asked by rules with `ticket: {check: true}`."""

    url: Text | SecretEntry
    secret: SecretEntry
    timeout_s: Annotated[float, Field(gt=0, le=10, strict=False)] = 2.0


class Approvals(Strict):
    link_base: Text | None = None
    tickets: TicketsEntry | None = None
    webhooks: list[WebhookEntry] = []
    callbacks: list[CallbackEntry] = []
    retention_days: Days = 90


class StateEntry(Strict):
    """A state store that needs a password."""

    url: Text
    password: SecretEntry | None = None


class LimitsEntry(Strict):
    """Defaults stand in ``config.settings.Limits``; None here means absent."""

    login_timeout_s: Seconds | None = None
    connect_timeout_s: Seconds | None = None
    drain_timeout_s: Seconds | None = None
    max_message_bytes: Bytes | None = None
    max_sessions: Count | None = None
    max_statements: Count | None = None
    verdict_cache_bytes: Bytes | None = None


class File(Strict):
    """The whole file."""

    listen: Text = "127.0.0.1:6432"
    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    tls: Tls | None = None
    databases: dict[Text, DatabaseEntry] = Field(min_length=1)
    identity: Identity
    policy: Text | None = None
    audit: Audit = Audit()
    state: Text | StateEntry = "sqlite:///govproxy.db"
    console: Console | None = None
    approvals: Approvals = Approvals()
    limits: LimitsEntry = LimitsEntry()
