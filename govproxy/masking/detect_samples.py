"""What a column's values say: a vote over a sample, so that meaningless names hide nothing.

Weak shapes (a telephone number, a date, a name) say nothing about one value and much about two
hundred of them. Knows nothing of names, catalogs and policies.

Security: results hold counts and shares only. A value is looked at and forgotten; none of them may
stand in a reason, a log line or an error.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from govproxy._fastpath.detectors import scan
from govproxy.masking import checks
from govproxy.masking.bank_numbers import BANKS
from govproxy.masking.identity_numbers import HEALTH, INSURANCE, NATIONAL, TRADERS, UNMISTAKABLE
from govproxy.masking.name_lists import FAMILY_NAMES, GIVEN_NAMES
from govproxy.masking.names import TableContext, fold, judge_name, table_context
from govproxy.masking.taxonomy import Family


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENOUGH = 20  # values below which only the strongest shapes may decide
_LONGEST_VALUE = 20_000
_MOST_KEYS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A class the values agree on. ``share`` of ``seen`` values passed the check called ``shape``."""

    name: str
    shape: str
    share: float
    seen: int
    confidence: float


def _starts_differ(values: Sequence[str]) -> bool:
    return len({value[:3] for value in values}) >= 8


def _many(values: Sequence[str]) -> bool:
    return len(set(values)) >= 8


def _octets_are_high(values: Sequence[str]) -> bool:
    """Version numbers of four parts seldom have a part above 99; addresses mostly have."""
    high = sum(any(len(part) == 3 for part in value.split("/")[0].split(".")) for value in values)
    return high / len(values) >= 0.3 and len(set(values)) >= 8


@dataclass(frozen=True, slots=True)
class _Detector:
    name: str
    shape: str
    check: Callable[[str], bool]
    share: float = 0.95
    confidence: float = 0.9
    enough: int = ENOUGH
    # What the values must show together: counters and version numbers pass one by one.
    together: Callable[[Sequence[str]], bool] | None = None
    # Checked only on columns most of whose values have that many digits.
    digits: int = 0
    families: frozenset[Family] = frozenset({Family.TEXT, Family.OTHER, Family.ENUM, Family.BYTES})


_NUMERIC = frozenset({Family.TEXT, Family.OTHER, Family.BYTES, Family.INTEGER, Family.NUMBER})


# Those that a counter does not pass by chance.
_SURE = UNMISTAKABLE | {"BIC"}


def _numbers(
    name: str, checked: Mapping[str, Callable[[str], bool]], *, digits: int, confidence: float = 0.9
) -> Iterator[_Detector]:
    """Columns of numbers that have a check of their own each."""
    for shape, check in checked.items():
        yield _Detector(
            name,
            shape,
            check,
            digits=digits,
            share=0.97,
            together=_many if shape in _SURE else _starts_differ,
            confidence=confidence,
            families=_NUMERIC,
        )


DETECTORS: tuple[_Detector, ...] = (
    _Detector("private_key", "private key", checks.is_private_key, share=0.2, enough=1, confidence=0.99),
    _Detector("jwt", "JSON web token", checks.is_jwt, share=0.5, enough=3, confidence=0.99),
    _Detector("api_token", "token of a known maker", checks.is_token, share=0.2, enough=3, confidence=0.99),
    _Detector("password_hash", "password hash", checks.is_password_hash, share=0.5, enough=3, confidence=0.99),
    _Detector("dsn", "URL with a password", checks.is_dsn, share=0.2, enough=3, confidence=0.95),
    _Detector("email", "e-mail address", checks.is_email, share=0.8, enough=5, confidence=0.99),
    _Detector("iban", "IBAN", checks.is_iban, digits=5, share=0.8, enough=5, confidence=0.99),
    _Detector(
        "card", "card number", checks.is_card, digits=12, share=0.9, enough=ENOUGH, confidence=0.99, families=_NUMERIC
    ),
    _Detector("ssn", "social security number", checks.is_ssn, digits=9, share=0.97, together=_starts_differ),
    _Detector("crypto_wallet", "wallet address", checks.is_wallet, enough=10),
    _Detector("mac_address", "MAC address", checks.is_mac, enough=10, confidence=0.95),
    _Detector("ip_address", "IPv6 address", checks.is_ipv6, enough=10, confidence=0.95),
    _Detector("ip_address", "IPv4 address", checks.is_ipv4, digits=4, together=_octets_are_high, confidence=0.85),
    _Detector("device_id", "IMEI", checks.is_imei, digits=15, families=_NUMERIC),
    *_numbers("national_id", NATIONAL, digits=4),
    *_numbers("tax_id", TRADERS, digits=6),
    *_numbers("medical_record", HEALTH, digits=7, confidence=0.88),
    *_numbers("health_insurance", INSURANCE, digits=4, confidence=0.88),
    *_numbers("bank_account", BANKS, digits=0, confidence=0.85),
    _Detector("phone", "international phone number", checks.is_international_phone, digits=7, confidence=0.95),
    _Detector("phone", "phone number", checks.is_formatted_phone, digits=7, share=0.9, confidence=0.85),
    _Detector(
        "phone",
        "bare phone number",
        checks.is_bare_phone,
        digits=10,
        enough=50,
        together=_starts_differ,
        confidence=0.7,
        families=_NUMERIC,
    ),
    _Detector("street_address", "street address", checks.is_street_address, share=0.6, confidence=0.85),
)

