"""Answers that programs bring for people, signed: our own form, and the buttons of Slack.

A signature says who speaks (a configured callback), its time that it is not old, and a nonce that it was
not heard before, even before a restart. Who is answering must be one of the callback's people, and then
the same rules hold as for everybody: never one's own request, a reason, one answer a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qs

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from govproxy.approvals.deciding import Objection
from govproxy.approvals.values import Answer, Standing
from govproxy.config.settings import Callback, HookFormat, Settings
from govproxy.console import messages, models
from govproxy.console.desk import Desk, answered, plausible_id, read_body, read_form
from govproxy.console.refusals import Refused, Word
from govproxy.console.signing import SCHEMES, WINDOW_S, verify
from govproxy.control.state.approvals import Objected
from govproxy.identity.identity import Identity
from govproxy.session.log import get_logger

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
# A nonce is remembered for so long beyond the time in which its signature is good: clocks of instances differ.
BEYOND_S = 3_600.0
MAX_NOTED = 20  # refusals of one callback in the log, per minute
NOTED_WINDOW_S = 60.0

log = get_logger("govproxy.callbacks")

# Takes a name for so many seconds: True for whoever comes first.
Take = Callable[[str, float], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """An answer, whatever form it came in; None: somebody only opened the link. ``nonce`` is never the same twice."""

    hold: str
    answer: Answer | None
    reason: str
    by: str
    nonce: str


class Callbacks:
    """``take`` and ``desk`` raise StateUnavailable while the store is down: nothing is decided then."""

    def __init__(self, settings: Settings, *, desk: Callable[[], Desk], take: Take, now: Callable[[], float]) -> None:
        self._callbacks = {callback.name: callback for callback in settings.approvals.callbacks}
        self._noted: dict[str, tuple[float, int]] = {}  # callback → minute's end, refusals
        self._desk = desk
        self._take = take
        self._now = now

    async def handle(self, request: Request) -> Response:
        """One call. Raises `Refused`."""
        callback = self._callbacks.get(request.path_params["name"])
        if callback is None:
            raise Refused(Word.NOT_FOUND)
        try:
            standing = await self._answer(callback, request)
        except Refused as refused:
            self._note(callback, refused.word)
            raise
        return answered(models.CallbackTaken(id=standing.hold.id, status=standing.status.value))

    def _note(self, callback: Callback, word: Word | Objection) -> None:
        # Security: anybody can send forged ones; they must not fill the log.
        until, count = self._noted.get(callback.name, (0.0, 0))
        if self._now() >= until:
            until, count = self._now() + NOTED_WINDOW_S, 0
        self._noted[callback.name] = (until, count + 1)
        if count < MAX_NOTED:
            log.warning("callback refused", callback=callback.name, reason=word.value, this_minute=count + 1)

    async def _answer(self, callback: Callback, request: Request) -> Standing:
        body = await read_body(request, FORM if callback.format is HookFormat.SLACK else JSON)
        scheme = SCHEMES[callback.format]
        signed = verify(
            scheme,
            callback.secrets,
            timestamp=request.headers.get(scheme.timestamp, ""),
            signature=request.headers.get(scheme.signature, ""),
            body=body,
            now=self._now(),
        )
        # Nothing of what an unsigned message says is looked at before here.
        said = _of_slack(body, callback, signed) if callback.format is HookFormat.SLACK else _of_ours(body)
        if not plausible_id(said.hold):
            raise Refused(Word.NOT_FOUND)
        name = hashlib.sha256(said.nonce.encode()).hexdigest()
        remembered = signed + WINDOW_S - self._now() + BEYOND_S
        if not await self._take(f"callback {callback.name} {name}", remembered):
            raise Refused(Word.REPLAYED)
        person = callback.people.get(said.by)
        if person is None:
            raise Refused(Word.UNKNOWN_PERSON)
        if said.answer is None:
            standing = await self._desk().find(said.hold)
            if standing is None:
                raise Refused(Word.NOT_FOUND)
            return standing
        user, groups = person
        identity = Identity(user=user, groups=groups, issuer=f"callback:{callback.name}")
        done = await self._desk().answer(said.hold, identity, said.answer, said.reason)
        match done:
            case None:
                raise Refused(Word.NOT_FOUND)
            case Objected(why=why):
                raise Refused(why)
            case Standing():
                log.info(
                    "answer by callback",
                    callback=callback.name,
                    approval=done.hold.id,
                    by=user,
                    answer=said.answer.value,
                    status=done.status.value,
                )
                return done


def _of_ours(body: bytes) -> _Said:
    form = read_form(body, models.CallbackAnswer)
    return _Said(hold=form.hold, answer=Answer(form.answer), reason=form.reason, by=form.by, nonce=form.nonce)


# ---------------------------------------------------------------- Slack


class _Loose(BaseModel):
    """Slack sends much more than is looked at."""


class _Id(_Loose):
    id: Annotated[str, Field(min_length=1, max_length=100)]


class _Action(_Loose):
    action_id: str
    value: Annotated[str, Field(max_length=200)] = ""


class _State(_Loose):
    values: dict[str, dict[str, dict[str, Any]]] = {}


class _Payload(_Loose):
    type: str
    team: _Id
    user: _Id
    actions: Annotated[list[_Action], Field(min_length=1, max_length=1)]
    state: _State = _State()


_ANSWERS = {
    messages.APPROVE_ACTION: Answer.APPROVE,
    messages.REFUSE_ACTION: Answer.REFUSE,
    messages.OPEN_ACTION: None,
}


def _of_slack(body: bytes, callback: Callback, signed: float) -> _Said:
    """https://docs.slack.dev/reference/interaction-payloads/block_actions-payload"""
    try:
        fields = parse_qs(body.decode(), strict_parsing=True, max_num_fields=4)
        (text,) = fields["payload"]
        payload = _Payload.model_validate_json(text)
    except (ValueError, KeyError, ValidationError):
        raise Refused(Word.BAD_REQUEST) from None
    action = payload.actions[0]
    if payload.type != "block_actions" or action.action_id not in _ANSWERS:
        raise Refused(Word.BAD_REQUEST)
    answer = _ANSWERS[action.action_id]
    if payload.team.id != callback.team:
        # Security: every workspace that installed the app signs with the same secret.
        raise Refused(Word.UNKNOWN_PERSON)
    reason = payload.state.values.get(messages.REASON, {}).get(messages.REASON, {}).get("value")
    if isinstance(reason, str) and "\0" in reason:
        raise Refused(Word.BAD_REQUEST)
    return _Said(
        hold=action.value,
        answer=answer,
        reason=reason if isinstance(reason, str) else "",
        by=payload.user.id,
        # Slack has no nonce: the same bytes at the same second are the same click.
        nonce=f"{signed:.0f}:{hashlib.sha256(body).hexdigest()}",
    )
