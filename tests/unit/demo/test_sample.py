"""The sample rows: the same every time, well formed, and made up."""

from __future__ import annotations

import random

import orjson
import pytest

from govproxy.demo import checksums, sample, words


def _tables() -> dict[str, list[sample.Row]]:
    return {name: list(rows) for name, rows in sample.Generator(sample.SMALL).tables()}


def test_two_runs_give_the_same_rows() -> None:
    assert _tables() == _tables()


def test_one_tables_size_changes_no_other() -> None:
    from dataclasses import replace

    bigger = {name: list(rows) for name, rows in sample.Generator(replace(sample.SMALL, reviews=300)).tables()}
    smaller = _tables()
    assert len(bigger.pop("reviews")) == 300
    del smaller["reviews"]
    assert bigger == smaller


def test_customers_are_unique_and_unreachable() -> None:
    rows = _tables()["customers"]
    emails = [row[3] for row in rows]
    assert len(set(emails)) == len(rows) == sample.SMALL.customers
    assert {email.partition("@")[2] for email in emails} <= set(words.MAIL_DOMAINS)
    assert all(row[6] is None or row[6].startswith("9") for row in rows), "identity numbers of areas never given out"


def test_cards_and_accounts_have_valid_check_digits() -> None:
    payments = _tables()["payments"]
    cards = [row[3] for row in payments if row[3]]
    accounts = [row[5] for row in payments if row[5]]
    assert cards
    assert accounts
    assert all(checksums.luhn_valid(card) for card in cards)
    assert all(checksums.iban_valid(account) for account in accounts)


@pytest.mark.parametrize("number", ["4111111111111111", "378282246310005", "5555555555554444"])
def test_luhn_on_published_test_numbers(number: str) -> None:
    assert checksums.luhn_valid(number)
    assert not checksums.luhn_valid(number[:-1] + str((int(number[-1]) + 1) % 10))


def test_iban_on_the_standards_example() -> None:
    assert checksums.iban_valid("GB29NWBK60161331926819")
    assert not checksums.iban_valid("GB29NWBK60161331926818")
    assert all(checksums.iban_valid(checksums.iban(random.Random(n))) for n in range(200))


def test_free_text_carries_what_masking_must_find() -> None:
    tables = _tables()
    notes = " ".join(row[4] for row in tables["clinic.visits"])
    assert "@" in notes
    assert "Call back on +" in notes
    assert "with card " in notes
    kinds = {row[1]: orjson.loads(row[2]) for row in tables["events"]}
    assert "email" in kinds["checkout"]["customer"]
