"""Votes over made-up values: what must be found under any name, and what must not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from bench.quality import makers as bench_makers
from govproxy.masking import checks, identity_numbers
from govproxy.masking.detect_samples import (
    array_elements,
    contradicts,
    is_number_column,
    judge_documents,
    random_share,
    vote,
)
from govproxy.masking.name_lists import FAMILY_NAMES, GIVEN_NAMES
from govproxy.masking.taxonomy import Family

RANDOM = random.Random(7)


def digits(count: int) -> str:
    return "".join(RANDOM.choice("0123456789") for _ in range(count))


def card() -> str:
    body = "4" + digits(14)
    return next(body + last for last in "0123456789" if checks.luhn(body + last))


def iban() -> str:
    body = digits(18)
    check = 98 - int(body + "131400") % 97
    return f"DE{check:02d}{body}"


def bsn() -> str:
    while not identity_numbers.is_bsn(number := digits(9)):
        pass
    return number


def person() -> str:
    return f"{RANDOM.choice(sorted(GIVEN_NAMES)).title()} {RANDOM.choice(sorted(FAMILY_NAMES)).title()}"


def many(make: Callable[[], str], count: int = 100) -> list[str]:
    return [make() for _ in range(count)]


@pytest.mark.parametrize(
    ("expected", "make"),
    [
        ("card", card),
        ("iban", iban),
        ("email", lambda: f"{digits(6)}@example.org"),
        ("ssn", lambda: f"{RANDOM.randrange(100, 600)}-{RANDOM.randrange(10, 99)}-{RANDOM.randrange(1000, 9999)}"),
        ("phone", lambda: f"+49 {RANDOM.randrange(100, 999)} {RANDOM.randrange(100000, 9999999)}"),
        ("phone", lambda: f"({RANDOM.randrange(200, 999)}) {RANDOM.randrange(200, 999)}-{digits(4)}"),
        ("ip_address", lambda: ".".join(str(RANDOM.randrange(1, 255)) for _ in range(4))),
        ("ip_address", lambda: "2001:db8::" + f"{RANDOM.randrange(65536):x}"),
        ("mac_address", lambda: ":".join(f"{RANDOM.randrange(256):02x}" for _ in range(6))),
        ("national_id", bsn),
        ("password_hash", lambda: "$2b$12$" + "".join(RANDOM.choice("abcXYZ019./") for _ in range(53))),
        ("api_token", lambda: "ghp_" + "".join(RANDOM.choice("abcXYZ019") for _ in range(36))),
        ("person_name", person),
        ("given_name", lambda: RANDOM.choice(sorted(GIVEN_NAMES)).upper()),
        ("family_name", lambda: RANDOM.choice(sorted(FAMILY_NAMES - GIVEN_NAMES)).title()),
        ("street_address", lambda: f"{RANDOM.randrange(1, 999)} {RANDOM.choice(['Oak', 'Elm', 'High'])} Street"),
        ("gender", lambda: RANDOM.choice(["Male", "Female"])),
        ("health", lambda: RANDOM.choice(["A+", "O-", "AB+", "B+"])),
        ("health", lambda: f"{RANDOM.choice('ABCEFIJK')}{digits(2)}.{digits(1)}"),
    ],
)
def test_values_are_recognised_without_a_name(expected: str, make: Callable[[], str]) -> None:
    found = vote(many(make), Family.TEXT)
    assert found is not None
    assert found.name == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda: digits(16),
        lambda: digits(10),
        lambda: digits(9),
        lambda: digits(18),
        lambda: f"{RANDOM.randrange(2000, 2030)}-{RANDOM.randrange(1, 12):02d}-{RANDOM.randrange(1, 28):02d}",
        lambda: f"{RANDOM.randrange(1, 28):02d}-{RANDOM.randrange(1, 12):02d}-{RANDOM.randrange(2000, 2030)}",
        lambda: f"{RANDOM.randrange(24):02d}:{RANDOM.randrange(60):02d}:{RANDOM.randrange(60):02d}",
        lambda: f"{RANDOM.randrange(9)}.{RANDOM.randrange(9)}.{RANDOM.randrange(9)}",
        lambda: f"{RANDOM.randrange(9)}.{RANDOM.randrange(4)}.{RANDOM.randrange(9)}.{RANDOM.randrange(9)}",
        lambda: f"ORD-{digits(8)}",
        lambda: f"{RANDOM.random() * 1000:.2f}",
        lambda: "".join(RANDOM.choice("0123456789abcdef") for _ in range(32)),
        lambda: RANDOM.choice(["red", "green", "blue", "black"]),
        lambda: RANDOM.choice(["new", "paid", "shipped", "lost"]),
        lambda: RANDOM.choice(["Rose", "Virginia", "Austin", "Jordan"]),
        lambda: RANDOM.choice(["small", "M", "F"]),
        lambda: RANDOM.choice(["A+", "A-", "B+"]),
        lambda: f"the {RANDOM.choice(['quick', 'lazy'])} fox jumps over {RANDOM.choice(['logs', 'dogs'])} {digits(2)}",
        lambda: f"https://example.org/{digits(5)}",
        lambda: f"{RANDOM.choice('ABC')}{digits(2)}",
    ],
)
def test_ordinary_values_are_left_alone(make: Callable[[], str]) -> None:
    assert vote(many(make, 200), Family.TEXT) is None


def test_uuids_say_nothing() -> None:
    values = [f"{digits(8)}-{digits(4)}-4{digits(3)}-a{digits(3)}-{digits(12)}" for _ in range(100)]
    assert vote(values, Family.TEXT) is None


def test_a_little_junk_does_not_hide_a_class() -> None:
    values = [*many(card, 95), *["n/a"] * 5]
    found = vote(values, Family.TEXT)
    assert found is not None
    assert found.name == "card"
    assert found.share == pytest.approx(0.95)


def test_weak_shapes_need_enough_values() -> None:
    assert vote([f"{RANDOM.randrange(100, 600)}-12-3456" for _ in range(19)], Family.TEXT) is None


def test_strong_shapes_need_few() -> None:
    found = vote([f"{name}@example.org" for name in "abcde"], Family.TEXT)
    assert found is not None
    assert found.name == "email"


def test_counters_that_look_like_numbers_of_people_are_not() -> None:
    assert vote([f"100-00-{number:04d}" for number in range(1, 200)], Family.TEXT) is None
    assert vote([f"100-01-{number:04d}" for number in range(1, 200)], Family.TEXT) is None


def test_cards_in_numeric_columns() -> None:
    found = vote(many(card), Family.INTEGER)
    assert found is not None
    assert found.name == "card"


def test_votes_hold_no_value() -> None:
    values = [f"secret{number}@example.org" for number in range(30)]
    assert "secret" not in repr(vote(values, Family.TEXT))


def test_contradiction() -> None:
    assert contradicts("email", ["daily", "weekly"] * 20)
    assert not contradicts("email", ["daily", "weekly"])
    assert not contradicts("email", ["a@example.org", *["x"] * 15])
    assert not contradicts("iban", ["DE00 1234 5678 0000 0000 00", "FR7600000000000000000000000"] * 20)
    assert contradicts("iban", ["yes", "no", "2024-01-01"] * 20)
    assert not contradicts("religion", ["x"] * 100)


def test_array_elements() -> None:
    assert array_elements('{a,"b, \\"c\\"",NULL,d}') == ["a", 'b, "c"', "d"]
    assert array_elements("{{1,2},{3,4}}") == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "document",
    [
        {"user": {"email": "x"}},
        {"contacts": [{"firstName": "x"}]},
        {"customer": {"name": "x"}},
        {"a": "someone@example.org"},
        {"a": {"b": ["4111111111111111"]}},
        {"someone@example.org": 1},
        {"headers": {"authorization_token": "abc"}},
    ],
)
def test_documents_with_personal_content(document: object) -> None:
    assert judge_documents([json.dumps({"kind": "x"}), json.dumps(document)], Family.JSON) is not None


@pytest.mark.parametrize(
    "document",
    [
        {"theme": "dark", "page": 3},
        {"product": {"name": "Chair", "color": "red"}},
        {"product": {"details": {"name": "Chair", "sizes": [{"name": "L"}]}}},
        {"email_enabled": True},
        {"has_phone": False, "items": [1, 2]},
        {},
        [],
    ],
)
def test_documents_without(document: object) -> None:
    assert judge_documents([json.dumps(document)] * 5, Family.JSON) is None


@pytest.mark.parametrize(
    "document",
    [
        {"customer": {"data": {"name": "Zxqv"}}},
        {"order": {"product": {"name": "Chair"}, "buyer": {"attributes": [{"name": "Zxqv"}]}}},
    ],
)
def test_names_below_people_are_found_however_deep(document: object) -> None:
    assert judge_documents([json.dumps(document)] * 5, Family.JSON) is not None


def test_documents_that_cannot_be_read_are_personal() -> None:
    assert judge_documents(["{not json"], Family.JSON) is not None
    assert judge_documents(["[" * 100_000], Family.JSON) is not None


def test_reasons_for_documents_hold_no_key_and_no_value() -> None:
    found = judge_documents([json.dumps({"ann.private@example.org": "4111111111111111"})], Family.JSON)
    assert found is not None
    assert "ann" not in found.reason
    assert "4111" not in found.reason


def test_keyed_documents() -> None:
    assert judge_documents(['"email"=>"x", "k"=>"v"'], Family.KEYED) is not None
    assert judge_documents(["<customer><firstName>Ann</firstName></customer>"], Family.KEYED) is not None
    assert judge_documents(["<a><customer><x/><name>Zxqv</name></customer></a>"], Family.KEYED) is not None
    assert judge_documents(["<a><customer x='1' name='Zxqv'/></a>"], Family.KEYED) is not None
    assert judge_documents(["<a><![CDATA[ann@example.com]]></a>"], Family.KEYED) is not None
    assert judge_documents(["<product><name>Lamp</name><size name='L'/></product>"] * 3, Family.KEYED, ["x"]) is None
    assert judge_documents(['"colour"=>"red"'], Family.KEYED) is None


def test_random_looking_values() -> None:
    tokens = ["".join(RANDOM.choice("abcdefXYZ0123456789") for _ in range(40)) for _ in range(30)]
    assert random_share(tokens) > 0.9
    assert random_share(tokens[:5]) == 0.0
    assert random_share([*tokens, tokens[0]]) == 0.0
    assert random_share([f"uploads/2024/07/picture-{number}.png" for number in range(30)]) == 0.0
    assert random_share([f"feature.flag.{'x' * number}" for number in range(1, 30)]) == 0.0


class TestNumbers:
    """Long numbers, among which a few pass the checks of a card by chance."""

    IDS = (*[f"{RANDOM.randrange(10**15, 10**16)}" for _ in range(200)],)
    CARDS = (*["4111111111111111", "5500005555555559", "378282246310005", "4012888888881881"] * 5,)

    def test_random_numbers_are_numbers(self) -> None:
        assert is_number_column(self.IDS)
        assert is_number_column([f"ORD-{number}" for number in self.IDS])

    def test_cards_are_not(self) -> None:
        assert not is_number_column(self.CARDS)

    def test_a_third_of_cards_is_too_many(self) -> None:
        assert not is_number_column([*self.IDS[:20], *self.CARDS])

    @pytest.mark.parametrize("other", ["a note with 4111111111111111", "ann@example.org", "12345"])
    def test_one_other_value_is_enough_to_look_at_all(self, other: str) -> None:
        assert not is_number_column([*self.IDS, other])
        assert not is_number_column(self.IDS, [other])

    def test_a_few_values_say_nothing(self) -> None:
        assert not is_number_column(self.IDS[:7])


def test_a_few_different_codes_of_diagnoses_are_enough() -> None:
    codes = ["J45.901", "E11.9", "I10", "F32.1", "M54.5", "K21.0", "N39.0", "J06.9"]
    found = vote(codes, Family.TEXT)
    assert found is not None
    assert (found.name, found.shape) == ("health", "ICD-10 code")
    assert vote(codes[:5], Family.TEXT) is None


def routing_number() -> str:
    body = f"0{RANDOM.randint(1, 9)}" + digits(6)
    return body + str(-sum(int(sign) * weight for sign, weight in zip(body, (3, 7, 1) * 3, strict=False)) % 10)


def business_number() -> str:
    """An Australian one: the first two digits are what makes the others right."""
    tail = digits(9)
    rest = sum(int(sign) * weight for sign, weight in zip(tail, range(3, 21, 2), strict=True))
    return next(f"{head}{tail}" for head in range(10, 100) if ((head // 10 - 1) * 10 + head % 10 + rest) % 89 == 0)


def beneficiary() -> str:
    letter, either = "ACDEFGHJKMNPQRTUVWXY", "0123456789ACDEFGHJKMNPQRTUVWXY"
    kinds = (
        "123456789",
        letter,
        either,
        "0123456789",
        letter,
        either,
        "0123456789",
        letter,
        letter,
        *["0123456789"] * 2,
    )
    return "".join(RANDOM.choice(kind) for kind in kinds)


def bic() -> str:
    return "".join(RANDOM.choice("ABCDEFGH") for _ in range(4)) + RANDOM.choice(("DE", "FR", "PT")) + "2L"


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (routing_number, "bank_account"),
        (bic, "bank_account"),
        (business_number, "tax_id"),
        (lambda: bench_makers.cnpj(RANDOM), "tax_id"),
        (lambda: bench_makers.cnpj(RANDOM).translate({46: None, 47: None, 45: None}), "tax_id"),
        (beneficiary, "health_insurance"),
    ],
)
def test_numbers_of_traders_banks_and_the_insured(make: Callable[[], str], name: str) -> None:
    found = vote([make() for _ in range(100)], Family.TEXT)
    assert found is not None
    assert found.name == name
    assert vote([f"{number:014d}" for number in range(11_222_333_000_100, 11_222_333_000_300)], Family.TEXT) is None
