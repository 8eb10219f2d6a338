"""Masked values seen from the other side: restored where that can be, recognised where that is sure."""

from __future__ import annotations

import datetime
import struct
import uuid

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.rows import MaskPlan
from govproxy.masking.roundtrip import MaskedForm, array_elements, array_text

KEY, OTHER = bytes(range(32)), bytes(32)


def plan(op: str, family: str = "text", style: str = "generic", binary: bool = False) -> ColumnPlan:
    return ColumnPlan(
        op,
        family=family,
        format=int(binary),
        style=style,
        shift_days=-77 if op == "shift" else 0,
        fallback=b"***" if family == "text" else None,
        key=KEY if op in ("hash", "pseudonym", "shift", "fpe") else b"",
    )


def masked(column: ColumnPlan, value: bytes) -> bytes:
    body = struct.pack("!Hi", 1, len(value)) + value
    _, output, _, _ = MaskPlan([column]).apply(b"D" + struct.pack("!I", len(body) + 4) + body)
    (size,) = struct.unpack_from("!i", output, 7)
    assert size >= 0
    return output[11 : 11 + size]


def form(column: ColumnPlan) -> MaskedForm:
    return MaskedForm(column, KEY)


@given(st.text("0123456789 -+()./", min_size=6, max_size=30), st.sampled_from(["tail4", "card", "phone", "generic"]))
def test_digits_come_back(value: str, style: str) -> None:
    column = plan("fpe", style=style)
    digits = sum(sign.isdigit() for sign in value)
    if digits >= 6 and not (style == "card" and digits < 13):
        assert form(column).restored(masked(column, value.encode()).decode()) == value


@given(
    st.integers(100_000, 2**31 - 1) | st.integers(10**12, 10**18 - 1),
    st.sampled_from(["int4", "int8"]),
    st.booleans(),
    st.sampled_from(["generic", "card"]),
)
def test_numbers_come_back_in_both_forms(value: int, family: str, negative: bool, style: str) -> None:
    if value >= 2**31:
        family = "int8"
    value = -value if negative else value
    column = plan("fpe", family, style)
    shown = masked(column, str(value).encode()).decode()
    assert form(column).restored(shown) == str(value)
    width = {"int4": 4, "int8": 8}[family]
    in_binary = masked(plan("fpe", family, style, binary=True), value.to_bytes(width, "big", signed=True))
    assert form(column).as_text(in_binary, binary=True) == shown


@given(st.dates(datetime.date(1700, 1, 1), datetime.date(2200, 1, 1)))
def test_dates_come_back_in_both_forms(value: datetime.date) -> None:
    column = plan("shift", "date")
    shown = masked(column, value.isoformat().encode()).decode()
    assert form(column).restored(shown) == value.isoformat()
    days = (value - datetime.date(2000, 1, 1)).days
    in_binary = masked(plan("shift", "date", binary=True), struct.pack("!i", days))
    assert form(column).as_text(in_binary, binary=True) == shown


@given(st.emails(), st.sampled_from(["pseudonym", "partial", "hash"]))
def test_masked_addresses_are_recognised_and_real_ones_are_not(value: str, op: str) -> None:
    column = plan(op, style="email")
    assert form(column).recognises(masked(column, value.encode()))
    assume("***" not in value)  # a real one may look like a mask
    assert not form(column).recognises(value.encode())
    assert form(column).recognises(array_text(["x", masked(column, value.encode()).decode()]).encode())


@given(
    st.text("0123456789- ", min_size=8, max_size=20), st.sampled_from(["tail4", "card", "phone", "iban", "postcode"])
)
def test_starred_numbers_are_recognised_and_real_ones_are_not(value: str, style: str) -> None:
    column = plan("partial", style=style)
    assert form(column).recognises(masked(column, value.encode()))
    assert not form(column).recognises(value.encode())


@given(st.uuids(), st.sampled_from(["pseudonym", "hash"]))
def test_masked_uuids_are_recognised_in_both_forms(value: uuid.UUID, op: str) -> None:
    column = plan(op, "uuid")
    assert form(column).recognises(masked(column, str(value).encode()))
    assert form(column).recognises(masked(plan(op, "uuid", binary=True), value.bytes), binary=True)
    assert not form(column).recognises(str(value).encode())


def test_a_token_of_another_key_is_data_and_of_a_former_key_is_not() -> None:
    column = plan("pseudonym", style="email")
    token = masked(column, b"ana@mail.example")
    assert not MaskedForm(column, OTHER).recognises(token)
    assert MaskedForm(column, OTHER, (KEY,)).recognises(token)


@pytest.mark.parametrize(
    "value",
    [b"", b"*", b"u_0123456789abcdef01@mail.example", b"4111111111111111", b"a*b", b"{}", b"{", b"0" * 32, b"**** day"],
)
@pytest.mark.parametrize("op", ["pseudonym", "partial", "hash", "fpe"])
@pytest.mark.parametrize("style", ["email", "tail4", "generic", "name", "user"])
def test_what_no_masker_wrote_passes(value: bytes, op: str, style: str) -> None:
    assert not form(plan(op, style=style)).recognises(value)


@given(st.lists(st.text(min_size=1).filter(lambda text: "\0" not in text), max_size=5))
def test_arrays_are_taken_apart_as_they_were_put_together(values: list[str]) -> None:
    assert array_elements(array_text(values)) == values


@given(st.text())
def test_any_text_is_an_array_or_none(value: str) -> None:
    array_elements(value)
    array_elements("{" + value + "}")
    form(plan("fpe", style="tail4")).restored(value)
    form(plan("shift", "date")).restored(value)
    form(plan("fpe", "int8")).restored(value)


# ---------------------------------------------------------------------- addresses


@given(st.from_regex(r"[a-z0-9][a-z0-9._+-]{0,29}", fullmatch=True), st.sampled_from(["mail.example", "X.example.ORG"]))
def test_addresses_come_back_from_their_pseudonyms(local: str, domain: str) -> None:
    column = plan("pseudonym", style="email")
    value = f"{local}@{domain}"
    shown = masked(column, value.encode())
    assert shown == masked(column, value.upper().split("@")[0].encode() + b"@" + domain.encode())
    # Eight letters do not come up in a token by chance.
    assert local.encode() not in shown.split(b"@")[0][2:] or len(local) < 8
    seen = form(column)
    assert seen.is_reversible
    assert seen.recognises(shown)
    assert seen.restored(shown.decode()) == value
    # Under the key alone, and for no other value.
    assert MaskedForm(column, OTHER).restored(shown.decode()) is None
    assert MaskedForm(column, OTHER, (KEY,)).recognises(shown)
    assert seen.restored(value) is None
    place = 2 + len(shown.split(b"@")[0]) // 3
    other = shown[:place] + (b"a" if shown[place : place + 1] != b"a" else b"b") + shown[place + 1 :]
    assert seen.restored(other.decode()) is None
    assert seen.restored(shown.replace(b"@", b"@x").decode()) is None


@given(st.text("abc", min_size=31, max_size=60))
def test_longer_addresses_get_a_token_that_does_not_come_back(local: str) -> None:
    column = plan("pseudonym", style="email")
    shown = masked(column, f"{local}@mail.example".encode())
    assert form(column).recognises(shown)
    assert form(column).restored(shown.decode()) is None


def test_lengths_of_addresses_show_in_steps_of_ten_only() -> None:
    column = plan("pseudonym", style="email")
    sizes = [len(masked(column, b"x" * n + b"@mail.example").split(b"@")[0]) for n in range(1, 31)]
    assert sizes == [28] * 10 + [44] * 10 + [60] * 10
