"""Makers of values, a function of a source of chance each. Check digits are computed here anew.

Written against the issuers' published rules and not against the proxy's checks: the two must agree.
"""

from __future__ import annotations

import base64
import hashlib
import string
import zlib
from collections.abc import Callable, Sequence
from random import Random

from bench.quality import words

Maker = Callable[[Random], str]

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def some(r: Random, alphabet: Sequence[str], count: int) -> str:
    return "".join(r.choices(alphabet, k=count))


def digits(r: Random, count: int) -> str:
    return some(r, string.digits, count)


def one_of(*makers: Maker) -> Maker:
    return lambda r: r.choice(makers)(r)


def pick(*values: str) -> Maker:
    return lambda r: r.choice(values)


def shape(pattern: str) -> Maker:
    """``#`` a digit, ``@`` a capital, ``%`` a small letter, ``&`` a letter or digit, ``~`` a hex digit."""
    signs = {"#": string.digits, "@": string.ascii_uppercase, "%": string.ascii_lowercase, "&": ALNUM, "~": HEX}
    return lambda r: "".join(r.choice(signs[sign]) if sign in signs else sign for sign in pattern)


# ---------------------------------------------------------------- cards and accounts


def luhn_digit(text: str) -> str:
    doubled = [int(c) * 2 if place % 2 == 0 else int(c) for place, c in enumerate(reversed(text))]
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def card(prefix: Sequence[str], size: int, groups: Sequence[int] = (), sep: str = "") -> Maker:
    def make(r: Random) -> str:
        body = r.choice(list(prefix))
        body += digits(r, size - 1 - len(body))
        number = body + luhn_digit(body)
        if not groups:
            return number
        parts, place = [], 0
        for group in groups:
            parts.append(number[place : place + group])
            place += group
        return sep.join(parts)

    return make


VISA, MASTER, AMEX = ("4",), ("51", "52", "53", "54", "55", "2223", "2720"), ("34", "37")


def iban(*countries: str, spaced: bool = False) -> Maker:
    forms = {"DE": "##################", "GB": "@@@@##############", "FR": "#######################",
             "ES": "####################", "NL": "@@@@##########", "PT": "#####################"}  # fmt: skip

    def make(r: Random) -> str:
        country = r.choice(countries)
        body = shape(forms[country])(r)
        number = int("".join(str(int(c, 36)) for c in body + country + "00"))
        text = f"{country}{98 - number % 97:02d}{body}"
        return " ".join(text[i : i + 4] for i in range(0, len(text), 4)) if spaced else text

    return make


# ---------------------------------------------------------------- numbers of persons


def ssn(sep: str = "-") -> Maker:
    def make(r: Random) -> str:
        area = r.choice([*range(1, 666), *range(667, 900)])
        return f"{area:03d}{sep}{r.randint(1, 99):02d}{sep}{r.randint(1, 9999):04d}"

    return make


def _mod11(text: str, first: int) -> str:
    rest = sum(int(c) * weight for c, weight in zip(text, range(first, 1, -1), strict=True)) % 11
    return "0" if rest < 2 else str(11 - rest)


def cpf(r: Random, dotted: bool = False) -> str:
    body = digits(r, 9)
    body += _mod11(body, 10)
    body += _mod11(body, 11)
    return f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}" if dotted else body


def cnpj(r: Random) -> str:
    body = digits(r, 8) + "0001"
    for weights in ((5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)):
        rest = sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11
        body += "0" if rest < 2 else str(11 - rest)
    return f"{body[:2]}.{body[2:5]}.{body[5:8]}/{body[8:12]}-{body[12:]}"


def birth(r: Random) -> tuple[int, int, int]:
    return r.randint(1935, 2006), r.randint(1, 12), r.randint(1, 28)


def pesel(r: Random) -> str:
    year, month, day = birth(r)
    body = f"{year % 100:02d}{month + (20 if year >= 2000 else 0):02d}{day:02d}{digits(r, 4)}"
    total = sum(int(c) * w for c, w in zip(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True))
    return body + str((10 - total % 10) % 10)


def bsn(r: Random) -> str:
    while True:
        body = digits(r, 8)
        rest = sum(int(c) * w for c, w in zip(body, range(9, 1, -1), strict=True)) % 11
        if rest < 10 and body[0] != "0":
            return body + str(rest)


def sin(r: Random) -> str:
    body = r.choice("1234567") + digits(r, 7)
    text = body + luhn_digit(body)
    return f"{text[:3]} {text[3:6]} {text[6:]}"


def verhoeff_digit(text: str) -> str:
    d = [[(a + b) % 5 if a < 5 and b < 5 else (a + b) % 5 + 5 if a < 5 else (a - b) % 5 + 5 if b < 5 else (a - b) % 5
          for b in range(10)] for a in range(10)]  # fmt: skip
    p = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    state = 0
    for place, c in enumerate(reversed(text), 1):
        value = int(c)
        for _ in range(place % 8):
            value = p[value]
        state = d[state][value]
    return str(d[state].index(0))


