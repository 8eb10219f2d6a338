"""No planted secret gets out of the sample database, table by table, for whoever may not see it.

The secrets are read directly, so a column that classification misses fails here by name.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.proxy import DBA, Databases, Proxy

ANALYST = ("ana@shop.example", ("analysts",))

# Per relation: the columns whose values must not be seen, and those that must pass untouched.
RELATIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "customers": (
        ("email", "phone", "birth_date", "ssn", "street", "last_ip"),
        ("id", "country", "segment", "newsletter", "created_at"),
    ),
    "products": ((), ("id", "sku", "name", "category", "price", "tags", "in_stock")),
    "orders": ((), ("id", "customer_id", "status", "placed_at", "total")),
    "order_items": ((), ("order_id", "line", "product_id", "quantity", "unit_price")),
    "payments": (("card_number", "iban"), ("id", "order_id", "method", "amount", "paid_at")),
    "reviews": ((), ("id", "product_id", "stars", "written_at")),
    "events": ((), ("id", "kind", "occurred_at")),
    "api_keys": (("owner", "api_key"), ("id", "created_at")),
    "customer_contacts": (("who", "contact", "phone"), ("id", "country")),
    "customer_value": (("email",), ("id", "country", "orders", "lifetime_value")),
    "clinic.patients": (("mrn", "full_name", "date_of_birth", "insurance_number"), ("id",)),
    "clinic.visits": (("diagnosis",), ("id", "patient_id")),
    "hr.employees": (("full_name", "work_email", "salary", "bank_account"), ("id", "manager_id")),
}

# Strong shapes inside text and JSON, wherever they stand.
EVERYWHERE = """
    SELECT email FROM customers
    UNION ALL SELECT card_number FROM payments WHERE card_number IS NOT NULL
    UNION ALL SELECT iban FROM payments WHERE iban IS NOT NULL
    UNION ALL SELECT api_key FROM api_keys
    UNION ALL SELECT (regexp_matches(notes, 'with card ([0-9]+)'))[1] FROM clinic.visits
"""


def _rows(databases: Databases, query: str, *, binary: bool = False) -> list[tuple[Any, ...]]:
    with databases.direct("shop") as connection:
        return connection.execute(query.encode(), binary=binary).fetchall()


def _select(relation: str) -> str:
    """Everything, ordered by the key: by more an analyst may not order."""
    return f"SELECT * FROM {relation} ORDER BY {'1, 2' if relation == 'order_items' else '1'}"


@pytest.fixture(scope="module")
def secrets(databases: Databases) -> frozenset[str]:
    return frozenset(str(row[0]) for row in _rows(databases, EVERYWHERE))


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("relation", RELATIONS)
def test_an_analyst_sees_no_secret(
    relation: str, binary: bool, proxy: Proxy, databases: Databases, secrets: frozenset[str]
) -> None:
    hidden, clean = RELATIONS[relation]
    query = _select(relation)
    truth = _rows(databases, query, binary=binary)
    with proxy.connect(*ANALYST, database="shop") as connection:
        cursor = connection.execute(query.encode(), binary=binary)
        names = [column.name for column in cursor.description or ()]
        rows = cursor.fetchall()
    assert len(rows) == len(truth)

    for name in hidden:
        at = names.index(name)
        seen = {row[at] for row in rows} & {row[at] for row in truth if row[at] is not None}
        # Pseudonyms and rounded dates may meet a real value by chance; a column left alone meets them all.
        real = {row[at] for row in truth if row[at] is not None}
        assert len(seen) <= len(real) * 0.2, f"{relation}.{name} came through: {sorted(map(str, seen))[:3]}"
    for name in clean:
        at = names.index(name)
        assert [row[at] for row in rows] == [row[at] for row in truth], f"{relation}.{name} was changed"

    text = "\n".join(str(value) for row in rows for value in row)
    leaked = [secret for secret in secrets if secret in text]
    assert not leaked, f"{len(leaked)} secrets in {relation}, such as {leaked[0]}"


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("relation", RELATIONS)
def test_the_dba_sees_what_postgresql_has(relation: str, binary: bool, proxy: Proxy, databases: Databases) -> None:
    query = _select(relation)
    with proxy.connect(*DBA, database="shop") as connection:
        rows = connection.execute(query.encode(), binary=binary).fetchall()
    assert rows == _rows(databases, query, binary=binary)
