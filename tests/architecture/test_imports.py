"""Imports run one way, in Python and in Cython alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, Import, imports_of, package_of, sources

SQL_VALUES = ("sql.values", "sql.catalog")
DATA_PATH = ("wire", "sql", "identity", "config", "policy", "masking", "audit", "approvals", "_fastpath")
BELOW_CLI = (*DATA_PATH, "session", "server", "control", "console")

# What each package may import of the others, besides itself and `errors`. A dotted entry is that
# module alone. This is the table of docs/architecture.md; test_docs compares the two.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "errors": (),
    "wire": (),
    "sql": ("_fastpath",),
    "identity": (),
    "config": (),
    "_fastpath": (),
    "policy": ("identity", *SQL_VALUES, "masking.values", "masking.taxonomy", "masking.patterns", "config.source"),
    "masking": (*SQL_VALUES, "policy.values", "_fastpath"),
    "audit": ("_fastpath",),
    "approvals": ("identity", "policy", "sql.values", "audit.events"),
    "session": DATA_PATH,
    "server": (*DATA_PATH, "session"),
    "control": (*DATA_PATH, "session"),
    "console": (*DATA_PATH, "session", "control"),
    "demo": BELOW_CLI,
    "cli": (*BELOW_CLI, "demo"),
}

# Who alone may import these from outside.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "pglast": ("sql",),
    "asyncio": ("server", "control", "console", "demo", "cli"),
    "uvloop": ("server", "control", "console", "demo", "cli"),
    "ssl": ("server", "control", "console", "demo", "cli"),
    "typer": ("cli",),
    "asyncpg": ("control", "demo", "cli"),
    "psycopg": ("demo",),
    "structlog": ("session",),
    "sqlalchemy": ("control",),
    "cel": ("policy",),
}

FILES = [path for path in sources(".py", ".pyx", ".pxd", ".pyi") if path.parent != PACKAGE or path.stem == "errors"]


def _broken(found: Import, package: str) -> str | None:
    if found.module == "govproxy" or found.module.startswith("govproxy."):
        allowed = ("errors", package, *MAY_IMPORT[package]) if package != "errors" else ()
        if found.module == "govproxy" and not {f"{name}" for name in found.names} - {"__version__"}:
            return None
        if not any(found.reaches(f"govproxy.{name}") for name in allowed):
            return f"{found}: {package} may not import this"
        return None
    if found.file.suffix == ".pyi":
        return None  # a stub runs nothing; it may name the types of the loop it is handed
    for outside, packages in ONLY_IN.items():
        if found.reaches(outside) and package not in packages:
            return f"{found}: only {', '.join(packages)} may import {outside}"
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    package = package_of(path)
    broken = [text for found in imports_of(path) if (text := _broken(found, package))]
    assert not broken, "\n".join(broken)


def test_every_package_stands_in_the_table() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert packages | {"errors"} == set(MAY_IMPORT)


def test_the_table_has_no_circles_but_between_values() -> None:
    """Whole packages never depend on each other; single modules of values may be shared."""

    def reached(package: str, seen: frozenset[str] = frozenset()) -> set[str]:
        direct = {name for name in MAY_IMPORT[package] if "." not in name}
        return direct | {deeper for name in direct - seen for deeper in reached(name, seen | direct)}

    assert not [package for package in MAY_IMPORT if package in reached(package)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from govproxy._fastpath.cursor cimport Cursor, need", [("govproxy._fastpath.cursor", ("Cursor", "need"))]),
        ("cimport cython", [("cython", ())]),
        ("    from govproxy.errors import ProtocolViolation  # why", [("govproxy.errors", ("ProtocolViolation",))]),
        ("from a.b cimport (", [("a.b", ())]),
        ("import os, sys as s", [("os", ()), ("sys", ())]),
        ('"""\nfrom x import y\n"""', []),
        ("# import x", []),
    ],
)
def test_cython_imports_are_seen(tmp_path: Path, text: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    path = tmp_path / "module.pyx"
    path.write_text(text + "\n")
    assert [(found.module, found.names) for found in imports_of(path)] == expected


def test_a_wrong_import_would_be_noticed() -> None:
    wrong = Import(PACKAGE / "policy" / "engine.py", 1, "govproxy.server.worker", ("run",))
    assert _broken(wrong, "policy")
    assert _broken(Import(PACKAGE / "policy" / "engine.py", 1, "pglast", ("parse_sql",)), "policy")
    assert _broken(Import(PACKAGE / "masking" / "plan.py", 1, "govproxy.policy.engine", ("decide",)), "masking")
    assert not _broken(Import(PACKAGE / "masking" / "plan.py", 1, "govproxy.policy.values", ("See",)), "masking")
