"""Every failure govproxy knows, each class with the SQLSTATE a client gets.

The tree keeps *their* fault (``ClientFault``), the database's (``UpstreamFault``), the
operator's (``ConfigError``) and ours (``InternalError``) apart; they are never mixed.
Turning one of them into ErrorResponse bytes happens in one place: ``wire.errors``.
This module imports nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Reason(StrEnum):
    """Why something did not pass, in one word that never changes: ``reason=`` in a client's DETAIL.

    docs/errors.md lists them all, each with its SQLSTATE; a test compares.
    """

    # Of policy (42501).
    DENIED_BY_RULE = "denied-by-rule"
    NO_RULE_ALLOWS = "no-rule-allows"
    NEEDS_APPROVAL = "needs-approval"
    NOT_APPROVED = "not-approved"
    NO_COMMON_APPROVER = "no-common-approver"
    FREEZE = "freeze"
    BURST = "burst"
    REPEATED = "repeated"
    COMPARE_RIGHT = "compare-right"
    MASKED_WRITE = "masked-write"
    HIDDEN_COLUMN = "hidden-column"
    MASKED_COPY = "masked-copy"
    SENSITIVE_CATALOG = "sensitive-catalog"
    RESULT_NOT_MASKABLE = "result-not-maskable"
    SETTING_PINNED = "setting-pinned"
    # Of the text itself.
    UNREADABLE = "unreadable"
    ENCODING = "encoding"
    NOT_SUPPORTED = "not-supported"
    INVALID_SETTING = "invalid-setting"
    # Of the session and the connection.
    PROTOCOL = "protocol"
    AUTHENTICATION = "authentication"
    NOT_AUTHORIZED = "not-authorized"
    UNKNOWN_DATABASE = "unknown-database"
    UNKNOWN_STATEMENT = "unknown-statement"
    UNKNOWN_PORTAL = "unknown-portal"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    LIMIT = "limit"
    TOO_MANY_CONNECTIONS = "too-many-connections"
    # Of whoever runs it.
    UPSTREAM = "upstream"
    SHUTTING_DOWN = "shutting-down"
    STARTING_UP = "starting-up"
    LEDGER = "ledger"
    STATE = "state"
    INTERNAL = "internal"


class Retry(StrEnum):
    """Whether sending it again may help: ``retry=`` in a client's DETAIL."""

    NO = "no"  # never as it is: somebody would have to allow it
    CHANGED = "changed"  # written otherwise, as the hint says
    LATER = "later"  # the same may pass at another time


RETRY: Mapping[Reason, Retry] = {
    **dict.fromkeys(Reason, Retry.NO),
    **dict.fromkeys(
        (
            Reason.COMPARE_RIGHT,
            Reason.MASKED_WRITE,
            Reason.HIDDEN_COLUMN,
            Reason.MASKED_COPY,
            Reason.RESULT_NOT_MASKABLE,
            Reason.UNREADABLE,
            Reason.ENCODING,
            Reason.INVALID_SETTING,
            Reason.UNKNOWN_STATEMENT,
            Reason.UNKNOWN_PORTAL,
            Reason.AUTHENTICATION,
        ),
        Retry.CHANGED,
    ),
    **dict.fromkeys(
        (
            Reason.NEEDS_APPROVAL,
            Reason.FREEZE,
            Reason.BURST,
            Reason.TIMEOUT,
            Reason.CANCELLED,
            Reason.LIMIT,
            Reason.TOO_MANY_CONNECTIONS,
            Reason.UPSTREAM,
            Reason.SHUTTING_DOWN,
            Reason.STARTING_UP,
            Reason.LEDGER,
            Reason.STATE,
        ),
        Retry.LATER,
    ),
}


class GovproxyError(Exception):
    """Root of the tree.

    ``message`` is the first line a client reads and must be enough by itself (some drivers
    drop the rest at connect time). ``detail`` and ``hint`` are optional further lines. ``reason`` and
    ``facts`` are for programs: they make the DETAIL that ``wire.errors`` writes.

    Security: facts are names (of rules, objects, actions) and figures, never values of a statement.
    """

    sqlstate = "XX000"
    reason = Reason.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        reason: Reason | None = None,
        facts: Mapping[str, str] | None = None,
        retry: Retry | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        self.reason = reason or self.reason
        self.facts: Mapping[str, str] = facts or {}
        self.retry = retry or RETRY[self.reason]


