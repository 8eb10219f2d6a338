"""Composites, ranges and enums, part by part, in both wire forms; what has another form is replaced whole."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.rows import MaskPlan
from tests.reference import arrays, maskers
from tests.reference.composites import record_binary, record_text
from tests.reference.rows import decode_row, encode_row

KEY = bytes(range(32))
SECRET = b"Quirinus,Xavier"
EMAIL, NOTE, AGE = 25, 1043, 23


def record(form: int) -> ColumnPlan:
    parts = (
        ColumnPlan("partial", format=form, style="email", fallback=b"***"),
        ColumnPlan("scan", format=form),
        ColumnPlan("generalise", family="int4", format=form),
        ColumnPlan("null", format=form),
    )
    return ColumnPlan(
        "parts", family="record", format=form, fallback=b"whole", parts=parts, part_oids=(EMAIL, NOTE, AGE, EMAIL)
    )


def masked(plan: ColumnPlan, value: bytes) -> bytes | None:
    _, output, _, count = MaskPlan([plan]).apply(encode_row([value]))
    assert count == 1
    (result,) = decode_row(output)
    return result


def test_a_composite_field_by_field() -> None:
    fields = [b"ann@example.com", b'a "b", (c) \\ d', b"37", b"gone"]
    expected = [b"a***@example.com", b'a "b", (c) \\ d', b"30", None]
    assert masked(record(0), record_text(fields)) == record_text(expected)
    assert masked(record(0), record_text([None, b"", None, None])) == record_text([None, b"", None, None])
    wire = [(EMAIL, fields[0]), (NOTE, fields[1]), (AGE, struct.pack("!i", 37)), (EMAIL, fields[3])]
    made = [(EMAIL, expected[0]), (NOTE, expected[1]), (AGE, struct.pack("!i", 30)), (EMAIL, None)]
    assert masked(record(1), record_binary(wire)) == record_binary(made)


def test_composites_in_arrays_in_composites() -> None:
    for form in (0, 1):
        inner = record(form)
        array = ColumnPlan("parts", family="array", format=form, fallback=b"whole", parts=(inner,), part_oids=(9000,))
        outer = ColumnPlan("parts", family="record", format=form, fallback=b"all", parts=(array,), part_oids=(9001,))
        if form == 0:
            row, seen = (
                record_text([b"ann@example.com", b"x y", b"37", b"z"]),
                record_text([b"a***@example.com", b"x y", b"30", None]),
            )
            value = record_text([arrays.literal([row, None, [][:0] or b"(,,,)"])])
            assert masked(outer, value) == record_text([arrays.literal([seen, None, b"(,,,)"])])
            continue
        one = record_binary([(EMAIL, b"ann@example.com"), (NOTE, None), (AGE, struct.pack("!i", 37)), (EMAIL, b"z")])
        two = record_binary([(EMAIL, b"a***@example.com"), (NOTE, None), (AGE, struct.pack("!i", 30)), (EMAIL, None)])
        value = record_binary([(9001, arrays.binary([one, None], 9000))])
        assert masked(outer, value) == record_binary([(9001, arrays.binary([two, None], 9000))])


texts = st.one_of(
    st.none(),
    st.binary(max_size=10).map(lambda b: b.replace(b"\0", b"")),
    st.sampled_from([b"", b" ", b'"', b"\\", b'a""b', b"(,)", b"ann@example.com", b"Ann, Miller"]),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4), st.sampled_from([b"***", None]), st.integers(0, 1))
def test_any_composite_is_masked_like_its_fields(fields: list[bytes | None], fallback: bytes | None, form: int) -> None:
    # In text an empty field is NULL, so that an empty value is written in quotes.
    part = ColumnPlan("hash", format=form, style="email", key=KEY, fallback=fallback)
    count = len(fields)
    plan = ColumnPlan(
        "parts", family="record", format=form, fallback=b"whole", parts=(part,) * count, part_oids=(EMAIL,) * count
    )
    expected = [None if one is None else maskers.mask(part, KEY, one) for one in fields]
    if form:
        pairs = [(EMAIL, one) for one in fields]
        assert masked(plan, record_binary(pairs)) == record_binary([(EMAIL, one) for one in expected])
    else:
        assert masked(plan, record_text(fields)) == record_text(expected)


@settings(max_examples=400, deadline=None)
@given(st.lists(texts, max_size=3), st.integers(0, 1), st.data())
def test_damage_never_lets_a_field_through(fields: list[bytes | None], form: int, data: st.DataObject) -> None:
    fields = [*fields, SECRET]
    part = ColumnPlan("hash", format=form, key=KEY, fallback=b"***")
    plan = ColumnPlan(
        "parts",
        family="record",
        format=form,
        fallback=b"whole",
        parts=(part,) * len(fields),
        part_oids=(EMAIL,) * len(fields),
    )
    value = record_binary([(EMAIL, one) for one in fields]) if form else record_text(fields)
    place = data.draw(st.integers(0, len(value) - 1))
    damaged = value[:place] + bytes([data.draw(st.integers(0, 255))]) + value[place + 1 :]
    result = masked(plan, damaged[: data.draw(st.integers(1, len(damaged)))])
    assert result is not None
    assert b"Quirinus" not in result
    assert b"Xavier" not in result


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"(",
        b"()",
        b"(a)",
        b"(a,b,c)",
        b"(a,b,c,d,e)",
        b"(a,b,c,d)x",
        b"a,b,c,d",
        b'(a,"b,c,d)',
        b'(a"b",b,c,d)',
        b"(a\\,b,c,d)",
    ],
)
def test_what_is_no_such_composite_is_replaced_whole(value: bytes) -> None:
    assert masked(record(0), value) == b"whole"


def test_a_composite_of_other_types_is_replaced_whole() -> None:
    good = [(EMAIL, b"a"), (NOTE, b"b"), (AGE, bytes(4)), (EMAIL, b"d")]
    for wrong in (good[:3], [*good, good[0]], [*good[:3], (NOTE, b"d")]):
        assert masked(record(1), record_binary(wrong)) == b"whole"
    for cut in range(len(record_binary(good))):
        assert masked(record(1), record_binary(good)[:cut]) == b"whole"
    assert masked(record(1), record_binary(good) + b"x") == b"whole"


# ---------------------------------------------------------------------- ranges


def ranges(form: int, family: str = "range", op: str = "shift") -> ColumnPlan:
    bound = ColumnPlan(op, family="date", format=form, shift_days=10, key=KEY)
    return ColumnPlan("parts", family=family, format=form, fallback=b"whole", parts=(bound,), part_oids=(1082,))


def dates(flags: int, *days: int) -> bytes:
    return bytes([flags]) + b"".join(struct.pack("!ii", 4, day) for day in days)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"[1984-05-17,1984-05-20)", b"[1984-05-27,1984-05-30)"),
        (b"(,1984-05-20]", b"(,1984-05-30]"),
        (b"[1984-05-17,)", b"[1984-05-27,)"),
        (b"(,)", b"(,)"),
        (b"empty", b"empty"),
        (b"[1984-05-17,infinity)", b"[1984-05-27,infinity)"),
        (b'["1984-05-17",1984-05-20)', b"[1984-05-27,1984-05-30)"),
        (b"[1984-05-17,secret)", b"whole"),
        (b"[1984-05-17)", b"whole"),
        (b"1984-05-17,1984-05-20", b"whole"),
        (b"[1984-05-17,1984-05-20", b"whole"),
        (b"[1984-05-17,1984-05-20)x", b"whole"),
        (b"emptyx", b"whole"),
        (b"", b"whole"),
    ],
)
def test_both_bounds_move_alike(value: bytes, expected: bytes) -> None:
    assert masked(ranges(0), value) == expected
    if expected != b"whole":
        several = b"{" + b",".join([value] * 2) + b"}"
        assert masked(ranges(0, "multirange"), several) == b"{" + b",".join([expected] * 2) + b"}"
    else:
        assert masked(ranges(0, "multirange"), b"{" + value + b"}") == (b"{}" if not value else b"whole")


def test_bounds_in_binary() -> None:
    for flags, days, moved in (
        (0x02, (1, 5), (11, 15)),
        (0x08, (5,), (15,)),
        (0x12, (5,), (15,)),
        (0x18, (), ()),
        (0x01, (), ()),
    ):
        assert masked(ranges(1), dates(flags, *days)) == dates(flags, *moved)
        one = dates(flags, *days)
        several = struct.pack("!ii", 1, len(one)) + one
        made = dates(flags, *moved)
        assert masked(ranges(1, "multirange"), several) == struct.pack("!ii", 1, len(made)) + made
        for cut in range(len(several)):
            assert masked(ranges(1, "multirange"), several[:cut]) == b"whole"
    for wrong in (
        b"",
        dates(0x02, 1),
        dates(0x02, 1, 5) + b"x",
        dates(0x18, 1),
        b"\x02\xff\xff\xff\xff\xff\xff\xff\xff",
    ):
        assert masked(ranges(1), wrong) == b"whole"


# ---------------------------------------------------------------------- enums


def labelled(*labels: bytes, fallback: bytes | None = None) -> ColumnPlan:
    return ColumnPlan("pseudonym", family="enum", key=KEY, labels=labels, fallback=fallback)


def test_a_label_becomes_another_one_of_the_type() -> None:
    labels = (b"calm", b"cross", b"glad", b"sad")
    seen = {label: masked(labelled(*labels), label) for label in labels}
    assert all(after in labels and after != before for before, after in seen.items())
    assert seen == {label: masked(labelled(*labels), label) for label in labels}
    assert masked(labelled(*labels), b"no label") is None
    # The other one of two would say which it was.
    assert masked(labelled(b"calm", b"cross", fallback=b"calm"), b"cross") == b"calm"
    assert masked(labelled(b"calm", b"cross", fallback=b"calm"), b"calm") == b"calm"


def test_plans_of_parts_are_checked() -> None:
    part = ColumnPlan("pass")
    for bad in (
        {"family": "array", "parts": ()},
        {"family": "range", "parts": (part, part), "part_oids": (1, 2)},
        {"family": "text", "parts": (part,), "part_oids": (1,)},
        {"family": "record", "parts": (part,), "part_oids": ()},
        {"family": "record", "parts": (part,), "part_oids": (1,), "format": 1},
    ):
        with pytest.raises(ValueError, match="part"):
            ColumnPlan("parts", **bad)  # type: ignore[arg-type]
    nested = ColumnPlan(
        "parts", family="record", format=1, parts=(ColumnPlan("scan", family="array", format=1),), part_oids=(1009,)
    )
    with pytest.raises(ValueError, match="part by part"):
        MaskPlan([nested])
