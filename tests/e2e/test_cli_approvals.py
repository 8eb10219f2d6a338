"""``govproxy approvals`` as a person uses it: who decides is proven by a token, and what does not count says why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from govproxy.approvals import capsule as capsules
from govproxy.approvals.values import Hold
from govproxy.audit.keys import SigningKey
from govproxy.cli.app import app
from govproxy.control.admin import AdminServer
from govproxy.control.desk import ApprovalsDesk
from govproxy.control.review import ReviewFacts
from govproxy.control.state import facts
from govproxy.errors import ConfigError
from govproxy.identity.keys import generate_signing_key
from govproxy.session.rules import token_verifier
from tests.support.console import Console, Workers, running
from tests.unit.approvals.building import ANA, BOT

number = iter(range(1_000_000))
FACTS = {
    "risk": "risk 45 of 100: delete 20, production 15",
    "risk_score": 45,
    "planned_rows": 12,
    "actual_rows": 7,
    "sample": {"columns": ["id", "email"], "rows": [["1", "a***@x"], ["2", None]]},
    "rehearsal": None,
    "notes": ["no sample of the rest"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a command printed and how it ended."""

    status: int
    out: str
    error: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Somebody's shell beside a running instance."""

    console: Console
    folder: Path

    def __call__(self, *words: str, token: str | None = None) -> Done:
        config = ("--config", str(self.console.settings.file))
        environment = {"GOVPROXY_TOKEN": token or "", "COLUMNS": "200"}
        done = CliRunner().invoke(app, ["approvals", words[0], *config, *words[1:]], env=environment)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            # As `main` tells it.
            assert isinstance(done.exception, ConfigError), done.exception
            return Done(status=1, out=done.stdout, error=str(done.exception))
        return Done(status=done.exit_code, out=done.stdout, error=done.stderr)

    def asked(self, **changes: Any) -> str:
        hold_id = f"cli-{next(number)}"
        self.console.ask(id=hold_id, **changes)
        return hold_id

    def status(self, hold_id: str) -> str:
        return str(self("show", hold_id, "--json").json["approval"]["status"])


class _Nobody(Workers):
    async def sessions(self) -> list[Any]:
        return []

    async def kill(self, session: str) -> bool:
        return False

    async def rotate_key(self) -> str:
        raise AssertionError


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("cli")
    with running(folder) as console:
        tokens = token_verifier(console.settings, now=time.time)
        admin = AdminServer(
            console.settings, _Nobody(), ApprovalsDesk(lambda: console.approvals, tokens, console.reviewer)
        )
        console.run(admin.start())
        (folder / "approvals.pub").write_bytes(console.key.public.pem())
        yield Shell(console=console, folder=folder)
        console.run(admin.stop())


@pytest.fixture
def lea(shell: Shell) -> str:
    return shell.console.token("lea@x", "leads")


# ------------------------------------------------------------------ looking


def test_the_list_is_of_what_waits(shell: Shell, lea: str) -> None:
    mine, decided = shell.asked(), shell.asked()
    assert shell("deny", decided, "-r", "no", token=lea).status == 0
    listed = [one["id"] for one in shell("list", "--json").json]
    assert mine in listed
    assert decided not in listed
    everything = {one["id"]: one["status"] for one in shell("list", "--status", "all", "--json").json}
    assert (everything[mine], everything[decided]) == ("waiting", "refused")
    assert mine in shell("list").out
    assert shell("list", "--status", "nonsense").status == 1


def test_a_request_is_shown_with_who_asks_and_what_was_said(shell: Shell, lea: str) -> None:
    hold_id = shell.asked(requester=BOT, quorum=2, oddities=("“о” is Cyrillic",), effects=("DELETE on public.orders",))
    assert shell("approve", hold_id, "--reason", "ticket 12", token=lea).out == f"{hold_id} is waiting\n"
    shown = shell("show", hold_id).out
    for words in (
        f"{hold_id}  waiting",
        "report-bot for ana@x",
        "bulk-deletes; group:leads may decide, 2 needed",
        "DELETE on public.orders",
        "public.orders (PII.email)",
        "“о” is Cyrillic",
        "lea@x: approve, ticket 12",
        "DELETE FROM orders WHERE id > 5",
    ):
        assert words in shown
    assert "signed by" not in shown
    assert shell("show", hold_id, "--json").json["capsule"] is None
    assert "there is no request" in shell("show", "nothing").error