# Which shapes a class must have, so that values can speak against a doubtful name. Shapes only, no check digits:
# numbers that somebody made up, or got wrong, are still what the column's name says.
_IBAN_LIKE = re.compile(r"[A-Za-z]{2}[0-9]{2}[A-Za-z0-9]{11,30}")
_EXPECTED: dict[str, Callable[[str], bool]] = {
    "email": lambda text: "@" in text,
    "iban": lambda text: _IBAN_LIKE.fullmatch(re.sub(r"[\s.-]", "", text)) is not None,
    "ip_address": lambda text: checks.is_ipv4(text) or checks.is_ipv6(text),
    "mac_address": checks.is_mac,
    "birth_date": checks.is_date,
    "phone": lambda text: sum(char.isdigit() for char in text) >= 6,
    "card": lambda text: sum(char.isdigit() or char in "xX*#" for char in text) >= 8,
}


def vote(values: Sequence[str], family: Family, *, named: bool = False) -> Vote | None:
    """The surest class the values agree on, or None. ``values`` are not null, as text.

    ``named``: the column's name says that it holds names of something, so that fewer known ones will do.
    """
    texts = [value.strip()[:_LONGEST_VALUE] for value in values if value and value.strip()]
    if not texts:
        return None
    found: list[Vote] = []
    usual_digits = statistics.median_low(sum(map(text.count, "0123456789")) for text in texts)
    for detector in DETECTORS:
        if family not in detector.families or len(texts) < detector.enough or usual_digits < detector.digits:
            continue
        share = _share(detector, texts)
        if share < detector.share or (detector.together and not detector.together(texts)):
            continue
        found.append(
            Vote(name=detector.name, shape=detector.shape, share=share, seen=len(texts), confidence=detector.confidence)
        )
    if family in {Family.TEXT, Family.OTHER, Family.ENUM, Family.BYTES}:
        found.extend(_vote_words(texts, _FEW_NAMES if named else _MANY_NAMES))
    return max(found, key=lambda v: (v.confidence, v.share), default=None)


def _share(detector: _Detector, texts: Sequence[str]) -> float:
    """The share of texts that pass, or 0 as soon as too many have failed."""
    failures_left = int(len(texts) * (1.0 - detector.share) + 1e-9)
    failures = 0
    for text in texts:
        if not detector.check(text):
            failures += 1
            if failures > failures_left:
                return 0.0
    return 1.0 - failures / len(texts)


# Shares of different values that must be names on the lists, which hold a part of all names.
_MANY_NAMES, _FEW_NAMES = 0.4, 0.2

_GENDER_WORDS = _words(
    """
    male female divers diverse non-binary nonbinary man woman men women mannlich weiblich maennlich homme femme
    masculin feminin hombre mujer masculino femenino feminino homem mulher other unknown undisclosed intersex
    transgender m f d x u n/a
    """
)
_GENDER_SURE = _words(
    """
    male female mannlich weiblich maennlich homme femme masculin feminin mujer femenino feminino homem mulher
    woman
    """
)
_BLOOD = _words(
    """
    A+ A- B+ B- AB+ AB- O+ O- 0+ 0-
    """
)
_DIFFERENT_CODES = 8
_ICD = re.compile(r"[A-TV-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?")


