"""What must pass, passes unaltered: the cases stand in ``data/benign.txt``, which says how to read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import quote

import pytest

from govproxy.demo.sample import LOGIN_ROLE
from govproxy.wire.backend import Backend
from govproxy.wire.framing import Message
from tests.security.arena import PEOPLE, ROLES, Arena
from tests.security.cases import Benign, benign
from tests.support.raw_session import (
    SYNC,
    DirectSession,
    Talk,
    bind,
    close,
    describe,
    execute,
    parse,
    query,
)

EVERYBODY = "everybody"
CASES = [
    case if case.who != EVERYBODY else replace(case, who=who)
    for file in ("benign.txt", "benign_tools.txt", "benign_clients.txt")
    for case in benign(file)
    for who in (("analyst", "agent") if case.who == EVERYBODY else (case.who,))
]
VALUES = b" <- "


@pytest.fixture(scope="module")
def direct(arena: Arena) -> Iterator[dict[str, DirectSession]]:
    """For each person a session around the proxy, in the role the proxy takes for them."""
    sessions: dict[str, DirectSession] = {}
    databases = arena.proxy.databases
    for who, (user, groups, agent) in PEOPLE.items():
        dsn = databases.postgres.dsn("shop", user=LOGIN_ROLE, password=databases.login_password)
        name = f"govproxy:{user}" + (f" (agent {agent})" if agent else "")
        sessions[who] = DirectSession(f"{dsn}?client_encoding=UTF8&application_name={quote(name)}")
        sessions[who].query(f"SET ROLE {ROLES[groups[0]]}")
    yield sessions
    for session in sessions.values():
        session.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_passes_unaltered(case: Benign, arena: Arena, direct: dict[str, DirectSession]) -> None:
    session = arena.seat(case.who).session
    try:
        for form in ("simple", "text", "binary"):
            ours, theirs = _run(session, case, form), _run(direct[case.who], case, form)
            assert ours == theirs, form
            assert ours[-1][-1].body == b"I"
    except BaseException:
        arena.seats.pop(case.who).session.socket.close()
        raise


def test_every_line_of_the_file_is_a_case() -> None:
    assert len(CASES) > 450
    assert len({(case.who, case.steps) for case in CASES}) == len(CASES)


def _run(session: Talk, case: Benign, form: str) -> list[list[Message]]:
    steps: Sequence[bytes] = case.steps if case.alone else (b"BEGIN", *case.steps, b"ROLLBACK")
    heard = []
    for step in steps:
        text, *rest = step.split(VALUES)
        values = rest[0].split(b" | ") if rest else []
        if form == "simple" and not values:
            messages = session.ask(query(text)).messages
        else:
            formats = [1] if form == "binary" else []
            whole = parse(text, b"s") + describe(b"S", b"s") + bind(b"p", b"s", values, formats)
            whole += describe(b"P", b"p") + execute(b"p") + close(b"P", b"p") + close(b"S", b"s") + SYNC
            messages = session.ask(whole).messages
            if Backend.ERROR_RESPONSE in [message.kind for message in messages]:
                session.ask(close(b"P", b"p") + close(b"S", b"s") + SYNC)
        heard.append([_comparable(message, text) for message in messages])
    return heard


def _comparable(message: Message, text: bytes) -> Message:
    # A temporary table has another OID in each session, and so has a table made for the case.
    if message.kind == Backend.ROW_DESCRIPTION and (b"scratch" in text or b"x_new" in text):
        return Message(message.kind, message.body[:2])
    if message.kind == Backend.ERROR_RESPONSE:
        # Where in PostgreSQL's source it came from is left out of errors that had to be looked at.
        fields = [field for field in message.body.split(b"\0") if field[:1] not in (b"F", b"L", b"R")]
        return Message(message.kind, b"\0".join(fields))
    return message
