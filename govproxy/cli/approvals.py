"""``govproxy approvals``: what waits for a decision, and deciding it; the evidence, and checking it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from govproxy.cli.turnaround import report

app = typer.Typer(help="Decide held statements.", no_args_is_help=True)

TOKEN_VARIABLE = "GOVPROXY_TOKEN"  # noqa: S105 - the name of a variable

Config = Annotated[Path, typer.Option("--config", "-c", help="govproxy.yaml", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[str, typer.Argument(help="Its id, from the notice or the list.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it is kept with the decision.")]
Token = Annotated[
    str | None, typer.Option("--token", "-t", help=f"Who you are; absent: from ${TOKEN_VARIABLE}.", show_default=False)
]

DEFAULT_CONFIG = Path("govproxy.yaml")

_OBJECTIONS = {
    "decided": "it does not wait any more",
    "too_late": "its time is over",
    "agent": "an agent decides nothing, whoever is behind it",
    "own_request": "nobody decides their own request",
    "own_agent": "nobody decides what their own agent asks for, unless the rule says so",
    "not_an_approver": "the rule does not name you, nor a group of yours",
    "not_yet": "you may decide once the others have had their time",
    "answered": "you have said something to it already",
    "no_reason": "give a reason: --reason",
    "not_to_be_granted": "that cannot be given for a time",
}


def _ask(config: Path, question: dict[str, Any]) -> dict[str, Any]:
    from govproxy.config.loader import load
    from govproxy.control.admin import ask

    return ask(load(config), question)


@app.command("list")
def list_approvals(
    config: Config = DEFAULT_CONFIG,
    status: Annotated[str, typer.Option(help="waiting, approved, refused, timed_out, withdrawn; or all.")] = "waiting",
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 100,
    as_json: Json = False,
) -> None:
    """What waits for a decision, the newest first."""
    from govproxy.cli.output import print_json

    wanted = None if status == "all" else status
    found = _ask(config, {"command": "approvals", "status": wanted, "limit": limit})["approvals"]
    if as_json:
        print_json(found)
        return
    from rich.table import Table

    from govproxy.cli.output import console

    table = Table(box=None)
    for heading in ("id", "status", "who", "database", "rule", "until", "statement"):
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(
            one["id"],
            one["status"],
            _who(one["requester"]),
            one["subject"]["database"],
            ", ".join(one["rule"]["names"]),
            _time(one["deadline"]),
            " ".join(one["sql"].split())[:80],
        )
    console().print(table)


@app.command()
def show(approval: Id, config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """One request: the statement as it means, who asks, what was said, and the signed decision."""
    from govproxy.cli.output import print_json

    found = _ask(config, {"command": "approval", "id": approval})
    if as_json:
        print_json(found)
        return
    one = found["approval"]
    rule = one["rule"]
    lines = [
        f"{one['id']}  {one['status']}",
        f"who        {_who(one['requester'])}, groups {', '.join(one['requester']['groups']) or 'none'}",
        f"where      {one['subject']['database']} ({one['environment']}), statement {one['statement']}",
        f"rules      {', '.join(rule['names'])}; {', '.join(rule['approvers'])} may decide, {rule['quorum']} needed",
        f"asked      {_time(one['asked'])}, until {_time(one['deadline'])}",
        f"effects    {'; '.join(one['effects'])}",
        *(f"tables     {o['name']} ({', '.join(o['tags']) or 'not sensitive'})" for o in one["subject"]["objects"]),
        *(f"beware     {oddity}" for oddity in one["oddities"]),
        *(f"parameters {one['subject']['parameters'][:16]}" for _ in [0] if one["subject"]["parameters"]),
        *(
            f"said       {_by(vote)}: {vote['answer']}, {vote['reason']} ({_time(vote['time'])})"
            for vote in one["votes"]
        ),
        *_facts(found["facts"]),
        *_seen(one["votes"], found["facts"]),
        "",
        one["sql"],
    ]
    typer.echo("\n".join(lines))
    if found["capsule"] is not None:
        typer.echo(f"\nsigned by {found['capsule']['key_id']}: --json has it, `govproxy approvals verify` checks it")


@app.command()
def approve(
    approval: Id,
    reason: Reason = "",
    config: Config = DEFAULT_CONFIG,
    token: Token = None,
    grant_for: Annotated[
        str | None, typer.Option("--grant-for", help="30m, 8h: let them do the same on these tables for so long.")
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="With --grant-for: show the tables' columns as they are.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say yes. Exit status 1: it did not count, and why."""
    from govproxy.errors import ConfigError
    from govproxy.policy.windows import duration_s

    grant = None
    if clear and grant_for is None:
        raise ConfigError("--clear belongs to --grant-for")
    if grant_for is not None:
        try:
            grant = {"seconds": duration_s(grant_for), "clear": clear}
        except ValueError as error:
            raise ConfigError(f"--grant-for: {error}") from None
    _decide(config, approval, "approve", reason, token, grant=grant, as_json=as_json)


@app.command()
def deny(
    approval: Id, reason: Reason = "", config: Config = DEFAULT_CONFIG, token: Token = None, as_json: Json = False
) -> None:
    """Say no; one is enough. Exit status 1: it did not count, and why."""
    _decide(config, approval, "refuse", reason, token, as_json=as_json)


