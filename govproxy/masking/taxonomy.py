"""The one table of what can be sensitive: classes, tags, levels, default maskers.

Everything that names a class (column votes, corrections in a policy, maskers by default) looks
here, and a new class is one new row. Knows nothing of catalogs, of evidence and of how a masker
works on bytes.

Levels: 4 never leaves unmasked, 3 identifies a person directly, 2 together with other facts.
Tags: a class carries its group (``PII``, ``SPII``, ``PCI``, ``PHI``, ``SECRET``, ``ONLINE``, ``TEXT``; ``unknown``
for what nobody could look at), the dotted name of itself (``PII.email``), and sometimes a dotted family (``PII.name``).

Security: a class belongs to exactly one group, so that a right given on ``PII`` never opens
social security numbers (``SPII``), cards (``PCI``) or passwords (``SECRET``) along with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from govproxy.masking.values import Masker, SensitiveClass


class Family(StrEnum):
    """What kind of values a type holds, as far as classes care."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"  # date and timestamps
    TIME = "time"
    NETWORK = "network"  # inet, cidr
    HARDWARE = "hardware"  # macaddr, macaddr8
    UUID = "uuid"
    JSON = "json"
    KEYED = "keyed"  # hstore, xml: documents that are not JSON
    BYTES = "bytes"
    ENUM = "enum"
    POINT = "point"  # geometric types, PostGIS
    SEARCH = "search"  # tsvector
    RECORD = "record"
    OTHER = "other"


