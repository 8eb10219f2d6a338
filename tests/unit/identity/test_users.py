"""Configured users, their verifiers, and names that do not exist."""

from __future__ import annotations

import pickle

import pytest

from govproxy.errors import ConfigError
from govproxy.identity.identity import Method
from govproxy.identity.users import ScramVerifier, User, UserDirectory

MOCK_KEY = bytes(range(16))
SALT = b"0123456789abcdef"
# Made by PostgreSQL 15: CREATE ROLE … PASSWORD 'pencil', read from pg_authid.
FROM_POSTGRES = (
    "SCRAM-SHA-256$4096:QX31CKBj/YYQT3ffQC2y+A==$"
    "djJr/iE82IAGq0U4BraaXJsRyuXkh+XLSmL4VUmsPw0=:9sm41K81vMfvBMj13fEWx9IHeVJHqirB90Ij30VdE2w="
)


def test_a_verifier_survives_its_text() -> None:
    verifier = ScramVerifier.from_password("s3cret", salt=SALT)
    assert ScramVerifier.parse(verifier.encode()) == verifier
    assert verifier.iterations == 4096
    assert len(verifier.stored_key) == len(verifier.server_key) == 32


def test_a_verifier_copied_from_postgresql_is_the_one_of_its_password() -> None:
    copied = ScramVerifier.parse(FROM_POSTGRES)
    assert ScramVerifier.from_password("pencil", salt=copied.salt) == copied


def test_salts_are_random() -> None:
    assert ScramVerifier.from_password("x").salt != ScramVerifier.from_password("x").salt


@pytest.mark.parametrize(
    "text",
    [
        "", "md5abcdef", "SCRAM-SHA-256$4096:AAAA$AAAA:AAAA", FROM_POSTGRES.replace("4096", "0"),
        FROM_POSTGRES.replace("4096", "x"), FROM_POSTGRES.replace("QX3", "!!!"), FROM_POSTGRES + "$",
        FROM_POSTGRES[:-4], FROM_POSTGRES.replace("SHA-256", "SHA-1"),
    ],
)  # fmt: skip
def test_other_texts_are_no_verifiers(text: str) -> None:
    with pytest.raises(ConfigError):
        ScramVerifier.parse(text)


@pytest.mark.parametrize("password", ["", "a\u0007b"])
def test_unusable_passwords(password: str) -> None:
    with pytest.raises(ConfigError):
        ScramVerifier.from_password(password)


def test_the_directory_finds_exact_names_only() -> None:
    user = User(name="app", verifier=ScramVerifier.from_password("x", salt=SALT), groups=frozenset({"services"}))
    directory = UserDirectory([user], mock_key=MOCK_KEY)
    assert directory.find("app") is user
    assert directory.find("App") is None
    assert directory.find("") is None
    assert user.identity.method is Method.SCRAM
    assert user.identity.groups == {"services"}


def test_a_name_twice_is_refused() -> None:
    user = User(name="app", verifier=ScramVerifier.from_password("x", salt=SALT))
    with pytest.raises(ConfigError):
        UserDirectory([user, user], mock_key=MOCK_KEY)


def test_mock_verifiers_stay_the_same_and_differ_by_name_and_key() -> None:
    directory = UserDirectory(mock_key=MOCK_KEY)
    copy = pickle.loads(pickle.dumps(directory))
    eve = directory.mock_verifier("eve")
    assert eve == copy.mock_verifier("eve")
    assert eve != directory.mock_verifier("mallory")
    assert eve != UserDirectory(mock_key=bytes(16)).mock_verifier("eve")
    real = ScramVerifier.from_password("x")
    assert (len(eve.salt), eve.iterations) == (16, real.iterations)
    assert len(eve.stored_key) == len(real.stored_key)


def test_a_short_mock_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        UserDirectory(mock_key=b"short")


def test_nothing_secret_shows() -> None:
    verifier = ScramVerifier.parse(FROM_POSTGRES)
    shown = repr(User(name="app", verifier=verifier))
    assert "djJr/" not in shown
    assert repr(verifier.stored_key)[2:-1] not in shown
