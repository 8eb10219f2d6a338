"""A hundred held statements at once, decided, cancelled and left at random, with a restart in the middle.

However it goes, each statement has run exactly as often as the ledger says that an approval was used for it,
never without one, and never more than once.
"""

from __future__ import annotations

import os
import random
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from govproxy.demo.proxy import ProxyProcess
from tests.security.holding import ANA, LEA, Aside, Desk, policy
from tests.support.proxy import DBA, Databases, Proxy
from tests.support.waiting import until

HOLDS = 100
FATES = ("approve", "refuse", "cancel", "leave", "race")


@pytest.fixture
def table(databases: Databases) -> Iterator[str]:
    with databases.direct() as direct:
        direct.execute("DROP TABLE IF EXISTS chaos, ran; CREATE TABLE chaos (n int); CREATE TABLE ran (n int)")
        direct.execute("INSERT INTO chaos SELECT generate_series(0, 999)")
        # Every run leaves a row, whatever it deleted.
        direct.execute(
            "CREATE OR REPLACE FUNCTION note_run() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN INSERT INTO ran VALUES (OLD.n); RETURN NULL; END';"
            "CREATE TRIGGER notes AFTER DELETE ON chaos FOR EACH ROW EXECUTE FUNCTION note_run()"
        )
        yield "chaos"
        direct.execute("DROP TABLE chaos, ran; DROP FUNCTION note_run()")


class Player:
    """One client with one statement, and what is to become of it."""

    def __init__(self, proxy: Proxy, number: int, fate: str) -> None:
        self.number, self.fate = number, fate
        self.connection = proxy.connect(*ANA)
        self.aside = Aside(self._run)

    def _run(self) -> str:
        try:
            self.connection.execute(f"DELETE FROM chaos WHERE n = {self.number} AND 7 = 7".encode())
        except psycopg.Error as error:
            return error.sqlstate or "lost"
        return "ran"

    @property
    def result(self) -> str:
        """What became of it, once that is known; the connection is closed then."""
        found = str(self.aside.result)
        self.connection.close()
        return found

    def leave(self) -> None:
        """Go without a word: the socket is closed under the driver."""
        with socket.socket(fileno=os.dup(self.connection.fileno())) as twin:
            twin.shutdown(socket.SHUT_RDWR)


def play(proxy: Proxy, desk: Desk, first: int, count: int, chance: random.Random) -> list[Player]:
    players = [Player(proxy, first + n, chance.choice(FATES)) for n in range(count)]
    waiting = until(lambda: found if len(found := _waiting(desk, first, count)) == count else None)
    chance.shuffle(players)
    for player in players:
        approval = waiting[player.number]
        match player.fate:
            case "approve" | "refuse":
                desk.decide(approval, player.fate)
            case "cancel":
                player.connection.cancel_safe()
            case "leave":
                player.leave()
            case "race":
                racing = threading.Thread(target=player.connection.cancel)
                racing.start()
                desk.decide(approval)
                racing.join()
            case _:
                raise AssertionError(player.fate)
    return players


def _waiting(desk: Desk, first: int, count: int) -> dict[int, str]:
    found = {}
    for one in desk.requests("chaos", "waiting"):
        number = int(one["sql"].partition("n = ")[2].split()[0])
        if first <= number < first + count:
            found[number] = one["id"]
    return found


def restarted(proxy: Proxy) -> None:
    """The whole instance, on the same state and ledger."""
    proxy.process.stop()
    config = Path(proxy.folder / "govproxy.yaml")
    proxy.process = ProxyProcess(config, log_file=proxy.folder / "proxy.log", ready_dsn=proxy.dsn(*DBA))
    proxy.process.__enter__()


def test_everything_runs_exactly_as_often_as_it_was_approved(
    databases: Databases, start_proxy: Callable[..., Proxy], table: str
) -> None:
    seed = secrets.randbits(32)
    chance = random.Random(seed)
    proxy = start_proxy(policy=policy(), workers=2)
    desk = Desk(proxy)
    half = HOLDS // 2
    players = play(proxy, desk, 0, half, chance)
    left = [Player(proxy, half + n, "restart") for n in range(5)]
    until(lambda: len(_waiting(desk, half, 5)) == 5)
    restarted(proxy)
    players += play(proxy, desk, half + 5, half - 5, chance)
    results = {player.number: player.result for player in (*players, *left)}
    until(lambda: not desk.requests("chaos", "waiting"))

    with databases.direct() as direct:
        ran = [row[0] for row in direct.execute("SELECT n FROM ran")]
    statements = {event["id"]: event for event in proxy.events("statement")}
    used: list[int] = []
    for event in proxy.events("approval"):
        if event["status"] == "used":
            assert '"status":"approved"' in event["capsule"]
            used.append(int(desk_number(desk, event["approval"])))
            assert statements[event["id"]]["decision"] == "hold"
    why = f"seed {seed}: {results}"
    assert sorted(ran) == sorted(set(ran)), why
    assert set(ran) == set(used), why
    assert len(used) == len(set(used)), why
    for player in (*players, *left):
        match player.fate:
            case "approve":
                assert player.number in ran, why
                assert results[player.number] == "ran", why
            case "refuse":
                assert (player.number in ran, results[player.number]) == (False, "42501"), why
            case "cancel":
                assert (player.number in ran, results[player.number]) == (False, "57014"), why
            case "leave" | "restart":
                assert player.number not in ran, why
            case "race":
                assert results[player.number] in ("ran", "57014"), why


def desk_number(desk: Desk, approval: str) -> str:
    from govproxy.control.admin import ask

    shown: dict[str, Any] = ask(desk.settings, {"command": "approval", "id": approval})["approval"]
    return str(shown["sql"]).partition("n = ")[2].split()[0]


@pytest.mark.parametrize("engine", ["loop", "epoll", "uv"])
def test_every_engine_holds_and_notices_who_goes(
    databases: Databases, start_proxy: Callable[..., Proxy], table: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVPROXY_ENGINE", engine)
    proxy = start_proxy(policy=policy())
    desk = Desk(proxy)
    approved, gone, cancelled = (Player(proxy, 900 + n, "") for n in range(3))
    waiting = until(lambda: found if len(found := _waiting(desk, 900, 3)) == 3 else None)
    gone.leave()
    cancelled.connection.cancel_safe()
    desk.decide(waiting[900], who=LEA)
    assert approved.result == "ran"
    assert cancelled.result == "57014"
    assert gone.result not in ("ran", "42501")
    until(lambda: desk.status(waiting[901]) == "withdrawn")
    with databases.direct() as direct:
        assert direct.execute("SELECT n FROM ran").fetchall() == [(900,)]
