"""The approvals page: a few files, read once at the start and sent as they are.

The page itself is the same for everybody and holds nothing; what it shows it asks the API for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from govproxy.console.refusals import Refused, Word

INDEX = "index.html"
MEDIA_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    content: bytes
    media_type: str
    tag: str


def routes() -> list[Route]:
    """``/approvals`` and below, and the files of the page."""
    files = _read_all()

    def answer(request: Request, file: _File) -> Response:
        headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == file.tag:
            # The type comes along because browsers take over the headers that go with it, the policy above all.
            return Response(status_code=304, headers=headers, media_type=file.media_type)
        return Response(file.content, media_type=file.media_type, headers=headers)

    async def page(request: Request) -> Response:
        return answer(request, files[INDEX])

    async def static(request: Request) -> Response:
        # Security: only what was read at the start; the path never reaches the file system.
        file = files.get(request.path_params["name"])
        if file is None:
            raise Refused(Word.NOT_FOUND)
        return answer(request, file)

    # Relative, so that the console can live below a path of a proxy in front of it.
    async def start(request: Request) -> Response:
        return Response(status_code=303, headers={"Location": "approvals"})

    async def one(request: Request) -> Response:
        hold_id = quote(request.path_params["id"], safe="")
        return Response(status_code=303, headers={"Location": f"../approvals#{hold_id}"})

    return [
        Route("/", start),
        Route("/approvals", page),
        Route("/approvals/{id}", one),
        Route("/static/{name:path}", static),
    ]


def _read_all() -> dict[str, _File]:
    root = resources.files("govproxy.console") / "static"
    found: dict[str, _File] = {}
    for name, entry in _walk(root, ""):
        kind = MEDIA_TYPES.get(name[name.rfind(".") :])
        if kind is None:
            raise AssertionError(f"a file of the page of an unknown kind: {name}")
        content = entry.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:32]
        found[name] = _File(content=content, media_type=kind, tag=f'"{digest}"')
    return found


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        else:
            found.append((prefix + entry.name, entry))
    return found
