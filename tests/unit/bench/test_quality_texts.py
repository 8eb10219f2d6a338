"""Sets of labelled texts, given by path: read, scanned, counted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from bench.quality import makers as m
from bench.quality.texts import text_set

MADE = {
    "CREDIT_CARD": m.card(m.VISA, 16),
    "EMAIL_ADDRESS": m.email,
    "IBAN_CODE": m.iban("DE", "FR"),
    "PHONE_NUMBER": m.phone_e164,
}


def _set_of(folder: Path, count: int) -> Path:
    chance = Random(5)
    documents = []
    for number in range(count):
        kind = sorted(MADE)[number % len(MADE)]
        value, before = MADE[kind](chance), "Größe, see "
        documents.append(
            {
                "full_text": f"{before}{value} and nothing else",
                "spans": [
                    {
                        "entity_type": kind,
                        "start_position": len(before),
                        "end_position": len(before) + len(value),
                        "entity_value": value,
                    },
                    {"entity_type": "PERSON", "start_position": 0, "end_position": 5, "entity_value": "Größe"},
                ],
            }
        )
    path = folder / "made.json"
    path.write_text(json.dumps(documents, ensure_ascii=False), encoding="utf-8")
    return path


def test_every_kind_is_found_where_it_is(tmp_path: Path) -> None:
    found = text_set(_set_of(tmp_path, 80))
    assert found == {
        name: {"spans": 20, "precision": 1.0, "recall": 1.0} for name in ("card", "email", "iban", "phone")
    }


def test_a_label_elsewhere_is_a_miss_and_an_alarm(tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    span = {"entity_type": "EMAIL_ADDRESS", "start_position": 0, "end_position": 3}
    path.write_text(json.dumps([{"full_text": "see ann@example.org", "spans": [span]}]))
    assert text_set(path) == {"email": {"spans": 1, "precision": 0.0, "recall": 0.0}}


def test_a_file_of_another_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('[{"text": "x"}]')
    with pytest.raises(ValueError, match=r"other\.json"):
        text_set(path)


def test_the_command_reports_the_set(tmp_path: Path) -> None:
    path = _set_of(tmp_path, 40)
    command = [sys.executable, "-m", "bench.quality", "--values", "20", "--scanned", "0"]
    done = subprocess.run(
        [*command, "--texts", str(path), "--out", str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert "## Texts: made.json" in done.stdout
    report = json.loads((tmp_path / "quality.json").read_bytes())
    assert report["texts"]["made.json"]["iban"] == {"spans": 10, "precision": 1.0, "recall": 1.0}
