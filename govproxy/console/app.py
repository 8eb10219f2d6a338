"""The application: routes made from the table of the API, the page, and what answers errors."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from govproxy.audit.keys import PublicKey
from govproxy.config.settings import Settings
from govproxy.console import pages
from govproxy.console.api import Api
from govproxy.console.callbacks import Callbacks, Take
from govproxy.console.desk import Desk, Looks, Rights
from govproxy.console.feed import Feed
from govproxy.console.headers import CarefulHeaders
from govproxy.console.metrics import CONTENT_TYPE, exposition
from govproxy.console.openapi import OPERATIONS, document
from govproxy.console.refusals import Refused, Word
from govproxy.console.rights import RightsApi
from govproxy.console.signin import SignIn
from govproxy.console.webhooks import Webhooks
from govproxy.control.decisions import Decisions
from govproxy.errors import StateUnavailable
from govproxy.session.figures import WorkerFigures
from govproxy.session.log import get_logger
from govproxy.session.rules import token_verifier

Handler = Callable[[Request], Awaitable[Response]]

log = get_logger("govproxy.console")


class Source(Protocol):
    """Who knows the workers: the supervisor."""

    async def figures(self) -> list[WorkerFigures]: ...


def application(
    settings: Settings,
    source: Source,
    *,
    desk: Callable[[], Desk | None],
    looks: Looks,
    rights: Callable[[], Rights | None],
    take: Callable[[], Take | None],
    webhooks: Webhooks,
    feed: Feed,
    public_key: PublicKey,
    decisions: Decisions | None = None,
    now: Callable[[], float] = time.time,
) -> ASGIApp:
    """Everything that the console answers. ConfigError when the keys of an issuer cannot be read."""
    console = settings.console
    if console is None:
        raise AssertionError("no console is configured")
    sign_in = SignIn(token_verifier(settings, now=now), now=now)
    api = Api(desk=desk, looks=looks, webhooks=webhooks, sign_in=sign_in, feed=feed, public_key=public_key, now=now)

    async def taken(name: str, seconds: float) -> bool:
        given = take()
        if given is None:
            raise StateUnavailable("approvals are not up yet")
        return await given(name, seconds)

    callbacks = Callbacks(settings, desk=lambda: api.desk, take=taken, now=now)
    rights_api = RightsApi(desk=lambda: api.desk, rights=rights, sign_in=sign_in)
    described = document()

    async def metrics(request: Request) -> Response:
        if not console.listen.is_loopback:
            sign_in.identify(request)
        page = exposition(await source.figures(), decisions, await webhooks.figures())
        return Response(page, media_type=CONTENT_TYPE)

    async def health(request: Request) -> Response:
        """200 while every worker answers and can record; 503 otherwise."""
        workers = await source.figures()
        if workers and all(worker.ledger_healthy for worker in workers):
            return PlainTextResponse("ok\n")
        return PlainTextResponse("no worker can record\n" if workers else "no worker answers\n", status_code=503)

    async def openapi(request: Request) -> Response:
        return JSONResponse(described)

    handlers: Mapping[str, Handler] = {
        "me": api.me,
        "list": api.list,
        "show": api.show,
        "answer": api.answer,
        "rehearse": api.rehearse,
        "capsule": api.capsule,
        "grants": rights_api.grants,
        "revoke": rights_api.revoke,
        "webhooks": api.webhooks,
        "callback": callbacks.handle,
        "public_key": api.public_key,
        "events": api.events,
        "openapi": openapi,
        "metrics": metrics,
        "health": health,
    }
    routes = [Route(o.path, handlers[o.name], methods=[o.method], name=o.name) for o in OPERATIONS]
    app = Starlette(
        routes=[*routes, *pages.routes()],
        exception_handlers={
            Refused: _refused,
            StateUnavailable: _unavailable,
            HTTPException: _http,
            Exception: _internal,
        },
    )
    return CarefulHeaders(app, tls=console.tls is not None)


async def _refused(request: Request, error: Exception) -> Response:
    refused = error if isinstance(error, Refused) else Refused(Word.INTERNAL)
    headers = {"WWW-Authenticate": "Bearer"} if refused.word is Word.UNAUTHENTICATED else None
    return JSONResponse(refused.body, status_code=refused.status, headers=headers)


async def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("approvals cannot be read", error=str(error))
    return await _refused(request, Refused(Word.UNAVAILABLE))


async def _http(request: Request, error: Exception) -> Response:
    """What the router refuses: no such path, no such method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    match status:
        case 404:
            return await _refused(request, Refused(Word.NOT_FOUND))
        case 405:
            return await _refused(request, Refused(Word.NOT_ALLOWED))
        case _:
            return await _refused(request, Refused(Word.BAD_REQUEST))


async def _internal(request: Request, error: Exception) -> Response:
    log.error("an error of the console's own", path=request.url.path, error=type(error).__name__)
    return await _refused(request, Refused(Word.INTERNAL))
