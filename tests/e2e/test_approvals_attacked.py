"""Deciding as somebody would who wants more than their one vote: over HTTP, with everything that is valid by itself."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from govproxy.approvals.values import Status
from govproxy.console.callbacks import BEYOND_S
from govproxy.console.signing import WINDOW_S
from govproxy.control.state import facts, once
from tests.support.console import Console, Said, running
from tests.unit.approvals.building import ANA, BOT, SUBJECT

SECRET = "c" * 32
CALLBACKS = """\
approvals:
  callbacks:
    - name: bot
      secret: {file: secret}
      people: {lea: {user: lea@x, groups: [leads]}, ana: {user: ana@x, groups: [leads]}}
"""
DELEGATED = {"delegates": frozenset({"group:ops"}), "delegate_after_s": 0.0}

number = iter(range(1_000_000))


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "secret").write_text(SECRET)
    with running(folder, CALLBACKS) as made:
        yield made


def asked(console: Console, **changes: Any) -> str:
    hold_id = f"a-{next(number)}"
    console.ask(id=hold_id, **changes)
    return hold_id


def answer(console: Console, hold_id: str, token: str, word: str = "approve") -> Said:
    return console.post(f"/api/approvals/{hold_id}/answer", {"answer": word, "reason": "so I say"}, token)


def by_callback(console: Console, hold_id: str, by: str = "lea", *, at: float | None = None, nonce: str = "") -> Said:
    said = {"hold": hold_id, "answer": "approve", "reason": "x", "by": by, "nonce": nonce or secrets.token_hex(16)}
    body, timestamp = json.dumps(said).encode(), str(int(time.time() if at is None else at))
    signed = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {
        "Govproxy-Timestamp": timestamp,
        "Govproxy-Signature": f"v1={signed}",
        "Content-Type": "application/json",
    }
    return console.send("POST", "/api/callbacks/bot", body, token=None, headers=headers)


def status(console: Console, hold_id: str) -> Status:
    found = console.run(console.approvals.find(hold_id))
    assert found is not None
    return found.status


# ------------------------------------------------------------------ more than one vote


def test_one_person_is_one_vote_by_whatever_token(console: Console) -> None:
    """Another token, another group, another spelling, as a delegate, and through a callback."""
    hold_id = asked(console, quorum=2, **DELEGATED)
    assert answer(console, hold_id, console.token("lea@x", "leads")).json["approvals"] == 1
    for token in (
        console.token("lea@x", "leads"),
        console.token("lea@x", "ops"),
        console.token("lea@x", "leads", "ops"),
        console.token("LEA@X", "leads"),
        console.token("Lea@x", "ops"),
    ):
        assert answer(console, hold_id, token).word == "answered"
        assert answer(console, hold_id, token, "refuse").word == "answered"
    assert by_callback(console, hold_id).word == "answered"
    assert status(console, hold_id) is Status.WAITING
    assert answer(console, hold_id, console.token("leo@x", "leads")).json["status"] == "approved"


def test_one_person_many_times_at_once_is_one_vote(console: Console) -> None:
    hold_id = asked(console, quorum=2, **DELEGATED)
    tokens = [console.token("lea@x", group, "staff") for group in ("leads", "ops") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda token: answer(console, hold_id, token), tokens))
    assert sorted(one.status for one in said) == [200] + [409] * (len(tokens) - 1)
    assert status(console, hold_id) is Status.WAITING


def test_the_callback_first_and_the_token_after_it_is_one_vote(console: Console) -> None:
    hold_id = asked(console, quorum=2)
    assert by_callback(console, hold_id).status == 200
    assert answer(console, hold_id, console.token("lea@x", "leads")).word == "answered"
    assert status(console, hold_id) is Status.WAITING


@pytest.mark.parametrize("requester", [ANA, BOT], ids=["herself", "her agent"])
def test_who_asks_has_no_vote_in_any_role(console: Console, requester: Any) -> None:
    hold_id = asked(console, requester=requester, **DELEGATED)
    for groups in (("leads",), ("ops",), ("leads", "ops")):
        for user in ("ana@x", "ANA@x"):
            assert answer(console, hold_id, console.token(user, *groups)).word in ("own_request", "own_agent")
        # An agent of hers, and one of somebody who could.
        assert answer(console, hold_id, console.token("ana@x", *groups, agent="another-bot")).word in (
            "agent",
            "not_found",
        )
    assert answer(console, hold_id, console.token("lea@x", "leads", agent="report-bot")).word in ("agent", "not_found")
    assert by_callback(console, hold_id, "ana").word in ("own_request", "own_agent")
    assert status(console, hold_id) is Status.WAITING


# ------------------------------------------------------------------ too early, too late, again


def test_delegates_decide_neither_before_their_time_nor_for_a_quorum_alone(console: Console) -> None:
    later = asked(console, delegates=frozenset({"group:ops"}), delegate_after_s=3_600.0)
    olga = console.token("olga@x", "ops")
    assert answer(console, later, olga).word == "not_yet"
    # Being called an approver does not help: groups are those of the token.
    assert answer(console, later, console.token("olga@x", "ops", "group:leads")).word == "not_yet"
    assert answer(console, later, console.token("user:lea@x", "ops")).word == "not_yet"
    assert status(console, later) is Status.WAITING
    two = asked(console, quorum=2, **DELEGATED)
    assert answer(console, two, olga).json["status"] == "waiting"
    assert answer(console, two, olga).word == "answered"
    assert status(console, two) is Status.WAITING


def test_what_is_decided_stays_so_whoever_says_what(console: Console) -> None:
    leo = console.token("leo@x", "leads")
    for first, second in (("approve", "refuse"), ("refuse", "approve")):
        hold_id = asked(console)
        done = answer(console, hold_id, console.token("lea@x", "leads"), first).json["status"]
        capsule = console.run(console.approvals.capsule(hold_id))
        for word in (second, first):
            assert answer(console, hold_id, leo, word).word == "decided"
            assert by_callback(console, hold_id).word == "decided"
        assert status(console, hold_id).value == done
        assert console.run(console.approvals.capsule(hold_id)) == capsule


def test_a_refusal_ends_a_quorum_for_good(console: Console) -> None:
    hold_id = asked(console, quorum=3)
    people = [console.token(f"{name}@x", "leads") for name in ("lea", "leo", "lia", "lou")]
    assert answer(console, hold_id, people[0]).json["status"] == "waiting"
    assert answer(console, hold_id, people[1], "refuse").json["status"] == "refused"
    for token in people[2:]:
        assert answer(console, hold_id, token).word == "decided"
    assert status(console, hold_id) is Status.REFUSED


def test_after_its_time_nobody_approves(console: Console) -> None:
    """Neither by the page nor by a callback; a token from the future does not make it earlier."""
    now = time.time()
    hold_id = asked(console, asked=now - 60, deadline=now - 0.5)
    for token in (console.token("lea@x", "leads"), console.token("leo@x", "leads", now=now + 20, ttl_s=60)):
        assert answer(console, hold_id, token).status in (401, 409)
    assert by_callback(console, hold_id, at=now - 30).word in ("too_late", "decided")
    assert status(console, hold_id) in (Status.WAITING, Status.TIMED_OUT)
    assert console.run(console.approvals.capsule(hold_id)) is None


def test_a_person_whose_groups_have_changed_counts_as_what_they_are_now(console: Console) -> None:
    """The token says it: who left the group decides nothing new, and what they said before stays said."""
    hold_id = asked(console, quorum=2)
    assert answer(console, hold_id, console.token("lea@x", "leads")).json["status"] == "waiting"
    left = console.token("leo@x", "staff")
    assert answer(console, hold_id, left).status == 404
    joined = console.token("leo@x", "staff", "leads")
    assert answer(console, hold_id, joined).json["status"] == "approved"
    capsule = console.run(console.approvals.capsule(hold_id))
    assert capsule is not None
    assert [vote["by"]["groups"] for vote in capsule.fields["votes"]] == [["leads"], ["leads", "staff"]]


def test_what_reviewers_saw_stays_and_stays_theirs(console: Console) -> None:
    """Who asked learns nothing of the rows by asking again once it is decided; nor do agents and strangers."""
    hold_id = asked(console, **DELEGATED)
    found = {"risk": "risk 9 of 100", "actual_rows": 3, "sample": {"columns": ["email"], "rows": [["m***@x"]]}}
    assert console.run(console.store.run(facts.keep(hold_id, found)))
    lea, path = console.token("lea@x", "leads"), f"/api/approvals/{hold_id}"
    assert console.get(path, lea).json["facts"] == found
    assert answer(console, hold_id, lea).json["status"] == "approved"
    for reviewer in (lea, console.token("leo@x", "leads"), console.token("olga@x", "ops")):
        shown = console.get(path, reviewer).json
        assert shown["facts"] == found
    canonical = json.dumps(found, sort_keys=True, separators=(",", ":")).encode()
    assert shown["votes"][0]["seen"] == hashlib.sha256(canonical).hexdigest()
    for groups in (("analysts",), ("leads",)):
        assert console.get(path, console.token("ana@x", *groups)).json["facts"] == {}
    for other in (console.token("lea@x", "leads", agent="bot"), console.token("otto@x", "staff")):
        assert console.get(path, other).status == 404
    # Nobody can put other facts under it afterwards.
    assert not console.run(console.store.run(facts.keep(hold_id, found | {"actual_rows": 9})))


def test_a_rehearsal_asked_for_is_what_all_see_until_somebody_answers(console: Console) -> None:
    def keep(form: dict[str, Any]) -> bool:
        return console.run(console.store.run(facts.keep(hold_id, form)))

    hold_id = asked(console, quorum=2)
    lea, path = console.token("lea@x", "leads"), f"/api/approvals/{hold_id}"
    plain = {"actual_rows": 3, "rehearsal": None}
    failed, stands = (
        {**plain, "rehearsal": {"failed": code, "until": until}} for code, until in (("23505", 0), ("", 9))
    )
    for form, kept, seen in (
        (plain, True, plain),
        ({**plain, "actual_rows": 9}, False, plain),
        (failed, True, failed),
        (stands, True, stands),
        (failed, False, stands),
        ({**stands, "actual_rows": 9}, False, stands),
    ):
        assert keep(form) is kept
        assert console.get(path, lea).json["facts"] == seen
    hold_id = asked(console, quorum=2)
    assert keep(plain)
    assert answer(console, hold_id, lea).json["status"] == "waiting"
    # What Lea has seen stays what she has seen.
    assert not keep(stands)
    assert console.get(f"/api/approvals/{hold_id}", lea).json["facts"] == plain


# ------------------------------------------------------------------ replays


def test_a_callback_is_not_taken_again_once_its_nonce_is_forgotten(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an instance whose clock is behind, after one whose clock is right has cleared away what is over."""
    first, second = asked(console, quorum=2), asked(console)
    at, nonce = time.time(), secrets.token_hex(16)
    assert by_callback(console, first, at=at, nonce=nonce).status == 200
    assert by_callback(console, second, at=at, nonce=nonce).word == "replayed"

    async def cleared(now: float) -> None:
        await console.store.run(once.take(f"sweeps {now}", now, now + 1))

    # As long as the signature could be good for anybody whose clock is less than an hour off, it is remembered.
    console.run(cleared(at + WINDOW_S + BEYOND_S - 10))
    assert by_callback(console, second, at=at, nonce=nonce).word == "replayed"
    # After that the signature is old for everybody who is less wrong than that.
    console.run(cleared(at + WINDOW_S + BEYOND_S + 10))
    assert by_callback(console, second, at=time.time() - WINDOW_S - 30, nonce=nonce).word == "stale"
    assert status(console, second) is Status.WAITING


def test_a_callback_for_one_request_says_nothing_of_another(console: Console) -> None:
    """The same nonce with another request, and the same request with another signature's time."""
    first, second = asked(console), asked(console)
    nonce = secrets.token_hex(16)
    assert by_callback(console, first, nonce=nonce).status == 200
    assert by_callback(console, second, nonce=nonce).word == "replayed"
    assert by_callback(console, second, at=time.time() - 5, nonce=nonce).word == "replayed"
    assert status(console, second) is Status.WAITING


def test_an_answer_that_somebody_kept_does_nothing_for_the_same_statement_asked_again(console: Console) -> None:
    """One use is one use; what is asked anew has another id, and nobody has said anything to it."""
    subject = replace(SUBJECT, digest=secrets.token_hex(32))
    first = asked(console, subject=subject)
    token = console.token("lea@x", "leads")
    assert answer(console, first, token).json["status"] == "approved"
    assert console.run(console.approvals.use(first))
    assert not console.run(console.approvals.use(first))
    second = asked(console, subject=subject)
    assert status(console, second) is Status.WAITING
    assert answer(console, first, token).word == "decided"
    assert console.run(console.approvals.capsule(second)) is None
