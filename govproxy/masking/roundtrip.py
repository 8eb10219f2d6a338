"""Masked values that come back: known for masked, and turned into what they stand for.

A ``MaskedForm`` is one column's masker seen from the other side. ``recognises`` is sure or says no:
a keyed check inside a token, or a shape that only maskers write. ``restored`` inverts the maskers
that can be inverted; for those the spaces of masked and real values are one, so that it gives
something for real values too, and the caller must treat both as possible. Knows nothing of texts
and messages.
"""

from __future__ import annotations

import base64
import datetime
import hmac
import re
import struct
import uuid
from collections.abc import Callable, Mapping

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.ff1 import Ff1
from govproxy._fastpath.prf import aes_block, keyed_tag, subkey

REDACTED = b"***"
DOMAIN_DIGITS = 6  # FF1 takes a million values or more
MOST_DIGITS = 36
ISSUER_DIGITS = 6
_CARD_DIGITS = range(13, 20)
MOST_ELEMENTS = 10_000
MOST_BYTES = 1_024  # longer values are never tokens
_GREATEST = {"int4": 2**31 - 1, "int8": 10**18 - 1}
_INTEGER_BYTES = {2, 4, 8}
INT8 = 20
INTEGERS = frozenset({20, 21, 23})
# Types of parameters by family, arrays of them included. Text and what is not said are read as written.
_ANY_TYPE = frozenset({0, 25, 705, 1009, 1015, 1042, 1043})
_TYPES: Mapping[str, frozenset[int]] = {
    **dict.fromkeys(("int4", "int8"), INTEGERS | {1005, 1007, 1016}),
    "date": frozenset({1082, 1182}),
    "timestamp": frozenset({1114, 1115}),
    "timestamptz": frozenset({1184, 1185}),
}
_EPOCH = datetime.datetime(2000, 1, 1)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)((?:[ T].*)?)", re.DOTALL)
_TOKEN = re.compile(rb"u_([0-9a-f]{12})([0-9a-f]{6})")
_SEALED = re.compile(rb"u_([a-z2-7]{26}|[a-z2-7]{42}|[a-z2-7]{58})")
_SEALED_TAG = 6
_HASH = re.compile(rb"([0-9a-f]{24})([0-9a-f]{8})")
_EMAIL = re.compile(rb"[A-Za-z0-9]?\*\*\*@[^@*\s]+")
_INITIAL = re.compile(rb"[A-Za-z]\*\*\*")
_UUID = re.compile(rb"[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}")
_WORD = re.compile(rb"[A-Za-z0-9*]|[\x80-\xff]")
_BARE = frozenset('"\\{}')  # what an element without quotes has not
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# What ``partial`` leaves readable: so many at the front and at the end.
_SHOWN = {"tail4": (0, 4), "card": (0, 4), "wallet": (0, 4), "phone": (0, 2), "iban": (2, 4), "postcode": (2, 0)}


