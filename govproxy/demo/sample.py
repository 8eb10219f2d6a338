"""The demo database: schema, rows and rights, the same on every machine.

Every row follows from ``SEED`` and the fixed day ``TODAY``. Nothing here is real: mail domains,
addresses of the network and most telephone numbers are of ranges reserved for documentation, card numbers
are made-up accounts below the issuers' test prefixes, identity numbers are of areas never given out.
Knows nothing of the proxy.
"""

from __future__ import annotations

import datetime
import random
import string
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import orjson
import psycopg
from psycopg import sql

from govproxy.demo import words
from govproxy.demo.checksums import iban, luhn_complete

SEED = 20260630
TODAY = datetime.date(2026, 6, 30)
DATABASE = "shop"
LOGIN_ROLE = "govproxy_login"

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many rows; the tests use a smaller one than the demo."""

    customers: int = 5_000
    products: int = 240
    orders: int = 12_000
    reviews: int = 3_000
    events: int = 8_000
    api_keys: int = 60
    patients: int = 1_500
    visits: int = 4_000
    employees: int = 300


SMALL = Size(
    customers=300, products=40, orders=500, reviews=100, events=300, api_keys=12, patients=80, visits=160, employees=30
)


@dataclass(frozen=True, slots=True)
class Person:
    """One made-up human, as far as several tables agree on it."""

    first: str
    last: str
    email: str
    phone: str
    birth: datetime.date

    @property
    def full_name(self) -> str:
        return f"{self.first} {self.last}"


def create(dsn: str, *, login_password: str, size: Size | None = None) -> None:
    """Fill the empty database at ``dsn`` (a superuser's). The roles are the cluster's: once per server."""
    with psycopg.connect(dsn) as connection:
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(LOGIN_ROLE), sql.Literal(login_password)
        )
        connection.execute(statement)
        _run_file(connection, "sample.sql")
        for table, rows in Generator(size or Size()).tables():
            with connection.cursor().copy(
                sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(*table.split(".")))
            ) as copy:
                for row in rows:
                    copy.write_row(row)
        _run_file(connection, "sample_grants.sql")


def _run_file(connection: psycopg.Connection[Row], name: str) -> None:
    connection.execute(files("govproxy.demo").joinpath(name).read_bytes())


class Generator:
    """Makes the rows. One source of chance per table, so that one table's size changes no other."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.customers = [self._person(self._chance(f"customer {n}"), n) for n in range(1, size.customers + 1)]

    def tables(self) -> Iterator[tuple[str, Iterator[Row]]]:
        """Every table with its rows, in an order that keeps foreign keys."""
        yield "customers", self._customers(self._chance("customers"))
        yield "products", self._products(self._chance("products"))
        orders = list(self._orders(self._chance("orders")))
        yield "orders", iter(orders)
        yield "order_items", self._order_items(self._chance("order_items"))
        yield "payments", self._payments(self._chance("payments"), orders)
        yield "reviews", self._reviews(self._chance("reviews"))
        yield "events", self._events(self._chance("events"))
        yield "api_keys", self._api_keys(self._chance("api_keys"))
        yield "clinic.patients", self._patients(self._chance("patients"))
        yield "clinic.visits", self._visits(self._chance("visits"))
        yield "hr.employees", self._employees(self._chance("employees"))

    @staticmethod
    def _chance(name: str) -> random.Random:
        return random.Random(f"{SEED} {name}")  # noqa: S311 - sample rows, wanted the same everywhere

    def _customers(self, chance: random.Random) -> Iterator[Row]:
        for number, person in enumerate(self.customers, start=1):
            city, country, shape = chance.choice(words.CITIES)
            yield (
                number,
                person.first,
                person.last,
                person.email,
                person.phone if chance.random() < 0.93 else None,
                person.birth,
                _identity_number(chance) if country == "US" else None,
                f"{chance.randint(1, 240)} {chance.choice(words.STREETS)}",
                city,
                _postcode(chance, shape),
                country,
                _address(chance),
                chance.choices(("consumer", "business", "public"), (80, 17, 3))[0],
                chance.random() < 0.4,
                _moment(chance, 1500),
            )

    def _products(self, chance: random.Random) -> Iterator[Row]:
        for number in range(1, self.size.products + 1):
            category, things = chance.choice(words.PRODUCT_KINDS)
            thing = chance.choice(things)
            name = f"{chance.choice(words.PRODUCT_QUALITIES)} {thing.lower()}"
            tags = chance.sample(words.PRODUCT_TAGS, chance.randint(0, 3))
            price = chance.randint(300, 24_900) / 100
            sku = f"{category[:2].upper()}{thing[:2].upper()}-{number:04d}"
            yield number, sku, name, category, price, tags, chance.randint(0, 400)

    def _orders(self, chance: random.Random) -> Iterator[Row]:
        statuses = ("placed", "paid", "shipped", "delivered", "returned")
        for number in range(1, self.size.orders + 1):
            customer = chance.randint(1, self.size.customers)
            note = None
            if chance.random() < 0.12:
                person = self.customers[customer - 1]
                note = chance.choice((f"Ring {person.phone} at the door", "Leave with the neighbour", "Gate code 4471"))
            total = chance.randint(500, 90_000) / 100
            yield number, customer, chance.choices(statuses, (5, 10, 15, 65, 5))[0], _moment(chance, 700), total, note

    def _order_items(self, chance: random.Random) -> Iterator[Row]:
        for order in range(1, self.size.orders + 1):
            for line in range(1, chance.choices((1, 2, 3, 4), (45, 30, 15, 10))[0] + 1):
                price = chance.randint(300, 24_900) / 100
                yield order, line, chance.randint(1, self.size.products), chance.randint(1, 4), price

    def _payments(self, chance: random.Random, orders: list[Row]) -> Iterator[Row]:
        for number, (order, _, status, placed, total, _) in enumerate(orders, start=1):
            if status == "placed":
                continue
            if chance.random() < 0.75:
                expiry = f"{chance.randint(1, 12):02d}/{chance.randint(27, 31)}"
                yield 90_000_000 + number, order, "card", _card(chance), expiry, None, total, placed
            else:
                yield 90_000_000 + number, order, "transfer", None, None, iban(chance), total, placed

    def _reviews(self, chance: random.Random) -> Iterator[Row]:
        for number in range(1, self.size.reviews + 1):
            body = f"{chance.choice(words.REVIEW_OPENINGS)} {chance.choice(words.REVIEW_ENDINGS)}"
            if chance.random() < 0.05:  # people write their address where everybody reads it
                body += f" Questions? {chance.choice(self.customers).email}"
            yield number, chance.randint(1, self.size.products), chance.randint(1, 5), body, _moment(chance, 500)

    def _events(self, chance: random.Random) -> Iterator[Row]:
        for number in range(1, self.size.events + 1):
            person = chance.choice(self.customers)
            kind = chance.choice(("login", "search", "checkout", "profile_update"))
            payload: dict[str, Any] = {"session": _word(chance, 12), "ip": _address(chance)}
            match kind:
                case "login":
                    payload |= {"email": person.email, "success": chance.random() < 0.95}
                case "search":
                    payload |= {"query": chance.choice(words.PRODUCT_KINDS)[0], "results": chance.randint(0, 40)}
                case "checkout":
                    payload |= {
                        "customer": {"email": person.email, "phone": person.phone},
                        "items": chance.randint(1, 6),
                    }
                case _:
                    payload |= {"changed": ["phone"], "new": {"phone": person.phone, "name": person.full_name}}
            yield number, kind, orjson.dumps(payload).decode(), _moment(chance, 90)

    def _api_keys(self, chance: random.Random) -> Iterator[Row]:
        for number in range(1, self.size.api_keys + 1):
            key = chance.choice((_live_key, _web_token))(chance)
            yield (
                number,
                chance.choice(self.customers).email,
                key,
                ["read", "write"][: chance.randint(1, 2)],
                _moment(chance, 400),
            )

    def _patients(self, chance: random.Random) -> Iterator[Row]:
        for number in range(1, self.size.patients + 1):
            person = self.customers[(number * 3) % self.size.customers]
            blood = chance.choice(("0+", "0-", "A+", "A-", "B+", "B-", "AB+", "AB-"))
            insurance = f"{chance.choice(string.ascii_uppercase)}{_digits(chance, 9)}"
            yield number, f"MRN-{700_000 + number * 7}", person.full_name, person.birth, blood, insurance

    def _visits(self, chance: random.Random) -> Iterator[Row]:
        for number in range(1, self.size.visits + 1):
            patient = chance.randint(1, self.size.patients)
            person = self.customers[(patient * 3) % self.size.customers]
            notes = [chance.choice(words.FINDINGS)]
            draw = chance.random()
            if draw < 0.3:
                notes.append(f"Send the report to {person.email}.")
            elif draw < 0.5:
                notes.append(f"Call back on {person.phone} after six.")
            elif draw < 0.6:
                notes.append(f"Paid at the desk with card {_card(chance)}.")
            notes.append(chance.choice(words.FINDINGS))
            seen = TODAY - datetime.timedelta(days=chance.randint(0, 900))
            yield number, patient, seen, chance.choice(words.DIAGNOSES), " ".join(notes)

    def _employees(self, chance: random.Random) -> Iterator[Row]:
        for number in range(1, self.size.employees + 1):
            first, last = chance.choice(words.FIRST_NAMES), chance.choice(words.LAST_NAMES)
            title, low, high = chance.choice(words.TITLES)
            manager = None if number <= 5 else chance.randint(1, max(5, number // 8))
            hired = TODAY - datetime.timedelta(days=chance.randint(30, 5000))
            email = f"{first[0]}.{last}{number}@shop.example".lower()
            salary = chance.randint(low // 100, high // 100) * 100
            yield number, f"{first} {last}", email, title, salary, iban(chance), manager, hired

    @staticmethod
    def _person(chance: random.Random, number: int) -> Person:
        first, last = chance.choice(words.FIRST_NAMES), chance.choice(words.LAST_NAMES)
        email = f"{first}.{last}{number}@{chance.choice(words.MAIL_DOMAINS)}".lower()
        birth = TODAY - datetime.timedelta(days=chance.randint(18 * 365, 90 * 365))
        return Person(first, last, email, _phone(chance), birth)


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices(string.digits, k=count))


def _word(chance: random.Random, length: int) -> str:
    return "".join(chance.choices(string.ascii_letters + string.digits, k=length))


def _phone(chance: random.Random) -> str:
    """Numbers that the regulators keep for films: 555-01xx in America, 7946 0xxx in London."""
    if chance.random() < 0.6:
        return f"+1-{chance.choice((212, 312, 415, 503, 617))}-555-01{_digits(chance, 2)}"
    return f"+44 20 7946 0{_digits(chance, 3)}"


def _identity_number(chance: random.Random) -> str:
    """Shaped like a US social security number, of an area (9xx) and group that are never given out."""
    return f"9{_digits(chance, 2)}-{chance.randint(1, 49):02d}-{chance.randint(1, 9999):04d}"


def _card(chance: random.Random) -> str:
    prefix, length = chance.choice((("411111", 16), ("424242", 16), ("555555", 16), ("378282", 15), ("601111", 16)))
    return luhn_complete(prefix + _digits(chance, length - len(prefix) - 1))


def _address(chance: random.Random) -> str:
    return f"{chance.choice(('192.0.2', '198.51.100', '203.0.113'))}.{chance.randint(1, 254)}"


def _postcode(chance: random.Random, shape: str) -> str:
    kinds = {"9": string.digits, "A": string.ascii_uppercase}
    return "".join(chance.choice(kinds.get(sign, sign)) for sign in shape)


def _moment(chance: random.Random, days_back: int) -> datetime.datetime:
    midnight = datetime.datetime.combine(TODAY, datetime.time(), tzinfo=datetime.UTC)
    return midnight - datetime.timedelta(seconds=chance.randint(0, days_back * 86_400))


def _live_key(chance: random.Random) -> str:
    return "sk_" + f"live_{_word(chance, 24)}"


def _web_token(chance: random.Random) -> str:
    """Three parts like a JSON Web Token; the signature is noise."""

    def part(value: object) -> str:
        return urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")

    signature = urlsafe_b64encode(chance.randbytes(32)).decode().rstrip("=")
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': _word(chance, 8), 'scope': 'api'})}.{signature}"
