"""The evaluator of CEL: the compiled part of the package ``cel``, without its command line.

The package imports that on the way in (typer, prompt_toolkit, pygments, rich: 10 MB and a third of
a second in every worker), so the compiled module is loaded past it. It is the same module under
the same name: whoever imports the package afterwards gets this one.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING

_COMPILED = "cel.cel"


def _load() -> ModuleType:
    if _COMPILED in sys.modules:
        return sys.modules[_COMPILED]
    package = find_spec("cel")
    spec = package and PathFinder.find_spec(_COMPILED, package.submodule_search_locations)
    if spec is None or spec.loader is None:
        return importlib.import_module("cel")  # not there, which this says; or arranged in another way
    module = module_from_spec(spec)
    sys.modules[_COMPILED] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[_COMPILED]
        raise
    return module


if TYPE_CHECKING:
    from cel import Program as Program
    from cel import compile as compile
else:
    _cel = _load()
    Program = _cel.Program
    compile = _cel.compile
