"""Approvals over HTTP: who sees what, who may answer, and what everything else gets."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest

from govproxy.approvals.capsule import CONTEXT
from govproxy.approvals.deciding import Objection
from govproxy.approvals.values import Answer, Hold, Object, Status
from govproxy.console.openapi import OPERATIONS
from govproxy.console.refusals import SENTENCES, STATUS, Word
from govproxy.console.server import ConsoleServer
from govproxy.console.signin import MAX_BAD
from govproxy.errors import ConfigError, StateUnavailable
from govproxy.identity.keys import generate_signing_key
from govproxy.policy.rules import MayGrant
from tests.support.console import Console, Workers, running
from tests.support.waiting import DEADLINE_S
from tests.unit.approvals.building import ANA, BOT, LEA, LEO, SUBJECT, person
from tests.unit.approvals.test_automatic import NATURE

ANSWER = {"answer": "approve", "reason": "ticket 12"}
SECRET_SQL = "DELETE FROM orders WHERE note = 'hunter2'"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running(tmp_path_factory.mktemp("console")) as started:
        yield started


@pytest.fixture(scope="module")
def document(console: Console) -> dict[str, Any]:
    said = console.get("/api/openapi.json")
    assert said.status == 200
    found: dict[str, Any] = said.json
    return found


@pytest.fixture
def lea(console: Console) -> str:
    return console.token("lea@x", "leads")


number = iter(range(1_000_000))


def fresh() -> str:
    return f"h-{next(number)}"


def fits(document: dict[str, Any], path: str, method: str, status: int, value: object) -> None:
    """``value`` is what the document says of that answer."""
    content = document["paths"][path][method]["responses"][str(status)]["content"]
    schema = {**content["application/json"]["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


# ------------------------------------------------------------------ reading and answering


def test_an_approver_finds_it_decides_it_and_sees_the_evidence(
    console: Console, lea: str, document: dict[str, Any]
) -> None:
    hold_id = fresh()
    console.ask(id=hold_id, sql=SECRET_SQL, oddities=("look at that",), effects=("delete public.orders",))
    listed = console.get("/api/approvals?status=waiting", lea)
    fits(document, "/api/approvals", "get", 200, listed.json)
    (row,) = [row for row in listed.json["approvals"] if row["id"] == hold_id]
    assert (row["sql"], row["objection"], row["mine"], row["tags"]) == (SECRET_SQL, None, False, ["PII.email"])
    shown = console.get(f"/api/approvals/{hold_id}", lea)
    fits(document, "/api/approvals/{id}", "get", 200, shown.json)
    assert shown.json["notices"] == ["look at that"]
    assert shown.json["tables"] == [{"name": "public.orders", "tags": ["PII.email"]}]
    assert console.get(f"/api/approvals/{hold_id}/capsule", lea).word == "not_found"

    done = console.post(f"/api/approvals/{hold_id}/answer", ANSWER, lea)
    assert done.status == 200
    fits(document, "/api/approvals/{id}/answer", "post", 200, done.json)
    assert done.json["status"] == "approved"
    assert [(v["by"]["user"], v["reason"], v["rule"]) for v in done.json["votes"]] == [("lea@x", "ticket 12", None)]
    assert console.run(console.approvals.find(hold_id)).status is Status.APPROVED  # type: ignore[union-attr]

    capsule = console.get(f"/api/approvals/{hold_id}/capsule", lea).json
    fits(document, "/api/approvals/{id}/capsule", "get", 200, capsule)
    key = console.get("/api/public-key").json
    fits(document, "/api/public-key", "get", 200, key)
    assert key["key_id"] == capsule["key_id"] == console.key.key_id
    assert key["pem"] == console.key.public.pem().decode()
    signed = CONTEXT + capsule["content"].encode()
    assert console.key.public.verifies(bytes.fromhex(capsule["signature"]), signed)
    assert json.loads(capsule["content"])["id"] == hold_id


@pytest.mark.parametrize(
    ("requester", "token", "word"),
    [
        (LEA, ("lea@x", "leads"), Objection.OWN_REQUEST),
        (LEA, ("LEA@X", "leads"), Objection.OWN_REQUEST),
        (person("lea@x", "leads", agent="bot"), ("lea@x", "leads"), Objection.OWN_AGENT),
        (ANA, ("ana@x",), Objection.OWN_REQUEST),
    ],
)
def test_who_asks_does_not_answer(
    console: Console, requester: Any, token: tuple[str, ...], word: Objection, document: dict[str, Any]
) -> None:
    hold_id = fresh()
    console.ask(id=hold_id, requester=requester)
    said = console.post(f"/api/approvals/{hold_id}/answer", ANSWER, console.token(*token))
    assert (said.status, said.word) == (403, word)
    fits(document, "/api/approvals/{id}/answer", "post", 403, said.json)
    assert console.get(f"/api/approvals/{hold_id}", console.token(*token)).json["mine"]
    assert console.run(console.approvals.find(hold_id)).votes == ()  # type: ignore[union-attr]


def test_an_agent_sees_its_own_request_and_decides_nothing(console: Console) -> None:
    own, other = fresh(), fresh()
    console.ask(id=own, requester=BOT)
    console.ask(id=other, requester=ANA)
    agent = console.token("ana@x", "analysts", "leads", agent="report-bot")
    assert console.get(f"/api/approvals/{own}", agent).status == 200
    assert console.post(f"/api/approvals/{own}/answer", ANSWER, agent).word == "agent"
    assert console.get(f"/api/approvals/{other}", agent).word == "not_found"
    lead = console.token("lea@x", "leads", agent="report-bot")
    for path in (own, other):
        assert console.get(f"/api/approvals/{path}", lead).word == "not_found"
        assert console.post(f"/api/approvals/{path}/answer", ANSWER, lead).word == "not_found"
    assert console.get("/api/approvals", lead).json["approvals"] == []


def test_the_same_name_of_another_issuer_is_somebody_else(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that logs in by password has no issuer; whoever has a token of its name is somebody else."""
    monkeypatch.setattr(console, "issuer", None)
    hold_id = fresh()
    console.ask(id=hold_id, requester=person("app"))
    assert console.get(f"/api/approvals/{hold_id}", console.token("app")).word == "not_found"
    # Nor decide, though they be an approver: whoever shares the name may be the same.
    said = console.post(f"/api/approvals/{hold_id}/answer", ANSWER, console.token("app", "leads"))
    assert said.word == "not_found"


