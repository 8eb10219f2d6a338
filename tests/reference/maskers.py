"""Maskers in plain Python: what ``_fastpath.maskers`` must write for one value.

``None`` is SQL NULL. ``FALLBACK`` says that the column's fallback stands for the value.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import re
import struct
from decimal import ROUND_DOWN, Decimal
from enum import Enum

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.cmac import CMAC

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.masknames import CITIES, GIVEN, KINDS, SCRIPTS, STREETS, SURNAMES
from tests.reference import checkdigits


class Outcome(Enum):
    FALLBACK = "fallback"


FALLBACK = Outcome.FALLBACK
Masked = bytes | Outcome

INTEGER_BYTES = {"int2": 2, "int4": 4, "int8": 8}
GREATEST = {"int2": 2**15 - 1, "int4": 2**31 - 1, "int8": 2**53 - 1}
EPOCH = datetime.date(2000, 1, 1)
COMPACT_STYLES = ("tail4", "card", "phone", "iban", "wallet")
WORD = rb"[A-Za-z0-9\x80-\xff]"


def mask(column: ColumnPlan, key: bytes, value: bytes) -> bytes | None:
    """The masked value, with the column's fallback in place of ``FALLBACK``."""
    masked = _mask(column, key, value)
    return column.fallback if isinstance(masked, Outcome) else masked


def _mask(column: ColumnPlan, key: bytes, value: bytes) -> Masked:
    match column.family:
        case "text":
            masked = _text(column, key, value)
            return masked if isinstance(masked, Outcome) else _fit(column, masked)
        case "int2" | "int4" | "int8":
            return _integer(column, key, value)
        case "date" | "timestamp" | "timestamptz":
            return _date(column, value)
        case "uuid":
            return _uuid(column, key, value)
        case "inet":
            return _inet(column, value)
        case _:
            return FALLBACK


def keyed(key: bytes, value: bytes) -> bytes:
    """AES-CMAC under the class's key for it."""
    tag = CMAC(AES(_subkey(key, b"cmac")))
    tag.update(value)
    return tag.finalize()


