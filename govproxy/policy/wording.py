"""The words of refusals: what was asked, in the terms people used to ask it.

One phrase per action, one hint per reason. Texts hold names of objects and rules, never values.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from govproxy.errors import Reason
from govproxy.policy.rules import DEFAULT_DENY, Rule
from govproxy.policy.values import Refusal
from govproxy.sql.catalog import Catalog
from govproxy.sql.values import REDEFINED_NAMES, Action, Effect, StatementFacts, Where

_PHRASES: Mapping[Action, str] = {
    Action.SELECT: "SELECT from",
    Action.INSERT: "INSERT into",
    Action.UPDATE: "UPDATE of",
    Action.DELETE: "DELETE on",
    Action.MERGE: "MERGE into",
    Action.TRUNCATE: "TRUNCATE of",
    Action.CREATE: "CREATE",
    Action.ALTER: "ALTER",
    Action.DROP: "DROP",
    Action.GRANT: "changing privileges",
    Action.COPY_IN: "COPY into",
    Action.COPY_OUT: "COPY from",
    Action.COPY_PROGRAM: "access to the server's files and programs",
    Action.CALL: "calling",
    Action.DO: "DO (anonymous code)",
    Action.FUNCTION_MESSAGE: "the FunctionCall message",
    Action.SET: "SET",
    Action.SET_ROLE: "changing the role",
    Action.LOCK: "LOCK of",
    Action.LISTEN: "LISTEN",
    Action.NOTIFY: "NOTIFY",
    Action.EXPLAIN: "EXPLAIN",
    Action.MAINTENANCE: "maintenance of",
    Action.TRANSACTION: "transaction control",
    Action.CURSOR: "a cursor",
    Action.PREPARE: "a prepared statement",
    Action.ADMIN: "administration of the server",
    Action.REPLICATION: "replication",
    Action.UNKNOWN: "a statement that is not understood",
}
_WHERE_PHRASES: Mapping[str, str] = {
    Where.MISSING: "without WHERE",
    Where.CONSTANT: "with a constant WHERE",
    Where.TAUTOLOGY: "with a WHERE that is true for every row",
}
_NAMED_KIND = frozenset({Action.CREATE, Action.ALTER, Action.DROP})
_WHERE_HINT = "Add a WHERE clause that selects the rows you mean."


def subject(effect: Effect, statement: StatementFacts) -> str:
    """What the effect is, as ``DELETE without WHERE on public.orders``."""
    where = _WHERE_PHRASES.get(str(effect.facts.get("where", "")))
    if where is not None and effect.action in (Action.UPDATE, Action.DELETE):
        return f"{effect.action.value.upper()} {where} on {effect.object or 'a table'}"
    if effect.action in _NAMED_KIND and effect.kind:
        return _joined(effect.action.value.upper(), effect.kind.replace("_", " ").upper(), effect.object)
    if effect.action is Action.UNKNOWN and effect.kind in ("function", "procedure") and effect.object:
        return f"calling {effect.object}, which is not understood,"
    if effect.action is Action.UNKNOWN and effect.facts.get("node") == REDEFINED_NAMES:
        return "a condition on what an open transaction redefines"
    phrase = _PHRASES[effect.action]
    if effect.action is Action.ADMIN and statement.tag and not effect.object:
        return statement.tag
    if effect.object:
        return _joined(phrase, effect.object)
    return phrase.removesuffix(" of").removesuffix(" from").removesuffix(" into").removesuffix(" on")


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def refused_by(rule: Rule | None, effect: Effect, statement: StatementFacts, catalog: Catalog, now: float) -> Refusal:
    """The refusal of a deny rule, or of no rule at all (None)."""
    what = subject(effect, statement)
    action = effect.action.value
    if rule is None:
        return Refusal(
            rule=DEFAULT_DENY,
            reason=Reason.NO_RULE_ALLOWS,
            action=action,
            object=effect.object,
            message=f"{what} is not allowed (no rule allows it: {DEFAULT_DENY})",
            hint=_instead(effect, catalog) or f"Ask whoever keeps the policy for a rule that allows `{action}` to you.",
        )
    if rule.freeze:
        reason, why = Reason.FREEZE, f"frozen by {rule.name}"
        hint = rule.hint or f"Ask whoever keeps the policy for a rule that overrides {rule.name}."
        hint = f"{_until(rule, now)} {hint}"
    elif rule.burst is not None:
        reason, why = Reason.BURST, f"rule {rule.name}: more than {rule.burst.count} within {rule.burst.within_s} s"
        hint = rule.hint or "Is this meant? Wait, or ask whoever keeps the policy to lift the limit for this work."
    else:
        reason, why = Reason.DENIED_BY_RULE, f"rule {rule.name}"
        hint = rule.hint or _instead(effect, catalog)
    if not hint:
        hint = (
            f"Ask whoever keeps the policy; a rule that allows `{action}` to you and overrides "
            f"{rule.name} would let it pass."
        )
    return Refusal(
        rule=rule.name,
        reason=reason,
        action=action,
        object=effect.object,
        message=f"{what} is not allowed ({why})",
        hint=hint,
    )


def _until(rule: Rule, now: float) -> str:
    ends = max((window.closes(now) for window in rule.during if window.is_open(now)), default=now)
    return f"It ends {datetime.fromtimestamp(ends, UTC):%Y-%m-%d %H:%M} UTC."


def _instead(effect: Effect, catalog: Catalog) -> str:
    """What would pass instead, where the effect itself tells; '' where only a person can."""
    if effect.action in (Action.UPDATE, Action.DELETE) and str(effect.facts.get("where", "")) in _WHERE_PHRASES:
        return _narrow(effect, catalog)
    match effect.action:
        case Action.TRUNCATE:
            return f"DELETE with a condition removes chosen rows. {_narrow(effect, catalog)}"
        case Action.CREATE if effect.kind in ("table", "view", "index", "sequence") and not effect.temporary:
            return "CREATE TEMP TABLE needs no permission; what lasts is created by somebody who is let."
        case Action.SET if effect.name:
            return f"Leave {effect.name} as it is, or ask whoever keeps the policy for a rule that allows it."
        case Action.SET_ROLE:
            return "Stay in the role of this session: it was chosen for who you are."
        case Action.COPY_OUT:
            return "Use SELECT; its result is masked on the way."
        case Action.COPY_PROGRAM:
            return "COPY ... FROM STDIN and SELECT move rows over this connection."
        case Action.DO | Action.FUNCTION_MESSAGE:
            return "Send the statements themselves, so that each can be judged."
        case Action.UNKNOWN if effect.kind == "function" or "function" in effect.facts:
            return "Use a built-in function, or ask whoever keeps the policy about this one by its name."
        case Action.LISTEN:
            return "Ask for the rows with SELECT: what others send in notifications cannot be masked."
        case _:
            return ""


def _narrow(effect: Effect, catalog: Catalog) -> str:
    """How to say which rows, in terms of the table's own key."""
    relation = catalog.relations.get(effect.relation) if effect.relation is not None else None
    key = [column.name for column in relation.columns if column.attnum in relation.primary_key] if relation else []
    if not key:
        return _WHERE_HINT
    written = " AND ".join(f"{name} = ..." for name in key)
    return f"Say which rows you mean, by the primary key for example: WHERE {written}"
