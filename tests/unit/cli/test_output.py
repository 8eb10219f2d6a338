"""What people and programs get to read."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from govproxy.cli import output
from govproxy.errors import ConfigError, ConfigErrors, GovproxyError


def test_every_mistake_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    first = ConfigError("unknown key `listne`", file=Path("govproxy.yaml"), line=3, hint="Did you mean `listen`?")
    second = ConfigError("no such file: policy.yaml", file=Path("govproxy.yaml"), line=9)
    output.print_error(ConfigErrors([first, second]))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "govproxy.yaml:3: unknown key `listne`",
        "  hint: Did you mean `listen`?",
        "govproxy.yaml:9: no such file: policy.yaml",
    ]


def test_details_and_hints_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_error(GovproxyError("cannot", detail="because", hint="do this"))
    assert capsys.readouterr().err == "cannot\n  detail: because\n  hint: do this\n"


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"b": 1, "a": [Path("x")]})
    assert orjson.loads(capsys.readouterr().out) == {"a": ["x"], "b": 1}
    output.print_json_line({"b": 1})
    assert capsys.readouterr().out == '{"b":1}\n'


def test_a_pipe_gets_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    output.console().print("[red]x[/red]")
    assert capsys.readouterr().out == "x\n"