@pytest.mark.parametrize("name", ["%00", "a%00b", "%E2%80%AE", "x" * 201, "%0A", "%FF"])
def test_ids_that_cannot_be(console: Console, lea: str, name: str) -> None:
    for path in (f"/api/approvals/{name}", f"/api/approvals/{name}/capsule"):
        assert console.get(path, lea).word == "not_found"
    assert console.post(f"/api/approvals/{name}/answer", ANSWER, lea).word == "not_found"
    assert console.post(f"/api/grants/{name}/revoke", {"reason": "x"}, lea).word == "not_found"


def test_what_is_not_for_somebody_looks_like_nothing(console: Console) -> None:
    hold_id = fresh()
    console.ask(id=hold_id, sql=SECRET_SQL)
    stranger = console.token("bob@x", "analysts")
    there, nowhere = (console.get(f"/api/approvals/{name}", stranger) for name in (hold_id, "nothing"))
    assert (there.status, there.body) == (nowhere.status, nowhere.body)
    assert (there.status, there.word) == (404, "not_found")
    assert console.post(f"/api/approvals/{hold_id}/answer", ANSWER, stranger).word == "not_found"
    assert console.get(f"/api/approvals/{hold_id}/capsule", stranger).word == "not_found"
    assert hold_id not in console.get("/api/approvals", stranger).body.decode()


class Found:
    """What a look into the database found."""

    form: ClassVar[dict[str, Any]] = {"actual_rows": 3, "sample": {"columns": ["id"], "rows": [["1"]]}}


class Looks:
    """Finds something once ``ready`` is set."""

    def __init__(self) -> None:
        self.ready = False

    def known(self, hold_id: str) -> Found | None:
        return None

    async def facts(self, hold: Hold) -> Found:
        while not self.ready:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return Found()


