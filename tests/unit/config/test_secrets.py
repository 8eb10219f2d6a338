"""Secrets: where they come from, and that they never show."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from govproxy.config.schema import SecretEntry
from govproxy.config.secrets import Secret, UnresolvableSecret, resolve


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("hunter2")
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>20}",
        repr([secret]),
        repr({"a": secret}),
    ]
    assert not any("hunter2" in text for text in shown)
    assert secret.reveal() == "hunter2"
    with pytest.raises(TypeError):
        list(secret)


def test_a_secret_travels_to_workers() -> None:
    assert pickle.loads(pickle.dumps(Secret("x"))).reveal() == "x"
    assert Secret("x") == Secret("x") != Secret("y")
    assert len({Secret("x"), Secret("x")}) == 1


def test_from_environment() -> None:
    source = SecretEntry(env="PW")
    assert resolve(source, base=Path("/"), environment={"PW": "a b\n"}).reveal() == "a b\n"
    for environment in ({}, {"PW": ""}):
        with pytest.raises(UnresolvableSecret, match="PW"):
            resolve(source, base=Path("/"), environment=environment)


def test_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("geheim\r\n")
    assert resolve(SecretEntry(file="pw"), base=tmp_path).reveal() == "geheim"
    (tmp_path / "pw").write_text("two\n\n")
    assert resolve(SecretEntry(file="pw"), base=tmp_path).reveal() == "two\n"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * (64 * 1024 + 1)])
def test_unusable_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pw").write_bytes(content)
    with pytest.raises(UnresolvableSecret):
        resolve(SecretEntry(file="pw"), base=tmp_path)


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(UnresolvableSecret, match="cannot be read"):
        resolve(SecretEntry(file="absent"), base=tmp_path)
