"""Strict YAML: what is read, what is refused, and on which line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from govproxy.config.source import parse, read, validate
from govproxy.errors import ConfigErrors

FILE = Path("some.yaml")


def problems(text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(ConfigErrors) as caught:
        parse(text, FILE)
    return [(error.line, error.message) for error in caught.value.errors]


def test_scalars_are_what_they_look_like() -> None:
    document = parse("on: [no, off, yes, 010, 1e3, 0x1F, 2024-01-01, '5', true, null, ~]\nhome: ${HOME}\n", FILE)
    assert document.data == {
        "on": ["no", "off", "yes", 10, 1000.0, "0x1F", "2024-01-01", "5", True, None, None],
        "home": "${HOME}",
    }


def test_lines_are_those_of_the_keys() -> None:
    document = parse("a: 1\nb:\n  - c:\n      2\n    d: 3\n", FILE)
    assert document.line(("b", 0, "c")) == 3
    assert document.line(("b", 0, "d")) == 5
    assert document.line(("b", 0, "missing", "deeper")) == 3
    assert document.line(("nowhere",)) == 1


def test_every_duplicate_key_is_found() -> None:
    assert problems("a: 1\nb: {c: 1, c: 2}\na: 3\n") == [
        (2, "duplicate key `c` (first in line 2)"),
        (3, "duplicate key `a` (first in line 1)"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("%YAML 1.1\n---\na: on\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("b: 1\na: !!int 1\n", 2),
        ("a: !secret x\n", 1),
        ("b: 1\na: &x 1\n", 2),
        ("a: 1\nb: *a\n", None),
        ("<<: {a: 1}\n", 1),
        ("? [a, b]\n: 1\n", 1),
        ("a: [1\nb: 2\n", 2),
        ("a:\n\t- b\n", 2),
        ("a: \x00\n", None),
    ],
)
def test_refused_form(text: str, line: int | None) -> None:
    found = problems(text)
    assert found
    if line is not None:
        assert found[0][0] == line


def test_deep_nesting_is_an_error_not_a_crash() -> None:
    assert problems("[" * 20_000)


def test_unreadable_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="cannot be read"):
        read(tmp_path / "absent.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigErrors) as caught:
        read(binary)
    assert caught.value.errors[0].line == 2


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colour: str
    size: int = 0


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    things: dict[str, Inner]
    either: Inner | list[Inner] | None = None


def test_all_mistakes_of_the_schema_with_lines_and_suggestions() -> None:
    document = parse("things:\n  one:\n    color: red\n  two: {colour: 3, size: big}\nthingz: 1\n", FILE)
    with pytest.raises(ConfigErrors) as caught:
        validate(document, Outer)
    assert [(error.line, error.message) for error in caught.value.errors] == [
        (2, "missing key `colour`"),
        (3, "unknown key `color`; did you mean `colour`?"),
        (4, "`things.two.colour`: input should be a valid string"),
        (4, "`things.two.size`: input should be a valid integer"),
        (5, "unknown key `thingz`; did you mean `things`?"),
    ]
    assert str(caught.value.errors[0]).startswith("some.yaml:2: ")


def test_locations_inside_unions_are_found() -> None:
    document = parse("things: {}\neither:\n  - colour: red\n  - colour: blue\n    weight: 3\n", FILE)
    with pytest.raises(ConfigErrors) as caught:
        validate(document, Outer)
    assert (5, "unknown key `weight`") in [(error.line, error.message) for error in caught.value.errors]


def test_a_value_is_never_quoted_in_an_error() -> None:
    document = parse("things: {one: {colour: x, size: hunter2}}\n", FILE)
    with pytest.raises(ConfigErrors) as caught:
        validate(document, Outer)
    assert "hunter2" not in str(caught.value)
