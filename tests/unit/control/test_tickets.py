"""A service that knows tickets: signed both ways; down, slow, forged and unsure are all no."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import orjson
import pytest

from govproxy.config.secrets import Secret
from govproxy.config.settings import TicketService
from govproxy.control.tickets import SIGNATURE, TIMESTAMP, Tickets, signed
from tests.support.waiting import DEADLINE_S
from tests.unit.approvals.building import BOT, hold
from tests.unit.approvals.test_automatic import NATURE

KEY = "a-shared-secret-of-some-length"
HOLD = hold(BOT, nature=NATURE)
Headers = dict[str, str]
Answer = Callable[[Headers, bytes], Awaitable[bytes]]


def http(body: bytes, signature: str = "", status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{SIGNATURE}: {signature}\r\n{more}\r\n"
    return head.encode() + body


def said(headers: Headers, value: object, *, key: str = KEY) -> bytes:
    body = orjson.dumps(value)
    return http(body, signed(key.encode(), headers[SIGNATURE].encode(), body))


def confirmed(answer: Answer, *, timeout_s: float = DEADLINE_S) -> tuple[str | None, list[tuple[Headers, bytes]]]:
    """What comes of asking a service that answers so, and what it was asked."""
    asked: list[tuple[Headers, bytes]] = []

    served: list[tuple[asyncio.Task[None], asyncio.StreamWriter]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        asked.append((headers, body))
        writer.write(await answer(headers, body))
        await writer.drain()
        writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append((asyncio.create_task(serve(reader, writer)), writer))

    async def run() -> str | None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        service = TicketService(
            name="jira", url=Secret(f"http://127.0.0.1:{port}/check"), secret=Secret(KEY), timeout_s=timeout_s
        )
        tickets = Tickets(service, clock=lambda: 1_000.0)
        try:
            return await tickets.confirm("t", "OPS-1", HOLD)
        finally:
            await tickets.close()
            # Who asked may have given up before anybody took the connection, or even before there was one.
            for _ in range(1_000):
                if served:
                    break
                await asyncio.sleep(0.001)
            server.close()
            for task, writer in served:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    return asyncio.run(run()), asked


def test_yes_and_what_was_asked() -> None:
    async def yes(headers: Headers, body: bytes) -> bytes:
        return said(headers, {"valid": True, "ticket": "OPS-1"})

    found, ((headers, body),) = confirmed(yes)
    assert found == "jira"
    question = orjson.loads(body)
    assert (question["ticket"], question["hold"], question["requester"]["agent"]) == ("OPS-1", "h1", "report-bot")
    assert headers[SIGNATURE] == signed(KEY.encode(), headers[TIMESTAMP].encode(), body)
    assert "sql" not in question


@pytest.mark.parametrize(
    "value",
    [
        {"valid": False, "ticket": "OPS-1"},
        {"valid": "true", "ticket": "OPS-1"},
        {"valid": 1, "ticket": "OPS-1"},
        {"valid": True, "ticket": "OPS-2"},
        {"valid": True},
        [True],
        True,
    ],
)
def test_anything_but_a_plain_yes_is_no(value: object) -> None:
    async def unsure(headers: Headers, body: bytes) -> bytes:
        return said(headers, value)

    assert confirmed(unsure)[0] is None


def test_forged_and_replayed() -> None:
    yes = {"valid": True, "ticket": "OPS-1"}

    async def by_another_key(headers: Headers, body: bytes) -> bytes:
        return said(headers, yes, key="another-secret-of-some-length")

    async def unsigned(headers: Headers, body: bytes) -> bytes:
        return http(orjson.dumps(yes))

    async def of_an_earlier_question(headers: Headers, body: bytes) -> bytes:
        return said({SIGNATURE: "0" * 64}, yes)

    async def redirected(headers: Headers, body: bytes) -> bytes:
        return http(b"", status="307 Temporary Redirect", more="location: http://127.0.0.1:1/\r\n")

    async def error(headers: Headers, body: bytes) -> bytes:
        return said(headers, yes).replace(b"200 OK", b"500 No")

    async def endless(headers: Headers, body: bytes) -> bytes:
        return said(headers, {**yes, "more": "x" * 100_000})

    async def no_http(headers: Headers, body: bytes) -> bytes:
        return b"yes\r\n\r\n"

    for answer in (by_another_key, unsigned, of_an_earlier_question, redirected, error, endless, no_http):
        assert confirmed(answer)[0] is None, answer.__name__


def test_slow() -> None:
    async def slow(headers: Headers, body: bytes) -> bytes:
        await asyncio.sleep(10)
        return b""

    assert confirmed(slow, timeout_s=0.1)[0] is None


def test_down() -> None:
    async def run() -> str | None:
        service = TicketService(name="jira", url=Secret("http://127.0.0.1:1/"), secret=Secret(KEY), timeout_s=1.0)
        tickets = Tickets(service)
        try:
            return await tickets.confirm("t", "OPS-1", HOLD)
        finally:
            await tickets.close()

    assert asyncio.run(run()) is None
