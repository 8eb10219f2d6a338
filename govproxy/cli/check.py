"""``govproxy check``: every mistake in configuration and policy, in one go."""

from __future__ import annotations

import sys
from pathlib import Path

from govproxy.cli.output import print_error, print_json
from govproxy.config.loader import load
from govproxy.config.source import read
from govproxy.errors import ConfigError, ConfigErrors
from govproxy.policy.loader import load_policy


def run(config: Path, *, as_json: bool) -> None:
    """Print the mistakes, or that there are none. Exit status 1 on any."""
    mistakes = find_mistakes(config)
    if as_json:
        print_json({"ok": not mistakes, "errors": [_as_dict(mistake) for mistake in mistakes]})
    elif mistakes:
        print_error(ConfigErrors(mistakes))
    else:
        sys.stdout.write(f"{config}: no mistakes\n")
    if mistakes:
        raise SystemExit(1)


def find_mistakes(config: Path) -> list[ConfigError]:
    """All mistakes, in file order. A wrong configuration does not hide those of its policy."""
    mistakes: list[ConfigError] = []
    policy: Path | None = None
    try:
        policy = load(config).policy
    except ConfigErrors as found:
        mistakes += found.errors
        policy = _policy_of_broken(config)
        if policy is None:
            return mistakes
    try:
        load_policy(policy)
    except ConfigErrors as found:
        mistakes += found.errors
    return mistakes


def _policy_of_broken(config: Path) -> Path | None:
    """The policy file that a configuration with mistakes names, if that much can be read."""
    try:
        document = read(config)
    except ConfigErrors:
        return None
    match document.data:
        case {"policy": str(name)} if (path := config.resolve().parent / name).is_file():
            return path
        case _:
            return None


def _as_dict(mistake: ConfigError) -> dict[str, object]:
    return {
        "file": str(mistake.file) if mistake.file else None,
        "line": mistake.line,
        "message": mistake.message,
        "hint": mistake.hint,
    }
