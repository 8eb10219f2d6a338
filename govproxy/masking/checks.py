"""Is this text a card number, an IBAN, an identity number …? Checks of one value each.

Used on samples in the control process, where a few hundred values per column may take their time;
the row path has its own compiled scan. Every check takes a stripped text and says yes or no, by
check digits where the number has them. Sources: ISO/IEC 7812 (card), ISO 13616 (IBAN), ITU E.164,
RFC 5321 (e-mail). Numbers that states give to people stand in ``masking.identity_numbers``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import json
import re
from collections.abc import Mapping
from types import MappingProxyType


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DIGITS = re.compile(r"[0-9]+")


def digits_of(text: str, separators: str = " -") -> str:
    """The digits of a grouped number, or '' when anything else stands in it."""
    bare = text.translate({ord(char): None for char in separators})
    return bare if bare.isascii() and bare.isdigit() else ""


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = ord(char) - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return bool(digits) and total % 10 == 0


# (first, last) of the leading four digits, lengths
_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (4000, 4999, frozenset({13, 16, 19})),
    (5100, 5599, frozenset({16})),
    (2221, 2720, frozenset({16})),
    (3400, 3499, frozenset({15})),
    (3700, 3799, frozenset({15})),
    (6011, 6011, frozenset({16, 17, 18, 19})),
    (6440, 6599, frozenset({16, 17, 18, 19})),
    (6200, 6299, frozenset({16, 17, 18, 19})),
    (3500, 3599, frozenset({16, 17, 18, 19})),
    (3000, 3059, frozenset({14, 16})),
    (3600, 3699, frozenset({14, 16, 17, 18, 19})),
    (3800, 3999, frozenset({14, 16})),
    (5000, 5099, frozenset({12, 13, 14, 15, 16, 17, 18, 19})),
    (5600, 5899, frozenset({12, 13, 14, 15, 16, 17, 18, 19})),
    (6000, 6999, frozenset({16, 17, 18, 19})),
    (2200, 2204, frozenset({16, 17, 18, 19})),
    (8100, 8171, frozenset({16, 17, 18, 19})),
    (9792, 9792, frozenset({16})),
    (1800, 1800, frozenset({15})),
    (2131, 2131, frozenset({15})),
    *((lead, lead, frozenset(range(12, 20))) for lead in (604, 6304, 6390, 6759, 6761, 6762, 6763)),
)


def is_card(text: str) -> bool:
    """Luhn and an issuer's range with one of its lengths."""
    digits = digits_of(text)
    if not 12 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    lead = int(digits[:4])
    return any(low <= lead <= high and len(digits) in sizes for low, high, sizes in _ISSUERS) and luhn(digits)


_IBAN_LENGTHS: Mapping[str, int] = MappingProxyType(
    dict(
        pair
        for length, countries in {
            15: "NO",
            16: "BE",
            18: "DK FK FI FO GL NL",
            19: "MK SI",
            20: "AT BA EE KZ LT LU MN XK",
            21: "CH HR LI LV",
            22: "BG BH CR DE GB GE IE ME RS VA",
            23: "AE GI IL IQ OM SO TL",
            24: "AD CZ ES MD PK RO SA SE SK TN VG",
            25: "LY PT ST",
            26: "IS TR",
            27: "BI DJ FR GR IT MC MR SM",
            28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
            29: "BR EG PS QA UA",
            30: "JO KW MU YE",
            31: "MT SC",
            32: "LC",
            33: "RU",
        }.items()
        for pair in ((country, length) for country in countries.split())
    )
)


def is_iban(text: str) -> bool:
    """Country, its length, mod 97."""
    compact = text.replace(" ", "").replace("-", "").upper()
    if not (compact.isascii() and compact.isalnum()) or _IBAN_LENGTHS.get(compact[:2]) != len(compact):
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1


_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\uffff-]{1,64}@(?:[A-Za-z0-9\u0080-\uffff](?:[A-Za-z0-9\u0080-\uffff-]{0,61}[A-Za-z0-9\u0080-\uffff])?\.)+"
    r"[A-Za-z\u0080-\uffff][A-Za-z0-9\u0080-\uffff-]{1,62}"
)


