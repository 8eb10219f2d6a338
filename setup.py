"""Build of the compiled data plane. Everything else about the package is in pyproject.toml.

Directives stand here and nowhere else. ``-O3`` is explicit because Debian's Python defaults to
-O2, which costs up to a factor of three in the scanning loops.

Environment: ``GOVPROXY_STRICT=1`` turns warnings of both compilers into errors (``make build-strict``);
``GOVPROXY_SANITIZE=1`` builds with the address and undefined-behaviour sanitizers.
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup

STRICT = os.environ.get("GOVPROXY_STRICT") == "1"
SANITIZE = os.environ.get("GOVPROXY_SANITIZE") == "1"

DIRECTIVES = {
    "language_level": "3",
    "boundscheck": True,
    "wraparound": False,
    "initializedcheck": False,
    "auto_pickle": False,
    "autotestdict": False,
    "embedsignature": False,
}

compile_args = ["-O3", "-fno-strict-aliasing", "-fvisibility=hidden"]
link_args: list[str] = []
if STRICT:
    Options.warning_errors = True
    compile_args += ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-unused-function"]
    compile_args += ["-Wno-cast-function-type", "-Wno-missing-field-initializers"]
if SANITIZE:
    compile_args += ["-O1", "-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
    link_args += ["-fsanitize=address,undefined"]

sources = sorted(Path("govproxy/_fastpath").glob("*.pyx"))
if not sys.platform.startswith("linux"):
    for only_linux in ("epoll", "uvwait"):  # elsewhere the loop's own readiness is used
        sources.remove(Path(f"govproxy/_fastpath/{only_linux}.pyx"))
extensions = [
    Extension(
        f"govproxy._fastpath.{source.stem}",
        [str(source)],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
    )
    for source in sources
]

setup(
    ext_modules=cythonize(
        extensions,
        compiler_directives=DIRECTIVES,
        nthreads=os.cpu_count() or 1,
        quiet=True,
        force=STRICT,
    )
)
