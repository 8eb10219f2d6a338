"""Attacks as attackers write them: ``data/attacks.txt``, before a real database, for people and for agents.

Each is refused before the database hears of it, with a cold and a warm cache, by both protocols, in text and
binary, whole and in pieces, and its refusal is worth reading: the rule, the object, what would pass, whom to ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

import pytest
from ruamel.yaml import YAML

from govproxy.wire.errors import decode_detail
from tests.security.arena import PROBE, Arena, Seat
from tests.security.cases import DATA, text_of
from tests.support.raw_session import SYNC, Answer, extended, query


def _lines() -> list[tuple[str, bytes]]:
    found = []
    for line in (DATA / "attacks.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            rule, text = line.split(maxsplit=1)
            found.append((rule, text_of(text)))
    return found


CASES = _lines()


@pytest.fixture(params=["analyst", "agent"])
def seat(request: pytest.FixtureRequest, arena: Arena) -> Iterator[Seat]:
    seat = arena.seat(request.param)
    try:
        yield seat
    except BaseException:
        arena.seats.pop(request.param).session.socket.close()
        raise


@pytest.mark.parametrize(
    ("rule", "text"), CASES, ids=[text[:80].decode("ascii", "backslashreplace") for _, text in CASES]
)
def test_is_refused(rule: str, text: bytes, seat: Seat, arena: Arena) -> None:
    mark = len(seat.leg.received)
    is_agent = arena.seats.get("agent") is seat
    for whole in (query(text), query(text), extended(text) + SYNC, extended(text, formats=[1]) + SYNC):
        for answer in (
            seat.session.ask(whole),
            seat.session.in_pieces(whole, range(1, len(whole), max(1, len(whole) // 3))),
        ):
            _is_worth_reading(answer, rule, arena, is_agent=is_agent)
    assert seat.session.ask(PROBE).rows == [[b"1"]]
    assert bytes(seat.leg.received[mark:]) == PROBE


def _is_worth_reading(answer: Answer, rule: str, arena: Arena, *, is_agent: bool) -> None:
    assert answer.kinds == "EZ", answer
    (error,) = answer.errors
    said = decode_detail(error["D"])
    reason = said.get("because", said["reason"])
    assert error["C"] == ("42601" if rule == "unreadable-statement" else "42501"), error
    assert said["request_id"].startswith("w")
    assert said["retry"] in ("no", "changed", "later")
    assert len(error["H"].split()) > 5, error["H"]
    statement = arena.ledger.event("statement", said["request_id"])
    assert statement is not None
    assert statement["decision"] == "deny"
    if not is_agent:
        assert rule in statement["rules"], statement["rules"]
    if reason in ("denied-by-rule", "no-rule-allows"):
        assert said["rule"] in statement["rules"]
        assert said["rule"] in error["M"]
        assert said["action"]


def test_every_rule_of_the_pack_that_refuses_has_cases() -> None:
    pack = YAML(typ="safe").load(resources.files("govproxy.policy.packs").joinpath("production.yaml").read_text())
    denies = {rule["name"] for rule in pack["rules"] if rule["effect"] == "deny"}
    of_agents = {rule["name"] for rule in pack["rules"] if rule.get("who") == {"agents": True}}
    # Functions of somebody's own need a schema that has some.
    elsewhere = {line.split()[0] for line in (DATA / "guardrails_denied.txt").read_text().splitlines() if line.strip()}
    assert denies - of_agents - {"no-burst-of-drops"} <= {rule for rule, _ in CASES} | elsewhere


def test_every_line_is_a_case() -> None:
    assert len(CASES) > 250
    assert len({text for _, text in CASES}) == len(CASES)
