"""The routes. Each asks whoever knows and answers; nothing is kept here."""

from __future__ import annotations

from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from govproxy.console.metrics import CONTENT_TYPE, exposition
from govproxy.session.figures import WorkerFigures


class Source(Protocol):
    """Who knows the workers: the supervisor."""

    async def figures(self) -> list[WorkerFigures]: ...


def application(source: Source) -> Starlette:
    """``/metrics`` for Prometheus, ``/healthz`` for whoever asks whether anything is here."""

    async def metrics(request: Request) -> Response:
        return Response(exposition(await source.figures()), media_type=CONTENT_TYPE)

    async def health(request: Request) -> Response:
        """200 while every worker answers and can record; 503 otherwise."""
        workers = await source.figures()
        if workers and all(worker.ledger_healthy for worker in workers):
            return PlainTextResponse("ok\n")
        return PlainTextResponse("no worker can record\n" if workers else "no worker answers\n", status_code=503)

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", health)])
