"""The masking key's file: its versions, and what is refused."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govproxy.control import keys
from govproxy.errors import ConfigError

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Settings:
    """As much of the settings as the keys read."""

    def __init__(self, folder: Path) -> None:
        self.state = "sqlite:///state/govproxy.db"
        self.file = folder / "govproxy.yaml"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path)


def test_the_first_key_is_made_for_the_owner_alone(settings: Settings) -> None:
    (made,) = keys.masking_keys(settings)  # type: ignore[arg-type]
    file = settings.file.parent / "state" / keys.MASKING_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert keys.masking_keys(settings) == (made,)  # type: ignore[arg-type]
    assert made.key.hex() not in repr(made) + made.id


def test_rotating_keeps_the_versions_in_order_and_bounds_them(settings: Settings) -> None:
    (first,) = keys.masking_keys(settings)  # type: ignore[arg-type]
    made = [keys.rotate_masking_key(settings, now=NOW + timedelta(days=n)) for n in range(20)]  # type: ignore[arg-type]
    versions = keys.masking_keys(settings)  # type: ignore[arg-type]
    assert len(versions) == keys.MAX_VERSIONS
    assert versions[0].key == first.key
    assert versions[1:] == tuple(made[-(keys.MAX_VERSIONS - 1) :])
    file = settings.file.parent / "state" / keys.MASKING_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [keys.MASKING_NAME]


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "00" * 32 + " someday", "00" * 32 + "\nshort"])
def test_a_damaged_file_is_refused_and_not_replaced(settings: Settings, text: str) -> None:
    file = settings.file.parent / "state" / keys.MASKING_NAME
    file.parent.mkdir()
    file.touch(mode=0o600)
    file.write_text(text)
    with pytest.raises(ConfigError):
        keys.rotate_masking_key(settings, now=NOW)  # type: ignore[arg-type]
    assert file.read_text() == text


def test_a_key_that_others_can_read_is_refused(settings: Settings) -> None:
    keys.masking_keys(settings)  # type: ignore[arg-type]
    (settings.file.parent / "state" / keys.MASKING_NAME).chmod(0o640)
    with pytest.raises(ConfigError):
        keys.masking_keys(settings)  # type: ignore[arg-type]