def test_what_was_found_out_is_for_reviewers_alone(
    console: Console, lea: str, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks()
    monkeypatch.setattr(console.reviewer, "facts", looks.facts)
    monkeypatch.setattr(console.reviewer, "known", looks.known)
    monkeypatch.setattr("govproxy.console.api.FACTS_TIMEOUT_S", 0.05)
    hold_id, own = fresh(), fresh()
    console.ask(id=hold_id, requester=person("lou@x", "leads"))
    console.ask(id=own, requester=person("lou@x", "leads", agent="bot"), principal_may_approve=True)
    waiting = console.get(f"/api/approvals/{hold_id}", lea)
    fits(document, "/api/approvals/{id}", "get", 200, waiting.json)
    assert waiting.json["facts"] is None
    looks.ready = True
    assert console.get(f"/api/approvals/{hold_id}", lea).json["facts"] == Found.form
    # Whoever asks must not learn by asking what they could not read.
    lou = console.token("lou@x", "leads")
    assert console.get(f"/api/approvals/{hold_id}", lou).json["facts"] == {}
    assert console.get(f"/api/approvals/{own}", console.token("lou@x", "leads", agent="bot")).json["facts"] == {}
    assert console.get(f"/api/approvals/{own}", lou).json["facts"] == Found.form


class Rehearses(Looks):
    """Tries what it is asked to, and keeps which that were."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = True
        self.tried: list[str] = []

    async def rehearse(self, hold: Hold) -> Found:
        self.tried.append(hold.id)
        return await self.facts(hold)


@pytest.fixture
def rehearses(console: Console, monkeypatch: pytest.MonkeyPatch) -> Rehearses:
    found = Rehearses()
    for name in ("facts", "known", "rehearse"):
        monkeypatch.setattr(console.reviewer, name, getattr(found, name))
    return found


@pytest.fixture
def noted(console: Console, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What goes into the ledger."""
    events: list[Any] = []
    monkeypatch.setattr(console.approvals, "_record", events.append)
    return events


def test_a_reviewer_asks_for_a_rehearsal(
    console: Console, lea: str, document: dict[str, Any], rehearses: Rehearses, noted: list[Any]
) -> None:
    hold_id = fresh()
    console.ask(id=hold_id)
    noted.clear()
    said = console.post(f"/api/approvals/{hold_id}/rehearse", {}, lea)
    assert said.status == 200
    fits(document, "/api/approvals/{id}/rehearse", "post", 200, said.json)
    assert (said.json["id"], said.json["status"], said.json["facts"]) == (hold_id, "waiting", Found.form)
    assert rehearses.tried == [hold_id]
    (step,) = (one for one in noted if one["approval"] == hold_id)
    assert (step["status"], step["by"]) == ("rehearsal_asked", "user lea@x")
    # To have seen it is no answer.
    assert console.run(console.approvals.find(hold_id)).votes == ()  # type: ignore[union-attr]
    assert console.post(f"/api/approvals/{hold_id}/answer", ANSWER, lea).json["status"] == "approved"


def test_a_rehearsal_that_takes_long_is_not_waited_for(
    console: Console, lea: str, document: dict[str, Any], rehearses: Rehearses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govproxy.control.on_request.WAIT_S", 0.05)
    monkeypatch.setattr("govproxy.console.api.FACTS_TIMEOUT_S", 0.05)
    rehearses.ready = False
    hold_id = fresh()
    console.ask(id=hold_id)
    said = console.post(f"/api/approvals/{hold_id}/rehearse", {}, lea)
    fits(document, "/api/approvals/{id}/rehearse", "post", 200, said.json)
    assert (said.json["status"], said.json["facts"]) == ("waiting", None)


@pytest.mark.parametrize(
    ("requester", "who", "agent", "status", "word"),
    [
        (LEA, ("lea@x", "leads"), None, 403, "own_request"),
        (LEA, ("LEA@X", "leads"), None, 403, "own_request"),
        (ANA, ("ana@x",), None, 403, "own_request"),
        (BOT, ("ana@x", "leads"), None, 403, "own_agent"),
        (BOT, ("ana@x", "leads"), "report-bot", 403, "agent"),
        (ANA, ("lea@x", "leads"), "lea-bot", 404, "not_found"),
        (ANA, ("otto@x", "engineering"), None, 404, "not_found"),
    ],
)
def test_who_may_not_answer_has_nothing_rehearsed(
    console: Console,
    document: dict[str, Any],
    rehearses: Rehearses,
    noted: list[Any],
    requester: Any,
    who: tuple[str, ...],
    agent: str | None,
    status: int,
    word: str,
) -> None:
    hold_id = fresh()
    console.ask(id=hold_id, requester=requester)
    noted.clear()
    said = console.post(f"/api/approvals/{hold_id}/rehearse", {}, console.token(*who, agent=agent))
    assert (said.status, said.word) == (status, word)
    fits(document, "/api/approvals/{id}/rehearse", "post", status, said.json)
    assert rehearses.tried == []
    assert [one for one in noted if one["approval"] == hold_id] == []


def test_what_does_not_wait_for_somebody_is_not_rehearsed(console: Console, lea: str, rehearses: Rehearses) -> None:
    over, later, twice = fresh(), fresh(), fresh()
    console.ask(id=over)
    console.post(f"/api/approvals/{over}/answer", {"answer": "refuse", "reason": "no"}, lea)
    assert console.post(f"/api/approvals/{over}/rehearse", {}, console.token("leo@x", "leads")).word == "decided"
    console.ask(id=later, delegates=frozenset({"group:ops"}), delegate_after_s=30.0)
    assert console.post(f"/api/approvals/{later}/rehearse", {}, console.token("olga@x", "ops")).word == "not_yet"
    console.ask(id=twice, quorum=2)
    console.post(f"/api/approvals/{twice}/answer", ANSWER, lea)
    assert console.post(f"/api/approvals/{twice}/rehearse", {}, lea).word == "answered"
    assert console.post("/api/approvals/nothing/rehearse", {}, lea).word == "not_found"
    assert rehearses.tried == []


def test_delegates_see_it_at_once_and_answer_later(console: Console) -> None:
    hold_id = fresh()
    console.ask(id=hold_id, delegates=frozenset({"group:ops"}), delegate_after_s=30.0)
    olga = console.token("olga@x", "ops")
    assert console.get(f"/api/approvals/{hold_id}", olga).json["objection"] == "not_yet"
    assert console.post(f"/api/approvals/{hold_id}/answer", ANSWER, olga).word == "not_yet"


def test_a_quorum_and_answering_twice(console: Console, lea: str) -> None:
    hold_id = fresh()
    console.ask(id=hold_id, quorum=2)
    path = f"/api/approvals/{hold_id}/answer"
    assert console.post(path, ANSWER, lea).json["status"] == "waiting"
    assert console.post(path, ANSWER, lea).word == "answered"
    assert console.post(path, ANSWER, console.token("leo@x", "leads")).json["status"] == "approved"
    assert console.post(path, ANSWER, console.token("lu@x", "leads")).word == "decided"


def test_one_that_is_over(console: Console, lea: str) -> None:
    hold_id = fresh()
    now = time.time()
    console.ask(id=hold_id, asked=now - 60, deadline=now - 1)
    said = console.post(f"/api/approvals/{hold_id}/answer", ANSWER, lea)
    assert said.status == 409
    assert said.word in ("too_late", "decided")


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"answer": "approve", "reason": " "}, 422, "no_reason"),
        ({"answer": "approve"}, 400, "bad_request"),
        ({"answer": "maybe", "reason": "x"}, 400, "bad_request"),
        ({"answer": "approve", "reason": 7}, 400, "bad_request"),
        ({"answer": "approve", "reason": "x" * 1_001}, 400, "bad_request"),
        ({**ANSWER, "person": "leo@x"}, 400, "bad_request"),
        ([], 400, "bad_request"),
        (b"{", 400, "bad_request"),
        ({"answer": "approve", "reason": "a\0b"}, 400, "bad_request"),
        (b"\xff\xfe", 400, "bad_request"),
        (b'{"answer": "approve", "reason": "\\ud800"}', 400, "bad_request"),
        (b"[" * 50_000, 400, "bad_request"),
        (b"x" * 70_000, 413, "too_large"),
    ],
)
def test_bodies_that_are_no_answer(
    console: Console, lea: str, body: Any, status: int, word: str, document: dict[str, Any]
) -> None:
    hold_id = fresh()
    console.ask(id=hold_id)
    said = console.post(f"/api/approvals/{hold_id}/answer", body, lea)
    assert (said.status, said.word) == (status, word)
    fits(document, "/api/approvals/{id}/answer", "post", status, said.json)
    assert console.run(console.approvals.find(hold_id)).votes == ()  # type: ignore[union-attr]


