"""Rules that count, on a real database: the first pass, the rest does not, whatever it is sent as."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from govproxy.wire.errors import decode_detail
from tests.support import proxy as proxies
from tests.support.proxy import Databases, Proxy
from tests.support.raw_session import SYNC, RawSession, bind, execute, extended, parse, query

POLICY = """\
extends: production
rules:
  - name: dba-may
    who: {groups: [dba]}
    does: [create, drop, truncate]
    effect: allow
    overrides: [no-drop-in-production, no-truncate]
  - {name: not-after-three, who: {users: [nosy]}, does: [read], when: session.denials >= 3, effect: deny}
  - {name: planted, does: [any], when: '"public.api_keys.api_key" in statement.columns', effect: deny,
     end_session: true}
  - {name: few-drops, does: [drop], when: "!effect.temporary", burst: {more_than: 3, within: 10m}, effect: deny}
loop_breaker: {repeats: 2, within: 10m, end_session_after: 4, who: {agents: true}}
freezes:
  - {name: always, during: {from: "2020-01-01T00:00", until: "2099-01-01T00:00"}, does: [truncate]}
"""
ROLES = {"dba": "shop_owner"}


@pytest.fixture(scope="module")
def counting(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    proxy = proxies.start(databases, tmp_path_factory.mktemp("counting"), policy=POLICY, roles=ROLES, workers=1)
    yield proxy
    proxy.stop()


Connect = Callable[..., RawSession]


@pytest.fixture
def connect(counting: Proxy) -> Iterator[Connect]:
    """Sessions of a user, or of an agent for it; closed at the end."""
    opened: list[RawSession] = []

    def session(user: str, agent: str | None = None) -> RawSession:
        token = counting.token(user, ("dba",), agent)
        opened.append(RawSession(counting.port, user, token, "shop", client_encoding="UTF8"))
        return opened[-1]

    yield session
    for one in opened:
        one.socket.close()


def said(answer: object) -> tuple[str, str]:
    (error,) = answer.errors  # type: ignore[attr-defined]
    return error["C"], decode_detail(error["D"])["reason"]


def test_drops_one_by_one(connect: Connect) -> None:
    user = "one@shop.example"
    first = connect(user)
    for number in range(3):
        assert not first.query(f"DROP TABLE IF EXISTS nothing_{number}").errors
    assert said(first.query("DROP TABLE IF EXISTS nothing_3")) == ("42501", "burst")
    first.socket.close()
    again = connect(user)  # a new connection does not begin anew
    assert said(again.query("DROP TABLE IF EXISTS nothing_4")) == ("42501", "burst")
    assert said(again.ask(extended("DROP TABLE IF EXISTS nothing_5") + SYNC)) == ("42501", "burst")
    assert not again.query("CREATE TEMP TABLE mine (id int)").errors
    assert not again.query("DROP TABLE pg_temp.mine").errors
    other = connect("other@shop.example")
    assert not other.query("DROP TABLE IF EXISTS nothing_6").errors


def test_drops_in_one_message(connect: Connect) -> None:
    talk = connect("two@shop.example")
    many = "; ".join(f"DROP TABLE IF EXISTS nothing_{number}" for number in range(4))
    assert said(talk.query(many)) == ("42501", "burst")
    names = ", ".join(f"nothing_{number}" for number in range(4))
    assert said(talk.query(f"DROP TABLE IF EXISTS {names}")) == ("42501", "burst")
    assert not talk.query(many.rpartition(";")[0]).errors
    assert said(talk.query("DROP TABLE IF EXISTS nothing_9")) == ("42501", "burst")


def test_drops_that_are_bound_before_the_first_runs(connect: Connect) -> None:
    talk = connect("three@shop.example")
    bound = b"".join(
        parse(f"DROP TABLE IF EXISTS nothing_{number}".encode(), f"s{number}".encode())
        + bind(f"p{number}".encode(), f"s{number}".encode())
        for number in range(5)
    )
    run = b"".join(execute(f"p{number}".encode()) for number in range(5))
    answer = talk.ask(bound + run + SYNC)
    assert answer.kinds.count("C") == 3
    assert [error["C"] for error in answer.errors] == ["34000"]


def test_an_agent_that_repeats_itself_is_stopped(counting: Proxy, connect: Connect) -> None:
    user = "four@shop.example"
    talk = connect(user, "helper")
    reasons = [said(talk.query(f"DELETE FROM orders -- {number}"))[1] for number in range(3)]
    assert reasons == ["denied-by-rule", "denied-by-rule", "repeated"]
    assert said(talk.query("UPDATE orders SET total = 0"))[1] == "denied-by-rule"
    talk.send(query("DELETE FROM orders"))
    ended = talk.fatal()
    assert (ended["S"], ended["C"]) == ("FATAL", "42501")
    assert decode_detail(ended["D"])["reason"] == "repeated"
    assert "Stop and ask" in ended["H"]
    events = [event for event in counting.events() if event.get("user") == user]
    denied = [event for event in events if event["event"] == "statement" and event["decision"] == "deny"]
    assert len(denied) == 5
    human = connect(user)
    assert [said(human.query("DELETE FROM orders"))[1] for _ in range(4)] == ["denied-by-rule"] * 4


@pytest.mark.parametrize(
    "text",
    [
        "SELECT api_key FROM api_keys",
        'SELECT * FROM public."api_keys"',
        "SELECT k FROM api_keys k",
        "WITH x AS (TABLE api_keys) SELECT count(*) FROM x WHERE api_key = 'a'",
        "EXPLAIN SELECT api_key FROM api_keys",
    ],
)
def test_who_touches_what_was_planted_is_put_out(counting: Proxy, connect: Connect, text: str) -> None:
    for whole in (query(text), query(text), extended(text) + SYNC, extended(text, formats=[1]) + SYNC):
        talk = connect("curious@shop.example")
        assert not talk.query("SELECT id, owner FROM api_keys ORDER BY id LIMIT 1").errors
        talk.send(whole)
        ended = talk.fatal()
        assert (ended["S"], ended["C"]) == ("FATAL", "42501")
        assert decode_detail(ended["D"])["rule"] == "planted"
    events = counting.events()
    denied = [event for event in events if event["event"] == "statement" and "planted" in event["rules"]]
    assert {event["decision"] for event in denied} == {"deny"}


def test_a_freeze_is_told_as_one(connect: Connect) -> None:
    talk = connect("five@shop.example")
    for _ in range(2):
        answer = talk.query("TRUNCATE orders")
        assert said(answer) == ("42501", "freeze")
        assert answer.errors[0]["H"].startswith("It ends 2099-01-01 00:00 UTC.")
        assert decode_detail(answer.errors[0]["D"])["rule"] == "always"


def test_denials_of_a_session_count_against_it(connect: Connect) -> None:
    read = "SELECT id FROM products LIMIT 1"
    nosy = connect("nosy")
    for _ in range(3):
        assert not nosy.query(read).errors
        assert said(nosy.query("DELETE FROM orders")) == ("42501", "denied-by-rule")
    for message in (query(read), extended(read) + SYNC):
        (error,) = nosy.ask(message).errors
        assert decode_detail(error["D"])["rule"] == "not-after-three"
    assert not connect("nosy").query(read).errors
