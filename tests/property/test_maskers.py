"""The compiled maskers against the reference, value by value."""

from __future__ import annotations

import datetime
import ipaddress
import json
import uuid

from hypothesis import given, settings
from hypothesis import strategies as st

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.maskkeys import KeyFact, KeyRules
from govproxy._fastpath.rows import MaskPlan
from tests.reference import maskers as reference
from tests.reference.rows import decode_row, encode_row

KEY = bytes(range(32))
STYLES = [
    "generic",
    "email",
    "tail4",
    "card",
    "name",
    "given",
    "surname",
    "phone",
    "iban",
    "postcode",
    "ip",
    "date",
    "geo",
    "user",
    "city",
    "street",
]
OPS = ["partial", "hash", "pseudonym", "generalise", "shift"]


def compiled(column: ColumnPlan, value: bytes) -> bytes | None:
    message = encode_row([value])
    consumed, output, rows, masked = MaskPlan([column]).apply(message)
    assert (consumed, rows, masked) == (len(message), 1, 1)
    (result,) = decode_row(output)
    return result


def plan(op: str, family: str, fmt: int, style: str, *, limit: int = -1, pad: int = -1) -> ColumnPlan:
    return ColumnPlan(
        op, family=family, format=fmt, style=style, limit=limit, pad=pad, shift_days=-40, fallback=b"!", key=KEY
    )


days = st.dates(datetime.date(1, 3, 1), datetime.date(9998, 12, 31))
times = st.datetimes(datetime.datetime(1, 3, 1), datetime.datetime(9998, 12, 31))
texts = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=30).map(str.encode),
    st.emails().map(str.encode),
    st.lists(st.sampled_from(["Ann", "MILLER", "miller,", ",", "B.", "x", "Ada", "van", "Ümit", ""]), max_size=9).map(
        lambda words: " ".join(words).encode()
    ),
    st.from_regex(r"[0-9]{4}( ?[0-9]{4}){2,3}[0-9]{0,4}", fullmatch=True).map(str.encode),
    st.from_regex(r"\+?[0-9]{2,4}([ -][0-9]{2,4}){1,4}", fullmatch=True).map(str.encode),
    st.from_regex(r"[A-Z]{2}[0-9]{2}( [0-9A-Z]{4}){2,5}", fullmatch=True).map(str.encode),
    st.sampled_from(["DE89 3704 0044 0532 0130 00", "gb82west12345698765432", "NL91ABNA0417164300"]).map(str.encode),
    st.from_regex(r"[0-9]{9,19}", fullmatch=True).map(str.encode),
    st.sampled_from(
        [
            "111222333",
            "9434765919",
            "390.533.447-05",
            "44051401359",
            "02476291358",
            "10000000146",
            "2341-2341-2346",
            "850101-1234564",
            "11.222.333/0001-81",
            "185057800608436",
            "11010519491231002X",
            "12345678Z",
            "X1234567L",
            "046454286",
        ]
    ).map(str.encode),
    st.lists(
        st.sampled_from(["12", "Main", "Street,", "APT", "4b", "Αθήνα", "Анна", "王", "de", "\n", "Rue", ","]),
        max_size=14,
    ).map(lambda words: " ".join(words).encode()),
    days.map(lambda d: d.isoformat().encode()),
    times.map(lambda t: t.isoformat(" ").encode() + b"+02"),
    times.map(lambda t: t.isoformat().encode() + b"Z"),
    st.ip_addresses().map(lambda a: str(a).encode()),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(lambda d: f"{d:f}".encode()),
)


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(OPS), st.sampled_from(STYLES), texts, st.sampled_from([-1, 0, 1, 3, 20]), st.booleans())
def test_text(op: str, style: str, value: bytes, limit: int, padded: bool) -> None:
    column = plan(op, "text", 0, style, limit=limit, pad=limit if padded else -1)
    assert compiled(column, value) == reference.mask(column, KEY, value)


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(OPS), st.sampled_from(["tail4", "generic"]), st.sampled_from(["int2", "int4", "int8"]), st.data()
)
def test_integers(op: str, style: str, family: str, data: st.DataObject) -> None:
    bits = 8 * reference.INTEGER_BYTES[family]
    number = data.draw(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
    text, binary = b"%d" % number, number.to_bytes(bits // 8, "big", signed=True)
    in_text, in_binary = plan(op, family, 0, style), plan(op, family, 1, style)
    from_text, from_binary = compiled(in_text, text), compiled(in_binary, binary)
    assert from_text == reference.mask(in_text, KEY, text)
    assert from_binary == reference.mask(in_binary, KEY, binary)
    if from_text != b"!":
        assert from_text is not None
        assert from_binary is not None
        assert int(from_text) == int.from_bytes(from_binary, "big", signed=True)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["shift", "generalise", "hash"]), days)
