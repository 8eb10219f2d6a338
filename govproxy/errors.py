"""Every failure govproxy knows, each class with the SQLSTATE a client gets.

The tree keeps *their* fault (``ClientFault``), the database's (``UpstreamFault``), the
operator's (``ConfigError``) and ours (``InternalError``) apart; they are never mixed.
Turning one of them into ErrorResponse bytes happens in one place: ``wire.errors``.
This module imports nothing.
"""

from __future__ import annotations

from pathlib import Path


class GovproxyError(Exception):
    """Root of the tree.

    ``message`` is the first line a client reads and must be enough by itself (some drivers
    drop the rest at connect time). ``detail`` and ``hint`` are optional further lines.
    """

    sqlstate = "XX000"

    def __init__(self, message: str, *, detail: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint


class ClientFault(GovproxyError):
    """The client did something it must not; it alone bears the consequence."""


class ProtocolViolation(ClientFault):
    """Bytes that are not PostgreSQL protocol 3.x, or not at this point of it."""

    sqlstate = "08P01"


class AuthenticationFailed(ClientFault):
    """Wrong password, bad or expired token."""

    sqlstate = "28P01"


class InvalidAuthorization(ClientFault):
    """The connection may not be made this way: no TLS, unknown user, no method."""

    sqlstate = "28000"


class UnknownDatabase(ClientFault):
    """The database named in the StartupMessage is not configured."""

    sqlstate = "3D000"


class StatementDenied(ClientFault):
    """Policy refuses the statement."""

    sqlstate = "42501"


class UndefinedStatement(ClientFault):
    """Bind or Describe of a prepared statement that was never judged."""

    sqlstate = "26000"


class UndefinedPortal(ClientFault):
    """Execute of a portal that was never bound through the protocol."""

    sqlstate = "34000"


class StatementTimeout(ClientFault):
    """A hold or a statement took longer than it may."""

    sqlstate = "57014"


class LimitExceeded(ClientFault):
    """A configured limit; the message names the figure and the limit."""

    sqlstate = "53400"


class TooManyConnections(ClientFault):
    """No room for another session."""

    sqlstate = "53300"


class UnsupportedEncoding(ClientFault):
    """A client_encoding whose bytes the analyser cannot read safely."""

    sqlstate = "0A000"


class NotSupported(ClientFault):
    """A feature or setting that govproxy does not let through because it does not know it."""

    sqlstate = "0A000"


class SettingDenied(ClientFault):
    """A startup setting on which governance relies; no client may choose it."""

    sqlstate = "42501"


class InvalidSetting(ClientFault):
    """A startup setting with a value that it cannot have."""

    sqlstate = "22023"


class UpstreamFault(GovproxyError):
    """The database cannot be reached or does not speak as it should."""

    sqlstate = "08006"


class UpstreamUnavailable(UpstreamFault):
    """Connect, TLS or login upstream failed. Messages never name the upstream host."""


class ShuttingDown(GovproxyError):
    """This instance is draining."""

    sqlstate = "57P01"


class StartingUp(GovproxyError):
    """Snapshots are not there yet; a client may try again."""

    sqlstate = "57P03"


class LedgerUnavailable(GovproxyError):
    """The ledger cannot be written, so nothing may run."""

    sqlstate = "58030"


class StateUnavailable(GovproxyError):
    """The state store cannot be read or written, and what needs it does not happen."""

    sqlstate = "57P03"


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
