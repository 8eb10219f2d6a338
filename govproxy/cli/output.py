"""How commands print: JSON for programs, tables for people, errors for both.

Tables and colours come from rich, which is imported only when one is printed; in a pipe it prints
plain text. Knows nothing of what is printed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import orjson

from govproxy.errors import ConfigErrors, GovproxyError

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 160


def print_json(value: Any) -> None:
    """One JSON document on standard output, for people's eyes as well."""
    sys.stdout.write(
        orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS, default=str).decode() + "\n"
    )


def print_json_line(value: Any) -> None:
    """One JSON document on one line."""
    sys.stdout.write(orjson.dumps(value, default=str).decode() + "\n")


def console(*, stderr: bool = False) -> Console:
    """A rich console; with a fixed width where there is no terminal to ask."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else PIPE_WIDTH)


def print_error(error: GovproxyError) -> None:
    """An error on standard error: a line per mistake, details and hints indented below."""
    mistakes: list[GovproxyError] = list(error.errors) if isinstance(error, ConfigErrors) else [error]
    for mistake in mistakes:
        sys.stderr.write(f"{mistake}\n")
        for label, text in (("detail", mistake.detail), ("hint", mistake.hint)):
            if text:
                sys.stderr.write(f"  {label}: {text}\n")
