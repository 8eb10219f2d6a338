"""The ledger's keys: made once, kept private, never silently exchanged."""

from __future__ import annotations

import hashlib
import hmac
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from govproxy.audit.keys import LedgerKey, load_or_create, load_public
from govproxy.errors import ConfigError
from tests.unit.audit.ledgers import KEY, OTHER_KEY


def test_made_on_the_first_start_and_read_on_the_next(tmp_path: Path) -> None:
    state, audit = tmp_path / "state", tmp_path / "audit"
    key = load_or_create(state, audit)
    assert load_or_create(state, audit) == key
    assert (state / "ledger.key").stat().st_mode & 0o777 == 0o600
    assert (state / "ledger.hash").stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in audit.iterdir()) == ["ledger.pub"]
    assert load_public(audit / "ledger.pub") == key.public
    assert not [p for p in state.iterdir() if p.name.startswith(".")]


def test_two_ledgers_have_two_keys(tmp_path: Path) -> None:
    assert load_or_create(tmp_path / "a") != load_or_create(tmp_path / "b")


@pytest.mark.parametrize("name", ["ledger.key", "ledger.hash"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_can_read_stops_the_start(tmp_path: Path, name: str, mode: int) -> None:
    load_or_create(tmp_path)
    (tmp_path / name).chmod(mode)
    with pytest.raises(ConfigError, match="readable by others") as raised:
        load_or_create(tmp_path)
    assert raised.value.file == tmp_path / name


def test_a_lost_private_key_is_not_replaced(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    (tmp_path / "ledger.key").unlink()
    with pytest.raises(ConfigError, match="private key is missing"):
        load_or_create(tmp_path)
    assert not (tmp_path / "ledger.key").exists()


def test_a_lost_public_key_is_written_again(tmp_path: Path) -> None:
    key = load_or_create(tmp_path)
    (tmp_path / "ledger.pub").unlink()
    load_or_create(tmp_path)
    assert load_public(tmp_path / "ledger.pub") == key.public


def test_a_public_key_of_another_ledger_stops_the_start(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    (tmp_path / "ledger.pub").write_bytes(OTHER_KEY.public.pem())
    with pytest.raises(ConfigError, match="does not belong"):
        load_or_create(tmp_path)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_spoiled_private_key_stops_the_start(tmp_path: Path, content: bytes) -> None:
    load_or_create(tmp_path)
    (tmp_path / "ledger.key").write_bytes(content)
    with pytest.raises(ConfigError, match="private key"):
        load_or_create(tmp_path)


def test_a_key_of_another_kind_stops_the_start(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    other = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    (tmp_path / "ledger.key").write_bytes(
        other.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with pytest.raises(ConfigError, match="Ed25519"):
        load_or_create(tmp_path)
    public = tmp_path / "other.pub"
    public.write_bytes(other.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ConfigError, match="Ed25519"):
        load_public(public)


@pytest.mark.parametrize("content", [b"xyz", b"00" * 16])
def test_a_spoiled_hash_key_stops_the_start(tmp_path: Path, content: bytes) -> None:
    load_or_create(tmp_path)
    (tmp_path / "ledger.hash").write_bytes(content)
    with pytest.raises(ConfigError):
        load_or_create(tmp_path)


def test_no_public_key_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such"):
        load_public(tmp_path / "nothing")


def test_travels_to_a_worker_and_shows_nothing() -> None:
    assert KEY.sign(b"x")  # with the cached object in place
    again = pickle.loads(pickle.dumps(KEY))
    assert again == KEY
    assert again.sign(b"x") == KEY.sign(b"x")
    assert "\\x01" not in repr(KEY)
    assert repr(KEY) == "LedgerKey()"


def test_from_pem(tmp_path: Path) -> None:
    key = load_or_create(tmp_path)
    assert LedgerKey.from_pem((tmp_path / "ledger.key").read_bytes(), key.hash_key) == key
    with pytest.raises(ValueError, match=r".+"):
        LedgerKey.from_pem(b"nonsense", key.hash_key)


@pytest.mark.parametrize(("seed", "hash_key"), [(b"", b"\1" * 32), (b"\1" * 31, b"\1" * 32), (b"\1" * 32, b"short")])
def test_short_keys_are_refused(seed: bytes, hash_key: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        LedgerKey(seed=seed, hash_key=hash_key)


def test_the_text_fingerprint_is_keyed() -> None:
    text = "SELECT * FROM people WHERE ssn = '078-05-1120'"
    assert KEY.hash_text(text) == hmac.new(b"\2" * 32, text.encode(), hashlib.sha256).hexdigest()
    assert KEY.hash_text(text.encode()) == KEY.hash_text(text)
    assert KEY.hash_text(text) != OTHER_KEY.hash_text(text)
    assert KEY.hash_text("\ud800") != KEY.hash_text("?")
