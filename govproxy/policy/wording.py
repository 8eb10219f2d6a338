"""The words of refusals: what was asked, in the terms people used to ask it.

One phrase per action, one hint per reason. Texts hold names of objects and rules, never values.
"""

from __future__ import annotations

from collections.abc import Mapping

from govproxy.policy.rules import DEFAULT_DENY, Rule
from govproxy.policy.values import Refusal
from govproxy.sql.values import Action, Effect, StatementFacts, Where

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
    phrase = _PHRASES[effect.action]
    if effect.action is Action.ADMIN and statement.tag and not effect.object:
        return statement.tag
    if effect.object:
        return _joined(phrase, effect.object)
    return phrase.removesuffix(" of").removesuffix(" from").removesuffix(" into").removesuffix(" on")


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def refused_by(rule: Rule | None, effect: Effect, statement: StatementFacts) -> Refusal:
    """The refusal of a deny rule, or of no rule at all (None)."""
    what = subject(effect, statement)
    if rule is None:
        return Refusal(
            rule=DEFAULT_DENY,
            object=effect.object,
            message=f"{what} is not allowed (no rule allows it: {DEFAULT_DENY})",
            hint=f"Ask whoever keeps the policy for a rule that allows `{effect.action.value}` to you.",
        )
    hint = rule.hint
    if not hint and str(effect.facts.get("where", "")) in _WHERE_PHRASES:
        hint = _WHERE_HINT
    if not hint:
        hint = (
            f"Ask whoever keeps the policy; a rule that allows `{effect.action.value}` to you and overrides "
            f"{rule.name} would let it pass."
        )
    return Refusal(rule=rule.name, object=effect.object, message=f"{what} is not allowed (rule {rule.name})", hint=hint)
