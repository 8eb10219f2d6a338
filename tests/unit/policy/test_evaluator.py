"""The evaluator is the package's own, only without what the package brings along."""

from __future__ import annotations

import subprocess
import sys

import pytest

from govproxy.policy import evaluator


def _python(script: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_evaluates() -> None:
    program = evaluator.compile("size(name) > 2 && name.startsWith('a')")
    assert isinstance(program, evaluator.Program)
    assert program.execute({"name": "abc"}) is True
    assert program.execute({"name": "ab"}) is False


def test_refuses_what_is_no_expression() -> None:
    with pytest.raises(ValueError, match="ERROR"):
        evaluator.compile("1 +")


@pytest.mark.parametrize(
    "script",
    [
        "import cel; from govproxy.policy import evaluator",
        "from govproxy.policy import evaluator; import cel",
    ],
    ids=["package first", "evaluator first"],
)
def test_is_one_module_with_the_packages(script: str) -> None:
    assert _python(f"{script}; print(cel.compile is evaluator.compile, cel.evaluate('1 + 1'))") == ["True", "2"]


def test_another_arrangement_of_the_package_is_imported_as_it_is() -> None:
    script = (
        "import sys, types; "
        "package = types.ModuleType('cel'); package.__spec__ = types.SimpleNamespace(submodule_search_locations=[]); "
        "package.Program, package.compile = int, len; sys.modules['cel'] = package; "
        "from govproxy.policy import evaluator; print(evaluator.compile is len)"
    )
    assert _python(script) == ["True"]
