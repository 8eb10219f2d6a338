"""What the steps of the tour play on: the connections, the checks, and how things are shown.

Every claim is compared with a direct connection to PostgreSQL. Knows the demo's people, not what is claimed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from govproxy.demo.files import LEAD, Who
from govproxy.errors import GovproxyError

DEADLINE_S = 60.0  # for failures alone
DENIED = "42501"
_PAUSE_S = 0.1

Rows = list[tuple[Any, ...]]
Connection = psycopg.Connection[tuple[Any, ...]]
Found = TypeVar("Found")


class StepFailed(GovproxyError):
    """A step did not do what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the steps play on. ``direct`` goes around the proxy, as the superuser."""

    console: Console
    direct: Connection
    through: Mapping[str, Connection]  # by the title of who
    config: Path
    said: list[tuple[Who, str, bool]] = field(default_factory=list)  # who, SQL, allowed: for the ledger step

    def ask(self, who: Who, sql: str, *, binary: bool = False) -> Rows:
        """Run through the proxy as ``who``; ``binary`` asks for the values in binary form."""
        self.said.append((who, sql, True))
        return self.through[who.title].execute(sql.encode(), binary=binary).fetchall()

    def run(self, who: Who, sql: str) -> None:
        """Run something that returns no rows through the proxy as ``who``."""
        self.said.append((who, sql, True))
        self.through[who.title].execute(sql.encode())

    def run_held(self, who: Who, sql: str) -> None:
        """Run something that is held first. The ledger calls it that, whatever becomes of it."""
        self.through[who.title].execute(sql.encode())

    def ask_directly(self, sql: str) -> Rows:
        """The truth, around the proxy."""
        return self.direct.execute(sql.encode()).fetchall()

    def refused(self, who: Who, sql: str) -> psycopg.Error:
        """Run something that must be refused; gives the error the client saw."""
        self.said.append((who, sql, False))
        try:
            self.through[who.title].execute(sql.encode())
        except psycopg.Error as error:
            check(error.sqlstate == DENIED, f"refused with {error.sqlstate} ({error}), not {DENIED}")
            check("govproxy:" in str(error), f"refused, but not by govproxy: {error}")
            check(bool(error.diag.message_hint), "refused without a hint")
            return error
        raise StepFailed(f"{who.title} was allowed: {sql}")

    def token(self, user: str) -> str:
        """A token of somebody who may approve."""
        group = LEAD.groups[0]
        return self.govproxy("token", "--config", str(self.config), "--user", user, "--group", group).strip()

    def govproxy(self, *arguments: str) -> str:
        """What the command prints; its failure is the step's."""
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "govproxy", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.config.parent,
        )
        check(done.returncode == 0, f"govproxy {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


def check(condition: bool, otherwise: str) -> None:
    """Fail the step unless the condition holds."""
    if not condition:
        raise StepFailed(otherwise)


def leaks(rows: Rows, secrets: Sequence[Any]) -> list[str]:
    """Those of ``secrets`` that appear in ``rows``, whole or inside another value."""
    text = "\n".join(str(value) for row in rows for value in row)
    return [str(secret) for secret in secrets if secret is not None and str(secret) in text]


def until(found: Callable[[], Found], otherwise: str) -> Found:
    """What ``found`` gives, once it gives something true; the step fails when it never does."""
    deadline = time.monotonic() + DEADLINE_S
    while not (result := found()):
        check(time.monotonic() < deadline, otherwise)
        time.sleep(_PAUSE_S)
    return result


def show_sql(stage: Stage, sql: str) -> None:
    """The statement of the step."""
    stage.console.print(Syntax(sql, "postgresql", theme="ansi_dark", word_wrap=True, background_color="default"))


def show_rows(stage: Stage, title: str, columns: Sequence[str], rows: Rows) -> None:
    """What somebody got."""
    table = Table(*columns, title=f"as the {title}", title_justify="left", show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*(Text("NULL", style="dim") if value is None else Text(str(value)) for value in row))
    stage.console.print(table)


def show_refusal(stage: Stage, who: Who, error: psycopg.Error) -> None:
    """The error as a client prints it."""
    text = Text(f"ERROR {error.sqlstate}  {error.diag.message_primary}", style="red")
    for label, line in (("DETAIL", error.diag.message_detail), ("HINT", error.diag.message_hint)):
        if line:
            text.append(f"\n{label}: {line}", style="yellow" if label == "HINT" else "dim")
    stage.console.print(Panel(text, title=f"the {who.title} gets", title_align="left", style="dim"))