def test_what_reviewers_saw_stays_with_the_decision(shell: Shell, lea: str) -> None:
    hold_id = shell.asked()
    console = shell.console
    assert console.run(console.store.run(facts.keep(hold_id, FACTS)))
    shell("approve", hold_id, "-r", "seven rows are fine", token=lea)
    found = shell("show", hold_id, "--json").json
    assert found["facts"] == FACTS
    shown = shell("show", hold_id).out
    for words in ("risk 45 of 100", "counted    7 rows", "id | email", "2 | NULL", "no sample of the rest"):
        assert words in shown
    assert "seen       by lea@x: this" in shown
    # The signed decision says so too, whatever becomes of the facts.
    said = orjson.loads(found["capsule"]["content"])
    assert said["votes"][0]["seen"] == found["approval"]["votes"][0]["seen"]
    other = orjson.dumps(FACTS | {"actual_rows": 1}).decode()

    def forge(connection: Any) -> None:
        connection.execute(facts.FACTS.update().where(facts.FACTS.c.hold_id == hold_id).values(content=other))

    console.run(console.store.run(forge))
    assert "by lea@x: something else, sha256" in shell("show", hold_id).out


def test_what_nobody_decided_leaves_no_facts(shell: Shell) -> None:
    hold_id = shell.asked()
    console = shell.console
    console.run(console.store.run(facts.keep(hold_id, FACTS)))
    console.run(console.approvals.withdraw(hold_id))
    assert shell("show", hold_id, "--json").json["facts"] is None
    assert not console.run(console.store.run(facts.keep(hold_id, FACTS)))


# ------------------------------------------------------------------ deciding


@pytest.mark.parametrize(("command", "status"), [("approve", "approved"), ("deny", "refused")])
@pytest.mark.parametrize("as_json", [False, True])
def test_deciding(shell: Shell, lea: str, command: str, status: str, as_json: bool) -> None:
    hold_id = shell.asked()
    done = shell(command, hold_id, "-r", "ticket 12", *(["--json"] if as_json else []), token=lea)
    assert done.status == 0
    if as_json:
        assert done.json["approval"]["status"] == status
        assert done.json["approval"]["votes"][0]["by"]["user"] == "lea@x"
    else:
        assert done.out == f"{hold_id} is {status}\n"
    assert shell.status(hold_id) == status


@pytest.mark.parametrize("command", ["approve", "deny"])
@pytest.mark.parametrize(
    ("who", "requester", "word"),
    [
        (("ana@x", "leads"), ANA, "own_request"),
        (("ANA@X", "leads"), ANA, "own_request"),
        (("ana@x", "leads"), BOT, "own_agent"),
        (("otto@x", "engineering"), ANA, "not_an_approver"),
    ],
)
def test_who_does_not_decide(shell: Shell, command: str, who: tuple[str, ...], requester: Any, word: str) -> None:
    hold_id = shell.asked(requester=requester)
    token = shell.console.token(*who)
    refused = shell(command, hold_id, "-r", "me", "--json", token=token)
    assert (refused.status, refused.json) == (1, {"objection": word})
    told = shell(command, hold_id, "-r", "me", token=token)
    assert told.status == 1
    assert told.error.startswith("not counted: ")
    assert told.out == ""
    assert shell.status(hold_id) == "waiting"


@pytest.mark.parametrize("command", ["approve", "deny"])
def test_an_agent_decides_nothing(shell: Shell, command: str) -> None:
    hold_id = shell.asked()
    for agent in (
        shell.console.token("lea@x", "leads", agent="lea-bot"),
        shell.console.token("ana@x", "leads", agent="report-bot"),
    ):
        assert shell(command, hold_id, "-r", "me", "--json", token=agent).json == {"objection": "agent"}
    assert "an agent decides nothing" in shell(command, hold_id, "-r", "me", token=agent).error
    assert shell.status(hold_id) == "waiting"


@pytest.mark.parametrize("command", ["approve", "deny"])
@pytest.mark.parametrize("reason", [(), ("-r", ""), ("-r", " \t\n"), ("-r", "x" * 1_001)])
def test_a_reason_is_needed(shell: Shell, lea: str, command: str, reason: tuple[str, ...]) -> None:
    hold_id = shell.asked()
    done = shell(command, hold_id, *reason, token=lea)
    assert (done.status, done.error) == (1, "not counted: give a reason: --reason\n")
    assert shell.status(hold_id) == "waiting"


