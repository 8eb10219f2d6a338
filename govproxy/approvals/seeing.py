"""Who may look at a request: whoever may ever answer it, and whoever it is of. Nobody else.

A statement names tables and holds literals, so it is not for everybody with a valid token.
"""

from __future__ import annotations

from dataclasses import replace

from govproxy.approvals.deciding import Objection, objection
from govproxy.approvals.values import Standing, Status
from govproxy.identity.identity import Identity


def sees(standing: Standing, person: Identity) -> bool:
    """Whether ``person`` may look at the request, decided or not.

    A human sees their own requests and those of agents that act for them; an agent sees its own
    alone, whatever its human may see.
    """
    requester = standing.hold.requester
    if own(standing, person):
        return person.agent is None or person.agent == requester.agent
    return _may_ever_answer(standing, person)


def reviews(standing: Standing, person: Identity) -> bool:
    """Whether ``person`` may look at what was found out for reviewers: rows concerned above all.

    Security: whoever asks must not learn by asking what they could not read.
    """
    return _may_ever_answer(standing, person) and (
        not own(standing, person) or standing.hold.rule.principal_may_approve
    )


def own(standing: Standing, person: Identity) -> bool:
    """Whether ``person`` asked, or an agent that acts for them. Of another issuer the same name is somebody else."""
    requester = standing.hold.requester
    return (person.user.casefold(), person.issuer) == (requester.user.casefold(), requester.issuer)


def _may_ever_answer(standing: Standing, person: Identity) -> bool:
    fresh = replace(standing, status=Status.WAITING, votes=())
    match objection(fresh, person, "looks only", standing.hold.asked):
        case None | Objection.NOT_YET:
            return True
        case _:
            return False