@app.command()
def rehearse(approval: Id, config: Config = DEFAULT_CONFIG, token: Token = None, as_json: Json = False) -> None:
    """Have it tried in a transaction of its own session; approving commits that one, anything else rolls it back.

    Exit status 1: it was not tried, and why.
    """
    from govproxy.cli.output import print_json

    found = _ask(config, {"command": "rehearse", "id": approval, "token": _token(token)})
    facts = found.get("facts")
    done = facts is not None and facts["rehearsal"] is not None
    if as_json:
        print_json(found)
    elif "objection" in found:
        typer.echo(f"not rehearsed: {_OBJECTIONS.get(found['objection'], found['objection'])}", err=True)
    elif facts is None:
        typer.echo(f"it is still under way: govproxy approvals show {approval}")
    else:
        typer.echo("\n".join(_facts(facts)))
    raise typer.Exit(1 if "objection" in found or (facts is not None and not done) else 0)


@app.command()
def verify(
    file: Annotated[
        Path, typer.Argument(help="What `show --json` printed, or a line of the ledger; '-' reads standard input.")
    ],
    public_key: Annotated[
        Path | None, typer.Option("--public-key", "-k", help="approvals.pub; absent: this instance's.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Check a signed decision with nothing but the public key. Exit status 1: forged, or changed since."""
    import sys

    from govproxy.approvals.capsule import is_signed
    from govproxy.audit.keys import load_public
    from govproxy.cli.output import print_json
    from govproxy.errors import ConfigError

    capsule = _capsule(sys.stdin.read() if str(file) == "-" else file.read_text(), file)
    public = load_public(_own_public(config) if public_key is None else public_key)
    if not is_signed(capsule, public):
        raise ConfigError("the decision is not signed by this key, or was changed since", file=file)
    if as_json:
        print_json(capsule.fields)
        return
    said = capsule.fields
    typer.echo(f"signed by {public.key_id}: {said['status']}, {said['uses']} use(s) until {_time(said['expires'])}")
    for vote in said["votes"]:
        typer.echo(f"  {_by(vote)}: {vote['answer']}, {vote['reason']}")


app.command()(report)


def _decide(
    config: Path,
    approval: str,
    answer: str,
    reason: str,
    token: str | None,
    *,
    grant: dict[str, Any] | None = None,
    as_json: bool,
) -> None:
    from govproxy.cli.output import print_json

    question = {"command": "decide", "id": approval, "answer": answer, "reason": reason, "token": _token(token)}
    found = _ask(config, question if grant is None else question | {"grant": grant})
    if as_json:
        print_json(found)
    elif "objection" in found:
        why = found.get("detail") or _OBJECTIONS.get(found["objection"], found["objection"])
        typer.echo(f"not counted: {why}", err=True)
    else:
        typer.echo(f"{approval} is {found['approval']['status']}")
    raise typer.Exit(1 if "objection" in found else 0)


def _token(given: str | None) -> str:
    from govproxy.errors import ConfigError

    token = given or os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise ConfigError("who are you?", hint=f"Give --token, or put it into ${TOKEN_VARIABLE}.")
    return token


def _capsule(text: str, file: Path) -> Any:
    import orjson

    from govproxy.approvals.capsule import Capsule
    from govproxy.errors import ConfigError

    try:
        found = orjson.loads(text)
        if "signature" not in found:
            found = found["capsule"]
        content = found["content"] if "content" in found else found["capsule"]
        return Capsule(
            content=content.encode(), signature=bytes.fromhex(found["signature"]), key_id=str(found["key_id"])
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError("no signed decision", file=file, hint="govproxy approvals show ID --json") from error


def _own_public(config: Path) -> Path:
    from govproxy.config.loader import load
    from govproxy.control.keys import APPROVALS_PUBLIC_NAME, state_directory

    return state_directory(load(config)) / APPROVALS_PUBLIC_NAME


def _facts(facts: dict[str, Any] | None) -> list[str]:
    """What was found out for reviewers, as lines."""
    if facts is None:
        return []
    lines = [f"risk       {facts['risk']}"]
    for label, figure in (("planned", facts["planned_rows"]), ("counted", facts["actual_rows"])):
        if figure >= 0:
            lines.append(f"{label}    {figure} rows")
    if (sample := facts["sample"]) is not None:
        lines.append(f"sample     {' | '.join(sample['columns'])}")
        lines += [f"           {' | '.join(_cell(value) for value in row)}" for row in sample["rows"]]
    if (rehearsal := facts["rehearsal"]) is not None:
        stands = f"stands until {_time(rehearsal['until'])}" if rehearsal["until"] else "rolled back"
        lines.append(f"rehearsed  {rehearsal['tag'] or 'fails with ' + rehearsal['failed']}, {stands}")
        lines += [
            f"           {one['table']}: {one['inserted']} inserted, {one['updated']} updated, {one['deleted']} deleted"
            for one in rehearsal["changed"]
        ]
        for word, rows in (("before", rehearsal["before"]), ("after", rehearsal["after"])):
            lines += [f"{word:<11}{'gone' if row is None else ' | '.join(_cell(v) for v in row)}" for row in rows]
    return [*lines, *(f"note       {note}" for note in facts["notes"])]


def _seen(votes: list[dict[str, Any]], facts: dict[str, Any] | None) -> list[str]:
    """Whether these facts are what was there to be seen, as the signed votes say."""
    import hashlib

    import orjson

    shown = None if facts is None else hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return [
        f"seen       by {_by(vote)}: " + ("this" if vote["seen"] == shown else f"something else, sha256 {vote['seen']}")
        for vote in votes
        if vote.get("seen")
    ]


def _cell(value: str | None) -> str:
    return "NULL" if value is None else value


def _who(requester: dict[str, Any]) -> str:
    return f"{requester['agent']} for {requester['user']}" if requester["agent"] else str(requester["user"])


def _by(vote: dict[str, Any]) -> str:
    by = vote["by"]
    return f"rule {by['rule']}" if "rule" in by else _who(by)


def _time(posix: float) -> str:
    return datetime.fromtimestamp(posix, UTC).strftime("%H:%M:%S")
