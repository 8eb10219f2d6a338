"""``govproxy audit``: read, search, prove and sum up the ledger.

Needs the ledger's directory and, to verify, a public key; never the private one, never a secret of
the configuration. Everything heavy is imported by the command that runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govproxy.errors import ConfigError

if TYPE_CHECKING:
    from govproxy.audit.read import Entry
    from govproxy.audit.report import AuditReport
    from govproxy.audit.verify import VerifyReport

app = typer.Typer(help="Read the ledger.", no_args_is_help=True)

DEFAULT_CONFIG = Path("govproxy.yaml")

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="govproxy.yaml of the ledger.")]
DirectoryOption = Annotated[Path | None, typer.Option("--directory", "-d", help="The ledger's directory itself.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
UserOption = Annotated[str | None, typer.Option("--user", "-u")]
AgentOption = Annotated[str | None, typer.Option("--agent", "-a")]
DatabaseOption = Annotated[str | None, typer.Option("--database")]
TableOption = Annotated[str | None, typer.Option("--table", "-t", help="schema.name, or the name alone.")]
DecisionOption = Annotated[str | None, typer.Option("--decision", help="allow, deny or hold.")]
EventOption = Annotated[list[str] | None, typer.Option("--event", "-e", help="Only this event; repeatable.")]
SinceOption = Annotated[str | None, typer.Option("--since", help="2026-01-31T10:00, or 15m, 2h, 7d ago.")]
UntilOption = Annotated[str | None, typer.Option("--until", help="As --since; exclusive.")]


@app.command()
def tail(
    config: ConfigOption = None,
    directory: DirectoryOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """The last events, and with -f the new ones as they are written."""
    from govproxy.audit import read

    folder = _directory(config, directory)
    entries: Iterable[Entry] = read.follow(folder, last=lines) if follow else read.recent(folder, lines)
    with _quiet_ends():
        _print(entries, as_json=as_json)


@app.command()
def search(
    config: ConfigOption = None,
    directory: DirectoryOption = None,
    user: UserOption = None,
    agent: AgentOption = None,
    database: DatabaseOption = None,
    table: TableOption = None,
    decision: DecisionOption = None,
    event: EventOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    text: Annotated[str | None, typer.Option("--text", help="Part of the SQL; literals are not in it.")] = None,
    session: Annotated[str | None, typer.Option("--session")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="A statement's id, as errors name it.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Stop after this many.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Events that match every option given. With --json one event a line."""
    from itertools import islice

    from govproxy.audit.read import read_all
    from govproxy.audit.search import Filter
    from govproxy.audit.search import search as find

    wanted = Filter(
        user=user,
        agent=agent,
        database=database,
        table=table,
        decision=decision,
        events=_events(event),
        session=session,
        id=id_,
        text=text,
        since=_moment(since, "--since"),
        until=_moment(until, "--until"),
    )
    folder = _directory(config, directory)
    found = islice(find(read_all(folder, since=wanted.since), wanted), limit)
    with _quiet_ends():
        _print(found, as_json=as_json)


