"""The ``govproxy`` command: what can be said, and nothing of how it is done.

Each command imports its own module when it runs, so that ``govproxy token`` does not wait for the
SQL parser. Errors of ours end here: one line per mistake with file and line, exit status 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from govproxy import __version__
from govproxy.cli import approvals, audit, grants, keys, metrics, sessions
from govproxy.cli.policies import app as policies
from govproxy.errors import GovproxyError

app = typer.Typer(
    name="govproxy",
    help="An inline, identity-aware governance proxy for PostgreSQL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(approvals.app, name="approvals", help="Decide held statements.")
app.add_typer(audit.app, name="audit", help="Read the ledger.")
app.add_typer(grants.app, name="grants", help="Rights that approvals gave for a time.")
app.add_typer(keys.app, name="keys", help="The masking key.")
app.add_typer(policies.app, name="policy", help="Policy as code.")
app.add_typer(sessions.app, name="sessions", help="Live sessions.")

Config = Annotated[Path, typer.Option("--config", "-c", help="govproxy.yaml", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
User = Annotated[str, typer.Option("--user", "-u", help="Who acts, or whom the agent acts for.")]
Groups = Annotated[list[str] | None, typer.Option("--group", "-g", help="A group of that user; may be repeated.")]
Agent = Annotated[str | None, typer.Option("--agent", "-a", help="The agent that acts for the user.")]

DEFAULT_CONFIG = Path("govproxy.yaml")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"govproxy {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """An inline, identity-aware governance proxy for PostgreSQL."""


@app.command()
def serve(
    config: Config = DEFAULT_CONFIG,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of worker processes; absent: what the file says.")
    ] = None,
) -> None:
    """Run the proxy until SIGTERM."""
    from govproxy.cli import serve as command

    command.run(config, workers=workers)


@app.command()
def demo(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Where clients connect; absent: 6432 if free; 0: any.")
    ] = None,
    console_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Where the console listens; absent: 6480 if free; 0: any.")
    ] = None,
    tour_only: Annotated[bool, typer.Option("--tour-only", help="Check every step of the tour, then exit.")] = False,
) -> None:
    """PostgreSQL with sample data, the proxy before it, and a tour. Needs nothing but this."""
    from govproxy.cli import demo as command

    command.run(port=port, console_port=console_port, tour_only=tour_only)


@app.command()
def check(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """All mistakes of configuration and policy, each with file and line; exit status 1 on any."""
    from govproxy.cli import check as command

    command.run(config, as_json=as_json)


app.command(name="metrics")(metrics.show)


@app.command()
def token(
    user: User,
    config: Config = DEFAULT_CONFIG,
    group: Groups = None,
    agent: Agent = None,
    on_behalf_of: Annotated[
        str | None, typer.Option("--on-behalf-of", help="The human, when --user names the agent.")
    ] = None,
    ttl: Annotated[str, typer.Option(help="How long it is valid: 90s, 30m, 1h, 7d.")] = "1h",
    as_json: Json = False,
) -> None:
    """A development token, signed by the configured local key. It goes where a password goes."""
    from govproxy.cli import token as command

    command.run(config, user=user, groups=group or [], agent=agent, on_behalf_of=on_behalf_of, ttl=ttl, as_json=as_json)


@app.command()
def explain(
    sql: Annotated[str, typer.Argument(help="The statement; '-' reads standard input.")],
    user: User,
    database: Annotated[str, typer.Option("--database", "-d", help="A database of the configuration.")],
    config: Config = DEFAULT_CONFIG,
    group: Groups = None,
    agent: Agent = None,
    as_json: Json = False,
) -> None:
    """What would happen to a statement, and why. Runs nothing."""
    from govproxy.cli import explain as command

    command.run(config, sql, database=database, user=user, groups=group or [], agent=agent, as_json=as_json)


@app.command()
def classify(
    database: Annotated[str, typer.Option("--database", "-d", help="A database of the configuration.")],
    config: Config = DEFAULT_CONFIG,
    everything: Annotated[bool, typer.Option("--all", help="Clean columns and system catalogs as well.")] = False,
    as_json: Json = False,
) -> None:
    """Which columns of a database are sensitive, and why. Changes nothing."""
    from govproxy.cli import classify as command

    command.run(config, database=database, everything=everything, as_json=as_json)


def main() -> None:
    """Entry point of the ``govproxy`` script."""
    try:
        app()
    except GovproxyError as error:
        from govproxy.cli.output import print_error

        print_error(error)
        raise SystemExit(1) from None
