"""The secrets an instance makes for itself on its first start.

They live in the state directory, readable by the owner alone, and leave it only to the workers.
Losing the masking key breaks nothing but consistency: pseudonyms made later differ from earlier.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from govproxy.audit import keys as ledger_keys
from govproxy.config.settings import Settings
from govproxy.errors import ConfigError
from govproxy.session.snapshot import Keys

MASKING_NAME = "masking.key"
KEY_BYTES = 32
SQLITE = "sqlite:///"


def state_directory(settings: Settings) -> Path:
    """Where an instance keeps what it must remember: beside its SQLite file, or its configuration."""
    if settings.state.startswith(SQLITE):
        return (settings.file.parent / settings.state.removeprefix(SQLITE)).resolve().parent
    return settings.file.parent.resolve()


def load_keys(settings: Settings) -> Keys:
    """All keys, made where they are missing. ConfigError when one cannot be read or trusted."""
    directory = state_directory(settings)
    masking = _load_or_create(directory / MASKING_NAME)
    return Keys(
        ledger=ledger_keys.load_or_create(directory, settings.audit.directory),
        masking=masking,
        logins=hmac.digest(masking, b"govproxy logins", "sha256"),
    )


def _load_or_create(file: Path) -> bytes:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _load(file)
    key = secrets.token_bytes(KEY_BYTES)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(key.hex() + "\n")
    return key


def _load(file: Path) -> bytes:
    if file.stat().st_mode & 0o077:
        raise ConfigError("a key must be readable by its owner alone", file=file, hint="chmod 600")
    try:
        key = bytes.fromhex(file.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(f"not a key of {KEY_BYTES} bytes in hexadecimal", file=file)
    return key