def is_email(text: str) -> bool:
    """An addr-spec with a dotted domain, alone or with a display name before it."""
    if text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1]
    return len(text) <= 320 and _EMAIL.fullmatch(text) is not None


_SSN = re.compile(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}")
_ITIN = re.compile(r"9\d{2}-(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])-\d{4}")


def is_ssn(text: str) -> bool:
    """US SSN or ITIN in its dashed form, in the issued ranges."""
    return _SSN.fullmatch(text) is not None or _ITIN.fullmatch(text) is not None


_PHONE_EXTENSION = re.compile(r"\s*(?:x|ext\.?|durchwahl|poste)\s*\d{1,6}$", re.I)
_CALLING_CODES = _words(
    """
    1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82
    84 86 90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234
    235 236 237 238 239 240 241 242 243 244 245 246 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263
    264 265 266 267 268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375
    376 377 378 380 381 382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592
    593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691
    692 800 850 852 853 855 856 880 886 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 992
    993 994 995 996 998
    """
)
_NANP = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}")
_PHONE_SHAPE = re.compile(r"[+(0-9][0-9 ()./\u00a0\u2011-]{6,24}")


def is_international_phone(text: str) -> bool:
    """E.164 with ``+`` or ``00`` and a calling code that exists."""
    bare = _PHONE_EXTENSION.sub("", text)
    if _PHONE_SHAPE.fullmatch(bare) is None:
        return False
    plain = "".join(_DIGITS.findall(bare))
    if not bare.startswith("+"):
        if not plain.startswith("00"):
            return False
        plain = plain[2:]
    return 7 <= len(plain) <= 15 and any(plain[:size] in _CALLING_CODES for size in (1, 2, 3))


def is_formatted_phone(text: str) -> bool:
    """A number written like a telephone number: international, NANP in groups, or trunk 0 in groups."""
    if is_international_phone(text):
        return True
    bare = _PHONE_EXTENSION.sub("", text)
    plain = "".join(_DIGITS.findall(bare))
    if _PHONE_SHAPE.fullmatch(bare) is None or plain == bare:
        return False
    in_groups = re.fullmatch(r"(?:1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]?\d{4}", bare)
    if in_groups and not bare.startswith("0"):
        return _NANP.fullmatch(plain) is not None
    return plain.startswith("0") and 9 <= len(plain) <= 12 and re.fullmatch(r"\(?0\d[0-9 ()./-]+", bare) is not None


def is_bare_phone(text: str) -> bool:
    """Ten digits in the North American plan, without any mark: weak."""
    return _NANP.fullmatch(text) is not None


_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:/\d{1,2})?")


def is_ipv4(text: str) -> bool:
    """Four octets, perhaps with a prefix length."""
    return _IPV4.fullmatch(text) is not None


def is_ipv6(text: str) -> bool:
    """With at least two colons and two groups, so that times and MACs do not count."""
    if text.count(":") < 2 or len(text) > 49:
        return False
    try:
        ipaddress.IPv6Interface(text)
    except ValueError:
        return False
    return len(text) > 3


_MAC = re.compile(
    r"(?:[0-9A-Fa-f]{2}([:-]))(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}|(?:[0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}"
)


def is_mac(text: str) -> bool:
    """EUI-48 in one of its written forms."""
    return _MAC.fullmatch(text) is not None


def is_imei(text: str) -> bool:
    """15 digits, Luhn, no card issuer's range."""
    return len(text) == 15 and text.isascii() and text.isdigit() and luhn(text) and not is_card(text)


