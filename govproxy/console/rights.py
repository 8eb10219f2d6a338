"""The handlers for rights that an approval gave for a time: who has which, and taking them back."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from govproxy.approvals import deciding
from govproxy.approvals.deciding import Objection
from govproxy.approvals.seeing import own, sees
from govproxy.approvals.values import Standing
from govproxy.console import models, views
from govproxy.console.desk import Desk, Rights, answered, read_body, read_form
from govproxy.console.openapi import JSON
from govproxy.console.refusals import Refused, Word
from govproxy.console.signin import SignIn
from govproxy.control.grants import Listed
from govproxy.errors import StateUnavailable
from govproxy.identity.identity import Identity

LIVE = "live"


class RightsApi:
    """``rights`` gives None while nothing is up yet."""

    def __init__(self, *, desk: Callable[[], Desk], rights: Callable[[], Rights | None], sign_in: SignIn) -> None:
        self._desk = desk
        self._rights = rights
        self._sign_in = sign_in

    async def grants(self, request: Request) -> Response:
        """Those that the person may see."""
        person = self._sign_in.identify(request)
        return answered(models.GrantList(grants=await self._visible(person)))

    async def revoke(self, request: Request) -> Response:
        """Take one back."""
        person = self._sign_in.identify(request)
        form = read_form(await read_body(request, JSON), models.RevokeForm)
        row = await self._one(request.path_params["id"], person)
        if person.agent is not None:
            raise Refused(Objection.AGENT)
        if not form.reason.strip():
            raise Refused(Objection.NO_REASON)
        if row.state != LIVE:
            raise Refused(Objection.DECIDED)
        if not row.revocable:
            raise Refused(Objection.NOT_AN_APPROVER)
        refused = await self._kept.revoke(row.id, person, form.reason)
        if refused is not None:
            # Somebody was faster.
            raise Refused(Objection.DECIDED, detail=f"({refused})")
        return answered(await self._one(row.id, person))

    @property
    def _kept(self) -> Rights:
        rights = self._rights()
        if rights is None:
            raise StateUnavailable("grants are not up yet")
        return rights

    async def _one(self, grant_id: str, person: Identity) -> models.GrantRow:
        for row in await self._visible(person):
            if row.id == grant_id:
                return row
        raise Refused(Word.NOT_FOUND)

    async def _visible(self, person: Identity) -> list[models.GrantRow]:
        found = []
        for listed in await self._kept.listed():
            standing = await self._desk().find(listed.grant.hold)
            # Security: as with the request that it was given for.
            if standing is not None and sees(standing, person):
                found.append(_row(listed, standing, person))
        return found


def _row(listed: Listed, standing: Standing, person: Identity) -> models.GrantRow:
    grant = listed.grant
    mine = own(standing, person)
    may = person.agent is None and (mine or deciding.may_revoke(standing, person))
    return models.GrantRow.model_validate(
        views.grant(grant)
        | {
            "state": listed.state,
            "revoked_by": listed.revoked_by,
            "revoked_reason": listed.revoked_reason,
            "mine": mine,
            "revocable": may and listed.state == LIVE,
        }
    )
