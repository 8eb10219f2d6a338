"""What the admin socket says about grants: the list, and taking one back by somebody with a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from govproxy.approvals.grant_forms import grant_form
from govproxy.control.grants import Grants, Listed
from govproxy.errors import GovproxyError
from govproxy.identity.identity import Identity


class Tokens(Protocol):
    """Proves identities by tokens: ``identity.tokens.TokenVerifier``."""

    def verify(self, token: str) -> Identity: ...


class GrantsDesk:
    """``tokens`` proves who a token is of; None: there are no tokens here, so nobody can take anything back."""

    def __init__(self, grants: Callable[[], Grants], tokens: Tokens | None) -> None:
        self._grants = grants
        self._tokens = tokens

    async def answer(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to one question; None: it is about something else."""
        try:
            match question:
                case {"command": "grants"}:
                    return {"grants": [listed_form(one) for one in await self._grants().listed()]}
                case {"command": "revoke-grant", "id": str(grant_id), "reason": str(reason), "token": str(token)}:
                    if self._tokens is None:
                        return {"error": "no issuer of tokens is configured, so nobody can say who they are"}
                    why_not = await self._grants().revoke(grant_id, self._tokens.verify(token), reason)
                    return {"revoked": why_not is None, "why_not": why_not}
                case _:
                    return None
        except GovproxyError as error:
            return {"error": str(error)}


def listed_form(one: Listed) -> dict[str, Any]:
    """A grant with how it stands, as JSON."""
    return {
        **grant_form(one.grant),
        "state": one.state,
        "revoked_by": one.revoked_by,
        "revoked_reason": one.revoked_reason,
    }