def test_dates(op: str, day: datetime.date) -> None:
    text, number = day.isoformat().encode(), (day - reference.EPOCH).days
    in_text, in_binary = plan(op, "date", 0, "generic"), plan(op, "date", 1, "generic")
    from_text, from_binary = compiled(in_text, text), compiled(in_binary, number.to_bytes(4, "big", signed=True))
    assert from_text == reference.mask(in_text, KEY, text)
    assert from_binary == reference.mask(in_binary, KEY, number.to_bytes(4, "big", signed=True))
    if op != "hash":
        assert from_text is not None
        assert from_binary is not None
        moved = reference.EPOCH + datetime.timedelta(days=int.from_bytes(from_binary, "big", signed=True))
        assert moved.isoformat().encode() == from_text


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["shift", "generalise"]), times)
def test_timestamps(op: str, moment: datetime.datetime) -> None:
    microseconds = (moment - datetime.datetime(2000, 1, 1)) // datetime.timedelta(microseconds=1)
    column = plan(op, "timestamp", 1, "generic")
    value = microseconds.to_bytes(8, "big", signed=True)
    assert compiled(column, value) == reference.mask(column, KEY, value)


@settings(max_examples=200, deadline=None)
@given(st.uuids(allow_nil=True))
def test_uuids(value: uuid.UUID) -> None:
    in_text, in_binary = plan("pseudonym", "uuid", 0, "generic"), plan("pseudonym", "uuid", 1, "generic")
    from_text, from_binary = compiled(in_text, str(value).encode()), compiled(in_binary, value.bytes)
    assert from_text == reference.mask(in_text, KEY, str(value).encode())
    assert from_text is not None
    assert from_binary == uuid.UUID(from_text.decode()).bytes
    assert uuid.UUID(from_text.decode()).version == value.version


@settings(max_examples=200, deadline=None)
@given(st.ip_addresses())
def test_addresses(value: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    size = 4 if value.version == 4 else 16
    wire = bytes((2 if size == 4 else 3, 8 * size, 0, size)) + value.packed
    column, in_text = plan("generalise", "inet", 1, "ip"), plan("generalise", "inet", 0, "ip")
    assert compiled(column, wire) == reference.mask(column, KEY, wire)
    from_text = compiled(in_text, str(value).encode())
    assert from_text is not None
    assert ipaddress.ip_address(from_text.decode()).packed == (compiled(column, wire) or b"")[4:]


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(
        ["int2", "int4", "int8", "float4", "float8", "numeric", "date", "timestamp", "uuid", "inet", "macaddr"]
    ),
    st.sampled_from(OPS),
    st.sampled_from(["generic", "tail4", "geo"]),
    st.binary(max_size=24),
)
def test_garbage_in_binary_never_comes_out(family: str, op: str, style: str, value: bytes) -> None:
    # Whatever the bytes, the answer has the type's own size or is the fallback.
    result = compiled(plan(op, family, 1, style), value)
    sizes = {"int2": 2, "int4": 4, "int8": 8, "float4": 4, "float8": 8, "date": 4, "timestamp": 8, "uuid": 16}
    assert result is not None
    if result != b"!" and family in sizes:
        assert len(result) == sizes[family]


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='ab"\\é: {', max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)


def hidden(document: object) -> object:
    match document:
        case dict():
            return {key: hidden(value) for key, value in document.items()}
        case list():
            return [hidden(value) for value in document]
        case bool():
            return False
        case int() | float():
            return 0
        case str():
            return "***"
        case _:
            return None


@settings(max_examples=300, deadline=None)
@given(documents, st.booleans(), st.sampled_from([None, 1]))
def test_documents_keep_keys_and_hide_leaves(document: object, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    rules = KeyRules(lambda key, above: KeyFact(), key=KEY)
    result = compiled(ColumnPlan("keys", family="json", rules=rules), text)
    assert result is not None
    assert json.loads(result) == hidden(document)