def test_a_body_without_an_end_is_not_read_to_its_end(console: Console, lea: str) -> None:
    with socket.create_connection(("127.0.0.1", console.port), timeout=DEADLINE_S) as sock:
        sock.sendall(
            b"POST /api/approvals/x/answer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {lea}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        sock.sendall((b"8000\r\n" + b" " * 0x8000 + b"\r\n") * 3)
        assert sock.recv(65_536).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""])
def test_a_form_of_another_site_is_no_answer(console: Console, lea: str, kind: str) -> None:
    said = console.post("/api/approvals/x/answer", ANSWER, lea, **{"Content-Type": kind})
    assert (said.status, said.word) == (415, "wrong_type")


# ------------------------------------------------------------------ rights for a time


def test_a_right_for_a_time_given_listed_and_taken_back(
    console: Console, lea: str, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "terms", {"bulk-deletes": MayGrant(within_s=3_600)})
    nature = replace(NATURE, targets=(("delete", 7, "public.orders", ""),))
    hold_id = fresh()
    console.ask(id=hold_id, nature=nature)
    assert console.get(f"/api/approvals/{hold_id}", lea).json["grantable"] == {"within_s": 3_600, "clear": False}
    path = f"/api/approvals/{hold_id}/answer"
    for too_much in ({"until": time.time() + 7_200}, {"until": time.time() + 60, "clear": True}):
        said = console.post(path, ANSWER | {"grant": too_much}, lea)
        assert (said.status, said.word) == (403, "not_to_be_granted")
    assert console.post(path, ANSWER | {"grant": {"for": "ever"}}, lea).word == "bad_request"
    refused = console.post(path, {"answer": "refuse", "reason": "x", "grant": {"until": time.time() + 60}}, lea)
    assert refused.word == "not_to_be_granted"
    done = console.post(path, ANSWER | {"grant": {"until": time.time() + 600}}, lea)
    fits(document, "/api/approvals/{id}/answer", "post", 200, done.json)
    given = done.json["votes"][0]["grant"]
    assert given["scope"] == [{"action": "delete", "tables": ["public.orders"]}]

    def rows(token: str) -> list[Any]:
        said = console.get("/api/grants", token)
        fits(document, "/api/grants", "get", 200, said.json)
        return [row for row in said.json["grants"] if row["id"] == hold_id]

    assert [(row["state"], row["mine"], row["revocable"]) for row in rows(lea)] == [("live", False, True)]
    assert [row["mine"] for row in rows(console.token("ana@x", "analysts"))] == [True]
    assert rows(console.token("bob@x", "analysts")) == []
    take_back = f"/api/grants/{hold_id}/revoke"
    assert console.post(take_back, {"reason": "x"}, console.token("bob@x", "analysts")).word == "not_found"
    assert console.post(take_back, {"reason": " "}, lea).word == "no_reason"
    assert console.post(take_back, {}, lea).word == "bad_request"
    said = console.post(take_back, {"reason": "done with it"}, lea)
    fits(document, "/api/grants/{id}/revoke", "post", 200, said.json)
    assert (said.json["state"], said.json["revoked_by"], said.json["revocable"]) == ("revoked", "lea@x", False)
    assert console.post(take_back, {"reason": "again"}, lea).word == "decided"


