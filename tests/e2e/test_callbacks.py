"""Answers that programs bring: forged, late, heard before, for somebody who may not, and the good ones."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest

from govproxy.approvals.values import Status
from govproxy.config.secrets import Secret
from govproxy.console import signing
from govproxy.console.callbacks import MAX_NOTED
from govproxy.console.signing import WINDOW_S
from tests.support.console import Console, Said, running
from tests.unit.approvals.building import LEA, person

SECRET, FORMER, SLACK = "c" * 32, "d" * 32, "slack-signing-secret"
CONFIG = """\
approvals:
  callbacks:
    - name: bot
      secret: {file: bot}
      former_secret: {file: former}
      people:
        lea: {user: lea@x, groups: [leads]}
        olga: {user: olga@x, groups: [ops]}
    - name: other
      secret: {file: other}
      people: {lea: {user: lea@x, groups: [leads]}}
    - name: chat
      format: slack
      team: T1
      secret: {file: slack}
      people: {U1: {user: lea@x, groups: [leads]}}
"""


def files(folder: Path) -> None:
    for name, text in (("bot", SECRET), ("former", FORMER), ("other", "o" * 32), ("slack", SLACK)):
        (folder / name).write_text(text)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("callbacks")
    files(folder)
    with running(folder, CONFIG) as started:
        yield started


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A signed call; what is wrong with it is said in ``send``'s arguments."""

    body: bytes

    def send(
        self,
        console: Console,
        *,
        name: str = "bot",
        secret: str = SECRET,
        at: float | None = None,
        body: bytes | None = None,
        headers: dict[str, str | None] | None = None,
    ) -> Said:
        timestamp = str(int(time.time() if at is None else at))
        digest = hmac.new(secret.encode(), timestamp.encode() + b"." + self.body, hashlib.sha256).hexdigest()
        sent: dict[str, str | None] = {
            "Content-Type": "application/json",
            "Govproxy-Timestamp": timestamp,
            "Govproxy-Signature": f"v1={digest}",
            **(headers or {}),
        }
        present = {key: value for key, value in sent.items() if value is not None}
        return console.send(
            "POST", f"/api/callbacks/{name}", self.body if body is None else body, token=None, headers=present
        )


def call(hold_id: str, **changes: Any) -> Call:
    said = {"hold": hold_id, "answer": "approve", "reason": "by the bot", "by": "lea", "nonce": secrets.token_hex(16)}
    return Call(body=json.dumps(said | changes).encode())


def status(console: Console, hold_id: str) -> Status:
    found = console.run(console.approvals.find(hold_id))
    assert found is not None
    return found.status


number = iter(range(1_000_000))


@pytest.fixture
def hold_id(console: Console) -> str:
    name = f"c-{next(number)}"
    console.ask(id=name)
    return name


def test_an_answer_for_somebody(console: Console, hold_id: str) -> None:
    done = call(hold_id).send(console)
    assert (done.status, done.json) == (200, {"id": hold_id, "status": "approved"})
    found = console.run(console.approvals.find(hold_id))
    assert found is not None
    (vote,) = found.votes
    assert (vote.person.user, vote.person.issuer, vote.reason) == ("lea@x", "callback:bot", "by the bot")
    capsule = console.run(console.approvals.capsule(hold_id))
    assert capsule is not None
    assert capsule.fields["votes"][0]["by"]["issuer"] == "callback:bot"
    document = console.get("/api/openapi.json").json
    content = document["paths"]["/api/callbacks/{name}"]["post"]["responses"]["200"]["content"]["application/json"]
    jsonschema.Draft202012Validator({**content["schema"], "components": document["components"]}).validate(done.json)


def test_the_former_secret_still_counts(console: Console, hold_id: str) -> None:
    assert call(hold_id, answer="refuse").send(console, secret=FORMER).json["status"] == "refused"


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "x" * 32},
        {"secret": "o" * 32},  # another callback's
        {"body": b'{"hold": "h"}'},
        {"headers": {"Govproxy-Signature": None}},
        {"headers": {"Govproxy-Signature": ""}},
        {"headers": {"Govproxy-Signature": "v1="}},
        {"headers": {"Govproxy-Signature": "v1=" + "0" * 64}},
        {"headers": {"Govproxy-Signature": ",".join(["v1=" + "0" * 64] * 50)}},
        {"headers": {"Govproxy-Timestamp": None}},
        {"headers": {"Govproxy-Timestamp": "soon"}},
        {"headers": {"Govproxy-Timestamp": "-1"}},
        {"headers": {"Govproxy-Timestamp": "9" * 40}},
        {"headers": {"Govproxy-Timestamp": "1700000000"}},
    ],
)
def test_a_forged_one(console: Console, hold_id: str, wrong: dict[str, Any]) -> None:
    said = call(hold_id).send(console, **wrong)
    assert (said.status, said.word) == (401, "forged")
    assert status(console, hold_id) is Status.WAITING


