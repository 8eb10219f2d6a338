"""Where attacks are run: the proxy before the sample database, with a relay between them that listens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tests.support import proxy as proxies
from tests.support.ledger import LedgerTail
from tests.support.proxy import Databases, Proxy
from tests.support.raw_session import RawSession, query
from tests.support.relay import Leg, RecordingRelay

# Who asks: user, groups, agent. ``role`` is taken in the database for everybody here.
PEOPLE: dict[str, tuple[str, tuple[str, ...], str | None]] = {
    "analyst": ("ana@shop.example", ("analysts",), None),
    "agent": ("ana@shop.example", ("analysts",), "helper"),
    "engineer": ("eve@shop.example", ("engineering",), None),
    "engineer-agent": ("eve@shop.example", ("engineering",), "helper"),
    "dba": ("dora@shop.example", ("dba",), None),
}
ROLES = {"analysts": "shop_rw", "engineering": "shop_rw", "dba": "shop_owner"}
POLICY = proxies.POLICY.replace(
    "rules:\n",
    "rules:\n"
    "  - {name: engineers-change-structure, who: {groups: [engineering]}, does: [create, alter], effect: allow}\n"
    "  - {name: agents-log, who: {agents: true}, does: [insert], on: {tables: [public.attack_log]}, effect: allow,"
    " overrides: [agents-ask-before-writing]}\n",
)
PROBE = query("SELECT 1")
# What it makes of what it reads cannot be followed: a cursor is opened.
ASIDE = """
CREATE FUNCTION asked_aside(pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE c CURSOR FOR SELECT 1 / count(*) FROM customers WHERE email LIKE pattern; n int;
BEGIN OPEN c; FETCH c INTO n; CLOSE c; RETURN n; END $$;
"""


@dataclass(slots=True)
class Seat:
    """One session, and the connection of the proxy that serves it."""

    session: RawSession
    leg: Leg
    mark: int = 0

    def received(self) -> bytes:
        """What the database got from this session since the last time it was asked.

        Runs a statement to know that everything before it has arrived; so it also asserts that
        the session is in step and outside a transaction.
        """
        answer = self.session.ask(PROBE)
        assert answer.rows == [[b"1"]], answer
        assert answer.status == b"I"
        assert self.leg.received.endswith(PROBE)
        found = bytes(self.leg.received[self.mark : -len(PROBE)])
        self.mark = len(self.leg.received)
        return found


@dataclass(slots=True)
class Arena:
    """The proxy, the relay and the sessions that are open. A subclass may have others in its place."""

    people: ClassVar[Mapping[str, tuple[str, tuple[str, ...], str | None]]] = PEOPLE
    database: ClassVar[str] = "shop"

    proxy: Proxy
    relay: RecordingRelay
    ledger: LedgerTail
    seats: dict[str, Seat] = field(default_factory=dict)
    _count: int = 0

    def new_seat(self, who: str, **settings: str) -> Seat:
        """A session of its own; whoever asks closes it."""
        session = RawSession(
            self.proxy.port,
            self.people[who][0],
            self.proxy.token(*self.people[who]),
            self.database,
            client_encoding="UTF8",
            **settings,
        )
        self._count += 1
        marker = query(f"SELECT 'seat {self._count}'")
        session.ask(marker)
        leg = self.relay.leg_with(marker)
        return Seat(session, leg, mark=len(leg.received))

    def seat(self, who: str) -> Seat:
        """The session of that person that all cases share."""
        if who not in self.seats:
            self.seats[who] = self.new_seat(who)
        return self.seats[who]


@contextmanager
def open_arena(databases: Databases, folder: Path) -> Iterator[Arena]:
    """Make the table that pipelines write to, start relay and proxy; undo all of it."""
    with ExitStack() as stack:
        with databases.direct("shop") as direct:
            direct.execute("CREATE TABLE attack_log (id integer PRIMARY KEY, note text)")
            direct.execute("GRANT ALL ON attack_log TO shop_rw, govproxy_login")
            direct.execute(ASIDE)
        stack.callback(_drop_log, databases)
        relay = stack.enter_context(RecordingRelay((databases.postgres.host, databases.postgres.port)))
        proxy = proxies.start(databases, folder, policy=POLICY, roles=ROLES, upstream_port=relay.port)
        stack.callback(proxy.stop)
        arena = Arena(proxy, relay, LedgerTail(folder / "audit"))
        yield arena
        for seat in arena.seats.values():
            seat.session.socket.close()


def _drop_log(databases: Databases) -> None:
    with databases.direct("shop") as direct:
        direct.execute("DROP TABLE attack_log; DROP FUNCTION asked_aside")
