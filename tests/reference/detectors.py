"""Strong shapes by regular expression and checksum: what ``_fastpath.detectors`` must find."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator

from govproxy._fastpath.detectors import IBAN_LENGTHS
from govproxy._fastpath.secretshapes import TOKEN_TABLE

Span = tuple[str, int, int]

# Where two spans overlap, the stronger names the union unless it holds the other whole.
STRENGTH = (
    "phone",
    "email",
    "national_id",
    "crypto_wallet",
    "card",
    "card_track",
    "iban",
    "dsn",
    "api_token",
    "password_hash",
    "jwt",
    "private_key",
)
ALPHABETS = (rb"[A-Za-z0-9]", rb"[A-Za-z0-9_-]", rb"[A-Z0-9]", rb"[0-9A-Fa-f]", rb"[A-Za-z]")
HASHLIKE = rb"[A-Za-z0-9./$=,+:_-]"


def scan(data: bytes) -> list[Span]:
    """Every strong shape, disjoint and in order, without the quick question before it."""
    spans: list[Span] = []
    for span in _found(data):
        _add(spans, span)
    return spans


def _add(spans: list[Span], new: Span) -> None:
    kind, start, end = new
    while spans and spans[-1][2] > start:
        other, s, e = spans[-1]
        if s <= start and e >= end and STRENGTH.index(other) >= STRENGTH.index(kind):
            return
        start, end = min(s, start), max(e, end)
        kind = kind if other == kind else "api_token"
        spans.pop()
    spans.append((kind, start, end))


def _found(data: bytes) -> Iterator[Span]:
    at = 0
    userinfo = colon = -1
    while at < len(data):
        word = re.compile(rb"[A-Za-z0-9]+").match(data, at)
        if word:
            span = _word(data, at, word.end())
            if span is None and _escaped(data, at):
                inner = at + (5 if data[at : at + 1] == b"u" and word.end() - at >= 5 else 1)
                if inner < word.end():
                    span = _word(data, inner, word.end())
            if span:
                yield span
            at = span[2] if span else word.end()
            continue
        char = data[at : at + 1]
        slashes = re.compile(rb"://|:\\/\\/").match(data, at)
        if slashes:
            at = userinfo = slashes.end()
            colon = -1
            continue
        span = None
        if char == b"@":
            if userinfo >= 0 and 0 <= colon < at - 1:
                yield ("dsn", colon + 1, at)
            elif span := _email(data, at):
                yield span
            span = None
        elif char == b"+":
            span = _phone(data, at)
        elif char == b"$":
            span = _dollar_hash(data, at)
        elif char == b":":
            colon = at if colon < 0 else colon
        elif char <= b" " or char in b"/\"'<>\\":
            userinfo = colon = -1
        if span:
            yield span
        at = span[2] if span else at + 1


def _escaped(data: bytes, at: int) -> bool:
    run = re.search(rb"\\*\Z", data[max(0, at - 64) : at])
    return run is not None and len(run[0]) % 2 == 1


def _unicode_escape(data: bytes, at: int, end: int) -> int:
    """The code unit of the escape whose u is at ``at``, -1 when there is none."""
    match = re.compile(rb"u([0-9A-Fa-f]{4})").match(data, at, end)
    return int(match[1], 16) if match and _escaped(data, at) else -1


def _begins_word(data: bytes, at: int) -> bool:
    if not re.search(rb"[A-Za-z0-9]\Z", data[:at]) or _escaped(data, at - 1):
        return True
    return at >= 6 and _unicode_escape(data, at - 5, at) >= 0


# ---------------------------------------------------------------- numbers


def luhn(digits: bytes) -> bool:
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = char - 48
        total += value if place % 2 == 0 else value * 2 - 9 * (value > 4)
    return total % 10 == 0


MAESTRO = rb"5018|5020|5038|5893|6304|6759|676[123]|0604"
DINERS = rb"30[0-5]|36|38|39"
ISSUERS = (
    (rb"4", (13, 16, 19)),
    (rb"62|81", (16, 19)),
    (MAESTRO, range(12, 20)),
    (rb"5[1-5]|220[0-4]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|9792|5019", (16,)),
    (rb"35|60|64|65|82|50[689]|63[6789]", (16,)),
    (rb"506|63[789]", (19,)),
    (rb"34|37|1800|2131", (15,)),
    (DINERS, (14, 16)),
)
SAYING_CARD = (
    "card",
    "kart",
    "carte",
    "tarjeta",
    "cartao",
    "cartão",
    "carta",
    "kaart",
    "kort",
    "visa",
    "maestro",
    "amex",
)


def goods(digits: bytes) -> bool:
    return sum((char - 48) * (3 if place % 2 else 1) for place, char in enumerate(reversed(digits))) % 10 == 0


def card(data: bytes, start: int, digits: bytes, *, grouped: bool) -> bool:
    issued = any(re.match(prefix, digits) and len(digits) in lengths for prefix, lengths in ISSUERS)
    if not luhn(digits) or not (issued or digits[:1] in b"23456"):
        return False
    if issued and (grouped or len(digits) > 13 or not goods(digits)):
        return True
    before = re.sub(rb"[A-Z]", lambda found: found[0].lower(), data[max(start - 32, 0) : start])
    return any(word.encode() in before for word in SAYING_CARD)


def nir(digits: bytes) -> bool:
    month = int(digits[3:5])
    if digits[:1] not in (b"1", b"2") or not (1 <= month <= 12 or 20 <= month <= 42 or month >= 50):
        return False
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def chinese_id(text: bytes) -> bool:
    year, month, day = int(text[6:10]), int(text[10:12]), int(text[12:14])
    if text[:1] in b"09" or not (1880 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= 31):
        return False
    check = 10 if text[17:] in b"Xx" else int(text[17:])
    return (sum((text[i] - 48) * pow(2, 17 - i, 11) for i in range(17)) + check) % 11 == 1


def _day(day: bytes, month: bytes) -> bool:
    return 1 <= int(day) <= 31 and 1 <= int(month) <= 12


def _weigh(digits: bytes, weights: str) -> int:
    return sum((c - 48) * int(w, 36) for c, w in zip(digits, weights, strict=True))


def cpf(d: bytes) -> bool:
    first = _weigh(d[:9], "a98765432") * 10 % 11 % 10
    second = _weigh(d[:10], "ba98765432") * 10 % 11 % 10
    return len(set(d)) > 1 and d[9:] == b"%d%d" % (first, second)


def cnpj(d: bytes) -> bool:
    checks = [-_weigh(d[:12], "543298765432") % 11, -_weigh(d[:13], "6543298765432") % 11]
    return d[12:] == b"%d%d" % tuple(0 if c == 10 else c for c in checks)


def belgian(d: bytes) -> bool:
    born = int(d[:9])
    return _day(d[4:6], d[2:4]) and int(d[9:]) in (97 - born % 97, 97 - (2 * 10**9 + born) % 97)


def norwegian(d: bytes) -> bool:
    day = int(d[:2])
    plain = any(_day(b"%d" % max(one, 0), d[2:4]) for one in (day, day - 40))
    return plain and _weigh(d[:10], "3761894521") % 11 == 0 and _weigh(d, "54327654321") % 11 == 0


def swedish(d: bytes) -> bool:
    return 1900 <= int(d[:4]) <= 2012 and _day(d[6:8], d[4:6]) and luhn(d[2:])


def korean(d: bytes) -> bool:
    check = (11 - _weigh(d[:12], "234567892345") % 11) % 10
    return _day(d[4:6], d[2:4]) and d[6:7] not in b"09" and check == int(d[12:])


def swiss(d: bytes) -> bool:
    return d.startswith(b"756") and _weigh(d, "1313131313131") % 10 == 0


WRITTEN = (
    ("000.000.000-00", cpf),
    ("00.000.000/0000-00", cnpj),
    ("00.00.00-000.00", belgian),
    ("000.0000.0000.00", swiss),
    ("00000000-0000", swedish),
    ("000000-0000000", korean),
    ("000000 00000", norwegian),
)


def _written(data: bytes, start: int) -> Span | None:
    if re.search(rb"[A-Za-z0-9][./-]\Z", data[:start]):
        return None
    for form, check in WRITTEN:
        shape = re.escape(form).replace("0", "[0-9]").encode() + rb"(?![A-Za-z0-9]|[./-][A-Za-z0-9])"
        match = re.compile(shape).match(data, start)
        if match and check(re.sub(rb"[^0-9]", b"", match[0])):
            return ("national_id", start, match.end())
    return None


def _track_end(data: bytes, start: int, end: int) -> int:
    if second := re.compile(rb"=[0-9]{7,}").match(data, end):
        return second.end()
    if data[end : end + 1] == b"^" and data[max(0, start - 2) : start] == b"%B":
        at = end + 1
        while at < len(data) and at - start < 80 and re.match(rb"[ -~]", data[at : at + 1]) and data[at] not in b'?"\\':
            at += 1
        return at
    return end


def _mrz_sum(text: bytes) -> int:
    values = [0 if c == 60 else int(chr(c), 36) for c in text]
    return sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values)) % 10


def _machine_readable(data: bytes, start: int, end: int) -> Span | None:
    if data[max(0, start - 1) : start] == b"<":
        return None
    if data[max(0, start - 1) : start + 1] == b"%B" and data[start + 1 : end].isdigit():
        return _number(data, start + 1, end)
    if len(data) - start < 44:
        return None
    line = data[start : start + 44]
    if line[:1] == b"P" and end - start <= 2 and data[end : end + 1] == b"<":
        gap = re.compile(rb"(?:(?<=\\)n|[^A-Za-z0-9]){0,4}").match(data, start + 44)
        assert gap is not None
        names = re.fullmatch(rb".[A-Z<]{43}", line)
        return ("national_id", start, start + 44) if names and _mrz(data[gap.end() : gap.end() + 44]) else None
    alone = not re.compile(rb"[A-Za-z0-9<]").match(data, start + 44)
    return ("national_id", start, start + 44) if alone and _mrz(line) else None


def _mrz(line: bytes) -> bool:
    shape = rb"[A-Z0-9<]{9}[0-9][A-Z0-9<]{3}[0-9]{7}[MFX<][0-9]{7}[A-Z0-9<]{15}[0-9]"
    fields = (line[:10], line[13:20], line[21:28])
    return bool(re.fullmatch(shape, line)) and all(_mrz_sum(field[:-1]) == field[-1] - 48 for field in fields)


BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def wallet(word: bytes) -> bool:
    if re.fullmatch(rb"0x[0-9A-Fa-f]{40}", word):
        return True
    if re.fullmatch(rb"(bc|tb)1[%b]{11,71}" % BECH32, word):
        values = [word[0] >> 5, word[1] >> 5, 0, word[0] & 31, word[1] & 31, *map(BECH32.index, word[3:])]
        state = 1
        for value in values:
            top, state = state >> 25, (state & 0x1FFFFFF) << 5 ^ value
            for bit, mix in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                state ^= mix if top >> bit & 1 else 0
        return state in (1, 0x2BC830A3)
    if not re.fullmatch(rb"[13][%b]{25,34}" % BASE58, word):
        return False
    number = 0
    for char in word:
        number = number * 58 + BASE58.index(char)
    if number >= 1 << 200:
        return False
    raw = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def _word(data: bytes, start: int, end: int) -> Span | None:
    if span := _machine_readable(data, start, end):
        return span
    if wallet(data[start:end]):
        return ("crypto_wallet", start, end)
    if data[start : start + 1].isdigit():
        return _number(data, start, end)
    if span := _keyword_dsn(data, start, end):
        return span
    if len(data) - start < 15:
        return None
    for look in (_iban, _fiscal_code, _curp, _token):
        if span := look(data, start, end):
            return span
    if data.startswith(b"eyJ", start):
        return _jwt(data, start)
    if data.startswith(b"BEGIN", start) and data[max(0, start - 5) : start] == b"-----":
        return _pem(data, start)
    return _named_hash(data, start)


def _keyword_dsn(data: bytes, start: int, end: int) -> Span | None:
    if data[start:end].lower() not in (b"password", b"passwd", b"pwd"):
        return None
    equals = re.compile(rb" {0,3}= *").match(data, end)
    if equals is None:
        return None
    at = min(equals.end(), max(data.index(b"=", end) + 1, end + 8))
    opened = re.compile(rb"\\?(['\"])?").match(data, at)
    assert opened is not None
    inside = rb"[^\x00-\x20\"'\\]*" if opened[1] else rb"[^\x00-\x20\"'\\;&,)}]*"
    value = re.compile(inside).match(data, opened.end())
    assert value is not None
    if not 3 <= len(value[0]) <= 512 or value[0][:1] in (b"$", b"?", b"%", b"<", b"{"):
        return None
    near = data[max(0, start - 200) : end + 200]
    return ("dsn", value.start(), value.end()) if _names_a_server(near) else None


def _names_a_server(text: bytes) -> bool:
    """A key of a connection string: a run of letters and digits read from its first letter on."""
    at = 0
    keys = rb"(?:host|user|server|dbname|source|database|hostaddr|username|uid)"
    while run := re.compile(rb"[A-Za-z][A-Za-z0-9]*").search(text, at):
        equals = re.compile(rb" {0,3}=").match(text, run.end())
        if equals and re.fullmatch(keys, run[0], re.I):
            return True
        at = run.end()
    return False


def _number(data: bytes, start: int, end: int) -> Span | None:
    word = data[start:end]
    if re.search(rb"[0-9]\.\Z", data[:start]):
        return None
    if re.fullmatch(rb"[0-9]{17}[xX]", word):
        return ("national_id", start, end) if chinese_id(word) else None
    if not word.isdigit() or len(word) > 19:
        return None
    if len(word) >= 11:
        if re.compile(rb"\.[0-9]").match(data, end):
            return None
        if len(word) == 12 and re.search(rb"[A-Za-z0-9]-\Z", data[:start]):
            return None
        if (len(word) == 15 and nir(word)) or (len(word) == 18 and chinese_id(word)):
            return ("national_id", start, end)
        if (len(word) == 11 and (norwegian(word) or belgian(word))) or (len(word) == 13 and swiss(word)):
            return ("national_id", start, end)
        if len(word) >= 12 and card(data, start, word, grouped=False):
            behind = _track_end(data, start, end)
            return ("card" if behind == end else "card_track", start, behind)
        return None
    return _groups(data, start, end) if len(word) in (1, 4) else _written(data, start)


def _groups(data: bytes, start: int, end: int) -> Span | None:
    found = re.compile(rb"  ?|[\t./-]|\xc2\xa0|\xe2\x80[\x90-\x93\xaf]").match(data, end)
    if found is None:
        return None
    sep = found[0]
    tight = sep not in (b" ", b"  ", b"\t", b"\xc2\xa0", b"\xe2\x80\xaf")
    if tight and re.search(rb"[A-Za-z0-9]" + re.escape(sep) + rb"\Z", data[:start]):
        return None
    groups = [data[start:end]]
    ends = [end]
    while more := re.compile(re.escape(sep) + rb"([0-9]+)").match(data, ends[-1]):
        if re.compile(rb"[A-Za-z]").match(data, more.end()) or len(b"".join(groups) + more[1]) > 19:
            if tight:
                return None
            break
        groups.append(more[1])
        ends.append(more.end())
    if [len(g) for g in groups] == [1, 2, 2, 2, 3, 3, 2] and nir(b"".join(groups)):
        return ("national_id", start, ends[-1])
    if len(groups[0]) != 4:
        return None
    for last in range(1, len(groups)):
        size = len(groups[last])
        digits = b"".join(groups[: last + 1])
        whole = last == len(groups) - 1
        if size > 7:
            return None
        fits = (len(digits) >= 13 and (not tight or whole)) or (len(digits) == 12 and whole)
        if fits and card(data, start, digits, grouped=True):
            return ("card", start, ends[last])
        if not 4 <= size <= 6:
            return None
    return None


# ---------------------------------------------------------------- words


def _iban(data: bytes, start: int, end: int) -> Span | None:
    head = data[start : start + 4]
    if not re.fullmatch(rb"([A-Z]{2}|[a-z]{2})[0-9]{2}", head):
        return None
    size = IBAN_LENGTHS.get(head[:2].upper().decode())
    if size is None:
        return None
    alphabet = rb"[A-Z0-9]" if head[:1].isupper() else rb"[a-z0-9]"
    for sep in (b"", b" ", b"-"):
        groups = [alphabet + b"{4}"] * (size // 4) + ([alphabet + b"{%d}" % (size % 4)] if size % 4 else [])
        match = re.compile(sep.join(groups) + rb"(?![A-Za-z0-9_])").match(data, start)
        if match:
            text = match[0].replace(sep, b"") if sep else match[0]
            if sep and sum(chr(c).isdigit() for c in text) < 12:
                return None
            number = "".join(str(int(chr(c), 36)) for c in text[4:] + text[:4])
            return ("iban", start, match.end()) if int(number) % 97 == 1 else None
    return None


_ODD_VALUES = "1 0 5 7 9 13 15 17 19 21 1 0 5 7 9 13 15 17 19 21 2 4 18 20 11 3 6 8 12 14 16 10 22 25 24 23"
_ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", map(int, re.findall("[0-9]+", _ODD_VALUES)), strict=True))


def _fiscal_code(data: bytes, start: int, end: int) -> Span | None:
    text = data[start:end].decode().upper()
    digit = "[0-9LMNPQRSTUV]"
    if not re.fullmatch(f"[A-Z]{{6}}{digit}{{2}}[ABCDEHLMPRST]{digit}{{2}}[A-Z]{digit}{{3}}[A-Z]", text):
        return None
    total = sum(_ODD[c] if i % 2 == 0 else int(c, 36) - 10 * c.isalpha() for i, c in enumerate(text[:15]))
    return ("national_id", start, end) if chr(65 + total % 26) == text[15] else None


def _curp(data: bytes, start: int, end: int) -> Span | None:
    text = data[start:end].decode().upper()
    if not re.fullmatch(r"[A-Z]{4}\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])[HMX][A-Z]{5}[A-Z0-9]\d", text):
        return None
    alphabet = "0123456789ABCDEFGHIJKLMN~OPQRSTUVWXYZ"
    total = sum(alphabet.index(c) * (18 - i) for i, c in enumerate(text[:17]))
    return ("national_id", start, end) if -total % 10 == int(text[17]) else None


def _token(data: bytes, start: int, end: int) -> Span | None:
    for prefix, least, most, alphabet in sorted(TOKEN_TABLE, key=lambda row: (-len(row[0]), row[0])):
        match = re.compile(re.escape(prefix) + b"(" + ALPHABETS[alphabet] + rb"*)").match(data, start)
        if not match or len(match[1]) < least or (most and len(match[1]) > most):
            continue
        if re.compile(rb"[A-Za-z0-9]").match(data, match.end()):
            continue
        return ("password_hash" if prefix == b"md5" else "api_token", start, match.end())
    match = re.compile(rb"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])").match(data, start)
    return ("api_token", start, match.end()) if match else None


def _jwt(data: bytes, start: int) -> Span | None:
    part = rb"[A-Za-z0-9_-]"
    match = re.compile(b"(%b{16,})\\.%b+(\\.%b*){1,3}" % (part, part, part)).match(data, start)
    if not match:
        return None
    header = match[1][:1024]
    header = header[: len(header) - 1] if len(header) % 4 == 1 else header
    decoded = base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4))
    return ("jwt", start, match.end()) if b'"alg"' in decoded else None


def _pem(data: bytes, start: int) -> Span | None:
    title = re.compile(rb"[^-]{0,64}").match(data, start)
    if title is None or b"PRIVATE" not in title[0]:
        return None
    at = title.end()
    finish = re.compile(rb'-----END|"').search(data, at)
    end = len(data) if finish is None else finish.start()
    body = data[at:end]
    if finish is not None and finish[0] == b'"':
        kept = body.rstrip(b"\\")
        end = at + len(kept)
    elif finish is not None:
        end = re.compile(rb'[^-"]{0,64}-*').match(data, finish.end()).end()  # type: ignore[union-attr]
    return ("private_key", start - 5, end) if re.search(rb"[A-Za-z0-9_-]{16}", body) else None


def _named_hash(data: bytes, start: int) -> Span | None:
    names = rb"SCRAM-SHA-|pbkdf2[_:]|scrypt[:$]|argon2|bcrypt_sha256\$"
    if not re.compile(names).match(data, start):
        return None
    dollar = re.compile(rb"[A-Za-z0-9./=,+:_-]{0,31}(?=\$)").match(data, start)
    if not dollar:
        return None
    rest = re.compile(HASHLIKE + b"*").match(data, dollar.end())
    return ("password_hash", start, rest.end()) if rest and len(rest[0]) >= 24 else None


def _dollar_hash(data: bytes, start: int) -> Span | None:
    if len(data) - start < 28 or not _begins_word(data, start):
        return None
    scheme = re.compile(rb"\$([A-Za-z0-9-]{1,19})\$").match(data, start)
    if not scheme:
        return None
    if scheme[1].startswith(b"2"):
        bcrypt = re.compile(rb"\$2[A-Za-z0-9-]\$..\$" + HASHLIKE + rb"{53}", re.DOTALL).match(data, start)
        return ("password_hash", start, start + 60) if bcrypt else None
    known = (b"argon2", b"scrypt", b"pbkdf2", b"apr1", b"sha1", b"md5", b"bcrypt")
    if len(scheme[1]) > 2 and not scheme[1].startswith(known):
        return None
    text = re.compile(HASHLIKE + b"*").match(data, start)[0]  # type: ignore[index]
    phpass = len(text) == 34 and text[1:2] in b"PH"
    if len(text) < 28 or (text.count(b"$") < 3 and not phpass):
        return None
    return ("password_hash", start, start + len(text))


# ---------------------------------------------------------------- '+' and '@'

TWO_DIGIT_CODES = (
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 "
    "90 91 92 93 94 95 98"
)


def _phone(data: bytes, start: int) -> Span | None:
    if data[max(0, start - 1) : start] == b"+" or not _begins_word(data, start):
        return None
    match = re.compile(rb"\+[0-9](?:[ .()/-]{0,2}[0-9])*").match(data, start)
    if not match or re.compile(rb"[A-Za-z0-9]").match(data, match.end()):
        return None
    digits = re.sub(rb"[^0-9]", b"", match[0])
    if not 8 <= len(digits) <= 15 or digits.startswith(b"0"):
        return None
    if digits.startswith(b"1") and not re.fullmatch(rb"1[2-9][0-9]{2}[2-9][0-9]{6}", digits):
        return None
    return ("phone", start, match.end())


def _email(data: bytes, at: int) -> Span | None:
    start = at
    while start > 0 and at - start < 256:
        beyond_ascii = data[start - 1 : start] == b"\\" and _unicode_escape(data, start, at) >= 0x80
        if not beyond_ascii and not re.match(rb"[A-Za-z0-9._%+\-\x80-\xff]", data[start - 1 : start]):
            break
        start -= 1
    while start < at and at - start >= 256 and 0x80 <= data[start] < 0xC0:
        start += 1
    if start < at and data[start] < 0x80 and _escaped(data, start):
        start += 5 if data[start : start + 1] == b"u" and at - start >= 5 else 1
    elif start == at:
        return None
    if re.compile(rb"[.-]").match(data, at + 1):
        return None
    domain = b""
    place = at + 1
    while place < len(data) and place - at < 256:
        if data[place : place + 1] == b"\\" and _unicode_escape(data, place + 1, len(data)) >= 0x80:
            domain += b"\xff"  # any letter beyond ASCII
            place += 6
            continue
        if not re.match(rb"[A-Za-z0-9.\-\x80-\xff]", data[place : place + 1]):
            break
        domain += data[place : place + 1]
        place += 1
    for place, label in enumerate(domain.split(b".")):
        if not label:
            return None
        if place and len(label) >= 2 and re.fullmatch(rb"[A-Za-z\x80-\xff]+|xn--.+", label, re.DOTALL):
            return ("email", start, at)
    return None


# ---------------------------------------------------------------- masking

KEPT_PREFIXES = sorted((row[0] for row in TOKEN_TABLE), key=len, reverse=True)


def mask(data: bytes, *, json: bool = False) -> bytes:
    """The text with every span replaced."""
    structured = json or data.lstrip(bytes(range(33)))[:1] in (b"{", b"[", b"(")
    spans = [(span, _prefix(data, span)) for span in scan(data)]
    output = b""
    done = 0
    for (kind, start, end), prefix in spans:
        output += data[done:start] + _replacement(data, kind, start, end, structured, prefix)
        done = end
    return output + data[done:]


def _prefix(data: bytes, span: Span) -> bytes:
    """What stays of a token: nothing when the span is a union of several finds."""
    kind, start, end = span
    if kind not in ("api_token", "password_hash") or (kind, start, end) not in list(_found(data)):
        return b""
    text = data[start:end]
    if kind == "password_hash":
        return b"md5" if re.fullmatch(rb"md5[0-9A-Fa-f]{32}", text) else b""
    for prefix in KEPT_PREFIXES:
        alone = _token(text + b" ", 0, len(text))
        if text.startswith(prefix) and alone == ("api_token", 0, len(text)):
            return prefix
    return b"SG."


def _stars(text: bytes, head: int, tail: int) -> bytes:
    places = [m.start() for m in re.finditer(rb"[A-Za-z0-9]", text) if m.start() >= head]
    hidden = set(places[: len(places) - tail])
    return bytes(42 if i in hidden else c for i, c in enumerate(text))


def _replacement(data: bytes, kind: str, start: int, end: int, structured: bool, prefix: bytes) -> bytes:
    text = data[start:end]
    bare = re.search(rb"(\A|[:,\[{(])[\x00-\x20-]*\Z", data[:start])
    if kind in ("card", "national_id") and structured and text[:1].isdigit() and bare:
        return b"0"
    match kind:
        case "card":
            return _stars(text, 0, 4)
        case "iban":
            return _stars(text, 2, 4)
        case "email":
            return (text[:1] if len(text) >= 2 and text[:1].isalnum() else b"") + b"***"
        case "phone":
            digits = re.sub(rb"[^0-9]", b"", text)
            code = 1 if digits[:1] in b"17" else 2 if digits[:2].decode() in TWO_DIGIT_CODES else 3
            head = re.match(rb"\+([^0-9]*[0-9]){%d}" % code, text)
            assert head is not None
            return _stars(text, head.end(), 2)
        case _:
            return prefix + b"***"