@pytest.mark.parametrize("off", [-WINDOW_S - 2, WINDOW_S + 10, -1e9])
def test_one_of_another_time(console: Console, hold_id: str, off: float) -> None:
    said = call(hold_id).send(console, at=time.time() + off)
    assert (said.status, said.word) == (401, "stale")
    assert status(console, hold_id) is Status.WAITING


def test_a_little_late_is_not_late(console: Console, hold_id: str) -> None:
    assert call(hold_id).send(console, at=time.time() - WINDOW_S + 20).status == 200


def test_one_that_was_heard_before(console: Console, hold_id: str) -> None:
    once = call(hold_id, answer="refuse")
    at = time.time()
    assert once.send(console, at=at).status == 200
    for again in (once.send(console, at=at), once.send(console, at=at + 5), once.send(console, secret=FORMER)):
        assert (again.status, again.word) == (409, "replayed")
    # The nonce counts, not the bytes.
    nonce = json.loads(once.body)["nonce"]
    assert call("elsewhere", nonce=nonce).send(console).word == "replayed"
    # Another callback's nonces are its own.
    assert call(hold_id, nonce=nonce).send(console, name="other", secret="o" * 32).word == "decided"


def test_one_that_was_heard_before_a_restart(tmp_path: Path) -> None:
    files(tmp_path)
    at = time.time()
    with running(tmp_path, CONFIG) as console:
        console.ask(id="c-restart", quorum=2)
        again = call("c-restart")
        assert again.send(console, at=at).json["status"] == "waiting"
    with running(tmp_path, CONFIG) as console:
        assert again.send(console, at=at).word == "replayed"


@pytest.mark.parametrize(
    ("changes", "status_code", "word"),
    [
        ({"by": "max"}, 403, "unknown_person"),
        ({"by": "lea@x"}, 403, "unknown_person"),
        ({"by": "olga"}, 403, "not_an_approver"),
        ({"reason": " "}, 422, "no_reason"),
        ({"hold": "nothing"}, 404, "not_found"),
        ({"answer": "maybe"}, 400, "bad_request"),
        ({"nonce": "short"}, 400, "bad_request"),
        ({"nonce": "with blanks in it, many of them"}, 400, "bad_request"),
        ({"groups": ["leads"]}, 400, "bad_request"),
        ({"user": "leo@x"}, 400, "bad_request"),
    ],
)
def test_signed_and_refused_all_the_same(
    console: Console, hold_id: str, changes: dict[str, Any], status_code: int, word: str
) -> None:
    said = call(hold_id, **changes).send(console)
    assert (said.status, said.word) == (status_code, word)
    assert status(console, hold_id) is Status.WAITING


def test_twice_by_the_same_person(console: Console) -> None:
    console.ask(id="c-twice", quorum=2)
    assert call("c-twice").send(console).json["status"] == "waiting"
    assert call("c-twice").send(console).word == "answered"
    # Nor by a token and a callback.
    answer = {"answer": "approve", "reason": "x"}
    assert console.post("/api/approvals/c-twice/answer", answer, console.token("lea@x", "leads")).word == "answered"


@pytest.mark.parametrize("requester", [LEA, person("LEA@X", "leads"), person("lea@x", agent="some-agent")])
def test_who_asks_does_not_answer_this_way_either(console: Console, requester: Any) -> None:
    name = f"c-own-{secrets.token_hex(4)}"
    console.ask(id=name, requester=requester)
    assert call(name).send(console).word in ("own_request", "own_agent")
    assert status(console, name) is Status.WAITING


def test_what_is_over(console: Console) -> None:
    now = time.time()
    console.ask(id="c-late", asked=now - 60, deadline=now - 1)
    assert call("c-late").send(console).word in ("too_late", "decided")