@app.command()
def verify(
    config: ConfigOption = None,
    directory: DirectoryOption = None,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", help="Public key (PEM) to trust; default: ledger.pub in the directory."),
    ] = None,
    anchor: Annotated[
        list[Path] | None,
        typer.Option("--anchor", help="A HEAD file saved elsewhere earlier; must still be on its chain."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove the whole ledger with the public key. Exit status 1 when anything is not as it was written."""
    from govproxy.audit.keys import PUBLIC_NAME, load_public
    from govproxy.audit.verify import total_bytes
    from govproxy.audit.verify import verify as prove

    folder = _directory(config, directory)
    keys = [load_public(path) for path in key or [folder / PUBLIC_NAME]]
    anchors = [_read(path) for path in anchor or []]
    with _progress(total_bytes(folder), as_json=as_json) as advance:
        report = prove(folder, keys, anchors=anchors, progress=advance)
    if as_json:
        _print_verified_json(report, [k.key_id for k in keys])
    else:
        _print_verified(report, [k.key_id for k in keys], own_key=not key)
    if not report.sound:
        raise typer.Exit(1)


@app.command()
def report(
    config: ConfigOption = None,
    directory: DirectoryOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    as_json: JsonOption = False,
) -> None:
    """Who did what, what was refused and what was masked."""
    from govproxy.audit.read import read_all
    from govproxy.audit.report import report as summarise
    from govproxy.audit.search import Filter
    from govproxy.audit.search import search as find

    wanted = Filter(since=_moment(since, "--since"), until=_moment(until, "--until"))
    folder = _directory(config, directory)
    made = summarise(find(read_all(folder, since=wanted.since), wanted))
    if as_json:
        from govproxy.cli.output import print_json

        print_json(made.as_json())
    else:
        _print_report(made)


# -- where the ledger is ---------------------------------------------------------------------------


def _directory(config: Path | None, directory: Path | None) -> Path:
    if directory is None:
        directory = _configured(config or DEFAULT_CONFIG)
    if not directory.is_dir():
        raise ConfigError("there is no such ledger directory", file=directory)
    return directory


def _configured(config: Path) -> Path:
    # Not the whole loader: reading a ledger must not need the database's password.
    from govproxy.config import schema
    from govproxy.config.source import read, validate

    document = read(config)
    return document.file.resolve().parent / validate(document, schema.File).audit.directory


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from error


def _events(names: list[str] | None) -> frozenset[str]:
    from govproxy.audit.events import EVENT_NAMES

    wanted = frozenset(names or ())
    if unknown := sorted(wanted - EVENT_NAMES):
        raise typer.BadParameter(f"{', '.join(unknown)}: not one of {', '.join(sorted(EVENT_NAMES))}")
    return wanted


def _moment(text: str | None, option: str) -> str:
    from datetime import UTC, datetime

    from govproxy.audit.search import moment

    if text is None:
        return ""
    try:
        return moment(text, datetime.now(UTC))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a time nor a duration", param_hint=option) from None


# -- how it is printed -----------------------------------------------------------------------------


@contextmanager
def _quiet_ends() -> Iterator[None]:
    """Ctrl-C and a closed pipe are ordinary ends."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain when it flushes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(entries: Iterable[Entry], *, as_json: bool) -> None:
    from govproxy.audit import render

    if as_json:
        for entry in entries:
            sys.stdout.buffer.write(entry.json + b"\n")
            sys.stdout.buffer.flush()
        return
    if not sys.stdout.isatty():
        for entry in entries:
            print(render.plain(entry), flush=True)
        return
    from rich.text import Text

    from govproxy.cli.output import console

    screen = console()
    for entry in entries:
        screen.print(Text.assemble(*render.line(entry, width=screen.width)), soft_wrap=True)


@contextmanager
def _progress(total: int, *, as_json: bool) -> Iterator[Callable[[int], None] | None]:
    if as_json or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import Progress

    from govproxy.cli.output import console

    with Progress(console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("verifying", total=total)
        yield lambda size: progress.update(task, advance=size)


def _print_verified(report: VerifyReport, key_ids: list[str], *, own_key: bool) -> None:
    for problem in report.problems:
        print(f"PROBLEM  {problem}")
    for note in report.notes:
        print(f"note     {note}")
    for chain in report.chains:
        state = "open" if chain.open else "closed"
        print(
            f"worker {chain.worker}: {chain.segments} segments, {chain.lines} lines, "
            f"{chain.checkpoints} checkpoints, sealed until {chain.sealed_until or 'never'}, {state}"
        )
    print(
        f"key {', '.join(key_ids)}"
        + (" (the directory's own: compare it with a copy kept elsewhere)" if own_key else "")
    )
    print("the ledger is as it was written" if report.sound else f"{len(report.problems)} problems")


def _print_verified_json(report: VerifyReport, key_ids: list[str]) -> None:
    from dataclasses import asdict

    from govproxy.cli.output import print_json

    print_json(
        {
            "sound": report.sound,
            "keys": key_ids,
            "problems": [asdict(problem) for problem in report.problems],
            "notes": report.notes,
            "chains": [asdict(chain) for chain in report.chains],
        }
    )


def _print_report(made: AuditReport) -> None:
    from rich.table import Table

    from govproxy.audit.render import visible
    from govproxy.cli.output import console

    screen = console()
    screen.print(f"{made.first or '-'} to {made.last or '-'}, {made.events.total()} events", markup=False)
    people = Table("user", "agent")
    for heading in ("statements", "allowed", "denied", "held", "rows", "masked values", "errors"):
        people.add_column(heading, justify="right")
    for person in sorted(made.people.values(), key=lambda p: -p.statements):
        counts = (person.decisions["allow"], person.decisions["deny"], person.decisions["hold"])
        figures = (person.statements, *counts, person.rows, person.masked_values, person.errors)
        people.add_row(visible(person.user), visible(person.agent or ""), *(f"{figure:,}" for figure in figures))
    screen.print(people)
    for title, counter in (
        ("rule", made.rules),
        ("denied by", made.denied_by),
        ("table", made.tables),
        ("refused logins", made.auth_failures),
    ):
        if counter:
            table = Table(title, "count")
            for name, count in counter.most_common(15):
                table.add_row(visible(name), f"{count:,}")
            screen.print(table)
    if made.open_statements:
        screen.print(f"{made.open_statements} statements without an outcome: running, or cut off by a crash")