def _vote_words(texts: Sequence[str], least: float) -> Iterator[Vote]:
    """Closed vocabularies and dictionaries of names."""
    seen = len(texts)
    folded = {fold(text).lower() for text in texts}
    if 2 <= len(folded) <= 12 and folded <= _GENDER_WORDS and folded & _GENDER_SURE:
        yield Vote(name="gender", shape="gender", share=1.0, seen=seen, confidence=0.85)
    if len(folded) >= 3 and set(texts) <= _BLOOD and set(texts) & {"AB+", "AB-", "O-"}:
        yield Vote(name="health", shape="blood group", share=1.0, seen=seen, confidence=0.85)
    dotted = sum("." in text for text in texts)
    coded = sum(_ICD.fullmatch(text) is not None for text in texts)
    # Of an analysed table each value is here once, and of diagnoses there are often a few.
    if len(folded) >= _DIFFERENT_CODES and coded / seen >= 0.95 and dotted / seen >= 0.5:
        yield Vote(name="health", shape="ICD-10 code", share=coded / seen, seen=seen, confidence=0.75)
    if seen < ENOUGH or len(folded) < ENOUGH:
        return  # a handful of different words is a list of choices, not people
    given = sum(text in GIVEN_NAMES for text in folded) / len(folded)
    family = sum(text in FAMILY_NAMES for text in folded) / len(folded)
    whole = sum(map(_is_full_name, folded)) / len(folded)
    best, name, shape = max((given, "given_name", "given name"), (family, "family_name", "family name"))
    if best >= least:
        yield Vote(name=name, shape=shape, share=best, seen=seen, confidence=0.75)
    if whole >= least:
        yield Vote(name="person_name", shape="person's name", share=whole, seen=seen, confidence=0.75)


def _is_full_name(text: str) -> bool:
    parts = re.findall(r"[a-z']+", text)
    if not 2 <= len(parts) <= 4 or len(text) > 60:
        return False
    return (parts[0] in GIVEN_NAMES and parts[-1].isalpha()) if "," not in text else parts[-1] in GIVEN_NAMES


_NUMBER = re.compile(r"[A-Za-z#_-]{0,8}[0-9](?:[ -]?[0-9]){10,23}")
_FEWEST_NUMBERS = 8
_CHANCE = 0.3


def is_number_column(values: Sequence[str], suspects: Sequence[str] = ()) -> bool:
    """True for texts that are all long numbers, perhaps behind a few letters, and as a rule no cards or the like.

    Among such numbers up to one in ten passes the checks of a card by chance. ``suspects`` are values that were
    searched for.
    """
    texts = [value.strip() for value in values if value and value.strip()]
    others = [value.strip() for value in suspects if value and value.strip()]
    if len(texts) < _FEWEST_NUMBERS or not all(_NUMBER.fullmatch(text) for text in (*texts, *others)):
        return False
    return sum(bool(scan(text.encode())) for text in texts) / len(texts) <= _CHANCE


def contradicts(name: str, values: Sequence[str]) -> bool:
    """True when enough values are there and next to none has the shape the class must have."""
    check = _EXPECTED.get(name)
    texts = [value.strip() for value in values if value and value.strip()]
    if check is None or len(texts) < ENOUGH:
        return False
    return sum(map(check, texts)) / len(texts) < 0.05


_OPAQUE = re.compile(r"[A-Za-z0-9_+/.-]{20,512}={0,2}")


def random_share(values: Sequence[str]) -> float:
    """The share of different, long, unspaced values of mixed characters; 0 below ten of them.

    Identifiers and digests look like this too: it counts only beside a name that hints at a secret.
    """
    if len(values) < 10 or len(set(values)) < len(values):
        return 0.0
    return sum(map(_is_random, values)) / len(values)


def _is_random(text: str) -> bool:
    if _OPAQUE.fullmatch(text) is None or "://" in text or text.count("/") > 2:
        return False
    digits = sum(char.isdigit() for char in text)
    letters = sum(char.isalpha() for char in text)
    return digits >= 3 and letters >= 3 and len(set(text)) >= 10


