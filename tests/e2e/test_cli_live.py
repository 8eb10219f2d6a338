"""Commands that speak with a database or a running proxy."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import orjson
import psycopg
import pytest
from rich.console import Console

from govproxy.demo import run as demo
from govproxy.demo import sample, tour
from tests.support.proxy import DBA, Proxy

ANALYST = ["--user", "ana@shop.example", "--group", "analysts", "--database", "shop"]


def govproxy(proxy: Proxy, *arguments: str) -> subprocess.CompletedProcess[str]:
    name, *rest = arguments
    # Commands with commands of their own take the option behind the second word.
    words = [name, rest.pop(0)] if name in ("approvals", "audit", "grants", "sessions") else [name]
    return subprocess.run(
        [sys.executable, "-m", "govproxy", *words, "--config", str(proxy.folder / "govproxy.yaml"), *rest],
        capture_output=True,
        text=True,
        check=False,
    )


def explain(proxy: Proxy, sql: str, *who: str) -> dict[str, Any]:
    done = govproxy(proxy, "explain", *(who or ANALYST), "--json", sql)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = orjson.loads(done.stdout)
    return answer


def test_explain_says_what_would_be_shown(proxy: Proxy) -> None:
    answer = explain(proxy, "SELECT id, email, upper(email) AS loud FROM customers")
    assert answer["decision"] == "allow"
    columns = {column["name"]: column for column in answer["statements"][0]["outputs"]}
    assert {name: column["shown"] for name, column in columns.items()} == {
        "id": "clear",
        "email": "masked",
        "loud": "redacted",
    }
    assert columns["email"]["sources"][0]["column"] == "public.customers.email"
    assert "PII.email" in columns["email"]["sources"][0]["tags"]


def test_explain_names_rule_and_hint_of_a_refusal_and_runs_nothing(proxy: Proxy) -> None:
    answer = explain(proxy, "DROP TABLE orders")
    assert answer["decision"] == "deny"
    assert answer["refusal"]["rule"] == "no-drop-in-production"
    assert answer["refusal"]["hint"]
    with proxy.databases.direct("shop") as connection:
        assert connection.execute("SELECT to_regclass('orders')::text").fetchone() == ("orders",)


def test_explain_agrees_with_the_proxy(proxy: Proxy) -> None:
    sql = "UPDATE customers SET segment = 'x'"
    assert explain(proxy, sql)["decision"] == "deny"
    with (
        proxy.connect(*DBA, database="shop") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="no-unqualified-update"),
    ):
        connection.execute(sql)


def test_explain_for_people(proxy: Proxy) -> None:
    done = govproxy(proxy, "explain", *ANALYST, "SELECT email FROM customers")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("allowed for ana@shop.example on shop (production)\n")
    assert "public.customers.email" in done.stdout


def test_explain_of_an_unknown_database(proxy: Proxy) -> None:
    done = govproxy(proxy, "explain", "--user", "ana", "--database", "nowhere", "SELECT 1")
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "hint: There are: app, shop" in done.stderr


def test_explain_of_text_that_is_no_sql(proxy: Proxy) -> None:
    done = govproxy(proxy, "explain", *ANALYST, "SELEC 1")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_sessions_are_listed_and_killed(proxy: Proxy) -> None:
    with proxy.connect("kim@shop.example", ("analysts",), "report-bot", database="shop") as connection:
        connection.execute("SELECT 1")
        listed = orjson.loads(govproxy(proxy, "sessions", "list", "--json").stdout)
        (mine,) = [session for session in listed if session["user"] == "kim@shop.example"]
        assert mine["agent"] == "report-bot"
        done = govproxy(proxy, "sessions", "kill", mine["id"])
        assert done.returncode == 0, done.stderr
        with pytest.raises(psycopg.OperationalError, match="ended by an operator"):
            connection.execute("SELECT 1")


def test_the_ledger_verifies_while_in_use(proxy: Proxy) -> None:
    with proxy.connect("ana@shop.example", ("analysts",), database="shop") as connection:
        connection.execute("SELECT 1")
    done = govproxy(proxy, "audit", "verify")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tour_does_what_it_says() -> None:
    shown = io.StringIO()
    console = Console(file=shown, width=160)
    with demo.up(console, port=0, console_port=0, size=sample.SMALL) as running:
        assert demo.play(running, console) == []
    assert shown.getvalue().count("ERROR 42501") >= 5
    assert len(tour.STEPS) == 18
