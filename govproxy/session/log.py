"""Operational logging: JSON lines in a pipe, readable lines on a terminal, always to stderr.

Security: no row data, no bind values, no statement texts, no tokens are ever logged here; what
people did stands in the ledger.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING or "rich" in sys.modules:
    import structlog
else:
    # structlog imports rich, where it is installed, for console tracebacks that are not wanted
    # here: 6 MB in every worker. None in sys.modules means "not installed" to an import.
    sys.modules["rich"] = None
    try:
        import structlog
    finally:
        del sys.modules["rich"]


def get_logger(name: str) -> Any:
    """A logger that writes as ``configure`` says, whenever that was or will be called."""
    return structlog.get_logger(name)


class _Patient:
    """A text stream whose failures do not matter to who writes to it.

    Security: a full disk, most likely the ledger's as well, must end in refusals that clients
    understand, and not in the middle of whatever wanted to say so.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """As the stream does, as far as it can."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As the stream does, as far as it can."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure(level: int = logging.INFO) -> None:
    """Set logging up for this process: what is at least ``level``, also of libraries that log."""
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    tty = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if not tty else structlog.processors.StackInfoRenderer(),
            # Security: structlog's own choice, rich, prints the local variables of every frame.
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if tty
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Patient(sys.stderr))),
        cache_logger_on_first_use=False,
    )