def is_jwt(text: str) -> bool:
    """Three base64url parts, the first a JSON object with ``alg``."""
    parts = text.removeprefix("Bearer ").split(".")
    if len(parts) != 3 or not parts[0].startswith("eyJ"):
        return False
    try:
        header = json.loads(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(header, dict) and "alg" in header


_TOKEN = re.compile(
    r"(?:AKIA|ASIA|AGPA|AROA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,}|glpat-[\w-]{20,}|xox[abeoprs]-[\w-]{10,}"
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{16,}|sk-[\w-]{20,}|AIza[\w-]{35}|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|npm_[A-Za-z0-9]{36}|pypi-[\w-]{32,}|hf_[A-Za-z0-9]{30,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|dop_v1_[a-f0-9]{64}|EAAC[A-Za-z0-9]{20,}"
    r"|ya29\.[\w-]{20,}|key-[0-9a-f]{32}|SK[0-9a-f]{32}|hvs\.[\w-]{20,}|lin_api_\w{30,}|dckr_pat_[\w-]{20,}"
)


def is_token(text: str) -> bool:
    """A token of a known maker, by its prefix and length."""
    return _TOKEN.fullmatch(text) is not None


def is_private_key(text: str) -> bool:
    """PEM or OpenSSH armour of a private key."""
    return re.match(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY", text) is not None


_PASSWORD_HASH = re.compile(
    r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}|\$argon2(?:id|i|d)\$\S{20,}|\$(?:1|5|6|7|y|gy|scrypt)\$\S{12,}|SCRAM-SHA-256\$\d+:\S{40,}"
    r"|md5[0-9a-f]{32}|pbkdf2[_:]sha\d+[:$]\d+\$?\S{20,}|\{(?:SSHA|SHA|SSHA512|PBKDF2|CRYPT|BCRYPT)\d*\}\S{12,}|scrypt:\d+:\d+:\d+\$\S+"
    r"|\$(?:P|H|S)\$[./A-Za-z0-9]{28,}|bcrypt(?:_sha256)?\$\S{30,}|argon2\$\S{20,}"
)


def is_password_hash(text: str) -> bool:
    """A verifier in one of the usual modular formats."""
    return _PASSWORD_HASH.fullmatch(text) is not None


_DSN = re.compile(r"(?:jdbc:)?[a-z][a-z0-9+.-]{1,20}://[^\s:/@]*:[^\s@/]+@\S+|\S.*\bpassword\s*=\s*\S+.*", re.I | re.S)


def is_dsn(text: str) -> bool:
    """A URL or key=value string that carries a password."""
    return len(text) < 2000 and _DSN.fullmatch(text) is not None


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _base58check(text: str) -> bool:
    number = 0
    for char in text:
        place = _BASE58.find(char)
        if place < 0:
            return False
        number = number * 58 + place
    try:
        raw = number.to_bytes(25, "big")
    except OverflowError:
        return False
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def is_wallet(text: str) -> bool:
    """Ethereum form, Bitcoin base58check, or bech32 form."""
    if re.fullmatch(r"0x[0-9a-fA-F]{40}", text) or re.fullmatch(r"(?:bc1|tb1)[ac-hj-np-z02-9]{11,71}", text):
        return True
    return 25 <= len(text) <= 35 and text[0] in "13" and _base58check(text)


_DATE_FORMS = re.compile(
    r"(?P<a>(?:18|19|20)\d\d)[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])(?:[ T].*)?"
    r"|(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?P<b>(?:18|19|20)\d\d)"
    r"|(?P<c>(?:19|20)\d\d)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
)


def is_date(text: str) -> bool:
    """A calendar date in a usual written form."""
    return _DATE_FORMS.fullmatch(text) is not None


_ADDRESS = re.compile(
    r"\d{1,6}[a-z]?,? (?:\w+[.']? ){0,4}(?:st|street|ave|avenue|rd|road|dr|drive|ln|lane|blvd|boulevard|ct|court|way"
    r"|pl|place|sq|square|ter|terrace|pkwy|parkway|hwy|cir|circle|loop|trail|row|mews|close|crescent|gardens?)\b\.?.*"
    r"|(?:[\w.-]+ ){0,3}[\w.-]*(?:str\.|strasse|straße|weg|platz|allee|gasse|ufer|damm|ring|laan|straat|plein)"
    r" ?\d{1,4} ?[a-z]?\b.*"
    r"|\d{0,4},? ?(?:bis |ter )?(?:rue|avenue|boulevard|chemin|impasse|allee|allée|quai|cours|route)"
    r" (?:de|du|des|d'|la|le|l')?.{2,40}"
    r"|(?:calle|c/|avenida|av\.|avda\.|paseo|plaza|carrera|rua|travessa|praça|alameda|via|viale|corso|piazza)"
    r" .{2,40}\d.*",
    re.I,
)


def is_street_address(text: str) -> bool:
    """House number and a word for a street, in the order of the language."""
    return 6 <= len(text) <= 160 and _ADDRESS.fullmatch(text) is not None
