"""Arrays masked element by element, against the reference; what is no array is replaced whole."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.rows import MaskPlan
from tests.reference import arrays, maskers
from tests.reference.rows import decode_row, encode_row

KEY = bytes(range(32))
TEXT = 25
OPS = ["partial", "hash", "pseudonym"]
elements = st.one_of(
    st.none(),
    st.binary(max_size=12).map(lambda b: b.replace(b"\0", b"")),
    st.sampled_from([b"ann@example.com", b"null", b"NULL", b"", b" x ", b'a "b" \\c', b"{}", b"a,b", b"Ann Miller"]),
)
nested = st.recursive(
    st.lists(elements, max_size=4), lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=6
)


def column(op: str, form: int, style: str = "email", fallback: bytes | None = b"***") -> ColumnPlan:
    part = ColumnPlan(op, format=form, style=style, key=KEY, fallback=fallback)
    return ColumnPlan("parts", family="array", format=form, fallback=b"whole", parts=(part,), part_oids=(TEXT,))


def single(op: str, style: str, fallback: bytes | None) -> ColumnPlan:
    return ColumnPlan(op, style=style, key=KEY, fallback=fallback)


def masked(plan: ColumnPlan, value: bytes) -> bytes | None:
    _, output, rows, count = MaskPlan([plan]).apply(encode_row([value]))
    assert (rows, count) == (1, 1)
    (result,) = decode_row(output)
    return result


@settings(max_examples=400, deadline=None)
@given(nested, st.sampled_from(OPS), st.sampled_from(["email", "name", "card"]), st.sampled_from([b"***", None]))
def test_literals(value: list[object], op: str, style: str, fallback: bytes | None) -> None:
    one = single(op, style, fallback)
    expected = arrays.literal(arrays.changed(value, lambda element: maskers.mask(one, KEY, element)))
    assert masked(column(op, 0, style, fallback), arrays.literal(value)) == expected
    assert masked(column(op, 0, style, fallback), b"[-1:2]=" + arrays.literal(value)) == b"[-1:2]=" + expected


@settings(max_examples=400, deadline=None)
@given(st.lists(elements, max_size=6), st.sampled_from(OPS), st.sampled_from([b"***", None]), st.integers(1, 6))
def test_binary(values: list[bytes | None], op: str, fallback: bytes | None, dimensions: int) -> None:
    one = single(op, "email", fallback)
    expected = [None if e is None else maskers.mask(one, KEY, e) for e in values]
    value = arrays.binary(values, TEXT, dimensions=dimensions)
    assert masked(column(op, 1, "email", fallback), value) == arrays.binary(expected, TEXT, dimensions=dimensions)


@settings(max_examples=400, deadline=None)
@given(st.lists(elements, max_size=4), st.integers(0, 1), st.data())
def test_damage_never_lets_an_element_through(values: list[bytes | None], form: int, data: st.DataObject) -> None:
    # One byte changed or the end cut off: masked, or replaced whole, and never an element as it was.
    secret = b"Quirinus.Xavier"
    message = arrays.binary([*values, secret], TEXT) if form else arrays.literal([*values, secret])
    place = data.draw(st.integers(0, len(message) - 1))
    damaged = message[:place] + bytes([data.draw(st.integers(0, 255))]) + message[place + 1 :]
    damaged = damaged[: data.draw(st.integers(1, len(damaged)))]
    result = masked(column("hash", form), damaged)
    assert result is None or b"Quirinus" not in result
    assert result is None or b"Xavier" not in result


def test_what_is_no_array_is_replaced_whole() -> None:
    good = arrays.binary([b"a"], TEXT)
    for value in (
        b"",
        b"abc",
        good[:-1],
        good + b"x",
        arrays.binary([b"a"], 23),
        arrays.binary([b"a"], TEXT, dimensions=7),
    ):
        assert masked(column("hash", 1), value) == b"whole"
    for value in (
        b"",
        b"abc",
        b"{",
        b"{a",
        b'{"a',
        b'{"a"b}',
        b"{a}}",
        b"{a}x",
        b"[x]={a}",
        b"[0:1]",
        b"{{{{{{{a}}}}}}}",
        b'{a"b"}',
    ):
        assert masked(column("hash", 0), value) == b"whole"


def test_a_new_null_is_announced() -> None:
    value = arrays.binary([b"no address", b"ann@example.com"], TEXT)
    assert masked(column("partial", 1, fallback=None), value) == arrays.binary([None, b"a***@example.com"], TEXT)


def test_elements_are_encrypted_like_columns() -> None:
    cards = [b"4111 1111 1111 1111", b"4012888888881881"]
    plan = column("fpe", 0, "card")
    (alone,) = {masked(single("fpe", "card", None), cards[0])}
    assert alone is not None
    result = masked(plan, arrays.literal(list(cards)))
    assert result is not None
    assert result.startswith(b'{"' + alone + b'",')
