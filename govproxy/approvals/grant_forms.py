"""Grants as JSON values: for what is signed, the API and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from govproxy.policy.grants import Grant, Scope
from govproxy.sql.values import Action


def grant_form(grant: Grant) -> dict[str, Any]:
    """A grant as JSON, for what is signed, the API and the ledger."""
    return {
        "id": grant.id,
        "user": grant.user,
        "agent": grant.agent,
        "issuer": grant.issuer,
        "database": grant.database,
        "scope": [
            {
                "action": scope.action.value,
                "tables": [{"oid": oid, "name": name} for oid, name in scope.relations],
                "through": sorted(scope.through),
            }
            for scope in grant.scope
        ],
        "lifts": sorted(grant.lifts),
        "clear": grant.clear,
        "columns": sorted(grant.columns),
        "since": grant.since,
        "until": grant.until,
        "hold": grant.hold,
        "by": grant.by,
        "reason": grant.reason,
    }


def read_grant(form: Mapping[str, Any]) -> Grant:
    """The inverse of `grant_form`. Raises KeyError, TypeError or ValueError on anything else."""
    return Grant(
        id=form["id"],
        user=form["user"],
        agent=form["agent"],
        issuer=form["issuer"],
        database=form["database"],
        scope=tuple(
            Scope(
                action=Action(part["action"]),
                relations=tuple((table["oid"], table["name"]) for table in part["tables"]),
                through=frozenset(part["through"]),
            )
            for part in form["scope"]
        ),
        lifts=frozenset(form["lifts"]),
        clear=form["clear"],
        columns=frozenset(form["columns"]),
        since=form["since"],
        until=form["until"],
        hold=form["hold"],
        by=form["by"],
        reason=form["reason"],
    )
