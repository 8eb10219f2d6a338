"""XML masked before a server that can read it: what comes out is XML still, and nobody's.

The server that the other tests run on is built without libxml, so this one starts the system's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest

from govproxy.masking.values import Masker
from tests.support.postgres import PostgresServer
from tests.support.proxy import POLICY, Databases, Proxy, databases_on, start

ANALYST = ("ana@shop.example", ("analysts",))
SECRETS = ("Quirinus", "Xavier", "4111111111111111", "1984-05-17")
DOCUMENTS = (
    '<order no="17"><customer vip="true"><name>Quirinus Xavier</name><email>Quirinus@example.com</email></customer>'
    "<product><name>Lamp</name><price>12.50</price></product></order>",
    # Entities, sections, comments, instructions, prefixes, nothing inside.
    '<?xml version="1.0"?><x:file xmlns:x="urn:x"><!-- Quirinus --><x:patient full_name="&#81;uirinus &quot;X&quot;"/>'
    "<x:birthDate><![CDATA[1984-05-17]]></x:birthDate><?say Xavier?></x:file>",
    "<note>Quirinus paid with 4111111111111111 &amp; left</note>",
    "Quirinus <b>Xavier</b> and a loose end",
    '<r xmlns="http://www.example.com/x"><phone>+49 151 23456789</phone><i/></r>',
    "<é name='Quirinus'>Zoé Xavier</é>",
)
RULES = POLICY + "".join(
    f"  - {{name: by-{m}, who: {{groups: [see_{m}]}}, on: {{tags: [any]}}, see: masked, mask: '{m}'}}\n" for m in Masker
)


@pytest.fixture(scope="module")
def server(postgres_xml: PostgresServer) -> Iterator[Databases]:
    with databases_on(postgres_xml) as databases:
        with databases.direct() as direct:
            direct.execute("CREATE TABLE xml_people (id int, doc xml, many xml[], required xml NOT NULL, specs xml)")
            for number, document in enumerate(DOCUMENTS):
                direct.execute(
                    "INSERT INTO xml_people VALUES (%s, %s::xml, ARRAY[%s::xml, NULL], %s::xml, %s::xml)",
                    [number, document, document, document, f"<product><name>Lamp {number}</name></product>"],
                )
            direct.execute("INSERT INTO xml_people VALUES (99, NULL, '{}', '', NULL)")
            direct.execute("GRANT SELECT ON xml_people TO PUBLIC")
        yield databases


@pytest.fixture(scope="module")
def xml_proxy(server: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    proxy = start(server, tmp_path_factory.mktemp("xml"), policy=RULES)
    yield proxy
    proxy.stop()


def clean(answer: object) -> bool:
    return not [secret for secret in SECRETS if secret in str(answer)]


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("masker", list(Masker))
def test_what_is_masked_is_xml_to_the_server(masker: Masker, binary: bool, xml_proxy: Proxy, server: Databases) -> None:
    who = (f"{masker}@shop.example", (f"see_{masker}",))
    query = "SELECT doc, many, required FROM xml_people ORDER BY id"
    with xml_proxy.connect(*who) as through, server.direct() as around:
        for encoding in ("UTF8", "LATIN1"):
            through.execute(f"SET client_encoding = {encoding}".encode())
            real = around.execute(query, binary=binary).fetchall()
            for _ in range(2):
                seen = through.execute(query, binary=binary).fetchall()
                assert clean(seen) or masker is Masker.SCAN
                assert "4111111111111111" not in str(seen)
                assert len(seen) == len(real)
                for ours, theirs in zip(seen, real, strict=True):
                    assert (ours[0] is None) == (theirs[0] is None) or masker is Masker.NULL
                    assert ours[2] is not None or masker is Masker.NULL
                    for value in (ours[0], ours[2]):
                        if value is None:
                            continue
                        text = value.decode(through.info.encoding) if isinstance(value, bytes) else value
                        around.execute("SELECT %s::xml", [text])


def test_elements_and_attributes_are_masked_by_name_and_place(xml_proxy: Proxy) -> None:
    with xml_proxy.connect(*ANALYST) as connection:
        (document,) = connection.execute("SELECT doc FROM xml_people WHERE id = 0").fetchone() or ("",)
    order = ElementTree.fromstring(document)
    assert [part.tag for part in order.iter()] == ["order", "customer", "name", "email", "product", "name", "price"]
    assert (order.findtext("customer/email") or "").endswith("@example.com")
    assert order.findtext("customer/name") not in (None, "***", "Quirinus Xavier")
    assert order.findtext("product/name") == "***"


def test_documents_about_things_are_shown(xml_proxy: Proxy, server: Databases) -> None:
    query = "SELECT specs, specs::text FROM xml_people ORDER BY id"
    with xml_proxy.connect(*ANALYST) as through, server.direct() as around:
        for binary in (False, True):
            assert through.execute(query, binary=binary).fetchall() == around.execute(query, binary=binary).fetchall()


READS = (
    "SELECT xpath('//text()', doc) FROM xml_people",
    "SELECT xpath('//@*', doc), xmlexists('//name' PASSING doc) FROM xml_people",
    "SELECT xmlserialize(CONTENT doc AS text) FROM xml_people",
    "SELECT doc::text, many::text, many[1] FROM xml_people",
    "SELECT unnest(many) FROM xml_people",
    "SELECT x.* FROM xml_people, XMLTABLE('//*' PASSING doc COLUMNS a text PATH '.', b xml PATH '.') x",
    "SELECT xmlelement(name a, xmlattributes(doc::text AS b), doc), xmlforest(doc AS d) FROM xml_people",
    "SELECT xmlconcat(doc, doc), xmlagg(doc) OVER () FROM xml_people",
    "SELECT table_to_xml('xml_people', true, true, '')",
    "SELECT p FROM xml_people p",
    "SELECT to_json(p), p::text FROM xml_people p",
    "SELECT * FROM xml_people WHERE xmlparse(content doc::text || '<') IS NOT NULL",
)


def told(connection: psycopg.Connection[Any], statement: str, *, binary: bool = False) -> str:
    """All that a driver gets to see of a statement: its rows, what is copied out, or why it was refused."""
    try:
        if not statement.startswith("COPY"):
            return str(connection.execute(statement.encode(), binary=binary).fetchall())
        with connection.cursor().copy(statement.encode()) as copied:
            return b"".join(bytes(part) for part in copied).decode("utf-8", "replace")
    except psycopg.Error as refused:
        return str((str(refused), refused.diag.message_detail, refused.diag.context))


@pytest.mark.parametrize("query", READS)
def test_no_part_of_a_document_comes_out(query: str, xml_proxy: Proxy) -> None:
    with xml_proxy.connect(*ANALYST) as connection:
        for _ in range(2):
            for binary in (False, True):
                assert clean(told(connection, query, binary=binary))
            for options in ("", "(FORMAT csv)", "(FORMAT binary)"):
                assert clean(told(connection, f"COPY ({query}) TO STDOUT {options}"))
