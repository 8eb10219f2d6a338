"""How much one identity may use: the figures of ``limits`` that hold for a session.

Pure. Of several limits that fit, the smallest figure of each kind holds, unless one of them lifts
the others by name. Whoever enforces a figure says in its message which rule it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from govproxy.errors import Reason
from govproxy.identity.identity import Identity
from govproxy.policy.matching import Reading, place_matches, views, who_matches
from govproxy.policy.rules import ANY, READ_ONLY, LimitRule, Mode, On, Policy, Rule
from govproxy.policy.values import Refusal, Verb
from govproxy.sql.values import ACTION_SETS, Action, Analysis, Effect, StatementFacts

_MILLISECONDS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
_BYTES = {"kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
MAX_TIMEOUT_MS = (1 << 31) - 1

# What a read-only transaction does not let through, and what may do any of it. A CALL is not among them
# unless a rule lifts something for it: most functions compute.
_WRITES = ACTION_SETS["write"] | ACTION_SETS["ddl"] | {Action.GRANT, Action.DO, Action.FUNCTION_MESSAGE, Action.CALL}
_ROW_CHANGES = frozenset({Action.INSERT, Action.UPDATE, Action.DELETE, Action.MERGE, Action.COPY_IN})
_ENDS_TRANSACTIONS = frozenset({"begin", "commit", "rollback", "prepare_transaction"})
TIMEOUTS = {name: f"{name}_ms" for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")}
READ_ONLY_SETTING = "default_transaction_read_only"
_READ_ONLY = frozenset({"transaction_read_only", READ_ONLY_SETTING})
_ON = frozenset({"on", "true", "yes", "1", "t", "y", "tr", "tru", "ye"})
_TIME = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*(us|ms|s|min|h|d)?\s*")
_UNITS_MS = {"us": 0.001, "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, None: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure and the rule that set it."""

    value: int
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """What holds for one identity on one database; None is no limit."""

    statement_timeout_ms: Figure | None = None
    lock_timeout_ms: Figure | None = None
    idle_in_transaction_session_timeout_ms: Figure | None = None
    rows: Figure | None = None
    size_bytes: Figure | None = None
    rows_changed: Figure | None = None
    statements_per_minute: Figure | None = None
    rows_per_minute: Figure | None = None
    rows_per_hour: Figure | None = None
    bytes_per_minute: Figure | None = None
    bytes_per_hour: Figure | None = None
    sessions: Figure | None = None
    read_only: str = ""  # the rule that says so, or why; empty: may write


# Windows over what is returned: the field of a figure -> what it counts, how long it is, and how that is said.
WINDOWS = {
    "rows_per_minute": ("rows", 60.0, "a minute"),
    "rows_per_hour": ("rows", 3_600.0, "an hour"),
    "bytes_per_minute": ("bytes", 60.0, "a minute"),
    "bytes_per_hour": ("bytes", 3_600.0, "an hour"),
}
FIGURES = (
    *TIMEOUTS.values(),
    "rows",
    "size_bytes",
    "rows_changed",
    "statements_per_minute",
    *WINDOWS,
    "sessions",
)


def limits_for(identity: Identity, database: str, environment: str, policy: Policy) -> SessionLimits:
    """The limits of one identity on one database."""
    fitting = [
        rule
        for rule in policy.limits
        if place_matches(rule.on, environment, database) and who_matches(rule.who, identity, Reading.RESTRICT)
    ]
    # Security: what a person is spared by name or group does not extend to an agent of theirs.
    lifting = [rule for rule in fitting if rule.overrides and who_matches(rule.who, identity, Reading.GRANT)]
    standing = [
        rule
        for rule in fitting
        if not any(
            other is not rule and (rule.name in other.overrides or (ANY in other.overrides and not rule.overrides))
            for other in lifting
        )
    ]
    read_only = next((rule.name for rule in standing if rule.read_only), "")
    if not read_only and not all(may_write(view, database, environment, policy) for view in views(identity)):
        read_only = READ_ONLY
    return SessionLimits(**{name: _smallest(standing, name) for name in FIGURES}, read_only=read_only)


def refusal(limits: SessionLimits, analysis: Analysis) -> Refusal | None:
    """What a text may not do because of a limit, whatever the rules say of it; None when nothing stands against it."""
    for statement in analysis.statements:
        for effect in statement.effects:
            found = _pinned(limits, effect)
            if found is not None:
                return found
    return _uncounted(limits, analysis)


def _pinned(limits: SessionLimits, effect: Effect) -> Refusal | None:
    """Settings and modes that belong to the proxy. What RESET gives back is what it was logged in with."""
    if effect.action is Action.TRANSACTION:
        if limits.read_only and effect.facts.get("read_write"):
            return _read_only(limits, "a read-write transaction")
        return None
    if effect.action is not Action.SET:
        return None
    resets = effect.facts.get("option") == "reset"
    value = str(effect.facts.get("value", ""))
    if limits.read_only and effect.name in _READ_ONLY:
        if resets and effect.name == READ_ONLY_SETTING:
            return None
        if resets or value.lower() not in _ON:
            return _read_only(limits, f"setting {effect.name}")
    figure: Figure | None = getattr(limits, TIMEOUTS[effect.name]) if effect.name in TIMEOUTS else None
    if figure is not None and not resets and not within(value, figure.value):
        return Refusal(
            rule=figure.rule,
            object=effect.name,
            message=f"{effect.name} may be at most {figure.value} ms for you (limit {figure.rule})",
            hint="Set it to a smaller value, or leave it.",
            reason=Reason.SETTING_PINNED,
            action=effect.action.value,
        )
    return None