# ------------------------------------------------------------------ lists


def test_pages(console: Console) -> None:
    group = f"group-{fresh()}"
    token = console.token("pia@x", group)
    now = time.time()
    for index in range(7):
        # Two at the same time, and other people's in between.
        mine = {"approvers": frozenset({f"group:{group}"})}
        console.ask(id=f"{group}-{index}", asked=now - index // 2, **mine)
        console.ask(id=f"other-{group}-{index}", asked=now - index // 2)
    seen: list[str] = []
    after = ""
    for _ in range(4):
        page = console.get(f"/api/approvals?limit=2{after}", token).json
        assert len(page["approvals"]) <= 2
        seen += [row["id"] for row in page["approvals"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [f"{group}-{index}" for index in range(7)]
    assert page["next"] is None
    assert console.get("/api/approvals?status=approved", token).json == {"approvals": [], "next": None}


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=201", "limit=-1", "limit=x", "limit=²", "limit=1&limit=2", "status=held"),
        *("after=x", "after=nan~h", "after=inf~h", "after=1e99~h", "colour=red", "limit="),
    ],
)
def test_queries_that_make_no_sense(console: Console, lea: str, query: str) -> None:
    said = console.get("/api/approvals?" + query.replace("²", "%C2%B2"), lea)
    assert (said.status, said.word) == (400, "bad_request")


# ------------------------------------------------------------------ who asks


def test_who_a_token_proves(console: Console, document: dict[str, Any]) -> None:
    said = console.get("/api/me", console.token("lea@x", "leads"))
    fits(document, "/api/me", "get", 200, said.json)
    assert (said.json["user"], said.json["groups"], said.json["agent"]) == ("lea@x", ["leads"], None)


def test_tokens_that_prove_nothing(console: Console, document: dict[str, Any]) -> None:
    lea = console.token("lea@x", "leads")
    bad = [
        console.token("lea@x", "leads", key=generate_signing_key()),
        console.token("lea@x", "leads", issuer="https://elsewhere.example"),
        console.token("lea@x", "leads", audience="other"),
        console.token("lea@x", "leads", now=time.time() - 10_000),
        lea.rpartition(".")[0] + ".",
        "nonsense",
    ]
    paths = [o for o in OPERATIONS if not o.public]
    for token in bad:
        said = console.get("/api/me", token)
        assert (said.status, said.word) == (401, "unauthenticated")
        assert said.headers["www-authenticate"] == "Bearer"
    for operation in paths:
        said = console.send(operation.method, operation.path.format(id="x", name="x"), None, token=None, headers={})
        assert (said.status, said.word) == (401, "unauthenticated"), operation.path
        fits(document, operation.path, operation.method.lower(), 401, said.json)
    for header in ("Basic bGVhOng=", f"bearer{lea}", "Bearer", "Bearer ", f"Token {lea}"):
        assert console.get("/api/me", Authorization=header).status == 401
    # No other way in.
    assert console.get(f"/api/me?access_token={lea}").status == 401
    assert console.get("/api/me", Cookie=f"token={lea}; Authorization=Bearer {lea}").status == 401


def test_trying_tokens_is_slowed_down_but_good_ones_go_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("slow")) as console:
        known = console.token("lea@x", "leads")
        assert console.get("/api/me", known).status == 200
        for index in range(MAX_BAD):
            assert console.get("/api/me", f"a.b.{index}").word == "unauthenticated"
        assert console.get("/api/me", "a.b.c").word == "too_many"
        assert console.get("/api/me", console.token("leo@x", "leads")).word == "too_many"
        assert console.get("/api/me", known).status == 200


# ------------------------------------------------------------------ headers, paths, methods


@pytest.mark.parametrize(
    "path",
    ["/approvals", "/", "/static/app.mjs", "/static/vendor/preact.mjs", "/api/me", "/nothing", "/healthz", "/metrics"],
)
def test_every_answer_tells_browsers_to_be_careful(console: Console, path: str) -> None:
    said = console.get(path)
    headers = {name.lower(): value for name, value in said.headers.items()}
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "server" not in headers
    assert "set-cookie" not in headers
    assert not [name for name in headers if name.startswith("access-control-")]
    if path.startswith("/api"):
        assert headers["cache-control"] == "no-store"


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere(console: Console) -> None:
    page = console.get("/approvals").body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|style=|javascript:|//[a-z]", page)
    for name in re.findall(r'(?:src|href)="(static/[^"]+)"', page):
        assert console.get(f"/{name}").status == 200


@pytest.mark.parametrize("path", ["/approvals", "/static/app.mjs"])
def test_an_unchanged_file_keeps_its_headers(console: Console, path: str) -> None:
    """Browsers take over what comes with 304: another policy would stop the page."""
    first = console.get(path)
    again = console.get(path, **{"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    names = ("content-security-policy", "content-type", "cache-control", "etag", "x-content-type-options")
    assert [again.headers[name] for name in names] == [first.headers[name] for name in names]


def test_vendored_files_come_with_their_licences(console: Console) -> None:
    versions = console.get("/static/vendor/VERSIONS.txt").body.decode()
    for line in versions.splitlines():
        name, licence = line.split()[0], line.split()[-1]
        assert console.get(f"/static/vendor/{name}").status == 200
        assert b"icen" in console.get(f"/static/vendor/{licence}").body


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2fserver.py", "/static//etc/passwd"),
        *("/static/", "/static", "/static/vendor", "/static/app.mjs/", "/approvals/", "/api", "/api/approvals/"),
    ],
)
def test_paths_that_lead_nowhere(console: Console, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=DEADLINE_S)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", "127.0.0.1")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status in (307, 401, 404), body
    assert b"import" not in body


def test_a_deep_link_leads_to_the_page(console: Console) -> None:
    said = console.get("/approvals/h%2F1%22%3E%3Cscript%3E")
    # An id never has a slash; what cannot be one leads nowhere.
    assert said.status == 404
    said = console.get("/approvals/h1%22%3E%0d%0aX")
    assert (said.status, said.headers["location"]) == (303, "../approvals#h1%22%3E%0D%0AX")
    assert console.get("/").headers["location"] == "approvals"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "POST"])
