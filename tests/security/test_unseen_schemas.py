"""Schemas as other people write them, asked without any configuration: ``data/unseen_schemas.txt`` has them.

Every value is read as rows in text and binary, column by column, as COPY, as a row, and folded into JSON. What is
somebody's must not come out as it is; what is nobody's must come out to the byte.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psycopg
import pytest
from psycopg import sql

from bench.quality import makers as m
from bench.quality import words
from govproxy._fastpath.detectors import scan
from govproxy.demo.sample import LOGIN_ROLE
from tests.support.proxy import Databases, Proxy
from tests.support.raw_session import SYNC, RawSession, extended

ANALYST = ("ana@shop.example", ("analysts",))
DATA = Path(__file__).with_name("data") / "unseen_schemas.txt"
ROWS = 60
# As long as nothing else happens to hold it.
TELLING = 7


def gs1(body: str) -> str:
    total = sum(int(sign) * (1 if place % 2 else 3) for place, sign in enumerate(reversed(body)))
    return body + str(-total % 10)


def cnpj(r: Random) -> str:
    return re.sub(r"(..)(...)(...)(....)(..)", r"\1.\2.\3/\4-\5", re.sub(r"\D", "", m.cnpj(r)))


def routing(r: Random) -> str:
    body = r.choice(("01", "02", "07", "11", "12", "26", "31")) + m.digits(r, 6)
    return body + str(-sum(int(sign) * weight for sign, weight in zip(body, (3, 7, 1) * 3, strict=False)) % 10)


def medicare(r: Random) -> str:
    body = r.choice("23456") + m.digits(r, 7)
    check = sum(int(sign) * weight for sign, weight in zip(body, (1, 3, 7, 9, 1, 3, 7, 9), strict=True)) % 10
    return f"{body[:4]} {body[4:]}{check} {r.randint(1, 9)}"


def bic(r: Random) -> str:
    return (
        m.shape("@@@@")(r) + r.choice(("DE", "FR", "ES", "PT", "CH", "AT", "NL")) + r.choice(("2L", "22", "FF", "MM"))
    )


def moment(r: Random) -> str:
    return str(dt.datetime(2022, 1, 1) + dt.timedelta(seconds=r.randrange(10**8)))


def person_in_json(r: Random) -> str:
    body = {
        "event": r.choice(("paid", "sent")),
        "customer": {"name": m.full_name(r), "email": m.email(r), "billing": {"line1": m.street("us")(r)}},
        "lines": [{"product": {"name": m.plain_words(2)(r), "ean": gs1("40" + m.digits(r, 10))}, "qty": 2}],
    }
    return json.dumps(body)


def person_far_down(r: Random) -> str:
    return json.dumps({"data": {"object": {"charges": {"data": [{"billing_details": {"name": m.full_name(r)}}]}}}})


MAKERS: dict[str, m.Maker] = {
    "alnum32": lambda r: m.some(r, m.ALNUM, 32),
    "base64": lambda r: m.some(r, m.ALNUM + "+/", 22) + "==",
    "bcrypt": lambda r: "$2b$12$" + m.some(r, m.ALNUM + "./", 53),
    "bic": bic,
    "birth": m.date(),
    "blood": m.pick("A+", "A-", "B+", "O+", "O-", "AB+"),
    "card": m.card(m.VISA, 16),
    "city": lambda r: r.choice(words.CITIES),
    "cnpj": cnpj,
    "code": m.shape("@@##"),
    "colour": m.pick("red", "blue", "olive", "rosa", "rose"),
    "complaint": lambda r: f"{r.choice(('douleur', 'fracture', 'migraine'))} {m.plain_words(4)(r)}",
    "cpf": lambda r: m.cpf(r, True),
    "currency": m.pick("EUR", "USD", "CHF"),
    "department": m.pick("Einkauf", "Vertrieb", "Lager", "Werkstatt", "Recht", "Labor", "Versand", "Planung"),
    "digits3": m.shape("###"),
    "digits4": m.shape("####"),
    "digits6": m.shape("######"),
    "digits8": m.shape("########"),
    "digits14": lambda r: f"20{r.randint(10, 24)}{r.randint(1, 12):02d}{r.randint(1, 28):02d}{m.digits(r, 6)}",
    "digits44": m.shape("#" * 44),
    "dni": m.dni,
    "dsn": m.dsn,
    "due": lambda r: str(dt.date(2019, 1, 1) + dt.timedelta(days=r.randrange(3_000))),
    "ean": lambda r: gs1(r.choice(("40", "42", "50", "34", "78", "84")) + m.digits(r, 10)),
    "email": m.email,
    "epoch_ms": lambda r: str(r.randrange(1_400_000_000_000, 1_800_000_000_000)),
    "faith": m.pick("rk", "ev", "keine", "isl"),
    "family": m.family,
    "file": lambda r: f"{r.choice(words.PLAIN)}_{m.digits(r, 4)}.pdf",
    "firm": m.pick("Acme SA", "Globex GmbH", "Initech Ltda", "Umbrella AG", "Hooli Inc", "Vandelay SARL"),
    "flag": m.pick("true", "false"),
    "gender": m.pick("male", "female", "other"),
    "german_tax_id": m.german_tax_id,
    "given": m.given,
    "goods": m.plain_words(2),
    "hash_or_token": m.github_token,
    "bytes": lambda r: "\\x" + m.some(r, m.HEX, 32),
    "clock": lambda r: f"{r.randint(17, 21)}:{r.choice(('00', '30'))}:00",
    "hex16": lambda r: m.some(r, m.HEX, 16),
    "hex32": lambda r: m.some(r, m.HEX, 32),
    "hex40": lambda r: m.some(r, m.HEX, 40),
    "hours": lambda r: f"{r.randint(1, 4)}.{r.randint(0, 9)}",
    "iban": m.iban("DE", "FR", "NL"),
    "iccid": lambda r: "89" + m.digits(r, 17),
    "icd": m.pick(*words.CONDITIONS),
    "imei": m.imei,
    "imsi": m.shape("26201##########"),
    "insured": lambda r: f"{m.digits(r, 8)}{m.shape('@')(r)}{m.digits(r, 3)}",
    "ipv4": lambda r: f"{r.randint(11, 99)}.{r.randint(100, 250)}.{r.randint(100, 250)}.{r.randint(100, 250)}",
    "isbn": lambda r: gs1("978" + m.digits(r, 9)),
    "job": m.pick("Monteur", "Analystin", "Fahrer", "Leitung", "Koch", "Entwicklerin"),
    "json_address": lambda r: json.dumps({"line1": m.street("us")(r), "attn": m.full_name(r), "country": "US"}),
    "json_deep": person_far_down,
    "json_goods": lambda r: json.dumps(
        {"product": {"name": m.plain_words(2)(r), "ean": gs1("42" + m.digits(r, 10)), "price": r.randint(1, 99)}}
    ),
    "json_lines": lambda r: json.dumps([{"description": m.plain_words(2)(r), "amount": 5, "sku": m.shape("@@##")(r)}]),
    "json_names": lambda r: json.dumps({"title": {"en": m.plain_words(2)(r), "de": m.plain_words(2)(r)}}),
    "json_person": person_in_json,
    "json_size": lambda r: json.dumps({"width": r.randint(1, 99), "unit": "cm", "fragile": r.random() < 0.5}),
    "language": m.pick("de_DE", "fr_FR", "pt_BR", "en_GB"),
    "latitude": lambda r: f"{r.randint(30, 60)}.{m.digits(r, 6)}7",
    "letter": m.pick("B", "S", "H"),
    "login": lambda r: f"{m.given(r).lower()}{r.randint(100, 999)}",
    "mac": m.mac,
    "married": m.pick("ledig", "verheiratet", "geschieden"),
    "medicare": medicare,
    "mime": m.pick("image/png", "application/pdf"),
    "moment": moment,
    "msisdn": m.shape("49151########"),
    "name": m.full_name,
    "nation": m.pick("deutsch", "polnisch", "italienisch"),
    "nir": m.nir,
    "order_no": lambda r: str(r.randrange(10**9, 10**10)),
    "order_no9": lambda r: str(r.randrange(10**6, 10**9)),
    "parcel": m.shape("@@#########BR"),
    "part": m.shape("##-####"),
    "passport": m.shape("@########"),
    "patient_no": m.shape("8#########"),
    "pay_kind": m.pick("pix", "boleto", "credito"),
    "phone": m.phone_e164,
    "phone_local": m.phone_local,
    "phone_us": m.phone_us,
    "plate": m.shape("####@@@"),
    "policy": m.shape("@@########"),
    "postcode": m.shape("#####"),
    "price": lambda r: f"{r.randint(1000, 9999)}.{r.randint(10, 99)}",
    "profile": lambda r: f"https://www.linkedin.com/in/{m.given(r).lower()}-{m.digits(r, 5)}",
    "room": m.shape("@##"),
    "routing": routing,
    "score": lambda r: str(r.randint(310, 840)),
    "sentence": m.plain_words(12),
    "serial": lambda r: str(r.randint(1, 90_000)),
    "sex": m.pick("M", "F"),
    "sha1": lambda r: m.some(r, m.HEX, 40),
    "sha256": lambda r: m.some(r, m.HEX, 64),
    "size": m.pick("S", "M", "L", "XL"),
    "sku": m.shape("@@-####-@"),
    "small": lambda r: str(r.randint(0, 40)),
    "snowflake": lambda r: str(r.randrange(10**18, 2 * 10**18)),
    "sscc": lambda r: gs1("3" + m.digits(r, 16)),
    "ssn": m.ssn(),
    "status": m.pick("open", "closed", "pending", "done"),
    "street_de": m.street("de"),
    "street_es": m.street("es"),
    "street_fr": m.street("fr"),
    "street_pt": m.street("pt"),
    "street_us": m.street("us"),
    "tier": m.pick("gold", "silver", "basic"),
    "upn": m.shape("@############"),
    "upc": lambda r: gs1(r.choice("0678") + m.digits(r, 10)),
    "url": lambda r: f"https://cdn.example.com/{m.some(r, m.HEX, 12)}.png",
    "uuid": m.shape("~~~~~~~~-~~~~-4~~~-8~~~-~~~~~~~~~~~~"),
    "vat": m.shape("DE#########"),
    "version": lambda r: f"{r.randint(0, 9)}.{r.randint(0, 30)}.{r.randint(0, 99)}",
    "weight": lambda r: f"{r.randint(1, 30)}.{m.digits(r, 3)}",
    "zone": m.pick("Europe/Berlin", "America/Sao_Paulo"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    type: str
    mark: str
    maker: m.Maker


def _read() -> dict[str, list[Column]]:
    found: dict[str, list[Column]] = {}
    for line in DATA.read_text().splitlines():
        words_ = line.split()
        if not words_ or words_[0] == "#":
            continue
        if words_[0] == "table":
            columns = found.setdefault(words_[1], [])
            continue
        mark, name, kind, maker = words_
        columns.append(Column(name=name, type=kind, mark=mark, maker=MAKERS[maker]))
    return found


TABLES = _read()


@pytest.fixture(scope="module")
def unseen(proxy: Proxy, databases: Databases) -> Iterator[Proxy]:
    schemas = sorted({table.partition(".")[0] for table in TABLES} - {"public"})
    role = sql.Identifier(LOGIN_ROLE)
    with databases.direct() as direct:
        for schema in schemas:
            name = sql.Identifier(schema)
            direct.execute(sql.SQL("CREATE SCHEMA {}; GRANT USAGE ON SCHEMA {} TO {}").format(name, name, role))
        for table, columns in TABLES.items():
            chance = Random(table)
            name = sql.Identifier(*table.split("."))
            types = [sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.type)) for c in columns]
            direct.execute(sql.SQL("CREATE TABLE {} ({})").format(name, sql.SQL(", ").join(types)))
            places = sql.SQL(", ").join(sql.SQL("%s") for _ in columns)
            with direct.cursor() as cursor:
                cursor.executemany(
                    sql.SQL("INSERT INTO {} VALUES ({})").format(name, places),
                    [[column.maker(chance) for column in columns] for _ in range(ROWS)],
                )
            direct.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(name, role))
    yield proxy
    with databases.direct() as direct:
        for table in TABLES:
            direct.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(*table.split("."))))
        for schema in schemas:
            direct.execute(sql.SQL("DROP SCHEMA {}").format(sql.Identifier(schema)))


Read = Callable[[psycopg.Connection], Sequence[Sequence[object]]]


@pytest.mark.parametrize("table", TABLES)
def test_what_is_somebodys_is_masked_and_nothing_else(table: str, unseen: Proxy, databases: Databases) -> None:
    columns = TABLES[table]
    wrong: dict[str, str] = {}
    name = sql.Identifier(*table.split("."))
    with unseen.connect(*ANALYST) as through, databases.direct() as around:
        for binary in (False, True, False):
            for asked in ([*columns], *([column] for column in columns)):
                what = sql.SQL(", ").join(sql.Identifier(column.name) for column in asked)
                query = sql.SQL("SELECT {} FROM {}").format(what if len(asked) == 1 else sql.SQL("*"), name)
                ours, theirs = (c.execute(query, binary=binary).fetchall() for c in (through, around))
                for place, column in enumerate(asked):
                    shown, real = [row[place] for row in ours], [row[place] for row in theirs]
                    _judge(column, shown, real, wrong)
        real_rows = around.execute(sql.SQL("SELECT * FROM {}").format(name)).fetchall()
    heard = _whole(unseen, table)
    for place, column in enumerate(columns):
        # Of what chance cannot put there: no names, and no days.
        told = [str(row[place]) for row in real_rows if not _is_json(column) and not isinstance(row[place], dt.date)]
        if column.mark == "!" and any(
            value in heard for value in told if len(value) >= TELLING and re.search(r"[0-9@]", value)
        ):
            wrong[f"{column.name} of a whole row"] = "shown"
    assert wrong == {}


def _is_json(column: Column) -> bool:
    return column.type.startswith("json")


def _judge(column: Column, shown: list[object], real: list[object], wrong: dict[str, str]) -> None:
    if column.mark == "=" and shown != real:
        hit = next(b for a, b in zip(shown, real, strict=True) if a != b)
        wrong[column.name] = f"altered, as {scan(str(hit).encode()) or 'a column'}"
    if column.mark != "!":
        return
    if _is_json(column):
        addresses = set(re.findall(r"[a-z.0-9]+@[a-z.]+", json.dumps(real)))
        # A name may be given to its own bearer by chance, but not twice.
        kept = sum(
            any(name in json.dumps(ours) for name in re.findall(r"[A-Z][a-z]+ [A-Z][a-z]+", json.dumps(theirs)))
            for ours, theirs in zip(shown, real, strict=True)
        )
        if kept > 1 or any(address in json.dumps(shown) for address in addresses):
            wrong[column.name] = "shown in a document"
    elif shown == real:
        wrong[column.name] = "shown"
    elif any(a == b for a, b in zip(shown, real, strict=True) if len(str(b)) >= TELLING and not isinstance(b, dt.date)):
        wrong[column.name] = "shown here and there"


def _whole(proxy: Proxy, table: str) -> str:
    """All bytes of the answers to questions for whole rows, in text and binary, and of a COPY."""
    user, groups = ANALYST
    heard = b""
    with RawSession(proxy.port, user, proxy.token(user, groups), "app") as session:
        for query in (
            f"SELECT t FROM {table} t",
            f"SELECT json_agg(t) FROM {table} t",
            f"SELECT to_jsonb(t) FROM {table} t",
            f"SELECT t::text FROM {table} t",
        ):
            for formats in ([], [1]):
                answer = session.ask(extended(query, formats=formats) + SYNC)
                heard += b"".join(found.body for found in answer.messages)
    with proxy.connect(*ANALYST) as connection, connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copied:
        heard += b"".join(bytes(part) for part in copied)
    return heard.decode("utf-8", "replace")
