"""Names alone: the labelled list, and the rules that carry it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from govproxy.masking import vocabulary
from govproxy.masking.classify import classify
from govproxy.masking.names import judge_comment, judge_name, table_context, words_of
from govproxy.masking.taxonomy import ENTRIES
from govproxy.sql.catalog import ColumnRef

from .building import catalog, column, table

LABELLED = Path(__file__).with_name("columns.tsv")


def labelled() -> Iterator[tuple[str, str, str, bool, frozenset[str]]]:
    for line in LABELLED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            owner, name, kind, expected = line.split("\t")
            yield owner, name, kind.rstrip("*"), kind.endswith("*"), frozenset(expected.split("|"))


def test_labelled_columns_reach_precision_and_recall() -> None:
    rows = list(labelled())
    relations = [
        table(20_000 + place, owner, [column(name, kind, is_key=is_key)])
        for place, (owner, name, kind, is_key, _) in enumerate(rows)
    ]
    found = classify(catalog(*relations)).columns
    hits, wrong_class, misses, alarms = 0, [], [], []
    for place, (owner, name, _, _, expected) in enumerate(rows):
        verdict = found.get(ColumnRef(20_000 + place, 1))
        sensitive = expected != {"-"}
        if verdict is not None and sensitive:
            hits += 1
            if verdict.sensitive.name not in expected:
                wrong_class.append((owner, name, verdict.sensitive.name))
        elif verdict is not None:
            alarms.append((owner, name, verdict.sensitive.name))
        elif sensitive:
            misses.append((owner, name))
    assert len(rows) >= 300
    assert hits / (hits + len(alarms)) >= 0.97, alarms
    assert hits / (hits + len(misses)) >= 0.97, misses
    assert len(wrong_class) / hits <= 0.03, wrong_class


def test_labels_name_classes_that_exist() -> None:
    for owner, name, _, _, expected in labelled():
        assert expected == {"-"} or expected <= ENTRIES.keys(), (owner, name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("first_name", ("first", "name")),
        ("custEmailAddr2", ("customer", "email", "address")),
        ("HTTPServerIP", ("http", "server", "ip")),
        ("emailaddress", ("email", "address")),
        ("customeremailaddress", ("customer", "email", "address")),
        ("Straße", ("strasse",)),
        ("contraseña", ("contrasena",)),
        ("ipv4", ("ipv4",)),
        ("addr_line_1", ("address", "line")),
        ("emails", ("emails",)),
        ("zips", ("zip",)),
        ("__x__", ("x",)),
        ("2024", ()),
    ],
)
def test_words(name: str, words: tuple[str, ...]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize(
    "name", ["passage", "message", "language", "percentage", "storage", "average", "homepage", "postage"]
)
def test_ordinary_words_are_not_taken_apart(name: str) -> None:
    assert words_of(name) == (name,) or not judge_name(name, "customers")


@pytest.mark.parametrize(
    ("owner", "name", "expected"),
    [
        ("customers", "name", "person_name"),
        ("categories", "name", None),
        ("user_roles", "name", None),
        ("user_profiles", "name", "person_name"),
        ("tbl_customer_2024", "name", "person_name"),
        ("customers", "city", "city"),
        ("cities", "city", None),
        ("orders", "shipping_city", "city"),
        ("wines", "age", None),
        ("patients", "age", "age"),
        ("products", "gender", None),
        ("users", "email_verified", None),
        ("users", "email_count", None),
        ("users", "has_password", None),
        ("users", "email_template_id", None),
        ("users", "passwordHash", "password_hash"),
        ("users", "ssn_last_four", "ssn"),
        ("t", "file_name", None),
        ("t", "wifi_name", None),
        ("visits", "notes", "health_text"),
        ("tickets", "notes", None),
    ],
)
def test_context_decides(owner: str, name: str, expected: str | None) -> None:
    found = judge_name(name, owner)
    assert (found[0].name if found else None) == expected


def test_table_context_is_judged_by_its_last_word() -> None:
    assert table_context("customer").people
    assert table_context("crm_contacts").people
    assert not table_context("customer_types").people
    assert table_context("patient_visits").medical
    assert table_context("product").goods


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("Social security number of the customer", "ssn"),
        ("Customer's date of birth", "birth_date"),
        ("PII", "personal_data"),
        ("contains personal data, see policy", "personal_data"),
        ("Geburtsdatum", "birth_date"),
        ("no PII in here", None),
        ("When the password was changed", None),
        ("Number of e-mails sent", None),
        ("id of the email template", None),
        ("colour of the box", None),
        ("", None),
    ],
)
def test_comments(comment: str, expected: str | None) -> None:
    found = judge_comment(comment)
    assert (found[0].name if found else None) == expected


def test_every_phrase_names_a_class_of_the_taxonomy() -> None:
    assert vocabulary.PHRASES.keys() <= ENTRIES.keys()


def test_sets_of_words_are_words_that_can_be_cut_out_of_a_name() -> None:
    """A word with an underscore or a capital could never match anything."""
    for words in (vocabulary.CANCEL_AFTER, vocabulary.CANCEL_BEFORE, vocabulary.NEUTRAL, vocabulary.PEOPLE):
        assert all(word == word.lower() and "_" not in word for word in words)