def test_other_methods(console: Console, method: str) -> None:
    said = console.send(method, "/api/approvals", b"", token=None, headers={})
    assert (said.status, said.word) == (405, "not_allowed")


# ------------------------------------------------------------------ the live feed


class Feed:
    """An open feed, read line by line."""

    def __init__(self, console: Console, token: str, last: str | None = None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=DEADLINE_S)
        headers = {"Authorization": f"Bearer {token}"} | ({} if last is None else {"Last-Event-ID": last})
        self.connection.request("GET", "/api/events", headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        assert self.answer.headers["content-type"].startswith("text/event-stream")
        assert self.answer.readline().startswith(b"retry:")

    def next(self) -> tuple[str, str, Any]:
        """(event, id, data) of the next event."""
        fields: dict[str, str] = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                return fields["event"], fields.get("id", ""), json.loads(fields["data"])

    def close(self) -> None:
        self.connection.close()


def test_changes_come_as_they_happen_to_whom_they_concern(console: Console, lea: str, document: dict[str, Any]) -> None:
    feed = Feed(console, lea)
    hidden, hold_id = fresh(), fresh()
    console.ask(id=hidden, approvers=frozenset({"group:others"}), sql=SECRET_SQL)
    console.ask(id=hold_id)
    kind, first, row = feed.next()
    assert (kind, row["id"], row["status"]) == ("change", hold_id, "waiting")
    schema = {"$ref": "#/components/schemas/Summary", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(row)
    console.run(console.approvals.answer(hold_id, LEO, Answer.REFUSE, "no"))
    _, _, row = feed.next()
    assert (row["id"], row["status"]) == (hold_id, "refused")
    feed.close()

    again = Feed(console, lea, last=first)
    assert again.next()[2]["status"] == "refused"
    again.close()
    elsewhere = Feed(console, lea, last="ffffffff-3")
    assert elsewhere.next()[0] == "reset"
    elsewhere.close()


def test_a_feed_ends_with_its_token(console: Console) -> None:
    # Tokens are taken for half a minute beyond their time; the feed is not.
    short = console.token("lea@x", "leads", now=time.time() - 60, ttl_s=61.5)
    feed = Feed(console, short)
    assert feed.answer.read() in (b"\n", b"\n: still here\n\n")
    feed.close()


def test_readers_are_bounded(console: Console, lea: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govproxy.console.api.MAX_READERS", 0)
    assert console.get("/api/events", lea).word == "too_many"


# ------------------------------------------------------------------ the document


def test_the_document_has_every_route(console: Console, document: dict[str, Any]) -> None:
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert described == {(o.path, o.method.lower()) for o in OPERATIONS}
    for operation in OPERATIONS:
        path = operation.path.format(id="x", name="x")
        said = console.send("TRACE", path, None, token=None, headers={})
        assert said.status == 405, f"{path} has no route"
    assert document["openapi"] == "3.1.0"


def test_the_document_is_sound(document: dict[str, Any]) -> None:
    bodies = {"AnswerForm", "CallbackAnswer", "GrantAskedForm", "RevokeForm"}
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is False
        if name not in bodies:
            assert set(schema["properties"]) == set(schema.get("required", []))
    referred = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document)))
    assert referred <= set(document["components"]["schemas"])
    ids = [item["operationId"] for path in document["paths"].values() for item in path.values()]
    assert len(ids) == len(set(ids))


