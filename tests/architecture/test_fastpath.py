"""The compiled modules: described to type checkers, written by the house rules."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, sources

MODULES = sources(".pyx")


def _ids(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", MODULES, ids=_ids)
def test_has_a_stub(path: Path) -> None:
    assert path.with_suffix(".pyi").is_file(), "mypy.stubtest compares it with the compiled module in `make check`"


@pytest.mark.parametrize("path", MODULES, ids=_ids)
def test_is_compiled(path: Path) -> None:
    module = importlib.import_module(f"govproxy._fastpath.{path.stem}")
    assert module.__file__ is not None
    assert not module.__file__.endswith(".py")


@pytest.mark.parametrize("path", sources(".pyx", ".pxd"), ids=lambda path: path.name)
def test_house_rules(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"^include\b", text, re.MULTILINE), "cimport with a .pxd, never a textual include"
    assert not re.search(r"^\s*cpdef\s+(?!enum\b)", text, re.MULTILINE), "no cpdef"
    assert not re.search(r"^#\s*cython:", text, re.MULTILINE), "directives stand in setup.py only"
    if path.suffix == ".pyx":
        bases = {name for file in MODULES for name in re.findall(r"^cdef class \w+\((\w+)\)", file.read_text(), re.M)}
        for decorators, name in re.findall(r"((?:^@[^\n]*\n)*)^cdef class (\w+)", text, re.MULTILINE):
            assert name in bases or "final\n" in decorators, f"{name} must be @final"


def test_every_module_is_built_from_setup() -> None:
    text = (ROOT / "setup.py").read_text()
    assert 'glob("*.pyx")' in text
    assert '"auto_pickle": False' in text
