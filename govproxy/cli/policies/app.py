"""``govproxy policy``: test, compare, try out and describe policies. What can be said, not how it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Policy as code.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="govproxy.yaml, for the policy it names.")]
PolicyOption = Annotated[Path | None, typer.Option("--policy", "-p", help="A policy file, instead of any other.")]


@app.command("test")
def run_cases(
    files: Annotated[list[Path], typer.Argument(help="Files of cases; docs/policy.md says how they are written.")],
    config: ConfigOption = None,
    policy: PolicyOption = None,
    as_json: Json = False,
) -> None:
    """Cases (identity, statement, expected decision and masks) against a policy; exit status 1 when any fails."""
    from govproxy.cli.policies import cases

    cases.run(files, policy=policy or _configured(config), as_json=as_json)


def _configured(config: Path | None) -> Path | None:
    if config is None:
        return None
    from govproxy.config.loader import load

    return load(config).policy


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The policy before.")],
    new: Annotated[Path, typer.Argument(help="The policy after.")],
    cases: Annotated[Path | None, typer.Option("--cases", help="A file of cases to compare by as well.")] = None,
    as_json: Json = False,
) -> None:
    """Rules that differ, and decisions that differ for whom and what the two policies name."""
    from govproxy.cli.policies import compare

    compare.run(old, new, cases=cases, as_json=as_json)


@app.command()
def replay(
    policy: Annotated[Path, typer.Option("--policy", "-p", help="The draft.")],
    config: Annotated[Path, typer.Option("--config", "-c", help="govproxy.yaml of the ledger.")] = Path(
        "govproxy.yaml"
    ),
    since: Annotated[str, typer.Option("--since", help="2026-01-31T10:00, or 15m, 2h, 7d ago.")] = "24h",
    as_json: Json = False,
) -> None:
    """What a draft would have decided otherwise of the statements in the ledger, for whom, and how often."""
    from govproxy.cli.policies import replay as command

    command.run(config, policy, since=since, as_json=as_json)


@app.command()
def schema(
    form: Annotated[str, typer.Argument(help="policy, govproxy or cases.")] = "policy",
    directory: Annotated[Path | None, typer.Option("--directory", help="Write all of them there.")] = None,
) -> None:
    """The JSON schema of a file, for editors."""
    from govproxy.cli.policies import form_schema

    if form not in form_schema.FORMS:
        raise typer.BadParameter(f"one of {', '.join(form_schema.FORMS)}")
    form_schema.run(form, directory)