def test_every_word_has_a_status_and_a_sentence() -> None:
    words = {*Word, *Objection}
    assert set(STATUS) == set(SENTENCES) == words
    assert len({word.value for word in words}) == len(words)


# ------------------------------------------------------------------ when things are down


class Down:
    """A store that is out of reach."""

    async def run(self, work: object) -> Any:
        raise StateUnavailable("the state store cannot be used (test)")

    async def close(self) -> None:
        return None


def test_a_store_that_is_down_decides_nothing(console: Console, lea: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hold_id = fresh()
    console.ask(id=hold_id)
    with monkeypatch.context() as patched:
        patched.setattr(console.approvals, "_store", Down())
        for said in (
            console.get("/api/approvals", lea),
            console.get(f"/api/approvals/{hold_id}", lea),
            console.post(f"/api/approvals/{hold_id}/answer", ANSWER, lea),
        ):
            assert (said.status, said.word) == (503, "unavailable")
            assert b"test" not in said.body
    assert console.run(console.approvals.find(hold_id)).status is Status.WAITING  # type: ignore[union-attr]


def test_a_console_without_approvals_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("early")) as console:
        console.server._desk = None
        assert console.get("/api/approvals", console.token("lea@x")).word == "unavailable"
        assert console.get("/healthz").status == 503