def aadhaar(r: Random) -> str:
    body = r.choice("23456789") + digits(r, 10)
    text = body + verhoeff_digit(body)
    return f"{text[:4]} {text[4:8]} {text[8:]}"


def german_tax_id(r: Random) -> str:
    body = r.choice("123456789") + digits(r, 9)
    product = 10
    for c in body:
        total = (int(c) + product) % 10 or 10
        product = total * 2 % 11
    return body + str((11 - product) % 10)


def dni(r: Random) -> str:
    number = r.randint(10_000_000, 99_999_999)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def nie(r: Random) -> str:
    lead = r.choice("XYZ")
    body = digits(r, 7)
    return f"{lead}{body}{'TRWAGMYFPDXBNJZSQVHLCKE'[int(str('XYZ'.index(lead)) + body) % 23]}"


def codice_fiscale(r: Random) -> str:
    odd = dict(zip(string.digits + string.ascii_uppercase,
                   (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12,
                    14, 16, 10, 22, 25, 24, 23), strict=True))  # fmt: skip
    body = shape("@@@@@@##")(r) + r.choice("ABCDEHLMPRST") + f"{r.randint(1, 28):02d}" + shape("@###")(r)
    total = sum(odd[c] if place % 2 == 0 else int(c) if c.isdigit() else ord(c) - 65 for place, c in enumerate(body))
    return body + chr(65 + total % 26)


def nir(r: Random) -> str:
    year, month, _ = birth(r)
    body = f"{r.choice('12')}{year % 100:02d}{month:02d}"
    body += f"{r.randint(1, 95):02d}{r.randint(1, 990):03d}{r.randint(1, 999):03d}"
    return body + f"{97 - int(body) % 97:02d}"


def nino(r: Random) -> str:
    first, second = r.choice("ABCEGHJKLMNOPRSTWXYZ"), r.choice("ABCEGHJKLMNPRSTWXYZ")
    if first + second in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}:
        first = "A"
    return f"{first}{second} {digits(r, 2)} {digits(r, 2)} {digits(r, 2)} {r.choice('ABCD')}"


def chinese_id(r: Random) -> str:
    year, month, day = birth(r)
    body = f"{r.choice(('110101', '310104', '440305', '510107'))}{year}{month:02d}{day:02d}{digits(r, 3)}"
    total = sum(int(c) * 2 ** (17 - place) for place, c in enumerate(body)) % 11
    return body + "10X98765432"[total]


def curp(r: Random) -> str:
    year, month, day = birth(r)
    consonants = "BCDFGHJKLMNPQRSTVWXYZ"
    return (
        f"{shape('@@@@')(r)}{year % 100:02d}{month:02d}{day:02d}{r.choice('HM')}{r.choice(('DF', 'JC', 'NL'))}"
        f"{some(r, consonants, 3)}{digits(r, 2)}"
    )


def personnummer(r: Random) -> str:
    year, month, day = birth(r)
    body = f"{year % 100:02d}{month:02d}{day:02d}{digits(r, 3)}"
    return f"{body[:6]}-{body[6:]}{luhn_digit(body)}"


def hetu(r: Random) -> str:
    year, month, day = birth(r)
    serial = f"{r.randint(2, 899):03d}"
    number = int(f"{day:02d}{month:02d}{year % 100:02d}{serial}")
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31]
    return f"{day:02d}{month:02d}{year % 100:02d}{'A' if year >= 2000 else '-'}{serial}{check}"


def south_african_id(r: Random) -> str:
    year, month, day = birth(r)
    body = f"{year % 100:02d}{month:02d}{day:02d}{digits(r, 4)}08"
    return body + luhn_digit(body)


def turkish_id(r: Random) -> str:
    body = r.choice("123456789") + digits(r, 8)
    n = [int(c) for c in body]
    tenth = (sum(n[0::2]) * 7 - sum(n[1::2])) % 10
    return f"{body}{tenth}{(sum(n) + tenth) % 10}"


def korean_rrn(r: Random) -> str:
    year, month, day = birth(r)
    body = f"{year % 100:02d}{month:02d}{day:02d}{r.choice('34' if year >= 2000 else '12')}{digits(r, 5)}"
    total = sum(int(c) * w for c, w in zip(body, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), strict=True))
    return f"{body[:6]}-{body[6:]}{(11 - total % 11) % 10}"


def nric(r: Random) -> str:
    lead, body = r.choice("ST"), digits(r, 7)
    total = sum(int(c) * w for c, w in zip(body, (2, 7, 6, 5, 4, 3, 2), strict=True)) + (4 if lead == "T" else 0)
    return f"{lead}{body}{'JZIHGFEDCBA'[total % 11]}"


def tfn(r: Random) -> str:
    while True:
        text = r.choice("123456789") + digits(r, 8)
        if sum(int(c) * w for c, w in zip(text, (1, 4, 3, 7, 5, 8, 6, 9, 10), strict=True)) % 11 == 0:
            return f"{text[:3]} {text[3:6]} {text[6:]}"


