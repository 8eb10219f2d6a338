"""``MaskPlan`` against the reference: same bytes, same counts, same exception class."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.detectors import mask_text, may_contain, scan
from govproxy._fastpath.rows import MaskPlan
from govproxy.errors import ProtocolViolation
from tests.reference import detectors, maskers
from tests.reference import rows as reference
from tests.reference.rows import UNCHANGED, Change, Unchanged

KEY = bytes(range(32))


def _scanned(value: bytes) -> bytes | Unchanged:
    return detectors.mask(value) if may_contain(value) and detectors.scan(value) else UNCHANGED


def _masked(column: ColumnPlan) -> Change:
    return lambda value: maskers.mask(column, KEY, value)


def _constant(text: bytes) -> Change:
    return lambda _: text


EMAIL = ColumnPlan("pseudonym", style="email", limit=30, fallback=b"***", key=KEY)
TAIL = ColumnPlan("partial", style="tail4", fallback=None)
KINDS: list[tuple[ColumnPlan, Change | None]] = [
    (ColumnPlan("pass"), None),
    (ColumnPlan("scan"), _scanned),
    (ColumnPlan("constant", constant=b"***"), _constant(b"***")),
    (ColumnPlan("constant", constant=b""), _constant(b"")),
    (ColumnPlan("null"), lambda _: None),
    (EMAIL, _masked(EMAIL)),
    (TAIL, _masked(TAIL)),
]
values = st.one_of(
    st.none(),
    st.binary(max_size=20),
    st.sampled_from([b"alice@example.com", b"card 4111 1111 1111 1111", b"123-45-6789", b"plain words here", b""]),
)


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[tuple[ColumnPlan, Change | None]], bytes]:
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=6))
    rows = draw(st.lists(st.tuples(*[values for _ in kinds]), max_size=5))
    tail = draw(st.one_of(st.just(b""), st.binary(max_size=8), st.just(b"C\0\0\0\rSELECT 1\0")))
    return kinds, b"".join(reference.encode_row(row) for row in rows) + tail


def both(kinds: list[tuple[ColumnPlan, Change | None]], data: bytes) -> None:
    plan = MaskPlan([column for column, _ in kinds])
    try:
        expected = reference.apply([change for _, change in kinds], data)
    except ProtocolViolation:
        try:
            plan.apply(data)
        except ProtocolViolation:
            return
        raise AssertionError("the reference refused what the plan took") from None
    assert plan.apply(data) == expected


@settings(max_examples=500, deadline=None)
@given(runs())
def test_same_as_the_reference(run: tuple[list[tuple[ColumnPlan, Change | None]], bytes]) -> None:
    both(*run)


@settings(max_examples=500, deadline=None)
@given(runs(), st.data())
def test_damaged_runs(run: tuple[list[tuple[ColumnPlan, Change | None]], bytes], data: st.DataObject) -> None:
    # One byte changed, or the end cut off: either both refuse or both agree.
    kinds, message = run
    if message and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(message) - 1))
        message = message[:place] + bytes([data.draw(st.integers(0, 255))]) + message[place + 1 :]
    both(kinds, message[: data.draw(st.integers(0, len(message)))])


@settings(max_examples=200, deadline=None)
@given(runs(), st.data())
def test_any_split_gives_the_same_bytes(
    run: tuple[list[tuple[ColumnPlan, Change | None]], bytes], data: st.DataObject
) -> None:
    # A run cut anywhere and carried on from where it stopped is the run in one piece.
    kinds, message = run
    plan = MaskPlan([column for column, _ in kinds])
    try:
        consumed, whole, rows, masked = plan.apply(message)
    except ProtocolViolation:
        return
    cut = data.draw(st.integers(0, len(message)))
    first = plan.apply(message[:cut])
    second = plan.apply(message[first[0] :])
    assert first[1] + second[1] == whole
    assert (first[0] + second[0], first[2] + second[2], first[3] + second[3]) == (consumed, rows, masked)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.none(), st.binary(max_size=30), st.just(b"alice@example.com")), max_size=6))
def test_binary_text_arrays(elements: list[bytes | None]) -> None:
    def array(items: list[bytes | None]) -> bytes:
        head = (1).to_bytes(4, "big") + bytes(4) + (25).to_bytes(4, "big")
        head += len(items).to_bytes(4, "big") + (1).to_bytes(4, "big")
        return head + b"".join(b"\xff\xff\xff\xff" if e is None else len(e).to_bytes(4, "big") + e for e in items)

    plan = MaskPlan([ColumnPlan("scan", family="array", format=1)])
    _, output, _, masked = plan.apply(reference.encode_row([array(elements)]))
    found = [e is not None and bool(scan(e)) for e in elements]
    if any(found) and masked:
        expected = [None if e is None else mask_text(e) for e in elements]
        assert reference.decode_row(output) == [array(expected)]
    elif any(may_contain(e) for e, hit in zip(elements, found, strict=True) if e is not None and hit):
        raise AssertionError("an element with a shape passed")