_TEXT = frozenset({Family.TEXT, Family.OTHER})
_LABEL = _TEXT | {Family.ENUM}
_DIGITS = _TEXT | {Family.INTEGER, Family.NUMBER}
_NUMBERS = _TEXT | {Family.INTEGER, Family.NUMBER}
_CODED = _LABEL | {Family.INTEGER}
_OPAQUE = _TEXT | {Family.BYTES}
_TOKEN = _OPAQUE | {Family.UUID}
_DOCUMENT = _TEXT | {Family.JSON, Family.KEYED}
_DATES = _TEXT | {Family.DATE}
_ANY = frozenset(Family)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row of the table.

    ``families`` are the kinds of type a *name* is believed on. ``identifier`` marks classes whose
    columns stay sensitive even as a primary or foreign key. ``also`` holds dotted families.
    """

    sensitive: SensitiveClass
    title: str
    families: frozenset[Family]
    identifier: bool


def _row(
    name: str,
    title: str,
    group: str,
    level: int,
    masker: Masker,
    families: frozenset[Family],
    *,
    also: tuple[str, ...] = (),
    identifier: bool = False,
) -> Entry:
    tags = frozenset({group, f"{group}.{name}", *also})
    return Entry(
        sensitive=SensitiveClass(name=name, tags=tags, level=level, masker=masker),
        title=title,
        families=families,
        identifier=identifier,
    )


_M = Masker

TABLE: tuple[Entry, ...] = (
    # Payment and banking
    _row("card", "payment card number", "PCI", 4, _M.PARTIAL, _DIGITS, identifier=True),
    _row("cvv", "card verification value", "PCI", 4, _M.REDACT, _DIGITS),
    _row("pin", "PIN", "PCI", 4, _M.REDACT, _OPAQUE | {Family.INTEGER}),
    _row("card_expiry", "card expiry", "PCI", 3, _M.REDACT, _DIGITS | {Family.DATE}),
    _row("card_track", "card track data", "PCI", 4, _M.REDACT, _OPAQUE),
    _row("iban", "IBAN", "PCI", 3, _M.PARTIAL, _TEXT, also=("PCI.bank",), identifier=True),
    _row("bank_account", "bank account", "PCI", 3, _M.PARTIAL, _DIGITS, also=("PCI.bank",), identifier=True),
    # Government identifiers
    _row(
        "ssn", "social security number", "SPII", 4, _M.PARTIAL, _DIGITS, also=("SPII.government_id",), identifier=True
    ),
    _row("tax_id", "tax number", "SPII", 4, _M.REDACT, _DIGITS, also=("SPII.government_id",), identifier=True),
    _row("national_id", "national id", "SPII", 4, _M.REDACT, _DIGITS, also=("SPII.government_id",), identifier=True),
    _row("passport", "passport number", "SPII", 4, _M.REDACT, _DIGITS, also=("SPII.government_id",), identifier=True),
    _row(
        "driving_licence",
        "driving licence",
        "SPII",
        4,
        _M.REDACT,
        _DIGITS,
        also=("SPII.government_id",),
        identifier=True,
    ),
    # Special categories
    _row("religion", "religion", "SPII", 3, _M.REDACT, _CODED),
    _row("ethnicity", "ethnicity", "SPII", 3, _M.REDACT, _CODED),
    _row("orientation", "sexual orientation", "SPII", 3, _M.REDACT, _CODED),
    _row("politics", "political opinion or union membership", "SPII", 3, _M.REDACT, _CODED | {Family.BOOLEAN}),
    _row("criminal_record", "criminal record", "SPII", 3, _M.REDACT, _DOCUMENT | {Family.BOOLEAN}),
    _row("biometric", "biometric data", "SPII", 4, _M.REDACT, _ANY - {Family.BOOLEAN, Family.DATE, Family.INTEGER}),
    # Health
    _row("health", "health data", "PHI", 3, _M.REDACT, _CODED | _DOCUMENT | {Family.NUMBER, Family.BOOLEAN}),
    _row("medication", "medication", "PHI", 3, _M.REDACT, _LABEL | _DOCUMENT),
    _row("medical_record", "medical record number", "PHI", 3, _M.REDACT, _DIGITS, identifier=True),
    _row("health_insurance", "health insurance number", "PHI", 3, _M.REDACT, _DIGITS, identifier=True),
    _row("health_text", "clinical free text", "PHI", 3, _M.REDACT, _DOCUMENT),
    # Direct identifiers
    _row("email", "e-mail address", "PII", 3, _M.PARTIAL, _TEXT, also=("PII.contact",), identifier=True),
    _row("phone", "phone number", "PII", 3, _M.PARTIAL, _DIGITS, also=("PII.contact",), identifier=True),
    _row("person_name", "person's name", "PII", 3, _M.PSEUDONYM, _TEXT | _DOCUMENT, also=("PII.name",)),
    _row("given_name", "given name", "PII", 3, _M.PSEUDONYM, _TEXT, also=("PII.name",)),
    _row("family_name", "family name", "PII", 3, _M.PSEUDONYM, _TEXT, also=("PII.name",)),
    _row("username", "user name", "PII", 2, _M.PSEUDONYM, _TEXT, identifier=True),
    _row("social_profile", "social media profile", "PII", 3, _M.REDACT, _TEXT, identifier=True),
    _row("street_address", "street address", "PII", 3, _M.REDACT, _DOCUMENT, also=("PII.address",)),
    _row("vehicle", "licence plate or vehicle id", "PII", 3, _M.PARTIAL, _TEXT, identifier=True),
    _row("photo", "photograph or signature of a person", "PII", 3, _M.REDACT, _OPAQUE),
    _row("crypto_wallet", "crypto wallet address", "PII", 3, _M.PARTIAL, _OPAQUE, identifier=True),
    # Quasi identifiers
    _row("city", "city of a person", "PII", 2, _M.REDACT, _TEXT, also=("PII.address",)),
    _row("postcode", "postal code", "PII", 2, _M.PARTIAL, _DIGITS, also=("PII.address",)),
    _row("birth_date", "date of birth", "PII", 2, _M.GENERALISE, _DATES),
    _row("birth_year", "year of birth", "PII", 2, _M.REDACT, _NUMBERS),
    _row("birth_place", "place of birth", "PII", 2, _M.REDACT, _TEXT),
    _row("death_date", "date of death", "PII", 2, _M.GENERALISE, _DATES),
    _row("age", "age", "PII", 2, _M.GENERALISE, _NUMBERS),
    _row("gender", "gender", "PII", 2, _M.REDACT, _CODED),
    _row("nationality", "nationality", "PII", 2, _M.REDACT, _CODED),
    _row("marital_status", "marital status", "PII", 2, _M.REDACT, _CODED),
    _row("income", "salary or income", "PII", 3, _M.REDACT, _NUMBERS | {Family.OTHER}, also=("PII.financial",)),
    _row("credit_score", "credit score", "PII", 3, _M.REDACT, _NUMBERS, also=("PII.financial",)),
    # Devices and places
    _row("ip_address", "IP address", "ONLINE", 2, _M.PARTIAL, _TEXT | {Family.NETWORK, Family.INTEGER}),
    _row("mac_address", "MAC address", "ONLINE", 2, _M.PARTIAL, _TEXT | {Family.HARDWARE}, identifier=True),
    _row("device_id", "device id", "ONLINE", 2, _M.PSEUDONYM, _DIGITS | {Family.UUID}, identifier=True),
    _row("geo", "geographic position", "ONLINE", 2, _M.GENERALISE, _NUMBERS | {Family.POINT, Family.JSON}),
    # Secrets
    _row("password", "password", "SECRET", 4, _M.REDACT, _OPAQUE),
    _row("password_hash", "password hash", "SECRET", 4, _M.REDACT, _OPAQUE),
    _row("security_answer", "security question's answer", "SECRET", 4, _M.REDACT, _OPAQUE),
    _row("api_token", "token or API key", "SECRET", 4, _M.REDACT, _TOKEN, identifier=True),
    _row("jwt", "JSON web token", "SECRET", 4, _M.REDACT, _OPAQUE, identifier=True),
    _row("private_key", "private key", "SECRET", 4, _M.REDACT, _OPAQUE),
    _row("secret", "secret", "SECRET", 4, _M.REDACT, _DOCUMENT | {Family.BYTES, Family.UUID}, identifier=True),
    _row("dsn", "connection string with credentials", "SECRET", 4, _M.REDACT, _OPAQUE),
    # Containers
    _row("personal_json", "document with personal keys", "PII", 3, _M.PARTIAL, _DOCUMENT),
    _row("personal_record", "record with personal fields", "PII", 3, _M.REDACT, _ANY),
    _row("search_vector", "search index over personal text", "PII", 3, _M.REDACT, frozenset({Family.SEARCH})),
    _row("personal_data", "personal data", "PII", 3, _M.REDACT, _ANY, identifier=True),
    # Only ever given by a correction: text nobody classified is looked at value by value.
    _row("free_text", "free text", "PII", 2, _M.REDACT, _DOCUMENT),
    # Ordinary text in which cards, addresses, tokens ... were seen: those are masked where they stand.
    _row("mentions", "text that mentions personal data or secrets", "TEXT", 3, _M.SCAN, _DOCUMENT | {Family.BYTES}),
    # Nothing is known about the values: the metadata role could not look at them.
    _row("unread", "values nobody could look at", "unknown", 4, _M.REDACT, _ANY, identifier=True),
    # Copies of row data inside the system catalogs
    _row("catalog_values", "values kept by the server", "SECRET", 4, _M.REDACT, _ANY, identifier=True),
)

ENTRIES: Mapping[str, Entry] = MappingProxyType({entry.sensitive.name: entry for entry in TABLE})
TAGS: frozenset[str] = frozenset(tag for entry in TABLE for tag in entry.sensitive.tags)

# Facts that are kept about people alone; two different ones in a table make its rows people.
ABOUT_PEOPLE = frozenset(
    {
        "given_name",
        "family_name",
        "birth_date",
        "birth_year",
        "birth_place",
        "death_date",
        "gender",
        "marital_status",
        "nationality",
        "ssn",
        "national_id",
        "passport",
        "religion",
        "ethnicity",
    }
)

# Exactly one of these is carried by every class.
GROUPS = ("PII", "SPII", "PCI", "PHI", "SECRET", "ONLINE", "TEXT")

# What a correction means by a bare group: the class that best stands for it.
_GROUP_CLASS: Mapping[str, str] = MappingProxyType(
    {
        "PII": "personal_data",
        "SPII": "national_id",
        "PCI": "bank_account",
        "PHI": "health",
        "SECRET": "secret",
        "unknown": "unread",
        "TEXT": "mentions",
        "ONLINE": "device_id",
        "PII.name": "person_name",
        "PII.address": "street_address",
        "PII.contact": "email",
        "PII.financial": "income",
        "PCI.bank": "bank_account",
        "SPII.government_id": "national_id",
    }
)


def by_name(name: str) -> SensitiveClass:
    """The class of that name. Raises KeyError."""
    return ENTRIES[name].sensitive


def by_tag(tag: str) -> tuple[SensitiveClass, ...]:
    """All classes that carry the tag, in the table's order; empty when no class does."""
    return tuple(entry.sensitive for entry in TABLE if tag in entry.sensitive.tags)


def class_for(tag_or_name: str, own: Sequence[SensitiveClass] = ()) -> SensitiveClass | None:
    """The class a correction means: a class's name, its own dotted tag, or a group's stand-in.

    ``own`` are the classes that a policy adds.
    """
    if tag_or_name in ENTRIES:
        return ENTRIES[tag_or_name].sensitive
    if tag_or_name in _GROUP_CLASS:
        return ENTRIES[_GROUP_CLASS[tag_or_name]].sensitive
    for sensitive in own:
        if sensitive.name == tag_or_name:
            return sensitive
    carriers = (*by_tag(tag_or_name), *(sensitive for sensitive in own if tag_or_name in sensitive.tags))
    return carriers[0] if len(carriers) == 1 else None
