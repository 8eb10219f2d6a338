"""No literal of a statement reaches the ledger."""

from __future__ import annotations

import pytest

from govproxy.sql.redact import plain, redact

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM t WHERE email = 's3cr3t'",
        "SELECT E's3cr3t', U&'s3cr3t', $$s3cr3t$$, $x$s3cr3t$x$, 'a' \n 's3cr3t'",
        "CREATE ROLE x PASSWORD 's3cr3t'",
        "ALTER ROLE x WITH ENCRYPTED PASSWORD 's3cr3t'",
        "COMMENT ON TABLE t IS 's3cr3t'",
        "DO $$ BEGIN PERFORM 's3cr3t'; END $$",
        "SET application_name = 's3cr3t'",
        "SET SESSION AUTHORIZATION 's3cr3t'",
        "ALTER SYSTEM SET x = 's3cr3t'",
        "COPY t FROM PROGRAM 'curl -H s3cr3t'",
        "COPY t TO '/tmp/s3cr3t'",
        "NOTIFY c, 's3cr3t'",
        "PREPARE a AS SELECT 's3cr3t'",
        "EXECUTE a('s3cr3t')",
        "CREATE SUBSCRIPTION s CONNECTION 'password=s3cr3t' PUBLICATION p",
        "CREATE USER MAPPING FOR u SERVER s OPTIONS (password 's3cr3t')",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'select ''s3cr3t'''",
        "SELECT 1 /* s3cr3t */ -- s3cr3t",
        "SELECT 1 FROM WHERE 's3cr3t'",
        "SELECT 's3cr3t",
        "SELECT $$s3cr3t",
        "SELECT 's3cr3t\0'",
        "ALTER TYPE x ADD VALUE 's3cr3t'",
        "SECURITY LABEL ON TABLE t IS 's3cr3t'",
    ],
)
def test_no_text_survives(text: str) -> None:
    redacted, _ = redact(text)
    assert SECRET not in redacted
    quick = plain(text)
    assert quick is None or SECRET not in quick.sql


@pytest.mark.parametrize(
    "text", ["SELECT 4111111111111111", "SELECT 41111111.11111111", "SELECT X'4111'", "SELECT B'11'"]
)
def test_no_number_survives(text: str) -> None:
    assert redact(text)[0] == "SELECT ?"


def test_names_parameters_and_operators_survive() -> None:
    redacted, _ = redact("SELECT a.b->>'x' AS \"Name\"\n  FROM public.t WHERE id = $1 AND n > -5")
    assert redacted == 'SELECT a.b->>? AS "Name" FROM public.t WHERE id = $1 AND n > -?'


def test_digest_is_of_the_shape() -> None:
    one = redact("SELECT  * FROM t WHERE id = 1 -- x")
    other = redact("SELECT * FROM t\nWHERE id = 22")
    assert one == other
    assert len(one[1]) == 32
    assert redact("SELECT * FROM archive.t WHERE id = 1")[1] != one[1]


def test_words_do_not_run_together() -> None:
    assert redact("SELECT/**/1/**/FROM/**/t")[0] == "SELECT ? FROM t"
