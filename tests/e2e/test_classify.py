"""``govproxy classify``: the map of a database, as people and programs read it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import orjson

from tests.support.proxy import Proxy


def classify(proxy: Proxy, *arguments: str) -> subprocess.CompletedProcess[str]:
    config = str(proxy.folder / "govproxy.yaml")
    return subprocess.run(
        [sys.executable, "-m", "govproxy", "classify", "--config", config, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def as_json(proxy: Proxy, *arguments: str) -> dict[str, Any]:
    done = classify(proxy, "--database", "shop", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    answer: dict[str, Any] = orjson.loads(done.stdout)
    return answer


def _by_name(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{row['schema']}.{row['table']}.{row['column']}": row for row in answer["columns"]}


def test_the_map_names_class_tags_level_masker_confidence_and_reason(proxy: Proxy) -> None:
    answer = as_json(proxy)
    rows = _by_name(answer)
    email = rows["public.customers.email"]
    assert (email["class"], email["level"], email["masker"]) == ("email", 3, "partial")
    assert {"PII", "PII.email"} <= set(email["tags"])
    assert email["confidence"] >= 0.9
    assert "values match" in email["reason"]
    # A name that says nothing: found by what it holds.
    assert rows["public.api_keys.owner"]["class"] == "email"
    assert "public.customers.id" not in rows
    assert answer["sensitive"] == len(rows)


def test_all_lists_clean_columns_and_catalogs_too(proxy: Proxy) -> None:
    rows = _by_name(as_json(proxy, "--all"))
    assert rows["public.customers.id"]["class"] is None
    assert rows["pg_catalog.pg_authid.rolpassword"]["level"] == 4


def test_no_value_of_a_row_is_shown(proxy: Proxy) -> None:
    shown = classify(proxy, "--database", "shop", "--all", "--json").stdout
    with proxy.databases.direct("shop") as connection:
        values = connection.execute("SELECT email, phone, ssn, last_name FROM customers").fetchall()
    assert values
    assert not [value for row in values for value in row if value and len(value) > 6 and value in shown]


def test_for_people_it_is_a_table_and_quiet_in_a_pipe(proxy: Proxy) -> None:
    done = classify(proxy, "--database", "shop")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "public.customers.email" in done.stdout
    assert "columns in" in done.stdout.splitlines()[-1]


def test_an_unknown_database_is_an_error_that_names_the_known(proxy: Proxy) -> None:
    done = classify(proxy, "--database", "nowhere")
    assert done.returncode == 1
    assert "`nowhere` is not configured" in done.stderr
    assert "shop" in done.stderr
    assert done.stdout == ""


def test_a_database_that_is_down_is_an_error_without_its_address(proxy: Proxy) -> None:
    config = (proxy.folder / "govproxy.yaml").read_text()
    broken = proxy.folder / "broken.yaml"
    broken.write_text(config.replace(f":{proxy.databases.postgres.port}/shop", ":1/shop"))
    done = subprocess.run(
        [sys.executable, "-m", "govproxy", "classify", "--config", str(broken), "--database", "shop"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
