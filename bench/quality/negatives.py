"""Columns that are not sensitive and look as if they were: what must be left alone."""

from __future__ import annotations

from bench.quality import makers as m
from bench.quality import words
from bench.quality.kinds import Kind
from bench.quality.makers import Maker


def _clean(
    title: str, name: str, short: str, foreign: str, make: Maker, table: str = "orders", type: str = "text"
) -> Kind:
    return Kind(
        title=title, classes=frozenset(), name=name, short=short, foreign=foreign, make=make, table=table, type=type
    )


NEGATIVES: tuple[Kind, ...] = (
    _clean("random 16-digit number", "tracking number", "trk_no", "sendungsnummer", m.shape("################")),
    _clean(
        "18-digit snowflake",
        "message ref",
        "msg_ref",
        "referencia",
        lambda r: str(r.randrange(10**17, 10**18)),
        "messages",
    ),
    _clean("10-digit order number", "order number", "ord_no", "bestellnummer", m.shape("##########")),
    _clean("14-digit GTIN", "gtin", "gtin_cd", "artikelnummer", lambda r: _gtin(m.digits(r, 13)), "products"),
    _clean("ISBN-13", "isbn", "isbn_no", "isbn_nummer", lambda r: _gtin("978" + m.digits(r, 9)), "books"),
    _clean(
        "epoch milliseconds",
        "created ms",
        "crtd_ms",
        "erstellt_ms",
        lambda r: str(r.randrange(1_400_000_000_000, 1_790_000_000_000)),
        "events",
        "int8",
    ),
    _clean("12-digit parcel number", "parcel number", "prcl_no", "numero_colis", m.shape("############"), "shipments"),
    _clean("part number 3-2-4", "part number", "part_no", "teilenummer", m.shape("###-##-####"), "parts"),
    _clean(
        "version of three parts",
        "app version",
        "app_ver",
        "versionsnummer",
        lambda r: f"{r.randint(0, 9)}.{r.randint(0, 30)}.{r.randint(0, 99)}",
        "releases",
    ),
    _clean(
        "version of four parts",
        "build version",
        "bld_ver",
        "version_logicielle",
        lambda r: f"{r.randint(1, 12)}.{r.randint(0, 9)}.{r.randint(0, 40)}.{r.randint(0, 9)}",
        "releases",
    ),
    _clean(
        "sentence with numbers",
        "message text",
        "msg_txt",
        "beschreibung",
        lambda r: f"rows {r.randint(1, 99)}-{m.digits(r, 4)} of {m.digits(r, 5)} {m.plain_words(3)(r)}",
        "jobs",
    ),
    _clean("base64 id", "cursor", "crsr", "zeiger", lambda r: m.some(r, m.ALNUM + "+/", 16), "jobs"),
    _clean(
        "uuid", "request uuid", "req_uuid", "anfrage_uuid", m.shape("~~~~~~~~-~~~~-4~~~-8~~~-~~~~~~~~~~~~"), "requests"
    ),
    _clean("SHA-256", "content sha256", "cont_hash", "pruefsumme", lambda r: m.some(r, m.HEX, 64), "files"),
    _clean("git commit", "commit sha", "cmt_sha", "revision", lambda r: m.some(r, m.HEX, 40), "builds"),
    _clean("MD5 of a file", "etag", "etag_md5", "fichier_md5", lambda r: m.some(r, m.HEX, 32), "files"),
    _clean(
        "timestamp",
        "updated at",
        "upd_ts",
        "fecha_modificacion",
        lambda r: f"2026-0{r.randint(1, 9)}-{r.randint(10, 28)} {r.randint(10, 23)}:{r.randint(10, 59)}:00+00",
    ),
    _clean("day", "ship day", "shp_dt", "liefertag", m.date("2026-{1:02d}-{2:02d}")),
    _clean(
        "money", "amount", "amt", "betrag", lambda r: f"{r.randint(1, 9999)}.{r.randint(0, 99):02d}", type="numeric"
    ),
    _clean("SKU", "sku", "sku_cd", "artikel_sku", m.shape("@@-####-@"), "products"),
    _clean("1Z parcel number", "ups tracking", "ups_trk", "suivi_colis", m.shape("1Z@@####@@########"), "shipments"),
    _clean("product name", "name", "prod_nm", "produktname", m.plain_words(2), "products"),
    _clean("product text", "description", "dscr", "descripcion", m.plain_words(12), "products"),
    _clean("status word", "status", "stat", "zustand", m.pick("open", "paid", "sent", "done")),
    _clean("currency", "currency", "curr", "waehrung", m.pick("EUR", "USD", "GBP")),
    _clean(
        "file path",
        "file path",
        "fl_path",
        "dateipfad",
        lambda r: f"/srv/{r.choice(words.PLAIN)}/{r.choice(words.PLAIN)}_{m.digits(r, 4)}.pdf",
        "files",
    ),
    _clean(
        "URL without credentials",
        "image url",
        "img_url",
        "bild_url",
        lambda r: f"https://cdn.example.com/{m.some(r, m.HEX, 12)}/{r.choice(words.PLAIN)}.png",
        "products",
    ),
    _clean("colour", "color hex", "clr", "farbe", lambda r: "#" + m.some(r, m.HEX, 6), "products"),
    _clean(
        "duration in words",
        "elapsed",
        "elps",
        "dauer",
        lambda r: f"{r.randint(0, 23)}:{r.randint(10, 59)}:{r.randint(10, 59)}",
        "jobs",
    ),
    _clean("small integer", "quantity", "qty", "menge", lambda r: str(r.randint(1, 40)), type="int4"),
    _clean(
        "room with a floor",
        "room",
        "rm",
        "raum",
        lambda r: f"{r.choice('ABC')}{r.randint(1, 5)}.{r.randint(10, 40)}",
        "meetings",
    ),
    _clean(
        "JSON of settings",
        "options",
        "opts",
        "einstellungen",
        lambda r: f'{{"width":{r.randint(1, 999)},"mode":"{r.choice(words.PLAIN)}"}}',
        "widgets",
        "jsonb",
    ),
)


def _gtin(body: str) -> str:
    total = sum(int(c) * (3 if place % 2 == 0 else 1) for place, c in enumerate(reversed(body)))
    return body + str(-total % 10)
