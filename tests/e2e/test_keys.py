"""``govproxy keys``: rotating the masking key under a running instance, and what is told of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.support.proxy import Proxy
from tests.support.waiting import until

ANALYST = ("ana@shop.example", ("analysts",))
POLICY = """\
extends: production
columns:
  - {name: emails, on: {tags: [PII.email]}, see: masked, mask: pseudonym}
"""


def keys(proxy: Proxy, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "govproxy", "keys", *arguments, "--config", str(proxy.folder / "govproxy.yaml")],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_rotated_key_masks_anew_and_still_knows_what_it_masked(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(policy=POLICY, workers=2)
    file = proxy.folder / "masking.key"
    sql = "SELECT email FROM customers ORDER BY id LIMIT 3"
    with proxy.connect(*ANALYST, database="shop") as connection:
        before = connection.execute(sql).fetchall()
        assert connection.execute(sql).fetchall() == before
        (first,) = json.loads(keys(proxy, "list", "--json"))

        rotated = json.loads(keys(proxy, "rotate", "--json"))

        assert rotated["running"]
        assert rotated["id"] != first["id"]
        after = until(
            lambda: found if (found := connection.execute(sql).fetchall()) != before else None, "a mask by the new key"
        )
        assert after is not None
        assert not set(after) & set(before)
        for (token,) in (before[0], after[0]):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                connection.execute("UPDATE customers SET email = %s WHERE id = 1", (token,))
            assert "masked-write" in str(caught.value)
    event = proxy.wait_for_event(lambda e: e.get("event") == "config_change")
    assert event["masking_key"] == rotated["id"]
    listed: list[dict[str, Any]] = json.loads(keys(proxy, "list", "--json"))
    assert [(one["id"], one["in_force"]) for one in listed] == [(first["id"], False), (rotated["id"], True)]
    assert file.stat().st_mode & 0o777 == 0o600
    said = proxy.log + keys(proxy, "list") + json.dumps(listed) + str(proxy.events())
    material = [line.split()[0] for line in file.read_text().splitlines()]
    assert len(material) == 2
    assert not [key for key in material if key in said]


def test_a_key_is_rotated_without_an_instance_too(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(policy=POLICY)
    proxy.stop()
    rotated = json.loads(keys(proxy, "rotate", "--json"))
    assert not rotated["running"]
    assert json.loads(keys(proxy, "list", "--json"))[-1]["id"] == rotated["id"]
