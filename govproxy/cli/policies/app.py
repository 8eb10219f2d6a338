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