def test_a_client_that_hangs_up_in_the_middle(console: Console, lea: str) -> None:
    with socket.create_connection(("127.0.0.1", console.port)) as sock:
        sock.sendall(
            b"POST /api/approvals/x/answer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {lea}\r\nContent-Length: 500\r\n\r\n{{".encode()
        )
    assert console.get("/api/me", lea).status == 200


@pytest.mark.parametrize(
    "said", [b"", b"GET /api/me HTTP/1.1\r\n", b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\nGET /api"]
)
def test_whoever_says_little_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr("govproxy.console.patience.REQUEST_TIMEOUT_S", 0.2)
    with running(tmp_path) as console:
        feed = Feed(console, console.token("lea@x", "leads"))
        with socket.create_connection(("127.0.0.1", console.port), timeout=DEADLINE_S) as sock:
            sock.sendall(said)
            while sock.recv(65_536):
                pass  # ends, where the connection does
        # One that has asked stays.
        console.ask(id="slow-1")
        assert feed.next()[2]["id"] == "slow-1"
        feed.close()


def test_objects_with_hostile_names_stay_text(console: Console, lea: str) -> None:
    hold_id = fresh()
    evil = '<img src=x onerror="alert(1)">'
    console.ask(id=hold_id, sql=evil, subject=replace_objects(evil))
    said = console.get(f"/api/approvals/{hold_id}", lea)
    assert said.json["tables"][0]["name"] == evil
    assert said.headers["content-type"] == "application/json"


def replace_objects(name: str) -> Any:
    return replace(SUBJECT, objects=(Object(oid=1, name=name),))


# ------------------------------------------------------------------ for other machines


def test_with_tls(tmp_path: Path, document: dict[str, Any]) -> None:
    """Off loopback the figures ask for a token too, and browsers are told to stay with TLS."""
    with running(tmp_path, host="0.0.0.0", tls=True) as console:
        lea = console.token("lea@x", "leads")
        said = console.get("/api/me", lea)
        assert said.json["user"] == "lea@x"
        assert "max-age=" in said.headers["strict-transport-security"]
        refused = console.get("/metrics")
        assert (refused.status, refused.word) == (401, "unauthenticated")
        fits(document, "/metrics", "get", 401, refused.json)
        assert console.get("/metrics", lea).status == 200
        assert console.get("/healthz").status == 503  # no workers here, and no token needed to hear so
        with socket.create_connection(("127.0.0.1", console.port), timeout=DEADLINE_S) as sock:
            sock.sendall(b"GET /api/me HTTP/1.1\r\nHost: x\r\n\r\n")
            assert not sock.recv(100).startswith(b"HTTP/1.1 2")


def test_a_certificate_that_does_not_fit_its_key(tmp_path: Path) -> None:
    with running(tmp_path, tls=True) as console:
        (tmp_path / "console.key").write_bytes(generate_signing_key())
        fresh_server = ConsoleServer(
            console.settings,
            Workers(),
            looks=console.reviewer,
            webhooks=console.webhooks,
            public_key=console.key.public,
        )
        with pytest.raises(ConfigError, match="cannot be used together"):
            console.run(fresh_server.start())