def stream(key: bytes, tag: bytes, size: int) -> bytes:
    """``size`` bytes that belong to the tag: AES over the tag and a counter."""
    encrypt = Cipher(AES(_subkey(key, b"stream")), ECB()).encryptor().update
    number = int.from_bytes(tag, "big")
    return b"".join(encrypt((number ^ i).to_bytes(16, "big")) for i in range(size // 16 + 1))[:size]


def _subkey(key: bytes, label: bytes) -> bytes:
    return hashlib.blake2s(label, key=key, person=b"govmask", digest_size=16).digest()


def _fit(column: ColumnPlan, value: bytes) -> bytes:
    """Cut to ``limit`` UTF-8 characters and padded to ``pad``."""
    characters = re.findall(rb"[^\x80-\xbf][\x80-\xbf]*|\A[\x80-\xbf]+", value)
    if column.limit >= 0 and len(value) > column.limit:
        # A leading stray continuation byte belongs to no character and costs no room.
        characters = characters[: column.limit]
    return b"".join(characters) + b" " * (column.pad - len(characters))


# ---------------------------------------------------------------- text


def _stars(value: bytes, head: int, tail: int) -> Masked:
    places = [m.start() for m in re.finditer(WORD, value)]
    if len(places) < 2 * (head + tail):
        return FALLBACK
    shown = set(places[:head]) | set(places[len(places) - tail :])
    return bytes(42 if i in places and (i not in shown or c >= 0x80) else c for i, c in enumerate(value))


def _digest(column: ColumnPlan, key: bytes, value: bytes) -> bytes:
    text = value.strip(b" ").lower()
    if column.style in COMPACT_STYLES:
        text = b"".join(re.findall(WORD, text))
    return keyed(key, text)


def _text(column: ColumnPlan, key: bytes, value: bytes) -> Masked:
    match column.op:
        case "partial":
            return _partial(column, value)
        case "hash":
            return _token(key, _digest(column, key, value)[:12], 4)
        case "pseudonym":
            return _pseudonym(column, key, value)
        case "generalise":
            return _generalise(column, value.rstrip(b" "))
        case "shift":
            return date_text(value.rstrip(b" "), column.shift_days)
        case _:
            return FALLBACK


def _partial(column: ColumnPlan, value: bytes) -> Masked:
    match column.style:
        case "email":
            local, at, domain = value.rpartition(b"@")
            if not (at and local and domain):
                return FALLBACK
            first = local[:1] if len(local) >= 2 and re.match(rb"[A-Za-z0-9]", local) else b""
            return first + b"***@" + domain
        case "tail4" | "card" | "wallet":
            return _stars(value, 0, 4)
        case "phone":
            return _stars(value, 0, 2)
        case "iban":
            return _stars(value, 2, 4)
        case "postcode":
            return _stars(value, 2, 0)
        case "ip":
            return network_text(value.rstrip(b" "))
        case "name" | "given" | "surname" | "generic":
            return value[:1] + b"***" if re.match(rb"[A-Za-z].", value, re.DOTALL) else FALLBACK
        case _:
            return FALLBACK


def _token(key: bytes, identity: bytes, check: int) -> bytes:
    """What stands for a value, and the bytes by which it is known when it comes back."""
    return (identity + keyed(key, b"\0" + identity)[:check]).hex().encode()


def _pseudonym(column: ColumnPlan, key: bytes, value: bytes) -> Masked:
    digest = _digest(column, key, value)
    if column.style in ("name", "given", "surname"):
        return person(column.style, key, value)
    if column.style in ("city", "street"):
        return place(column.style, key, value)
    short = b"u_" + _token(key, digest[:6], 3)
    if column.style == "email":
        local, at, domain = value.rpartition(b"@")
        sealed = _sealed(key, digest, local, domain) if at else None
        if sealed and (column.limit < 0 or len(sealed) + 1 + len(domain) <= column.limit):
            return sealed + b"@" + domain
        if at and local and domain and (column.limit < 0 or 21 + len(domain) <= column.limit):
            return short + b"@" + domain
        return short + b"@example.org"
    if column.style in (*COMPACT_STYLES, "postcode"):
        output = b""
        used = 0
        numbers = stream(key, digest, len(value))
        for char in (value[i : i + 1] for i in range(len(value))):
            if not re.match(WORD, char):
                output += char
                continue
            number = numbers[used]
            if char.isdigit():
                output += b"%d" % (1 + number % 9 if used == 0 and char != b"0" else number % 10)
            elif char.isupper():
                output += bytes([65 + number % 26])
            else:
                output += bytes([97 + number % 26]) if char < b"\x80" else b"x"
            used += 1
        return _KEEPING.get(column.style, lambda _, made: made)(value, output)
    return short


def _sealed(key: bytes, digest: bytes, local: bytes, domain: bytes) -> bytes | None:
    """The local part in a token that says it to whoever has the key; None where it is too long."""
    local = local.lstrip(b" ").lower()
    if not 1 <= len(local) <= 30 or not domain or domain.endswith(b" "):
        return None
    padded = local.ljust(-(-len(local) // 10) * 10, b"\0")
    hidden = bytes(a ^ b for a, b in zip(padded, stream(key, digest[:6] + bytes(10), len(padded)), strict=True))
    return b"u_" + base64.b32encode(digest[:6] + hidden).lower().rstrip(b"=")


def luhn_sum(digits: list[int]) -> int:
    doubled = [d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10


def keep_luhn(value: bytes, masked: bytes) -> bytes:
    """``masked`` with its last digit set so that its Luhn sum is that of ``value``."""
    places = [i for i, c in enumerate(value) if chr(c) in "0123456789"]
    if not 12 <= len(places) <= 19:
        return masked
    made = [masked[i] - 48 for i in places[:-1]] + [0]
    last = (luhn_sum([value[i] - 48 for i in places]) - luhn_sum(made)) % 10
    return masked[: places[-1]] + b"%d" % last + masked[places[-1] + 1 :]


_KEEPING = {
    "card": keep_luhn,
    "tail4": checkdigits.keep_number,
    "iban": checkdigits.keep_iban,
    "phone": checkdigits.keep_calling_code,
}


def place(style: str, key: bytes, value: bytes) -> Masked:
    """Another city, or an address word by word: figures, words that say nothing, and names of streets."""
    value = value.strip(b" ") if style == "city" else value.rstrip(b" ").lstrip(b" ")
    if not value:
        return FALLBACK
    if style == "city":
        return _from_list(CITIES, 0, key, value)
    output = b""
    for number, part in enumerate(re.split(rb"[ \n\t\r]+", value)[:12]):
        bare = part.rstrip(b",;")
        output += b" " if number and bare else b""
        if re.search(rb"[0-9]", bare):
            output += _figures(key, bare)
        elif bare.decode("latin-1").lower() in KINDS and bare.isascii():
            output += bare
        elif bare:
            output += _from_list(STREETS, 0, key, bare)
        output += b"," if part != bare else b""
    return output


def _figures(key: bytes, part: bytes) -> bytes:
    numbers = stream(key, keyed(key, part.lower()), len(part))
    output = b""
    used = 0
    for char in (part[i : i + 1] for i in range(len(part))):
        if not re.match(WORD, char):
            output += char
            continue
        number = numbers[used]
        if char.isdigit():
            output += b"%d" % (1 + number % 9 if used == 0 else number % 10)
        else:
            output += bytes([97 + number % 26]) if char < b"\x80" else b"x"
        used += 1
    return output


def person(style: str, key: bytes, value: bytes) -> Masked:
    """Other names, word by word. Up to six words; a comma stays behind the word it follows."""
    words = [word for word in value.split(b" ") if word]
    output: list[bytes] = []
    names = 0
    comma_seen = False
    for number, word in enumerate(words):
        if names == 6:
            break
        comma = word.endswith(b",")
        last = number == len(words) - 1 and names > 0 and not comma_seen
        surname = style == "surname" or (style == "name" and (comma or last))
        comma_seen = comma_seen or comma
        bare = word[:-1] if comma else word
        piece = b"" if not bare else _name(surname, key, bare)
        names += bool(bare)
        lone = word == b","
        output.append((b" " if names - bool(bare) and not lone else b"") + piece + (b"," if comma else b""))
    return b"".join(output) if names else FALLBACK


def _script(word: bytes) -> str | None:
    try:
        text = word.decode()
    except UnicodeDecodeError:
        return None
    first = ord(text[0])
    if 0x370 <= first < 0x400:
        return "greek"
    if 0x400 <= first < 0x530:
        return "cyrillic"
    return "han" if 0x4E00 <= first < 0xA000 else None


def _name(surname: bool, key: bytes, word: bytes) -> bytes:
    script = _script(word)
    pair = (GIVEN, SURNAMES) if script is None else SCRIPTS[script]
    return _from_list(pair[surname], int(surname), key, word)


def _from_list(listed: str, byte: int, key: bytes, word: bytes) -> bytes:
    names = listed.split()
    number = keyed(key, word.lower())[byte] % len(names)
    if names[number].encode().lower() == word.lower():
        number = (number + 1) % len(names)
    name = names[number].encode()
    if not name.isascii():
        return name
    if len(word) == 1 or re.fullmatch(rb".\.", word, re.DOTALL):
        name = name[:1] + word[1:]
    if re.match(rb"[a-z]", word):
        return name[:1].lower() + name[1:]
    return name.upper() if re.match(rb".[A-Z]", word, re.DOTALL) else name


def _generalise(column: ColumnPlan, value: bytes) -> Masked:
    match column.style:
        case "ip":
            return network_text(value)
        case "postcode":
            return _stars(value, 2, 0)
        case "date":
            return date_text(value, 0)
        case _:
            return bucket_text(value, geo=column.style == "geo")


def bucket_text(value: bytes, *, geo: bool = False) -> Masked:
    match = re.fullmatch(rb"(-?)([0-9]+)(\.[0-9]+)?", value)
    if not match:
        return FALLBACK
    sign, whole, fraction = match[1], match[2], match[3] or b""
    if geo and len(whole) <= 3:
        return sign + whole + fraction[:3] + b"0" * max(0, len(fraction) - 3)
    kept = 1 if len(whole) > 1 else 0
    return sign + whole[:kept] + b"0" * (len(whole) - kept) + re.sub(rb"[0-9]", b"0", fraction)


def network_text(value: bytes) -> Masked:
    match = re.fullmatch(rb"([0-9A-Fa-f:.]{1,47})((?:/[0-9]{0,3})?)", value)
    if not match:
        return FALLBACK
    try:
        address = ipaddress.ip_address(match[1].decode())
    except ValueError:
        return FALLBACK
    host = 8 if address.version == 4 else 80
    return str(type(address)(int(address) >> host << host)).encode() + match[2]


# ---------------------------------------------------------------- dates


def date_text(value: bytes, shift: int) -> Masked:
    if value in (b"infinity", b"-infinity"):
        return value
    match = re.fullmatch(
        rb"([0-9]{4,7})-([0-9]{2})-([0-9]{2})((?:[ T][^A-Za-z]*)?)", value.replace(b"Z", b"\0"), re.DOTALL
    )
    if not match:
        return FALLBACK
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    rest = match[4].replace(b"\0", b"Z")
    if year < 1 or not (1 <= month <= 12 and 1 <= day <= 31):
        return FALLBACK
    if shift:
        moved = datetime.date(year, month, 1) + datetime.timedelta(days=day - 1 + shift)
        return moved.isoformat().encode() + rest
    midnight = re.sub(rb"\A(.[^.+Z-]*)[.0-9]*", lambda m: re.sub(rb"[0-9]", b"0", m[1]), rest, flags=re.DOTALL)
    return b"%04d-01-01" % year + midnight


def _date(column: ColumnPlan, value: bytes) -> Masked:
    if column.op not in ("shift", "generalise"):
        return FALLBACK
    shift = column.shift_days if column.op == "shift" else 0
    if column.format == 0:
        return date_text(value, shift)
    size, unit = (4, 1) if column.family == "date" else (8, 86_400_000_000)
    if len(value) != size:
        return FALLBACK
    number = int.from_bytes(value, "big", signed=True)
    if number in (2 ** (8 * size - 1) - 1, -(2 ** (8 * size - 1))):
        return value
    if shift:
        number += shift * unit
    else:
        year = (EPOCH + datetime.timedelta(days=number // unit)).year
        number = (datetime.date(year, 1, 1) - EPOCH).days * unit
    return number.to_bytes(size, "big", signed=True)


# ---------------------------------------------------------------- numbers, uuid, inet


def whole_number(column: ColumnPlan, key: bytes, number: int, greatest: int) -> int | Outcome:
    match column.op:
        case "partial":
            return abs(number) % 10000 if column.style == "tail4" and abs(number) >= 10**8 else FALLBACK
        case "hash" | "pseudonym":
            return 1 + int.from_bytes(keyed(key, b"%d" % number)[:8], "big") % greatest
        case "generalise":
            unit = int(10 ** max(1, len(str(abs(number))) - 1))
            floored = Decimal(number) / unit
            return int(floored.to_integral_value(ROUND_DOWN)) * unit
        case _:
            return FALLBACK


def _integer(column: ColumnPlan, key: bytes, value: bytes) -> Masked:
    size = INTEGER_BYTES[column.family]
    if column.format == 1:
        if len(value) != size:
            return FALLBACK
        number = int.from_bytes(value, "big", signed=True)
        if abs(number) >= 10**18:
            return FALLBACK
    elif re.fullmatch(rb"-?[0-9]{1,18}", value):
        number = int(value)
    else:
        return FALLBACK
    masked = whole_number(column, key, number, GREATEST[column.family])
    if isinstance(masked, Outcome):
        return masked
    return b"%d" % masked if column.format == 0 else masked.to_bytes(size, "big", signed=True)


def _uuid(column: ColumnPlan, key: bytes, value: bytes) -> Masked:
    if column.op not in ("hash", "pseudonym"):
        return FALLBACK
    if column.format == 1:
        raw = value if len(value) == 16 else None
    else:
        text = value.replace(b"-", b"")
        raw = bytes.fromhex(text.decode()) if re.fullmatch(rb"[0-9A-Fa-f]{32}", text) else None
    if raw is None:
        return FALLBACK
    digest = bytearray(keyed(key, raw)[:16])
    digest[6] = digest[6] & 0x0F | raw[6] & 0xF0
    digest[8] = digest[8] & 0x3F | raw[8] & 0xC0
    digest[12:] = keyed(key, b"\0" + digest[:12])[:4]
    if column.format == 1:
        return bytes(digest)
    return "-".join(bytes(digest[a:b]).hex() for a, b in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 16))).encode()


def _inet(column: ColumnPlan, value: bytes) -> Masked:
    if column.op not in ("generalise", "partial"):
        return FALLBACK
    if column.format == 0:
        return network_text(value)
    if len(value) >= 4 and (len(value), value[3]) in ((8, 4), (20, 16)):
        kept = 7 if value[3] == 4 else 10
        return value[:kept] + bytes(len(value) - kept)
    return FALLBACK


def numeric_text(wire: bytes) -> str:
    """The decimal text of numeric's binary form, for comparing both forms."""
    count, weight, sign, dscale = struct.unpack_from("!Hhhh", wire)
    groups = struct.unpack_from(f"!{count}H", wire, 8)
    value = sum((Decimal(g) * Decimal(10000) ** (weight - i) for i, g in enumerate(groups)), Decimal(0))
    value = -value if sign else value
    return f"{value:.{dscale}f}"
