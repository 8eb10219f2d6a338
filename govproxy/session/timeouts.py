"""The session's statement_timeout as far as its client set it, for statements that wait here and not in the database.

Followed by what the client says at the start and by SET: what a role, a database or a function sets is not
seen. Doubt makes it shorter never longer: SET LOCAL and a SET that is rolled back count until the next one.
"""

from __future__ import annotations

import re

from govproxy.sql.values import Action, Analysis, Effect

SETTING = "statement_timeout"
_FORM = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>us|ms|s|min|h|d)?\s*", re.ASCII)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}


def seconds(written: str | None) -> float | None:
    """``5s``, ``1min``, or a number of milliseconds; None where there is no limit, or it cannot be read."""
    found = _FORM.fullmatch(written or "")
    if found is None:
        return None
    value = float(found["number"]) * _SECONDS[found["unit"] or "ms"]
    return value if value > 0 else None


def sets_it(analysis: Analysis) -> bool:
    """Whether a text sets the timeout."""
    return any(_is_it(effect) for statement in analysis.statements for effect in statement.effects)


def after(analysis: Analysis, now_s: float | None, initial_s: float | None) -> float | None:
    """The timeout once the text has run."""
    for effect in (effect for statement in analysis.statements for effect in statement.effects):
        if _is_it(effect):
            reset = "option" in effect.facts
            now_s = initial_s if reset else seconds(str(effect.facts.get("value", "")))
    return now_s


def _is_it(effect: Effect) -> bool:
    return effect.action is Action.SET and effect.facts.get("setting") in (SETTING, "all")