def test_a_token_that_proves_nobody(shell: Shell) -> None:
    hold_id = shell.asked()
    token = shell.console.token
    nobody = shell("approve", hold_id, "-r", "x")
    assert nobody.status == 1
    assert "who are you?" in nobody.error
    for bad in (
        "nonsense",
        token("lea@x", "leads", key=generate_signing_key()),
        token("lea@x", "leads", now=time.time() - 7_200, ttl_s=60),
        token("lea@x", "leads", audience="elsewhere"),
        token("lea@x", "leads", issuer="https://elsewhere.example"),
    ):
        done = shell("approve", hold_id, "-r", "x", token=bad)
        assert done.status == 1
        assert bad not in done.error
        assert shell("approve", hold_id, "-r", "x", "--token", bad).status == 1
    assert shell.status(hold_id) == "waiting"


def test_what_is_over_is_over(shell: Shell, lea: str) -> None:
    hold_id = shell.asked()
    shell("deny", hold_id, "-r", "no", token=lea)
    leo = shell.console.token("leo@x", "leads")
    for command in ("approve", "deny"):
        assert "it does not wait any more" in shell(command, hold_id, "-r", "yes", token=leo).error
    assert shell.status(hold_id) == "refused"
    late = shell.asked(asked=time.time() - 60, deadline=time.time() - 1)
    assert shell("approve", late, "-r", "x", "--json", token=lea).json["objection"] in ("too_late", "decided")
    assert "there is no request" in shell("approve", "nothing", "-r", "x", token=lea).error


# ------------------------------------------------------------------ having it rehearsed

REHEARSAL = {
    "tag": "UPDATE 1",
    "changed": [{"table": "public.orders", "inserted": 0, "updated": 1, "deleted": 0}],
    "columns": ["id", "email"],
    "before": [["1", None]],
    "after": [["1", "a***@x"]],
    "failed": "",
    "until": 2_000_000_000.0,
}


class Tries:
    """Tries what it is asked to, with this outcome."""

    def __init__(self, outcome: ReviewFacts) -> None:
        self.outcome = outcome
        self.tried: list[str] = []

    async def rehearse(self, hold: Hold) -> ReviewFacts:
        self.tried.append(hold.id)
        return self.outcome


