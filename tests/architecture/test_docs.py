"""What the documents say about the code is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from govproxy import errors
from govproxy.audit.events import EVENTS
from govproxy.cli.app import app
from tests.architecture.sources import PACKAGE, ROOT
from tests.architecture.test_imports import MAY_IMPORT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
MAX_README_LINES = 150
MAX_ADR_LINES = 40


def _rows(path: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below a line that starts with ``heading``."""
    lines = path.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(heading))
    table = []
    for line in lines[start:]:
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        elif table:
            break
    return table[2:]


def _code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_local_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text())
    dead = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not dead


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_named_files_exist(path: Path) -> None:
    """A path in backticks that starts in the tree is a promise too."""
    named = re.findall(r"`((?:govproxy|tests|docs|deploy|scripts)/[\w./-]+)`", path.read_text())
    assert not [name for name in named if not (ROOT / name).exists()]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


def test_decisions_are_short() -> None:
    long = [path.name for path in ROOT.glob("docs/adr/*.md") if len(path.read_text().splitlines()) > MAX_ADR_LINES]
    assert not long


def test_decisions_are_numbered_once() -> None:
    paths = sorted(ROOT.glob("docs/adr/*.md"))
    titles = [path.read_text().partition("\n")[0] for path in paths]
    assert [int(path.name[:4]) for path in paths] == list(range(1, len(paths) + 1))
    assert [title.partition(".")[0] for title in titles] == [f"# {number}" for number in range(1, len(paths) + 1)]


def test_the_changelog_begins_with_security() -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[2] == "Security"


def test_the_readme_lists_the_commands() -> None:
    listed = {name.split()[1] for row in _rows(ROOT / "README.md", "| command") for name in _code(row[0])}
    assert listed == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_the_readmes_make_targets_exist() -> None:
    text = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    assert {"demo", "test"} <= targets
    assert not [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)]


def test_the_table_of_errors_is_the_tree_of_errors() -> None:
    listed = {_code(row[0])[0]: row[1] for row in _rows(ROOT / "docs/errors.md", "| class")}
    assert len(listed) > 10
    for name, sqlstate in listed.items():
        assert getattr(errors, name).sqlstate == sqlstate
    classes = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.GovproxyError)
    }
    parents = {base for kind in classes.values() for base in kind.__bases__}
    raised = {name for name, kind in classes.items() if kind not in parents}
    assert raised - {"ConfigErrors"} - set(listed) == set()


def test_the_table_of_reasons_is_the_enum() -> None:
    rows = {_code(row[0])[0]: (row[1], row[2]) for row in _rows(ROOT / "docs/errors.md", "| reason ")}
    assert set(rows) == {reason.value for reason in errors.Reason}
    assert {name: retry for name, (_, retry) in rows.items()} == {
        reason.value: errors.RETRY[reason].value for reason in errors.Reason
    }


def test_every_class_of_errors_stands_under_its_reason() -> None:
    rows = {_code(row[0])[0]: row[1] for row in _rows(ROOT / "docs/errors.md", "| reason ")}

    def tree(kind: type[errors.GovproxyError]) -> list[type[errors.GovproxyError]]:
        return [kind, *(deeper for below in kind.__subclasses__() for deeper in tree(below))]

    # Mistakes in files never reach a client.
    for kind in set(tree(errors.GovproxyError)) - set(tree(errors.ConfigError)) - {errors.ConfigErrors}:
        assert rows[kind.reason.value] == kind.sqlstate, kind.__name__


def test_reasons_given_by_hand_are_of_the_sqlstate_they_stand_under() -> None:
    """``StatementDenied(..., reason=...)`` and refusals: all of them are 42501 in the table."""
    rows = {_code(row[0])[0]: row[1] for row in _rows(ROOT / "docs/errors.md", "| reason ")}
    named = {
        errors.Reason[name]
        for path in (*PACKAGE.glob("policy/*.py"), *PACKAGE.glob("session/*.py"))
        for name in re.findall(r"reason=Reason\.([A-Z_]+)", path.read_text())
    }
    assert len(named) >= 5
    assert {rows[reason.value] for reason in named} == {errors.StatementDenied.sqlstate}


def test_every_key_of_detail_is_documented() -> None:
    keys = {key for row in _rows(ROOT / "docs/errors.md", "| key ") for key in _code(row[0])}
    written = {
        key
        for path in PACKAGE.rglob("*.py")
        for facts in re.findall(r"^(?!.*Effect\().*facts=\{([^}]*)\}", path.read_text(), re.MULTILINE)
        for key in re.findall(r'"([a-z_]+)":', facts)
        if path.parts[-2] in ("session", "server", "wire") or path.name == "parse.py"
    }
    assert written >= {"rule", "action", "object", "cause"}
    assert written <= keys


def test_the_table_of_packages_is_the_table_of_imports() -> None:
    rows = {_code(row[0])[0]: row[2] for row in _rows(ROOT / "docs/architecture.md", "| package")}
    assert set(rows) == set(MAY_IMPORT)
    for package, cell in rows.items():
        if not cell.startswith("all above"):
            assert set(_code(cell)) == set(MAY_IMPORT[package]), package


def test_the_tables_of_events_are_the_builders_table() -> None:
    for event in EVENTS:
        listed = [(_code(row[0])[0], row[1], row[2]) for row in _rows(ROOT / "docs/ledger.md", f"### `{event.name}`")]
        assert listed == [(field.name, field.type, field.meaning) for field in event.fields], event.name


def test_documents_named_in_the_code_exist() -> None:
    named = {
        name
        for path in PACKAGE.rglob("*")
        if path.suffix in (".py", ".pyx", ".yaml")
        for name in re.findall(r"docs/[\w/]+\.md", path.read_text())
    }
    assert named
    assert not [name for name in named if not (ROOT / name).is_file()]


def test_every_package_says_what_it_is_for() -> None:
    """Modules begin with a docstring; empty ``__init__`` files have nothing to explain."""
    silent = [
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*.py")
        if path.read_text().strip() and not path.read_text().startswith(('"""', 'r"""'))
    ]
    assert not silent
