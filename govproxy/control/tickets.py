"""Asks a service whether a ticket is good for a held statement.

One POST of JSON, signed with a shared secret over time and body; the answer is signed with it as well,
over the question's signature and its own body, so that neither somebody in between nor an earlier answer can
say yes. Anything else (late, long, unsigned, not 200, not plainly yes) is no.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable

import httpx2
import orjson

from govproxy.approvals import forms
from govproxy.approvals.values import Hold
from govproxy.config.settings import TicketService
from govproxy.session.log import get_logger

SIGNATURE = "govproxy-signature"
TIMESTAMP = "govproxy-timestamp"
MAX_ANSWER_BYTES = 64 * 1024
MAX_AT_ONCE = 16

log = get_logger("govproxy.tickets")


class Tickets:
    """One configured service."""

    def __init__(self, service: TicketService, *, clock: Callable[[], float] = time.time) -> None:
        self._service = service
        self._clock = clock
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        # Security: no redirects, and no proxy or certificate store from the environment.
        self._client = httpx2.AsyncClient(
            timeout=service.timeout_s, follow_redirects=False, trust_env=False, limits=httpx2.Limits(max_connections=16)
        )

    async def confirm(self, rule: str, ticket: str, hold: Hold) -> str | None:
        """The name of the service where it knows the ticket for this statement, else None."""
        try:
            async with asyncio.timeout(self._service.timeout_s), self._slots:
                return self._service.name if await self._asked(rule, ticket, hold) else None
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            log.warning("a ticket could not be checked", approval=hold.id, rule=rule, error=type(error).__name__)
            return None

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()

    async def _asked(self, rule: str, ticket: str, hold: Hold) -> bool:
        nature = hold.nature
        body = orjson.dumps(
            {
                "ticket": ticket,
                "hold": hold.id,
                "nonce": secrets.token_hex(16),
                "rule": rule,
                "requester": forms.who(hold.requester),
                "database": hold.subject.database,
                "environment": hold.environment,
                "digest": hold.subject.digest,
                "actions": list(nature.actions) if nature else [],
                "tables": list(nature.tables) if nature else [],
            },
            option=orjson.OPT_SORT_KEYS,
        )
        asked_at = str(int(self._clock()))
        signature = signed(self._key, asked_at.encode(), body)
        headers = {"content-type": "application/json", TIMESTAMP: asked_at, SIGNATURE: signature}
        async with self._client.stream("POST", self._service.url.reveal(), content=body, headers=headers) as response:
            if response.status_code != 200:
                return False
            answer = b""
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    return False
        expected = signed(self._key, signature.encode(), answer)
        if not hmac.compare_digest(response.headers.get(SIGNATURE, "").encode(), expected.encode()):
            log.warning("the answer about a ticket is not signed as it must be", approval=hold.id, rule=rule)
            return False
        said = orjson.loads(answer)
        # Anything but a plain yes to this very ticket is no.
        return isinstance(said, dict) and said.get("valid") is True and said.get("ticket") == ticket

    @property
    def _key(self) -> bytes:
        return self._service.secret.reveal().encode()


def signed(key: bytes, before: bytes, body: bytes) -> str:
    """HMAC-SHA256 over what comes before, a dot, and a body; in hexadecimal."""
    return hmac.digest(key, before + b"." + body, "sha256").hex()
