"""Checks of one value: numbers their issuers published as examples, and near misses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from govproxy.masking import bank_numbers, checks, identity_numbers

VALID: dict[Callable[[str], bool], tuple[str, ...]] = {
    checks.is_card: ("4111 1111 1111 1111", "378282246310005", "5555-5555-5555-4444", "6011111111111117"),
    checks.is_iban: ("DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "fr1420041010050500013m02606"),
    checks.is_email: ("ann@example.org", "Ann Example <ann.e+x@mail.example.co.uk>", "jürgen@müller.example"),
    checks.is_ssn: ("123-45-6789", "912-70-1234"),
    checks.is_international_phone: ("+49 30 1234567", "+1 (555) 234-5678", "0033 1 23 45 67 89", "+442071838750"),
    checks.is_formatted_phone: ("(555) 234-5678", "555-234-5678 x12", "030/1234567", "06 12 34 56 78", "0171 2345678"),
    checks.is_ipv4: ("10.0.0.1", "192.168.1.0/24"),
    checks.is_ipv6: ("2001:db8::1", "::ffff:10.0.0.1", "fe80::1/64"),
    checks.is_mac: ("00:1a:2b:3c:4d:5e", "00-1A-2B-3C-4D-5E", "001a.2b3c.4d5e"),
    checks.is_imei: ("490154203237518",),
    checks.is_jwt: ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",),
    checks.is_token: ("AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1B2" * 9, "sk_live_" + "x" * 24),
    checks.is_private_key: ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "-----BEGIN OPENSSH PRIVATE KEY-----"),
    checks.is_password_hash: (
        "$2b$12$" + "a" * 53,
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaGhhc2g",
        "SCRAM-SHA-256$4096:" + "A" * 60,
        "md5" + "0" * 32,
    ),
    checks.is_dsn: ("postgresql://app:s3cret@db:5432/x", "host=db user=app password=s3cret"),
    checks.is_wallet: ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "0x" + "aB" * 20),
    checks.is_street_address: ("12 Main Street", "Hauptstraße 5", "10 rue de la Paix", "Calle Mayor 3"),
    checks.is_date: ("1984-02-29", "29.02.1984", "19840229"),
    identity_numbers.is_cpf: ("529.982.247-25",),
    identity_numbers.is_pesel: ("44051401359",),
    identity_numbers.is_bsn: ("111222333",),
    identity_numbers.is_sin: ("130 692 544",),
    identity_numbers.is_german_tax_id: ("86095742719",),
    identity_numbers.is_dni: ("12345678Z", "X1234567L"),
    identity_numbers.is_codice_fiscale: ("RSSMRA85T10A562S",),
    identity_numbers.is_nir: ("2 55 08 14 168 025 38",),
    identity_numbers.is_nino: ("AB 12 34 56 C",),
    identity_numbers.is_chinese_id: ("11010519491231002X",),
    identity_numbers.is_personnummer: ("811218-9876",),
    identity_numbers.is_aadhaar: ("2341 2341 2346",),
    identity_numbers.is_curp: ("BEML920313HMCLNS09",),
    identity_numbers.is_indian_pan: ("ABCPE1234F",),
    identity_numbers.is_cnpj: ("11.222.333/0001-81", "11222333000181", "12.ABC.345/01DE-35"),
    identity_numbers.is_abn: ("51 824 753 556",),
    identity_numbers.is_australian_medicare: ("2123 45670 1", "21234567011"),
    identity_numbers.is_mbi: ("1EG4-TE5-MK73", "1EG4TE5MK73"),
    bank_numbers.is_routing_number: ("021000021", "091000019"),
    bank_numbers.is_bic: ("DEUTDEFF", "DEUTDEFF500", "BNPAFRPPXXX"),
}
INVALID: dict[Callable[[str], bool], tuple[str, ...]] = {
    checks.is_card: ("4111111111111112", "0000000000000000", "1234567890123452", "4111", "4111a11111111111"),
    checks.is_iban: ("DE88370400440532013000", "XX89370400440532013000", "DE8937040044053201300"),
    checks.is_email: ("ann@localhost", "@example.org", "ann@", "a b@example.org", "ann@example.1"),
    checks.is_ssn: ("000-12-3456", "666-12-3456", "123-00-4567", "123-45-0000", "123456789"),
    checks.is_international_phone: ("+999 123456", "49 30 1234567", "+1", "1.2.3"),
    checks.is_formatted_phone: ("2020-01-02", "01-02-2020", "12345678", "155-234-5678", "10.0.0.1"),
    checks.is_ipv4: ("256.1.1.1", "1.2.3", "1.2.3.4.5", "v1.2.3.4"),
    checks.is_ipv6: ("12:30:45", "00:1a:2b:3c:4d:5e", "a:b", "::"),
    checks.is_mac: ("00:1a:2b:3c:4d", "00:1a-2b:3c:4d:5e"),
    checks.is_imei: ("490154203237519", "378282246310005"),
    checks.is_jwt: ("eyJ.a.b", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.x"),
    checks.is_token: ("AKIA", "ghp_short", "sku-123456"),
    checks.is_password_hash: ("password", "md5", "$5", "d41d8cd98f00b204e9800998ecf8427e"),
    checks.is_dsn: ("https://example.org/a@b", "postgresql://db/x", "password reset"),
    checks.is_wallet: ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "0x12"),
    identity_numbers.is_cpf: ("529.982.247-26", "111.111.111-11"),
    identity_numbers.is_pesel: ("44051401358",),
    identity_numbers.is_bsn: ("111222334", "000000000"),
    identity_numbers.is_sin: ("130 692 545", "046 454 286"),
    identity_numbers.is_german_tax_id: ("86095742718",),
    identity_numbers.is_dni: ("12345678A",),
    identity_numbers.is_codice_fiscale: ("RSSMRA85T10A562T",),
    identity_numbers.is_nir: ("2 55 08 14 168 025 39",),
    identity_numbers.is_chinese_id: ("110105194912310021",),
    identity_numbers.is_personnummer: ("811218-9875",),
    identity_numbers.is_aadhaar: ("2341 2341 2345",),
    identity_numbers.is_cnpj: ("11.222.333/0001-82", "00000000000000", "12.ABC.345/01DE-36"),
    identity_numbers.is_abn: ("51 824 753 557", "01 824 753 556"),
    identity_numbers.is_australian_medicare: ("2123 45671 1", "1123 45670 1", "2123 45670 0"),
    identity_numbers.is_mbi: ("1EG4-TE5-MKZ3", "0EG4-TE5-MK73", "1SG4-TE5-MK73"),
    bank_numbers.is_routing_number: ("021000022", "991000019", "02100002"),
    bank_numbers.is_bic: ("DEUTXYFF", "DEUTDEF", "STANDARD", "deutdeff"),
}


@pytest.mark.parametrize(("check", "text"), [(check, text) for check, texts in VALID.items() for text in texts])
def test_accepts(check: Callable[[str], bool], text: str) -> None:
    assert check(text)


@pytest.mark.parametrize(("check", "text"), [(check, text) for check, texts in INVALID.items() for text in texts])
def test_rejects(check: Callable[[str], bool], text: str) -> None:
    assert not check(text)


@pytest.mark.parametrize("check", list(VALID))
@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "\u0661\u0662\u0663", "a" * 10_000, "1" * 10_000, "@" * 2_000, "(" * 300]
)
def test_takes_anything(check: Callable[[str], bool], text: str) -> None:
    assert check(text) is False


def test_verhoeff_finds_every_single_wrong_digit() -> None:
    number = "234123412346"
    for place in range(len(number)):
        for digit in "0123456789":
            changed = number[:place] + digit + number[place + 1 :]
            assert identity_numbers.is_aadhaar(changed) is (changed == number)


@pytest.mark.parametrize(
    ("shape", "number"),
    [
        ("Finnish identity code", "131052-308T"),
        ("South African id", "8001015009087"),
        ("Turkish id", "10000000146"),
        ("Korean RRN", "820701-2409184"),
        ("Singapore NRIC", "S1234567D"),
        ("Singapore NRIC", "M1234567K"),
        ("Australian TFN", "123 456 782"),
        ("Norwegian id", "29029900157"),
        ("Danish CPR", "070761-4285"),
        ("Belgian national number", "85.07.30-033.28"),
        ("Portuguese NIF", "123456789"),
        ("Swiss AHV", "756.9217.0769.85"),
        ("Romanian CNP", "1800101221144"),
        ("Chilean RUT", "12.345.678-5"),
        ("NHS number", "943 476 5919"),
        ("NPI", "1234567893"),
        ("DEA number", "AB1234563"),
    ],
)
def test_numbers_of_more_states(shape: str, number: str) -> None:
    """Examples that their issuers, or everybody, use; one digit changed must not pass where there is a check digit."""
    check = {**identity_numbers.NATIONAL, **identity_numbers.HEALTH}[shape]
    assert check(number)
    assert not check("")
    assert not check(number + "0")
    if shape in ("Korean RRN", "Danish CPR"):
        return
    place = next(i for i, char in enumerate(number) if char.isdigit() and i > 6)
    changed = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
    assert not check(changed)
