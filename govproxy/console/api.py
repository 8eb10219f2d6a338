"""The handlers of the API: who asks, may they see it, ask the approvals service, answer.

Knows neither how requests are kept nor how decisions are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from govproxy.approvals.deciding import Objection
from govproxy.approvals.granting import GrantAsked
from govproxy.approvals.seeing import reviews, sees
from govproxy.approvals.values import Answer, Standing, Status
from govproxy.audit.keys import PublicKey
from govproxy.console import models, views
from govproxy.console.desk import Desk, Facts, Looks, answered, plausible_id, read_body, read_form
from govproxy.console.feed import MAX_READERS, Feed, Full
from govproxy.console.openapi import JSON
from govproxy.console.refusals import Refused, Word
from govproxy.console.signin import SignIn
from govproxy.console.webhooks import Webhooks
from govproxy.control.on_request import rehearsed_for
from govproxy.control.state.approvals import Objected
from govproxy.errors import StateUnavailable
from govproxy.identity.identity import Identity

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_SCANNED = 2_000  # requests looked at for one page, most of which may be other people's
KEEP_ALIVE_S = 15.0
FACTS_TIMEOUT_S = 0.5  # how long an answer waits for what is looked up in the database


class Api:
    """One method per operation of `openapi.OPERATIONS`. ``desk`` gives None while nothing is up yet."""

    def __init__(
        self,
        *,
        desk: Callable[[], Desk | None],
        looks: Looks,
        webhooks: Webhooks,
        sign_in: SignIn,
        feed: Feed,
        public_key: PublicKey,
        now: Callable[[], float],
    ) -> None:
        self._desk = desk
        self._looks = looks
        self._webhooks = webhooks
        self._sign_in = sign_in
        self._feed = feed
        self._public_key = public_key
        self._now = now

    async def me(self, request: Request) -> Response:
        """Whom the token proves."""
        person = self._sign_in.identify(request)
        return answered(
            models.Me(
                user=person.user,
                groups=sorted(person.groups),
                agent=person.agent,
                expires=person.expires_at,
                time=self._now(),
            )
        )

    async def list(self, request: Request) -> Response:
        """A page of what the person may see."""
        person = self._sign_in.identify(request)
        status, limit, after = _list_query(request.query_params.multi_items())
        found: list[Standing] = []
        scanned = 0
        more = True
        while more and len(found) <= limit and scanned < MAX_SCANNED:
            page = await self.desk.list(status, MAX_LIMIT, after)
            more = len(page) == MAX_LIMIT
            scanned += len(page)
            if page:
                after = _cursor(page[-1])
            found += [standing for standing in page if sees(standing, person)]
        beyond = len(found) > limit
        found = found[:limit]
        following = _cursor(found[-1]) if beyond else after if more else None
        now = self._now()
        return answered(
            models.SummaryPage(
                approvals=[views.summary(standing, person, now) for standing in found],
                next=None if following is None else _written(following),
            )
        )

    async def show(self, request: Request) -> Response:
        """One request."""
        person = self._sign_in.identify(request)
        return await self._shown(await self._visible(request, person), person)

    async def answer(self, request: Request) -> Response:
        """One person's answer."""
        person = self._sign_in.identify(request)
        form = read_form(await read_body(request, JSON), models.AnswerForm)
        standing = await self._visible(request, person)
        done = await self.desk.answer(
            standing.hold.id,
            person,
            Answer(form.answer),
            form.reason,
            None if form.grant is None else _grant(form.grant),
        )
        match done:
            case None:
                raise Refused(Word.NOT_FOUND)
            case Objected(why=why, detail=detail):
                raise Refused(why, detail=f"({detail})" if detail else None)
            case Standing():
                return await self._shown(done, person)

    async def rehearse(self, request: Request) -> Response:
        """Try it in a transaction of its own session, which the decision commits or rolls back."""
        person = self._sign_in.identify(request)
        standing = await self._visible(request, person)
        tried = await rehearsed_for(person, standing, notes=self.desk, rehearse=self._looks.rehearse, now=self._now())
        if isinstance(tried, Objection):
            raise Refused(tried)
        return await self._shown(await self._visible(request, person), person, tried)

    async def capsule(self, request: Request) -> Response:
        """The evidence of a decision."""
        person = self._sign_in.identify(request)
        standing = await self._visible(request, person)
        found = await self.desk.capsule(standing.hold.id)
        if found is None:
            raise Refused(Word.NOT_FOUND)
        return answered(
            models.CapsuleForm(content=found.content.decode(), signature=found.signature.hex(), key_id=found.key_id)
        )

    async def public_key(self, request: Request) -> Response:
        """For everybody."""
        key = self._public_key
        return answered(models.PublicKeyForm(key_id=key.key_id, algorithm="Ed25519", pem=key.pem().decode()))

    async def webhooks(self, request: Request) -> Response:
        """How deliveries go."""
        self._sign_in.identify(request)
        return answered(
            models.WebhookList(
                webhooks=[
                    models.WebhookForm(
                        name=hook.name,
                        format=hook.format.value,
                        events=sorted(hook.events),
                        waiting=waiting,
                        delivered=figures.delivered,
                        failed=figures.failed,
                        dropped=figures.dropped,
                        last_error=figures.last_error,
                        last_delivered=figures.last_delivered,
                    )
                    for hook, waiting, figures in await self._webhooks.figures()
                ]
            )
        )

    async def events(self, request: Request) -> Response:
        """Changes, for as long as the token is valid."""
        person = self._sign_in.identify(request)
        if self._feed.readers >= MAX_READERS:
            raise Refused(Word.TOO_MANY)
        last = request.headers.get("last-event-id")
        return StreamingResponse(
            self._stream(person, last), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    async def _stream(self, person: Identity, last: str | None) -> AsyncIterator[bytes]:
        try:
            with self._feed.reading(last) as reader:
                yield b"retry: 2000\n\n"
                while not self._feed.closed:
                    left = KEEP_ALIVE_S
                    if person.expires_at is not None:
                        left = min(left, person.expires_at - self._now())
                    if left <= 0:
                        return
                    lost, changes = await reader.take(left)
                    if lost:
                        yield b"event: reset\ndata: {}\n\n"
                    for change in changes:
                        if sees(change.standing, person):
                            shown = views.summary(change.standing, person, self._now()).model_dump_json()
                            yield f"id: {self._feed.id_of(change)}\nevent: change\ndata: {shown}\n\n".encode()
                    if not changes and not lost:
                        yield b": still here\n\n"
        except Full:
            return

    @property
    def desk(self) -> Desk:
        """The approvals service. Raises StateUnavailable until there is one."""
        desk = self._desk()
        if desk is None:
            raise StateUnavailable("approvals are not up yet")
        return desk

    async def _shown(self, standing: Standing, person: Identity, tried: Facts | None = None) -> Response:
        """``tried``: what was found for whoever asked just now, which what is kept need not say."""
        facts = await self._facts(standing, tried) if reviews(standing, person) else {}
        grantable = self.desk.grantable(standing) if standing.status is Status.WAITING else None
        return answered(views.detail(standing, person, self._now(), facts=facts, grantable=grantable))

    async def _facts(self, standing: Standing, tried: Facts | None) -> dict[str, Any] | None:
        """What is kept of it counts, for all instances and afterwards; until then what is being found out."""
        hold = standing.hold
        if tried is not None:
            return tried.form
        kept = await self.desk.facts(hold.id)
        if kept is not None:
            return kept
        if standing.status is not Status.WAITING:
            return {}
        try:
            async with asyncio.timeout(FACTS_TIMEOUT_S):
                found = await self._looks.facts(hold)
        except TimeoutError:
            return None
        return await self.desk.facts(hold.id) or found.form

    async def _visible(self, request: Request, person: Identity) -> Standing:
        hold_id = request.path_params["id"]
        standing = await self.desk.find(hold_id) if plausible_id(hold_id) else None
        # Security: what is not for somebody's eyes looks like what does not exist.
        if standing is None or not sees(standing, person):
            raise Refused(Word.NOT_FOUND)
        return standing


def _grant(form: models.GrantAskedForm) -> GrantAsked:
    return GrantAsked(
        until=form.until,
        clear=form.clear,
        columns=frozenset(form.columns),
        actions=None if form.actions is None else frozenset(form.actions),
        tables=None if form.tables is None else frozenset(form.tables),
    )


Cursor = tuple[float, str]


def _list_query(items: list[tuple[str, str]]) -> tuple[Status | None, int, Cursor | None]:
    given: Mapping[str, str] = dict(items)
    if len(given) != len(items) or set(given) - {"status", "limit", "after"}:
        raise Refused(Word.BAD_REQUEST, detail="(query: status, limit, after, each once)")
    status: Status | None = None
    if "status" in given:
        if given["status"] not in set(Status):
            raise Refused(Word.BAD_REQUEST, detail="(status)")
        status = Status(given["status"])
    limit = given.get("limit", str(DEFAULT_LIMIT))
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= 3 and 1 <= int(limit) <= MAX_LIMIT):
        raise Refused(Word.BAD_REQUEST, detail="(limit)")
    return status, int(limit), _read(given["after"]) if "after" in given else None


def _cursor(standing: Standing) -> Cursor:
    return standing.hold.asked, standing.hold.id


def _written(cursor: Cursor) -> str:
    return f"{cursor[0]!r}~{cursor[1]}"


def _read(text: str) -> Cursor:
    time, separator, hold_id = text.partition("~")
    try:
        asked = float(time)
    except ValueError:
        asked = -1.0
    if not separator or not 0 <= asked < 1e15 or not plausible_id(hold_id):
        raise Refused(Word.BAD_REQUEST, detail="(after)")
    return asked, hold_id