@pytest.fixture
def tries(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Tries:
    made = Tries(ReviewFacts(rehearsal=REHEARSAL))
    monkeypatch.setattr(shell.console.reviewer, "rehearse", made.rehearse)
    return made


def test_rehearsing(shell: Shell, lea: str, tries: Tries, monkeypatch: pytest.MonkeyPatch) -> None:
    hold_id = shell.asked()
    steps: list[Any] = []
    monkeypatch.setattr(shell.console.approvals, "_record", steps.append)
    done = shell("rehearse", hold_id, token=lea)
    assert (done.status, done.error) == (0, "")
    for words in (
        "rehearsed  UPDATE 1, stands until ",
        "public.orders: 0 inserted, 1 updated, 0 deleted",
        "before     1 | NULL",
        "after      1 | a***@x",
    ):
        assert words in done.out
    assert shell("rehearse", hold_id, "--json", token=lea).json["facts"]["rehearsal"] == REHEARSAL
    assert tries.tried == [hold_id, hold_id]
    noted = [(step["status"], step["by"]) for step in steps if step["approval"] == hold_id]
    assert noted == [("rehearsal_asked", "user lea@x")] * 2
    assert shell.status(hold_id) == "waiting"


def test_what_was_not_tried_says_why(shell: Shell, lea: str, tries: Tries) -> None:
    tries.outcome = ReviewFacts(notes=("not rehearsed: several statements in one",))
    done = shell("rehearse", shell.asked(), token=lea)
    assert done.status == 1
    assert "note       not rehearsed: several statements in one" in done.out


@pytest.mark.parametrize(
    ("who", "agent", "requester", "word"),
    [
        (("ana@x", "leads"), None, ANA, "own_request"),
        (("ANA@X", "leads"), None, ANA, "own_request"),
        (("ana@x", "leads"), None, BOT, "own_agent"),
        (("otto@x", "engineering"), None, ANA, "not_an_approver"),
        (("lea@x", "leads"), "lea-bot", ANA, "agent"),
        (("ana@x", "leads"), "report-bot", BOT, "agent"),
    ],
)
def test_who_has_nothing_rehearsed(
    shell: Shell, tries: Tries, who: tuple[str, ...], agent: str | None, requester: Any, word: str
) -> None:
    hold_id = shell.asked(requester=requester)
    token = shell.console.token(*who, agent=agent)
    refused = shell("rehearse", hold_id, "--json", token=token)
    assert (refused.status, refused.json) == (1, {"objection": word})
    told = shell("rehearse", hold_id, token=token)
    assert (told.status, told.out) == (1, "")
    assert told.error.startswith("not rehearsed: ")
    assert tries.tried == []


def test_nobody_and_nothing_is_rehearsed(shell: Shell, lea: str, tries: Tries) -> None:
    hold_id = shell.asked()
    assert "who are you?" in shell("rehearse", hold_id).error
    forged = shell.console.token("lea@x", "leads", key=generate_signing_key())
    assert shell("rehearse", hold_id, token=forged).status == 1
    assert "there is no request" in shell("rehearse", "nothing", token=lea).error
    shell("deny", hold_id, "-r", "no", token=lea)
    leo = shell.console.token("leo@x", "leads")
    assert shell("rehearse", hold_id, "--json", token=leo).json == {"objection": "decided"}
    assert tries.tried == []


# ------------------------------------------------------------------ the evidence


@pytest.fixture(scope="module")
def decision(shell: Shell) -> dict[str, Any]:
    hold_id = shell.asked()
    shell("approve", hold_id, "-r", "ticket 12", token=shell.console.token("lea@x", "leads"))
    found: dict[str, Any] = shell("show", hold_id, "--json").json
    assert f"signed by {shell.console.key.key_id}" in shell("show", hold_id).out
    return found


def _verified(shell: Shell, written: object, *words: str, key: Path | None = None) -> Done:
    file = shell.folder / "decision.json"
    file.write_bytes(written if isinstance(written, bytes) else orjson.dumps(written))
    return shell("verify", str(file), "--public-key", str(key or shell.folder / "approvals.pub"), *words)


def test_a_decision_is_verified_with_the_public_key_alone(shell: Shell, decision: dict[str, Any]) -> None:
    done = _verified(shell, decision)
    assert done.status == 0
    assert "approved, 1 use(s)" in done.out
    assert "lea@x: approve, ticket 12" in done.out
    assert _verified(shell, decision, "--json").json["votes"][0]["reason"] == "ticket 12"
    # As it stands in the ledger.
    capsule = decision["capsule"]
    line = {"event": "approval", "capsule": capsule["content"], **{k: capsule[k] for k in ("signature", "key_id")}}
    assert _verified(shell, line).status == 0
    # With no key given, the instance's own.
    file = shell.folder / "decision.json"
    assert shell("verify", str(file)).status == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"status":"approved"', '"status":"refused"'),
        ('"uses":1', '"uses":9'),
        ("ticket 12", "ticket 13"),
        ("lea@x", "leo@x"),
        ('"digest":"', '"digest":"0'),
        ('"expires":', '"expires":9'),
    ],
)
def test_a_decision_that_was_changed_is_not_verified(
    shell: Shell, decision: dict[str, Any], old: str, new: str
) -> None:
    content = decision["capsule"]["content"]
    assert old in content
    done = _verified(shell, {**decision["capsule"], "content": content.replace(old, new, 1)})
    assert (done.status, done.out) == (1, "")
    assert "not signed by this key, or was changed since" in done.error


def test_a_decision_of_another_key_is_not_verified(shell: Shell, decision: dict[str, Any]) -> None:
    forger = SigningKey.generate()
    content = decision["capsule"]["content"].replace(shell.console.key.key_id, forger.key_id)
    forged = {
        "content": content,
        "signature": forger.sign(capsules.CONTEXT + content.encode()).hex(),
        "key_id": forger.key_id,
    }
    assert _verified(shell, forged).status == 1
    assert _verified(shell, forged | {"key_id": shell.console.key.key_id}).status == 1
    other = shell.folder / "other.pub"
    other.write_bytes(forger.public.pem())
    assert _verified(shell, decision, key=other).status == 1
    # What the same key signed, and is no decision: the content alone, without the line that says what it is.
    content = decision["capsule"]["content"]
    bare = {**decision["capsule"], "signature": shell.console.key.sign(content.encode()).hex()}
    assert _verified(shell, bare).status == 1


@pytest.mark.parametrize("written", [b"", b"[]", b"{}", b"null", b"{", b'{"capsule": null}', b'{"signature": "zz"}'])
def test_what_is_no_decision_is_not_verified(shell: Shell, written: bytes) -> None:
    done = _verified(shell, written)
    assert (done.status, done.out) == (1, "")
    assert "no signed decision" in done.error