class ClientFault(GovproxyError):
    """The client did something it must not; it alone bears the consequence."""


class ProtocolViolation(ClientFault):
    """Bytes that are not PostgreSQL protocol 3.x, or not at this point of it."""

    sqlstate = "08P01"
    reason = Reason.PROTOCOL


class AuthenticationFailed(ClientFault):
    """Wrong password, bad or expired token."""

    sqlstate = "28P01"
    reason = Reason.AUTHENTICATION


class InvalidAuthorization(ClientFault):
    """The connection may not be made this way: no TLS, unknown user, no method."""

    sqlstate = "28000"
    reason = Reason.NOT_AUTHORIZED


class UnknownDatabase(ClientFault):
    """The database named in the StartupMessage is not configured."""

    sqlstate = "3D000"
    reason = Reason.UNKNOWN_DATABASE


class StatementDenied(ClientFault):
    """Policy refuses the statement."""

    sqlstate = "42501"
    reason = Reason.DENIED_BY_RULE


class UndefinedStatement(ClientFault):
    """Bind or Describe of a prepared statement that was never judged."""

    sqlstate = "26000"
    reason = Reason.UNKNOWN_STATEMENT


class UndefinedPortal(ClientFault):
    """Execute of a portal that was never bound through the protocol."""

    sqlstate = "34000"
    reason = Reason.UNKNOWN_PORTAL


class StatementTimeout(ClientFault):
    """A hold or a statement took longer than it may."""

    sqlstate = "57014"
    reason = Reason.TIMEOUT


class StatementCancelled(ClientFault):
    """A held statement that its client, or an operator, does not want any more."""

    sqlstate = "57014"
    reason = Reason.CANCELLED


class LimitExceeded(ClientFault):
    """A configured limit; the message names the figure and the limit."""

    sqlstate = "53400"
    reason = Reason.LIMIT


class TooManyConnections(ClientFault):
    """No room for another session."""

    sqlstate = "53300"
    reason = Reason.TOO_MANY_CONNECTIONS


class UnsupportedEncoding(ClientFault):
    """A client_encoding whose bytes the analyser cannot read safely."""

    sqlstate = "0A000"
    reason = Reason.ENCODING


class NotSupported(ClientFault):
    """A feature or setting that govproxy does not let through because it does not know it."""

    sqlstate = "0A000"
    reason = Reason.NOT_SUPPORTED


class SettingDenied(ClientFault):
    """A startup setting on which governance relies; no client may choose it."""

    sqlstate = "42501"
    reason = Reason.SETTING_PINNED


class InvalidSetting(ClientFault):
    """A startup setting with a value that it cannot have."""

    sqlstate = "22023"
    reason = Reason.INVALID_SETTING


class UpstreamFault(GovproxyError):
    """The database cannot be reached or does not speak as it should."""

    sqlstate = "08006"
    reason = Reason.UPSTREAM


class UpstreamUnavailable(UpstreamFault):
    """Connect, TLS or login upstream failed. Messages never name the upstream host."""


class ShuttingDown(GovproxyError):
    """This instance is draining."""

    sqlstate = "57P01"
    reason = Reason.SHUTTING_DOWN


class StartingUp(GovproxyError):
    """Snapshots are not there yet; a client may try again."""

    sqlstate = "57P03"
    reason = Reason.STARTING_UP


class LedgerUnavailable(GovproxyError):
    """The ledger cannot be written, so nothing may run."""

    sqlstate = "58030"
    reason = Reason.LEDGER


class StateUnavailable(GovproxyError):
    """The state store cannot be read or written, and what needs it does not happen."""

    sqlstate = "57P03"
    reason = Reason.STATE


class ConfigError(GovproxyError):
    """A mistake in a configuration or policy file, with its place."""

    sqlstate = "F0000"

    def __init__(
        self,
        message: str,
        *,
        file: Path | None = None,
        line: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.line = line

    def __str__(self) -> str:
        if self.file is None:
            return self.message
        place = f"{self.file}:{self.line}" if self.line is not None else str(self.file)
        return f"{place}: {self.message}"


class ConfigErrors(GovproxyError):
    """All mistakes found in one go, so that a person mends them in one go."""

    sqlstate = "F0000"

    def __init__(self, errors: list[ConfigError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors


class InternalError(GovproxyError):
    """Our own bug. Clients get a constant text; the log gets the session id and the trace."""

    sqlstate = "XX000"
