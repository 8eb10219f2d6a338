"""The compiled detectors against the reference, on text built from pieces that nearly match."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from govproxy._fastpath.detectors import mask_text, may_contain, scan
from tests.reference import detectors as reference

PIECES = [
    b"alice@example.com", b"m\xc3\xbcller@b\xc3\xbccher.de", b"a@b", b"@", b".", b"x.org", b"bob", b"xn--p1ai",
    b"4111111111111111", b"4111 1111 1111 1111", b"4111-1111-1111-1111", b"378282246310005", b"3782 822463 10005",
    b"4000000000006", b"36123456789012341", b"561234567890", b"Karte", b"CART\xc3\xa3O", b"visa ", b"discard",
    b"5500005555555559", b"6304000000000000", b"4111", b"1111", b"12", b"0604", b"1234567890123",
    b"GB82WEST12345698765432", b"GB82 WEST 1234 5698 7654 32", b"DE89-3704-0044-0532-0130-00", b"no9386011117947",
    b"GB82", b"WEST", b"255081416802538", b"2 55 08 14 168 025 38", b"11010519491231002X", b"RSSMRA85T10A562S",
    b"+49 151 23456789", b"+1 (415) 555-2671", b"+", b"49", b"+00:00", b"(", b")",
    b"AKIAIOSFODNN7EXAMPLE", b"ghp_" + b"a1B2" * 9, b"sk-ant-" + b"x" * 24, b"sk-",
    b"SG." + b"a" * 22 + b"." + b"b" * 43,
    b"md5" + b"0a" * 16, b"$2b$12$" + b"a" * 53, b"$6$saltsalt$" + b"Z" * 40, b"$P$B" + b"c" * 30, b"$", b"$argon2id$",
    b"SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0$c3RvcmVk:c2VydmVyc2VydmVy", b"pbkdf2_sha256$260000$salt$" + b"h" * 30,
    b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", b"eyJzdWIiOiIxIn0", b"eyJ0eXAiOiJKV1QiLCJ4IjoxfQ", b"abc-def_",
    b"-----BEGIN RSA PRIVATE KEY-----", b"MIIEpAIBAAKCAQEA7yn3", b"-----END RSA PRIVATE KEY-----", b"-----BEGIN",
    b"-----BEGIN CERTIFICATE-----", b"postgres://bob:hunter2@db.example.com/x", b"https:\\/\\/u:p@h", b"://", b":",
    b"password=hunter22", b"pwd =", b"Password='", b"host=db", b"user = x", b"passwd", b"=",
    b"\\n", b"\\u000a", b"\\u00fc", b"u00fc",
    b"\\", b'"', b"'", b"{", b"}", b"[", b"]", b",", b" ", b"  ", b"-", b"_", b"/", b"=", b"\n",
    b"529.982.247-25", b"11.222.333/0001-81", b"85.07.30-033.28", b"85073003328", b"756.9217.0769.85", b"7569217076985",
    b"19811228-9874", b"900101-1234568", b"010100 50045", b"01010050045", b"HEGG560427MVZRRL04", b"529.982", b"247-25",
    b"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", b"\\nL898902C36UTO",
    b"L898902C36UTO7408122F1204159ZE184226B<<<<<10", b"<", b"<<",
    b"%B4111111111111111^DOE/JOHN^2512101123", b"%B", b"^", b"?", b";4111111111111111=25121011234", b"=2512101",
    b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", b"3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", b"0x" + b"aB" * 20,
    b"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", b"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
    b"\xc2\xa0", b"\xe2\x80\xaf", b"\xe2\x80\x93", b"\xe2\x80", b"\xc2", b"\t", b"4111.1111.1111.1111",
    b"4111\xc2\xa01111\xc2\xa01111\xc2\xa01111", b"4111\xe2\x80\x911111\xe2\x80\x911111\xe2\x80\x911111",
    b"\xc3\xa4", b"\xff", b"\x00", b"550e8400-e29b-41d4-a716-446655440000", b"0123456789abcdef", b"9" * 15,
]  # fmt: skip

texts = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)), max_size=12).map(b"".join)


@settings(max_examples=600, deadline=None)
@given(texts)
@example(b"+1 2025550123")
@example(b'{"n": "-----BEGIN PRIVATE KEY-----MIIEpAIBAAKCAQEA7yn3\\"')
def test_same_spans_as_the_reference(text: bytes) -> None:
    expected = reference.scan(text)
    if not may_contain(text):
        assert expected == [], "the quick question said no where a shape is"
    assert scan(text) == expected


hexadecimal = st.sampled_from([31, 32, 33, 40, 64]).flatmap(
    lambda size: st.sampled_from(["0123456789abcdef", "0123456789ABCDEF", "0123456789aB", "0123456789"]).flatmap(
        lambda digits: st.text(digits, min_size=size, max_size=size)
    )
)


@settings(max_examples=600, deadline=None)
@given(hexadecimal)
@example("de89370400440532013000" + "a" * 10)
@example("a" * 10 + "4111111111111111" + "b" * 6)
@example("AE070331234567890123456" + "F" * 9)
def test_a_digest_is_nothing_and_what_is_nearly_one_is_looked_at(text: str) -> None:
    data = text.encode()
    expected = reference.scan(data)
    if not may_contain(data):
        assert expected == []
    assert scan(data) == expected


def test_a_digest_is_no_candidate() -> None:
    for size in (32, 40, 64):
        assert not may_contain(b"0a" * (size // 2))
        assert not may_contain(b"0A" * (size // 2))
        assert may_contain((b"0aA" * 22)[:size])
        assert may_contain(b"0a" * (size // 2) + b"g")
        assert may_contain(b"01" * (size // 2))


@settings(max_examples=600, deadline=None)
@given(texts, st.booleans())
def test_same_masked_text_as_the_reference(text: bytes, json_text: bool) -> None:
    expected = reference.mask(text, json=json_text) if may_contain(text) else text
    assert mask_text(text, json=json_text) == expected


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([p for p in PIECES if b"\xff" not in p]), max_size=8).map(b"".join))
@example("\\äalice@example.com".encode())
def test_valid_utf8_stays_valid(text: bytes) -> None:
    mask_text(text.decode("utf-8", "replace").encode()).decode("utf-8")


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([4111111111111111, 5500005555555559, 255081416802538, -4111111111111111]),
    st.lists(st.sampled_from([p for p in PIECES if b"\xff" not in p]), max_size=4).map(
        lambda parts: b"".join(parts).decode("utf-8", "replace")
    ),
)
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(documents, st.booleans())
def test_json_stays_json_of_the_same_shape(document: object, ascii_only: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only).encode()
    masked: object = json.loads(mask_text(text, json=True))
    assert type(masked) is type(document)
    if isinstance(document, list) and isinstance(masked, list):
        assert [type(x) for x in masked] == [type(x) for x in document]