class MaskedForm:
    """How one column's masked values look to one identity. ``plan`` is for the text form.

    ``former`` are the column's earlier keys: what was masked under them is recognised, not restored.
    """

    def __init__(self, plan: ColumnPlan, key: bytes, former: tuple[bytes, ...] = ()) -> None:
        self._is_array = plan.op == "parts" and plan.family == "array"
        self._plan = plan = plan.parts[0] if self._is_array else plan
        self._keys = (key, *former)
        self._cipher = Ff1(subkey(key, b"ff1")) if plan.op == "fpe" else None

    @property
    def is_reversible(self) -> bool:
        """Whether ``restored`` can ever give something."""
        if self._is_array or self._plan.family not in _RESTORERS:
            return False
        return self._plan.op in ("fpe", "shift") or self._seals

    @property
    def _seals(self) -> bool:
        """Whether values are hidden inside their masks."""
        return self._plan.op in ("pseudonym", "fpe") and self._plan.style == "email" and self._plan.family == "text"

    @property
    def is_guarded(self) -> bool:
        """Whether ``recognises`` can ever say yes."""
        if self._plan.family in ("text", "json", "jsonb", "hstore", "xml"):
            return True
        return self._plan.family == "uuid" and self._plan.op in ("pseudonym", "hash")

    # ------------------------------------------------------------------ recognising

    def recognises(self, value: bytes, *, binary: bool = False) -> bool:
        """True for a value that this masker wrote; false alarms are rarer than one in 2^24.

        Values of arrays are looked at one by one.
        """
        plan = self._plan
        if plan.family in ("json", "jsonb", "hstore"):
            return b'"***"' in value or (binary and b"***" in value)
        if plan.op == "keys":
            return b">***<" in value or b'"***"' in value
        if plan.family == "uuid":
            return any(self._is_own_uuid(one, binary) for one in elements(value, binary))
        if plan.family != "text":
            return False
        return any(self._is_own_text(one.rstrip(b" ")) for one in elements(value, binary))

    def _is_own_text(self, value: bytes) -> bool:
        plan = self._plan
        if len(value) > MOST_BYTES:
            return False
        if value == REDACTED or (value and value == (plan.fallback or plan.constant or b"").rstrip(b" ")):
            return True
        match plan.op:
            case "partial":
                return self._is_partial(value)
            case "hash":
                return self._is_token(_HASH.fullmatch(value))
            case "pseudonym" | "fpe" if plan.style == "email":
                return self._opened(value) is not None or self._is_token(_TOKEN.fullmatch(value.partition(b"@")[0]))
            case "pseudonym" | "fpe":
                return self._is_token(_TOKEN.fullmatch(value))
            case _:
                return False

    def _is_partial(self, value: bytes) -> bool:
        style = self._plan.style
        if style == "email":
            return _EMAIL.fullmatch(value) is not None
        if style in _SHOWN:
            head, tail = _SHOWN[style]
            words = [found.group() for found in _WORD.finditer(value)]
            if len(words) < 2 * (head + tail):
                return False
            hidden = words[head : len(words) - tail]
            return all(word == b"*" for word in hidden) and b"*" not in (*words[:head], *words[len(words) - tail :])
        return _INITIAL.fullmatch(value) is not None

    def _is_token(self, found: re.Match[bytes] | None) -> bool:
        if found is None:
            return False
        token, check = (bytes.fromhex(part.decode()) for part in found.groups())
        return self._checks(token, check)

    def _opened(self, value: bytes) -> bytes | None:
        """The address inside ``maskers.put_sealed``'s token, in small letters; None for what is no such token.

        Its tag is computed again from what was found in it: nothing else opens.
        """
        local, at, domain = value.rstrip(b" ").rpartition(b"@")
        found = _SEALED.fullmatch(local)
        if found is None or not at:
            return None
        token = base64.b32decode(found[1].upper() + b"=" * (-len(found[1]) % 8))
        tag, hidden = token[:_SEALED_TAG], token[_SEALED_TAG:]
        for key in self._keys:
            secret, head = subkey(key, b"stream"), int.from_bytes(tag.ljust(16, b"\0"), "big")
            blocks = ((head ^ number).to_bytes(16, "big") for number in range(len(hidden) // 16 + 1))
            stream = b"".join(aes_block(secret, block) for block in blocks)
            plain = bytes(one ^ other for one, other in zip(hidden, stream, strict=False)).rstrip(b"\0")
            whole = plain + b"@" + bytes(c | 0x20 if 65 <= c <= 90 else c for c in domain)
            if hmac.compare_digest(keyed_tag(key, whole)[:_SEALED_TAG], tag):
                return plain + b"@" + domain
        return None

    def _restored_text(self, value: str) -> str | None:
        if not self._seals:
            return self._restored_digits(value)
        opened = self._opened(value.encode())
        return None if opened is None else opened.decode("utf-8", "replace")

    def _is_own_uuid(self, value: bytes, binary: bool) -> bool:
        if self._plan.op not in ("pseudonym", "hash"):
            return False
        if not (binary and len(value) == 16):
            if not _UUID.fullmatch(value):
                return False
            value = bytes.fromhex(value.decode().replace("-", ""))
        return self._checks(value[:12], value[12:])

    def _checks(self, token: bytes, check: bytes) -> bool:
        return any(hmac.compare_digest(keyed_tag(key, b"\0" + token)[: len(check)], check) for key in self._keys)

    # ------------------------------------------------------------------ restoring

    def takes_type(self, type_oid: int) -> bool:
        """Whether a parameter of that type (0: not said) can be read as a value of the column."""
        return type_oid in _ANY_TYPE or type_oid in _TYPES.get(self._plan.family, _ANY_TYPE)

    def restored(self, value: str) -> str | None:
        """What ``value`` stands for if it is masked; None where this masker never writes such a value."""
        restore = _RESTORERS.get(self._plan.family) if self.is_reversible else None
        return None if restore is None or len(value) > MOST_BYTES else restore(self, value)

    def restored_array(self, value: str) -> str | None:
        """The same for each element of an array in text form; None where it cannot be taken apart."""
        parts = array_elements(value)
        if parts is None:
            return None
        restored = [self.restored(part) for part in parts]
        if all(one is None for one in restored):
            return None
        return array_text([part if one is None else one for part, one in zip(parts, restored, strict=True)])

    def as_text(self, value: bytes, *, binary: bool, array: bool = False) -> str | None:
        """A parameter's value in text form, by the column's type; None where it is of no such form."""
        try:
            if not binary:
                return value.decode()
            if array:
                parts = binary_elements(value)
                texts = None if parts is None else [self.as_text(part, binary=True) for part in parts]
                return None if texts is None or None in texts else array_text([text or "" for text in texts])
            return self._scalar_text(value)
        except UnicodeDecodeError:
            return None

    def _scalar_text(self, value: bytes) -> str | None:
        match self._plan.family:
            case "text":
                return value.decode()
            case "int4" | "int8" if len(value) in _INTEGER_BYTES:
                return str(int.from_bytes(value, "big", signed=True))
            case "date" if len(value) == 4:
                return _day(struct.unpack("!i", value)[0] * 86_400_000_000, "%Y-%m-%d")
            case "timestamp" if len(value) == 8:
                return _day(struct.unpack("!q", value)[0], "%Y-%m-%d %H:%M:%S.%f")
            case "timestamptz" if len(value) == 8:
                return _day(struct.unpack("!q", value)[0], "%Y-%m-%d %H:%M:%S.%f+00")
            case "uuid" if len(value) == 16:
                return str(uuid.UUID(bytes=value))
            case _:
                return None

    def _restored_digits(self, value: str) -> str | None:
        """The inverse of ``maskfpe.fpe_text``: digits among signs, never among letters."""
        places = [i for i, sign in enumerate(value) if "0" <= sign <= "9"]
        if len(places) > MOST_DIGITS or any(sign.isalpha() or ord(sign) > 127 for sign in value):
            return None
        restored = self._decrypted(bytes(ord(value[i]) - 48 for i in places))
        if restored is None:
            return None
        signs = list(value)
        for i, digit in zip(places, restored, strict=True):
            signs[i] = chr(48 + digit)
        return "".join(signs)

    def _decrypted(self, digits: bytes) -> bytes | None:
        """FF1 backwards over the digits that it takes; a card keeps its issuer and its Luhn sum."""
        card = self._plan.style == "card" and len(digits) in _CARD_DIGITS
        head, tail = (ISSUER_DIGITS, 1) if card else (0, 0)
        inner = digits[head : len(digits) - tail]
        if len(inner) < DOMAIN_DIGITS or self._cipher is None:
            return None
        plain = digits[:head] + self._cipher.decrypt(inner)
        return plain + bytes([(_luhn(digits) - _luhn(plain + b"\0")) % 10]) if card else plain

    def _restored_integer(self, value: str) -> str | None:
        """The inverse of ``maskfpe.fpe_int``: the same walk, backwards."""
        greatest = _GREATEST[self._plan.family]
        if not re.fullmatch(r"-?[1-9][0-9]{5,17}", value) or abs(int(value)) > greatest:
            return None
        digits: bytes | None = bytes(ord(sign) - 48 for sign in value.lstrip("-"))
        for _ in range(1_000):
            digits = self._decrypted(digits or b"")
            if digits is None:
                return None
            number = int("".join(map(str, digits)))
            if digits[0] and number <= greatest:
                return f"-{number}" if value.startswith("-") else str(number)
        return None

    def _restored_date(self, value: str) -> str | None:
        found = _DATE.fullmatch(value.strip())
        if found is None:
            return None
        try:
            day = datetime.date(int(found[1]), int(found[2]), int(found[3]))
            return (day - datetime.timedelta(days=self._plan.shift_days)).isoformat() + found[4]
        except (ValueError, OverflowError):
            return None


_RESTORERS: Mapping[str, Callable[[MaskedForm, str], str | None]] = {
    "text": MaskedForm._restored_text,
    **dict.fromkeys(("int4", "int8"), MaskedForm._restored_integer),
    **dict.fromkeys(("date", "timestamp", "timestamptz"), MaskedForm._restored_date),
}


def _luhn(digits: bytes) -> int:
    """The Luhn sum, the last digit counted once."""
    doubled = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    return sum(doubled[digit] if place % 2 else digit for place, digit in enumerate(reversed(digits)))


def _day(microseconds: int, form: str) -> str | None:
    try:
        return (_EPOCH + datetime.timedelta(microseconds=microseconds)).strftime(form)
    except OverflowError:
        return None


# ---------------------------------------------------------------------- arrays


def elements(value: bytes, binary: bool) -> list[bytes]:
    """A value and, if it is an array, what is in it."""
    if binary:
        return [value, *(binary_elements(value) or ())]
    if value[:1] != b"{":
        return [value]
    return [value, *(part.strip(b'" ') for part in value.strip(b"{}").split(b",")[:MOST_ELEMENTS])]


def array_elements(value: str) -> list[str] | None:
    """The elements of a one-dimensional array without NULLs in text form; None for anything else."""
    if len(value) < 2 or value[0] != "{" or value[-1] != "}" or len(value) > MOST_BYTES * MOST_ELEMENTS:
        return None
    found: list[str] = []
    at, end = 1, len(value) - 1
    if not value[at:end].strip():
        return found
    while len(found) < MOST_ELEMENTS:
        while at < end and value[at].isspace():
            at += 1
        quoted = _QUOTED.match(value, at, end)
        if quoted is not None:
            element = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
            comma = value.find(",", quoted.end(), end)
            between = value[quoted.end() : end if comma < 0 else comma]
        else:
            comma = value.find(",", at, end)
            element = between = value[at : end if comma < 0 else comma].strip()
            if not element or element.upper() == "NULL" or not _BARE.isdisjoint(element):
                return None
            between = ""
        if between.strip():
            return None
        found.append(element)
        if comma < 0:
            return found
        at = comma + 1
    return None


def array_text(values: list[str]) -> str:
    """A one-dimensional array in text form."""
    quoted = ('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return "{" + ",".join(quoted) + "}"


def binary_elements(value: bytes) -> list[bytes] | None:
    """The elements of a one-dimensional array without NULLs in binary form; None for anything else."""
    if len(value) < 20 or len(value) > 32 * MOST_BYTES * MOST_ELEMENTS:
        return None
    dimensions, has_null, _, count, _ = struct.unpack_from("!iiIii", value)
    if dimensions != 1 or has_null or not 0 <= count <= MOST_ELEMENTS:
        return None
    found: list[bytes] = []
    at = 20
    for _ in range(count):
        if len(value) - at < 4:
            return None
        (size,) = struct.unpack_from("!i", value, at)
        at += 4
        if size < 0 or size > len(value) - at:
            return None
        found.append(value[at : at + size])
        at += size
    return found if at == len(value) else None
