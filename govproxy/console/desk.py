"""What the console needs of approvals, reading bodies within bounds, and writing values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from govproxy.approvals.capsule import Capsule
from govproxy.approvals.granting import GrantAsked
from govproxy.approvals.values import Answer, Hold, Standing, Status
from govproxy.console.refusals import Refused, Word
from govproxy.control.grants import Listed
from govproxy.control.state.approvals import Objected
from govproxy.identity.identity import Identity
from govproxy.policy.rules import MayGrant

MAX_BODY_BYTES = 64 << 10
BODY_TIMEOUT_S = 10.0
MAX_ID_CHARACTERS = 200

ModelT = TypeVar("ModelT", bound=BaseModel)


class Desk(Protocol):
    """Where held statements wait: the approvals service of the control process."""

    async def find(self, hold_id: str) -> Standing | None: ...
    async def list(
        self, status: Status | None, limit: int, before: tuple[float, str] | None = None
    ) -> Sequence[Standing]: ...
    async def answer(
        self, hold_id: str, person: Identity, answer: Answer, reason: str, grant: GrantAsked | None = None
    ) -> Standing | Objected | None: ...
    def grantable(self, standing: Standing) -> MayGrant | None: ...
    async def capsule(self, hold_id: str) -> Capsule | None: ...
    async def facts(self, hold_id: str) -> dict[str, Any] | None: ...
    def listen(self, callback: Callable[[Standing], None], *, everywhere: bool = False) -> None: ...
    def note(self, standing: Standing, status: str, *, by: str, reason: str | None) -> None: ...


class Rights(Protocol):
    """Where rights for a time are kept: ``control.grants.Grants``."""

    async def listed(self) -> list[Listed]: ...
    async def revoke(self, grant_id: str, person: Identity, reason: str) -> str | None: ...


class Facts(Protocol):
    """What was found out about a request, as JSON: ``control.review.ReviewFacts``."""

    @property
    def form(self) -> dict[str, Any]: ...


class Looks(Protocol):
    """Finds out for reviewers what a held statement would do: ``control.review.Reviewer``."""

    async def facts(self, hold: Hold) -> Facts: ...
    async def rehearse(self, hold: Hold) -> Facts: ...
    def known(self, hold_id: str) -> Facts | None: ...


def plausible_id(text: str) -> bool:
    """Whether it can be an id at all: stores choke on some of the rest."""
    return 0 < len(text) <= MAX_ID_CHARACTERS and text.isascii() and text.isprintable()


def answered(value: BaseModel) -> Response:
    """A value as JSON."""
    return Response(value.model_dump_json(), media_type="application/json")


async def read_body(request: Request, content_type: str) -> bytes:
    """The body, if it is of that type and not too large. Raises `Refused`."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != content_type:
        raise Refused(Word.WRONG_TYPE)
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or len(declared) > 12:
        raise Refused(Word.BAD_REQUEST)
    if int(declared) > MAX_BODY_BYTES:
        raise Refused(Word.TOO_LARGE)
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                found += chunk
                if len(found) > MAX_BODY_BYTES:
                    raise Refused(Word.TOO_LARGE)
    except (TimeoutError, ClientDisconnect):
        raise Refused(Word.BAD_REQUEST) from None
    return bytes(found)


def read_form(body: bytes, model: type[ModelT]) -> ModelT:
    """``body`` as a value. Raises `Refused`, naming the fields that are wrong and none of their contents."""
    if b"\\u0000" in body:
        # JSON has it, PostgreSQL's text has not.
        raise Refused(Word.BAD_REQUEST, detail="(a character that no text can hold)")
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        places = sorted({".".join(str(part) for part in item["loc"])[:100] for item in error.errors()} - {""})
        named = ", ".join(places[:10])
        raise Refused(Word.BAD_REQUEST, detail=f"({named})" if named else None) from None
