"""What imports what, read from the source files; Cython's included."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "govproxy"

# Cython's statements, at any indentation: `from a.b cimport c`, `cimport a.b`, `import a.b as c, d`.
_FROM = re.compile(r"^\s*from\s+([\w.]+)\s+c?import\s+(.+?)\s*(?:#.*)?$")
_PLAIN = re.compile(r"^\s*c?import\s+([^#(]+?)\s*(?:#.*)?$")


@dataclass(frozen=True, slots=True)
class Import:
    """One import. ``module`` is the dotted name; with ``names`` those taken from it."""

    file: Path
    line: int
    module: str
    names: tuple[str, ...] = ()

    def reaches(self, prefix: str) -> bool:
        """True when this import names ``prefix`` or something inside it."""
        targets = [self.module, *(f"{self.module}.{name}" for name in self.names)]
        return any(target == prefix or target.startswith(prefix + ".") for target in targets)

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: {self.module} ({', '.join(self.names)})"


def sources(*suffixes: str) -> list[Path]:
    """All source files of the package with one of these suffixes."""
    return sorted(path for suffix in suffixes for path in PACKAGE.rglob(f"*{suffix}"))


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a file, wherever it stands: inside functions and TYPE_CHECKING as well."""
    if path.suffix in (".py", ".pyi"):
        yield from _python_imports(path)
    else:
        yield from _cython_imports(path)


def _python_imports(path: Path) -> Iterator[Import]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(path, node.lineno, alias.name)
            case ast.ImportFrom(module=module, names=names, level=level):
                if level:
                    raise AssertionError(f"{path}:{node.lineno}: relative import; the package writes them in full")
                yield Import(path, node.lineno, module or "", tuple(alias.name for alias in names))


def _cython_imports(path: Path) -> Iterator[Import]:
    in_docstring = False
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.count('"""') == 1:
            in_docstring = not in_docstring
            continue
        if in_docstring or line.lstrip().startswith("#"):
            continue
        if found := _FROM.match(line):
            names = re.findall(r"[\w.*]+", found[2].partition("(")[2] if found[2].startswith("(") else found[2])
            yield Import(path, number, found[1], tuple(name for name in names if name != "as"))
        elif (found := _PLAIN.match(line)) and " extern " not in line:
            for part in found[1].split(","):
                yield Import(path, number, part.split()[0])


def package_of(path: Path) -> str:
    """``govproxy/sql/parse.py`` → ``sql``; ``govproxy/errors.py`` → ``errors``."""
    first = path.relative_to(PACKAGE).parts[0]
    return Path(first).stem
