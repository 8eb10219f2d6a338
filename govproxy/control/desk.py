"""What the admin socket says about approvals: requests as JSON, and decisions by somebody with a token.

The socket is the operator's alone, who sees everything; a decision is nevertheless a person's, proven
by the same tokens as a login to a database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from govproxy.approvals import forms
from govproxy.approvals.capsule import Capsule
from govproxy.approvals.deciding import Objection
from govproxy.approvals.granting import GrantAsked
from govproxy.approvals.values import Answer, Standing, Status
from govproxy.control.approvals import Approvals
from govproxy.control.on_request import rehearsed_for
from govproxy.control.review import Reviewer
from govproxy.control.state.approvals import Objected
from govproxy.errors import GovproxyError
from govproxy.identity.identity import Identity

MAX_LISTED = 1_000
_GRANT_WORDS = frozenset({"seconds", "clear", "columns", "actions", "tables"})


class Tokens(Protocol):
    """Proves identities by tokens: ``identity.tokens.TokenVerifier``."""

    def verify(self, token: str) -> Identity: ...


class ApprovalsDesk:
    """``tokens`` proves who a token is of; None: there are no tokens here, so nobody can decide."""

    def __init__(
        self,
        approvals: Callable[[], Approvals],
        tokens: Tokens | None,
        reviewer: Reviewer | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._approvals = approvals
        self._tokens = tokens
        self._reviewer = reviewer
        self._clock = clock

    async def answer(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to one question; None: it is about something else."""
        try:
            match question:
                case {"command": "approvals"}:
                    word, limit = question.get("status"), min(int(question.get("limit", 100)), MAX_LISTED)
                    found = await self._approvals().list(None if word is None else Status(word), limit)
                    return {"approvals": [standing_form(standing) for standing in found]}
                case {"command": "approval", "id": str(hold_id)}:
                    return await self._show(hold_id)
                case {"command": "rehearse", "id": str(hold_id)}:
                    return await self._rehearse(hold_id, str(question.get("token", "")))
                case {"command": "decide", "id": str(hold_id), "answer": str(word), "reason": str(reason)}:
                    grant = _grant_asked(question.get("grant"), self._clock())
                    return await self._decide(hold_id, Answer(word), reason, str(question.get("token", "")), grant)
                case _:
                    return None
        except (GovproxyError, ValueError) as error:
            return {"error": str(error)}

    async def _show(self, hold_id: str) -> dict[str, Any]:
        standing = await self._approvals().find(hold_id)
        if standing is None:
            return {"error": f"there is no request {hold_id}"}
        capsule = await self._approvals().capsule(hold_id)
        facts = await self._approvals().facts(hold_id)
        if facts is None and self._reviewer is not None and (known := self._reviewer.known(hold_id)) is not None:
            facts = known.form
        return {
            "approval": standing_form(standing),
            "capsule": None if capsule is None else capsule_form(capsule),
            "facts": facts,
        }

    async def _rehearse(self, hold_id: str, token: str) -> dict[str, Any]:
        if self._tokens is None:
            return {"error": "no issuer of tokens is configured, so nobody can say who they are"}
        person = self._tokens.verify(token)
        standing = await self._approvals().find(hold_id)
        if standing is None or self._reviewer is None:
            return {"error": f"there is no request {hold_id}"}
        found = await rehearsed_for(
            person, standing, notes=self._approvals(), rehearse=self._reviewer.rehearse, now=self._clock()
        )
        if isinstance(found, Objection):
            return {"objection": found.value}
        return {"facts": None if found is None else found.form}

    async def _decide(
        self, hold_id: str, answer: Answer, reason: str, token: str, grant: GrantAsked | None
    ) -> dict[str, Any]:
        if self._tokens is None:
            return {"error": "no issuer of tokens is configured, so nobody can say who they are"}
        after = await self._approvals().answer(hold_id, self._tokens.verify(token), answer, reason, grant)
        if after is None:
            return {"error": f"there is no request {hold_id}"}
        if isinstance(after, Objected):
            return {"objection": after.why.value} | ({"detail": after.detail} if after.detail else {})
        return {"approval": standing_form(after)}


def _grant_asked(form: object, now: float) -> GrantAsked | None:
    """What an approver wants to give for a time: ``seconds``, and how much of it. ValueError on anything else."""
    if form is None:
        return None
    if not isinstance(form, dict) or form.keys() - _GRANT_WORDS or not isinstance(form.get("seconds"), int | float):
        raise ValueError("a grant of another form")
    if form.get("clear") not in (None, True, False):
        raise ValueError("a grant of another form")

    def names(word: str) -> frozenset[str] | None:
        found = form.get(word)
        if found is not None and not (isinstance(found, list) and all(isinstance(name, str) for name in found)):
            raise ValueError("a grant of another form")
        return None if found is None else frozenset(found)

    return GrantAsked(
        until=now + form["seconds"],
        clear=bool(form.get("clear")),
        columns=names("columns") or frozenset(),
        actions=names("actions"),
        tables=names("tables"),
    )


def standing_form(standing: Standing) -> dict[str, Any]:
    """A request as it stands, as JSON."""
    return {
        **forms.hold(standing.hold),
        "status": standing.status.value,
        "votes": [forms.vote(vote) for vote in standing.votes],
    }


def capsule_form(capsule: Capsule) -> dict[str, str]:
    """A signed decision as JSON. ``content`` is exactly what was signed, after a line of its own."""
    return {"content": capsule.content.decode(), "signature": capsule.signature.hex(), "key_id": capsule.key_id}
