"""What a person reads of a run: progress, finds with all it takes to see them again, the summary."""

from __future__ import annotations

import sys
import time

from tests.fuzz.leaks.runner import Find, Tally


def progress(tally: Tally, seed: int, started: float, seconds: float) -> None:
    """One line that overwrites itself, on a terminal only."""
    if sys.stdout.isatty():
        gone = time.monotonic() - started
        line = (
            f"{gone:5.0f}/{seconds:.0f} s  seed {seed}  {tally.statements} statements  "
            f"{tally.statements / max(gone, 1):.0f}/s  {len(tally.finds)} finds"
        )
        print(f"\r{line:<100}", end="", flush=True)


def describe(find: Find) -> str:
    """A find, its reduced form, and how to run it again."""
    lines = [
        f"[{find.wrong}] {find.detail}",
        f"  seed {find.seed}, statement {find.number}, as {find.statement.who}, form {find.form}"
        f" ({find.statement.kind}{', clean' if find.statement.clean else ''})",
        f"  text: {find.statement}",
    ]
    if find.reduced is not None:
        lines.append(f"  reduced: {find.reduced} in form {find.reduced_form}")
    text = str(find.reduced or find.statement)
    lines.append(
        f"  again: python -m tests.fuzz.leaks --again {find.seed} --form {find.reduced_form or find.form} "
        f"--who {find.statement.who}{' --clean' if find.statement.clean else ''} --text {_shell(text)}"
    )
    return "\n".join(lines)


def summary(tally: Tally, seconds: float) -> str:
    """The figures of a run."""
    total = max(1, tally.statements)
    shares = "  ".join(f"{name} {count / total:.0%}" for name, count in sorted(tally.by_outcome.items()))
    clean = sum(tally.clean.values())
    return "\n".join(
        [
            f"{tally.statements} statements over {tally.worlds} schemas in {seconds:.0f} s; {len(tally.finds)} finds",
            f"  outcomes: {shares}",
            f"  seen, and no more than chance shows: {len(tally.doubtful)}"
            + "".join(f"\n    {doubtful}" for doubtful in tally.doubtful[:9]),
            f"  touching nothing planted: {clean}, of them "
            + ", ".join(f"{name} {count}" for name, count in sorted(tally.clean.items())),
            "  kinds: " + ", ".join(f"{name} {count}" for name, count in sorted(tally.by_kind.items())),
            "  forms: " + ", ".join(f"{name} {count}" for name, count in sorted(tally.by_form.items())),
        ]
    )


def _shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