def _read_only(limits: SessionLimits, what: str) -> Refusal:
    rule = limits.read_only
    return Refusal(
        rule=rule,
        object="",
        message=f"{what} is not for you: your transactions are read-only (rule {rule})",
        hint="Read without it; ask for a rule that lets you write.",
        reason=Reason.SETTING_PINNED,
    )


def _uncounted(limits: SessionLimits, analysis: Analysis) -> Refusal | None:
    """Changes whose rows could not be counted, or not be taken back, before they are there to stay."""
    statements = analysis.statements
    windows = (getattr(limits, name) for name in WINDOWS)
    figure: Figure | None = limits.rows_changed or limits.rows or limits.size_bytes or next(filter(None, windows), None)
    if figure is None or not any(writes(statement) or _truncates(statement) for statement in statements):
        return None
    message = ""
    if len(statements) > 1 and any(
        effect.facts.get("command") in _ENDS_TRANSACTIONS
        for statement in statements
        for effect in statement.effects
        if effect.action is Action.TRANSACTION
    ):
        message = "a change in one message with BEGIN, COMMIT or ROLLBACK could not be taken back"
    elif limits.rows_changed is not None and any(map(_truncates, statements)):
        message = "TRUNCATE changes every row and counts none"
    elif limits.rows_changed is not None and any(s.uncounted and writes(s) for s in statements):
        message = "the rows that this statement changes cannot be counted"
    if not message:
        return None
    return Refusal(
        rule=figure.rule,
        object="",
        message=f"{message} (limit {figure.rule}: {figure.value})",
        hint="Send each INSERT, UPDATE, DELETE, MERGE or COPY as a statement of its own.",
        reason=Reason.DENIED_BY_RULE,
    )


def writes(statement: StatementFacts) -> bool:
    """True when a statement may change rows that outlive the session."""
    return any(effect.action in _ROW_CHANGES and not effect.temporary for effect in statement.effects)


def _truncates(statement: StatementFacts) -> bool:
    return any(effect.action is Action.TRUNCATE and not effect.temporary for effect in statement.effects)


def within(value: str, limit_ms: int) -> bool:
    """True when a time as PostgreSQL reads it is a limit, and not above this one. Zero means none."""
    found = _TIME.fullmatch(value)
    # Below one millisecond it is rounded, perhaps to none.
    return found is not None and 1 <= float(found[1]) * _UNITS_MS[found[2]] <= limit_ms


def startup_settings(limits: SessionLimits, asked: Mapping[str, str]) -> dict[str, str]:
    """``asked`` as a session may begin with it: what the proxy imposes is what RESET goes back to."""
    settings = dict(asked)
    for name, field_name in TIMEOUTS.items():
        figure: Figure | None = getattr(limits, field_name)
        if figure is not None and not within(settings.get(name, ""), figure.value):
            settings[name] = str(figure.value)
    if limits.read_only:
        settings[READ_ONLY_SETTING] = "on"
    return settings


def _smallest(rules: Iterable[LimitRule], name: str) -> Figure | None:
    found = [Figure(value=getattr(rule, name), rule=rule.name) for rule in rules if getattr(rule, name) is not None]
    return min(found, key=lambda figure: (figure.value, figure.rule), default=None)


def may_write(identity: Identity, database: str, environment: str, policy: Policy) -> bool:
    """False where no rule can let this identity do anything that writes, whatever the statement.

    Conditions and objects are not looked into: a rule that might fit counts as one that does.
    """
    here = [
        rule for rule in policy.rules if place_matches(rule.on, environment, database) and rule.mode is Mode.ENFORCE
    ]
    grants = [rule for rule in here if rule.effect is not Verb.DENY and _may_fit(rule, identity)]
    denials = [rule for rule in here if rule.effect is Verb.DENY and _always_fits(rule, identity)]
    for action in _WRITES:
        granting = [rule for rule in grants if action in rule.does and (action is not Action.CALL or rule.overrides)]
        standing = [
            deny
            for deny in denials
            if action in deny.does
            and not any(ANY in rule.overrides or deny.name in rule.overrides for rule in granting)
        ]
        if granting and not standing:
            return True
    return False


def _may_fit(rule: Rule, identity: Identity) -> bool:
    # A hold may be approved, so it counts as a grant.
    reading = Reading.GRANT if rule.effect is Verb.ALLOW else Reading.RESTRICT
    return who_matches(rule.who, identity, reading)


def _always_fits(rule: Rule, identity: Identity) -> bool:
    anywhere = On(environments=rule.on.environments, databases=rule.on.databases)
    return not rule.when and rule.on == anywhere and who_matches(rule.who, identity, Reading.RESTRICT)


def milliseconds_of(text: str | None) -> int | None:
    """``30s`` as 30000. The form is the schema's business."""
    if text is None:
        return None
    number, unit = _split(text)
    return min(number * _MILLISECONDS[unit], MAX_TIMEOUT_MS)


def bytes_of(size: int | str | None) -> int | None:
    """``20MB`` as 20971520; a number is bytes already."""
    if size is None or isinstance(size, int):
        return size
    number, unit = _split(size)
    return number * _BYTES[unit]


def _split(text: str) -> tuple[int, str]:
    digits = "".join(character for character in text if character.isdigit())
    return int(digits), text[len(digits) :].strip()