def test_no_such_callback(console: Console, hold_id: str) -> None:
    assert call(hold_id).send(console, name="nobody").word == "not_found"
    assert call(hold_id).send(console, headers={"Content-Type": "text/plain"}).word == "wrong_type"
    assert console.get("/api/callbacks/bot").word == "not_allowed"


def test_refusals_are_in_the_log_and_do_not_fill_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    files(tmp_path)
    with running(tmp_path, CONFIG) as console:
        console.ask(id="c-log")
        assert call("c-log", reason="hunter2", by="max").send(console).word == "unknown_person"
        for _ in range(2 * MAX_NOTED):
            assert call("c-log", reason="hunter2").send(console, secret="x" * 32).word == "forged"
        # A good one is heard all the same.
        assert call("c-log", reason="hunter2").send(console).status == 200
    written = capfd.readouterr()
    text = written.out + written.err
    assert text.count("callback refused") == MAX_NOTED
    for word in ("forged", "unknown_person", "answer by callback"):
        assert word in text
    assert "hunter2" not in text
    assert SECRET not in text


# ------------------------------------------------------------------ Slack


def click(hold: str, *, action: str = "govproxy_approve", reason: str | None = "in chat", **changes: Any) -> bytes:
    payload = {
        "type": "block_actions",
        "team": {"id": "T1", "domain": "example"},
        "user": {"id": "U1", "username": "lea", "team_id": "T1"},
        "actions": [{"action_id": action, "block_id": "b", "value": hold, "type": "button"}],
        "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}},
        "response_url": "http://127.0.0.1:1/elsewhere",
        "trigger_id": secrets.token_hex(8),
    }
    return urlencode({"payload": json.dumps(payload | changes)}).encode()


def send_click(console: Console, body: bytes, *, secret: str = SLACK, at: float | None = None) -> Said:
    timestamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={digest}",
    }
    return console.send("POST", "/api/callbacks/chat", body, token=None, headers=headers)


def test_slacks_own_example_of_a_signature(console: Console) -> None:
    """The figures of Slack's documentation: the same message, secret and time give the same signature."""
    body = (
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    made = signing.sign(signing.SLACK, [Secret("8f742231b10e8888abcd99yyyzzz85a5")], 1531420618, body.encode())
    assert made == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def test_a_button(console: Console, hold_id: str) -> None:
    body = click(hold_id)
    at = time.time()
    assert send_click(console, body, at=at).json == {"id": hold_id, "status": "approved"}
    assert send_click(console, body, at=at).word == "replayed"
    found = console.run(console.approvals.find(hold_id))
    assert found is not None
    assert (found.votes[0].person.user, found.votes[0].person.issuer) == ("lea@x", "callback:chat")


def test_opening_the_link_decides_nothing(console: Console, hold_id: str) -> None:
    said = send_click(console, click(hold_id, action="govproxy_open"))
    assert (said.status, said.json["status"]) == (200, "waiting")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"reason": None}, "no_reason"),
        ({"reason": "  "}, "no_reason"),
        ({"action": "govproxy_delete"}, "bad_request"),
        ({"team": {"id": "T2"}}, "unknown_person"),
        ({"user": {"id": "U2"}}, "unknown_person"),
        ({"type": "view_submission"}, "bad_request"),
        ({"actions": []}, "bad_request"),
        ({"user": None}, "bad_request"),
    ],
)
def test_buttons_that_decide_nothing(console: Console, hold_id: str, changes: dict[str, Any], word: str) -> None:
    assert send_click(console, click(hold_id, **changes)).word == word
    assert status(console, hold_id) is Status.WAITING


def test_forged_buttons(console: Console, hold_id: str) -> None:
    assert send_click(console, click(hold_id), secret="x" * 32).word == "forged"
    assert send_click(console, click(hold_id), at=time.time() - 1_000).word == "stale"
    assert send_click(console, b"payload=%7B").word == "bad_request"
    assert send_click(console, click(hold_id) + b"&payload=%7B%7D").word == "bad_request"
    # Ours is not Slack's, even with the right secret.
    assert call(hold_id).send(console, name="chat", secret=SLACK).word == "wrong_type"
    assert status(console, hold_id) is Status.WAITING
