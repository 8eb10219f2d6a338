"""Operational logging: JSON lines in a pipe, readable lines on a terminal, always to stderr.

Security: no row data, no bind values, no statement texts, no tokens are ever logged here; what
people did stands in the ledger.
"""

from __future__ import annotations

import sys

import structlog


def configure() -> None:
    """Set structlog up for this process."""
    tty = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if not tty else structlog.processors.StackInfoRenderer(),
            structlog.dev.ConsoleRenderer() if tty else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
