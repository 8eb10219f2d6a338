"""The secrets an instance makes for itself on its first start.

They live in the state directory, readable by the owner alone, and leave it only to the workers.
Losing the masking key breaks nothing but consistency: pseudonyms made later differ from earlier.
The file of the masking key holds one version per line, the one in force last: the key in hexadecimal
and, from the second on, when it was made. Earlier ones mask nothing; they only recognise what was
masked under them, so that it is not stored as data.
"""

from __future__ import annotations

import hmac
import os
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from govproxy.audit import keys as ledger_keys
from govproxy.config.settings import Settings
from govproxy.errors import ConfigError
from govproxy.session.snapshot import Keys

MASKING_NAME = "masking.key"
APPROVALS_NAME = "approvals.key"
APPROVALS_PUBLIC_NAME = "approvals.pub"
KEY_BYTES = 32
MAX_VERSIONS = 16
SQLITE = "sqlite:///"


def state_directory(settings: Settings) -> Path:
    """Where an instance keeps what it must remember: beside its SQLite file, or its configuration."""
    if settings.state.startswith(SQLITE):
        return (settings.file.parent / settings.state.removeprefix(SQLITE)).resolve().parent
    return settings.file.parent.resolve()


def load_keys(settings: Settings) -> Keys:
    """All keys, made where they are missing. ConfigError when one cannot be read or trusted."""
    directory = state_directory(settings)
    versions = _load_or_create(directory / MASKING_NAME)
    current = versions[-1]
    return Keys(
        ledger=ledger_keys.load_or_create(directory, settings.audit.directory),
        masking=current.key,
        masking_id=current.id,
        former_masking=tuple(version.key for version in reversed(versions[:-1])),
        # Of the first version: strangers are to be answered the same after a rotation.
        logins=hmac.digest(versions[0].key, b"govproxy logins", "sha256"),
        approvals=load_approval_key(settings).public,
    )


def load_approval_key(settings: Settings) -> ledger_keys.SigningKey:
    """What decisions on held statements are signed with; stays in the control process. ConfigError as `load_keys`."""
    return ledger_keys.load_or_create_signing_key(state_directory(settings), APPROVALS_NAME, APPROVALS_PUBLIC_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingKey:
    """One version of the masking key."""

    key: bytes = field(repr=False)
    created: datetime

    @property
    def id(self) -> str:
        """A name for people and logs, which tells nothing of the key."""
        return hmac.digest(self.key, b"govproxy masking key id", "sha256")[:4].hex()


def masking_keys(settings: Settings) -> tuple[MaskingKey, ...]:
    """All versions, the one in force last; the first is made where there is none. ConfigError as `load_keys`."""
    return _load_or_create(state_directory(settings) / MASKING_NAME)


def rotate_masking_key(settings: Settings, *, now: datetime) -> MaskingKey:
    """Put a new masking key in force; who runs already has to read it again. ConfigError as `load_keys`."""
    file = state_directory(settings) / MASKING_NAME
    versions = _load_or_create(file)
    made = MaskingKey(key=secrets.token_bytes(KEY_BYTES), created=now)
    # The first stays in any case: what strangers are answered comes from it.
    kept = (versions[0], *versions[1:][-(MAX_VERSIONS - 2) :])
    _replace(file, (*kept, made))
    return made


def _load_or_create(file: Path) -> tuple[MaskingKey, ...]:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _load(file)
    key = secrets.token_bytes(KEY_BYTES)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(key.hex() + "\n")
    return _load(file)


def _replace(file: Path, versions: Sequence[MaskingKey]) -> None:
    """All or nothing, and never readable by anybody else."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)  # 0600
    try:
        with os.fdopen(descriptor, "w") as handle:
            for version in versions:
                handle.write(f"{version.key.hex()} {version.created.isoformat()}\n")
            handle.flush()
            os.fsync(handle.fileno())
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _load(file: Path) -> tuple[MaskingKey, ...]:
    status = file.stat()
    if status.st_mode & 0o077:
        raise ConfigError("a key must be readable by its owner alone", file=file, hint="chmod 600")
    versions: list[MaskingKey] = []
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        try:
            written, _, created = line.strip().partition(" ")
            key = bytes.fromhex(written)
            made = datetime.fromisoformat(created) if created else datetime.fromtimestamp(status.st_mtime, UTC)
        except ValueError:
            key, made = b"", datetime.fromtimestamp(0, UTC)
        if len(key) != KEY_BYTES:
            raise ConfigError(f"not a key of {KEY_BYTES} bytes in hexadecimal", file=file, line=number)
        versions.append(MaskingKey(key=key, created=made))
    if not versions:
        raise ConfigError(f"not a key of {KEY_BYTES} bytes in hexadecimal", file=file)
    return tuple(versions)
