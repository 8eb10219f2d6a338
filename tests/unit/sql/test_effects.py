"""What every kind of statement does. The cases stand in ``data/effects.txt``:

    SQL
        [tag] flags of session and statement
        action kind object #oid (columns) fact=value …

``python -m tests.unit.sql.test_effects`` prints the file as analysis sees it now; read the difference.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from govproxy.sql.analyze import analyze
from govproxy.sql.values import Effect, StatementFacts
from tests.unit.sql.world import CATALOG

FILE = Path(__file__).parent / "data" / "effects.txt"


def cases() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for line in FILE.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("    "):
            sql, lines = found[-1]
            found[-1] = (sql, f"{lines}{line.strip()}\n")
        else:
            found.append((line, ""))
    return found


def described(sql: str) -> str:
    return "".join(_statement(facts) for facts in analyze(sql, CATALOG, ("public",)).statements)


def _statement(facts: StatementFacts) -> str:
    flags = [
        *(["opaque"] if facts.opaque else []),
        *(["copies_in"] if facts.copies_in else []),
        *(["no outputs known"] if facts.outputs is None else []),
        *[flag for flag in ("settings", "creates_temporary", "catalog") if getattr(facts.session, flag)],
        *[f"{kind}={','.join(names)}" for kind in ("prepares", "cursors") if (names := getattr(facts.session, kind))],
    ]
    head = f"[{facts.tag}] {' '.join(flags)}".rstrip()
    return "\n".join([head, *[_effect(effect) for effect in facts.effects]]) + "\n"


def _effect(effect: Effect) -> str:
    parts = [
        effect.action.value,
        effect.kind,
        effect.object,
        f"#{effect.relation}" if effect.relation is not None else "",
        f"({','.join(effect.columns)})" if effect.columns else "",
        "temporary" if effect.temporary else "",
        *[f"{fact}={value}" for fact, value in effect.facts.items() if fact != "reason"],
    ]
    return " ".join(part for part in parts if part)


@pytest.mark.parametrize(("sql", "expected"), cases(), ids=[sql for sql, _ in cases()])
def test_effects(sql: str, expected: str) -> None:
    assert described(sql) == expected


if __name__ == "__main__":
    for line in FILE.read_text().splitlines():
        if not line.startswith("    "):
            print(line)
            if line and not line.startswith("#"):
                print("".join(f"    {entry}\n" for entry in described(line).splitlines()), end="")