def array_elements(text: str) -> list[str]:
    """Elements of a one-dimensional array in its output form; nested braces are flattened."""
    elements: list[str] = []
    for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|([^{},"]+)', text):
        if quoted:
            elements.append(re.sub(r"\\(.)", r"\1", quoted))
        elif plain.strip() and plain.strip() != "NULL":
            elements.append(plain.strip())
    return elements


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEvidence:
    """What documents hold: the class of the surest key or leaf, and where it stands."""

    confidence: float
    reason: str


def judge_documents(values: Sequence[str], family: Family, owners: Sequence[str] = ()) -> DocumentEvidence | None:
    """Personal keys and strong shapes in sampled documents (JSON, hstore, XML).

    ``owners`` are the names of column and table: what ``name`` at the top of a document is about.
    A document that cannot be read counts as personal: it is not understood.
    """
    leaves: dict[str, list[str]] = {}
    unread = 0
    for value in values:
        pairs = _json_leaves(value) if family is Family.JSON else _keyed_leaves(value)
        if pairs is None:
            unread += 1
            continue
        for path, leaf in pairs:
            if len(leaves) < _MOST_KEYS or path in leaves:
                leaves.setdefault(path, []).append(leaf)
    if values and unread == len(values):
        return DocumentEvidence(confidence=0.6, reason="documents could not be read")
    best: DocumentEvidence | None = None
    for path in sorted(leaves):
        found = _judge_leaf(path, leaves[path], owners)
        if found is not None and (best is None or found.confidence > best.confidence):
            best = found
    return best


_LEAF_STRONG = frozenset({"email", "iban", "card", "jwt", "api_token", "private_key", "password_hash", "dsn"})


def _judge_leaf(path: str, leaves: Sequence[str], owners: Sequence[str]) -> DocumentEvidence | None:
    """Security: reasons name the class, never the key: keys may be data themselves (``{"ann@x.org": 1}``)."""
    parts = path.split("\x00")
    above = [part for part in reversed(parts[:-1]) if part]
    if all(leaf in {"true", "false", "null", ""} for leaf in leaves):
        return None
    for owner in _told_by(above) if above else (*owners, ""):
        evidence = next(iter(judge_name(parts[-1], owner)), None)
        if evidence is not None and evidence.confidence >= 0.6:
            return DocumentEvidence(
                confidence=min(evidence.confidence, 0.9), reason=f"a key named like {evidence.name}"
            )
    if checks.is_email(parts[-1]) or checks.is_iban(parts[-1]):
        return DocumentEvidence(confidence=0.9, reason="keys that are personal values")
    for detector in DETECTORS:
        if detector.name in _LEAF_STRONG and any(map(detector.check, (leaf.strip() for leaf in leaves))):
            share = sum(detector.check(leaf.strip()) for leaf in leaves) / len(leaves)
            if detector.name != "card" or share >= 0.5:
                return DocumentEvidence(confidence=0.9, reason=f"values shaped like {detector.shape}")
    found = vote(leaves, Family.TEXT)
    return None if found is None else DocumentEvidence(confidence=0.8, reason=f"values shaped like {found.shape}")


def _told_by(above: Sequence[str]) -> tuple[str, ...]:
    """Of the keys above a leaf, the nearest first, the one that says what it is about, or else the nearest."""
    return (next((key for key in above if table_context(key) != TableContext()), above[0]),)


def _json_leaves(text: str) -> list[tuple[str, str]] | None:
    """(path joined by NUL, leaf as text) of every leaf; None when it is not JSON."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    leaves: list[tuple[str, str]] = []
    stack: list[tuple[str, object]] = [("", document)]
    while stack and len(leaves) < _MOST_KEYS:
        path, node = stack.pop()
        match node:
            case dict():
                stack.extend((f"{path}\x00{key}" if path else str(key), child) for key, child in node.items())
            case list():
                stack.extend((path, child) for child in node)
            case bool():
                leaves.append((path, "true" if node else "false"))
            case None:
                leaves.append((path, "null"))
            case _:
                leaves.append((path, str(node)))
    return leaves


_HSTORE_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"\s*=>\s*(?:"((?:[^"\\]|\\.)*)"|NULL)')
_XML_TAG = re.compile(r"<(/?)([\w:.-]+)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>([^<]{0,500})")
_XML_ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*(?:\"([^\"]{0,500})|'([^']{0,500}))")


def _keyed_leaves(text: str) -> list[tuple[str, str]] | None:
    pairs = [(key, value) for key, value in _HSTORE_PAIR.findall(text)]
    pairs.extend(_xml_leaves(text[:_LONGEST_VALUE]))
    return pairs or (None if text.strip() else [])


def _xml_leaves(text: str) -> Iterator[tuple[str, str]]:
    """(path joined by NUL, content) of elements and attributes, by their names without prefixes.

    Security: read by hand and not by a parser, which would take a document's own entities at their word.
    """
    above: list[str] = []
    for closing, name, rest, content in _XML_TAG.findall(text.replace("<![CDATA[", "").replace("]]>", "")):
        local = name.rsplit(":", 1)[-1]
        if closing:
            del above[-1:]
        else:
            above.append(local)
            for attribute, double, single in _XML_ATTRIBUTE.findall(rest):
                yield "\x00".join((*above, attribute.rsplit(":", 1)[-1])), double or single
        if content.strip() or not closing:
            yield "\x00".join(above), content.strip()
        if not closing and rest.endswith("/"):
            del above[-1:]