def nhs(r: Random) -> str:
    while True:
        body = r.choice("4679") + digits(r, 8)
        check = 11 - sum(int(c) * w for c, w in zip(body, range(10, 1, -1), strict=True)) % 11
        if check != 10:
            text = body + str(check % 11)
            return f"{text[:3]} {text[3:6]} {text[6:]}"


def npi(r: Random) -> str:
    body = r.choice("12") + digits(r, 8)
    return body + luhn_digit("80840" + body)


# ---------------------------------------------------------------- persons


def given(r: Random) -> str:
    return r.choice(words.GIVEN)


def family(r: Random) -> str:
    return r.choice(words.FAMILY)


def full_name(r: Random) -> str:
    return f"{given(r)} {family(r)}"


def listed_name(r: Random) -> str:
    return f"{family(r)}, {given(r)}"


def email(r: Random) -> str:
    local = r.choice((f"{given(r)}.{family(r)}", f"{given(r)[0]}{family(r)}", f"{given(r)}{r.randint(1, 99)}")).lower()
    return f"{local}@{r.choice(('example.com', 'mail.example.org', 'example.net', 'post.example.de'))}"


def phone_us(r: Random) -> str:
    area, exchange = r.randint(201, 989), r.randint(200, 999)
    return r.choice(("({0}) {1}-{2}", "{0}-{1}-{2}", "{0}.{1}.{2}")).format(area, exchange, digits(r, 4))


def phone_e164(r: Random) -> str:
    return f"+{r.choice(('49', '44', '33', '34', '351', '55', '31'))}{r.choice('12345679')}{digits(r, 8)}"


def phone_local(r: Random) -> str:
    return f"0{r.choice(('30', '89', '221', '40', '711'))} {digits(r, 3)} {digits(r, 4)}"


def street(country: str) -> Maker:
    def make(r: Random) -> str:
        name, number = r.choice(words.STREETS[country]), r.randint(1, 250)
        if country in ("us", "fr"):
            return f"{number} {name}"
        return f"{name} {number}" if country == "de" else f"{name}, {number}"

    return make


def date(style: str = "{0:04d}-{1:02d}-{2:02d}") -> Maker:
    return lambda r: style.format(*birth(r))


# ---------------------------------------------------------------- secrets


def base62(number: int, width: int) -> str:
    out = ""
    alphabet = string.digits + string.ascii_uppercase + string.ascii_lowercase
    while number:
        number, rest = divmod(number, 62)
        out = alphabet[rest] + out
    return out.rjust(width, "0")


def github_token(r: Random) -> str:
    body = some(r, ALNUM, 30)
    return f"{r.choice(('ghp_', 'gho_', 'ghs_'))}{body}{base62(zlib.crc32(body.encode()), 6)}"


def jwt(r: Random) -> str:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    header = part('{"alg":"HS256","typ":"JWT"}')
    claims = part('{"sub":"%s","iat":17%s}' % (digits(r, 9), digits(r, 8)))  # noqa: UP031
    return f"{header}.{claims}.{some(r, ALNUM + '-_', 43)}"


def pem(r: Random) -> str:
    body = "\n".join(some(r, ALNUM + "+/", 64) for _ in range(4))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"


def dsn(r: Random) -> str:
    user, secret = given(r).lower(), some(r, ALNUM, 14)
    return f"postgresql://{user}:{secret}@db{r.randint(1, 9)}.internal:5432/{r.choice(words.PLAIN)}"


def keyword_dsn(r: Random) -> str:
    name, secret = r.choice(words.PLAIN), some(r, ALNUM, 14)
    return f"host=db{r.randint(1, 9)}.internal port=5432 dbname={name} user=svc password={secret}"


def wallet_base58(r: Random) -> str:
    raw = b"\x00" + r.randbytes(20)
    raw += hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:4]
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = BASE58[rest] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def bech32(r: Random) -> str:
    def polymod(values: list[int]) -> int:
        check = 1
        for value in values:
            top = check >> 25
            check = (check & 0x1FFFFFF) << 5 ^ value
            for place, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                check ^= generator if top >> place & 1 else 0
        return check

    data = [0, *(r.randrange(32) for _ in range(31)), r.randrange(2) * 16]
    prefix = [ord(c) >> 5 for c in "bc"] + [0] + [ord(c) & 31 for c in "bc"]
    check = polymod([*prefix, *data, 0, 0, 0, 0, 0, 0]) ^ 1
    return "bc1" + "".join(BECH32[v] for v in data) + "".join(BECH32[check >> 5 * (5 - i) & 31] for i in range(6))


def mac(r: Random) -> str:
    return ":".join(some(r, HEX, 2) for _ in range(6))


def ipv4(r: Random) -> str:
    return ".".join(str(r.randint(1, 254)) for _ in range(4))


def ipv6(r: Random) -> str:
    return "2001:db8:" + ":".join(some(r, HEX, 4) for _ in range(6))


def imei(r: Random) -> str:
    body = "35" + digits(r, 12)
    return body + luhn_digit(body)


def plain_words(count: int) -> Maker:
    return lambda r: " ".join(r.choices(words.PLAIN, k=count))
