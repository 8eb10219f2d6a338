"""A gate without sockets, for measuring what a text costs that the verdict cache does not know.

Everything is on: the built-in policy, classified columns, masking, the ledger's line, the cache that is put into.
The identity sees nothing clear. Knows no figures.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from govproxy._fastpath.verdicts import Verdict
from govproxy.audit.keys import LedgerKey
from govproxy.identity.identity import Identity
from govproxy.masking.classify import classify
from govproxy.policy.loader import load_policy
from govproxy.session.gate import Gate, SessionFacts
from govproxy.session.shared import Shared
from govproxy.session.snapshot import DatabaseSnapshot, Keys, Snapshot
from govproxy.sql.sketch import sketch

SCHEMA = """
    CREATE TABLE customers (id int PRIMARY KEY, full_name text NOT NULL, email text, phone text, ssn text,
        birth_date date, segment text NOT NULL, region text NOT NULL, created_at timestamptz NOT NULL);
    CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, status text NOT NULL,
        total numeric(12,2) NOT NULL, placed_at timestamptz NOT NULL, delivery_note text);
    CREATE TABLE order_items (id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders, product_id int NOT NULL,
        quantity int NOT NULL, unit_price numeric(10,2) NOT NULL);
    CREATE TABLE products (id int PRIMARY KEY, sku text NOT NULL, name text NOT NULL, category text NOT NULL,
        price numeric(10,2) NOT NULL);
    CREATE TABLE payments (id bigint PRIMARY KEY, order_id int NOT NULL REFERENCES orders, method text NOT NULL,
        card_number text, amount numeric(12,2) NOT NULL, paid_at timestamptz NOT NULL);
    CREATE VIEW contacts AS SELECT id, full_name, email, phone, region FROM customers WHERE segment <> 'closed';
    CREATE VIEW paid_orders AS SELECT o.id, o.customer_id, o.total, o.placed_at, p.card_number
        FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.status = 'paid';
    CREATE VIEW big_spenders AS SELECT c.id, c.full_name, c.email, sum(o.total) AS spent
        FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id, c.full_name, c.email;
"""

# ``%d`` is where a text differs from the one before.
TEXTS = {
    "point select": "SELECT id, status, total FROM orders WHERE id = %d",
    "masked select": "SELECT id, full_name, email, phone FROM customers WHERE region = 'north' AND id > %d ORDER BY id",
    "three joins": (
        "SELECT c.full_name, c.email, o.id, o.placed_at, i.quantity, p.name, p.price FROM customers c "
        "JOIN orders o ON o.customer_id = c.id JOIN order_items i ON i.order_id = o.id "
        "JOIN products p ON p.id = i.product_id WHERE o.status = 'paid' AND o.total > %d "
        "AND o.placed_at >= '2026-01-01' ORDER BY o.placed_at DESC LIMIT 50"
    ),
    "three views": (
        "SELECT v.full_name, v.email, b.spent, q.total, q.card_number FROM contacts v "
        "JOIN big_spenders b ON b.id = v.id JOIN paid_orders q ON q.customer_id = v.id "
        "JOIN customers c ON c.id = v.id WHERE q.total > %d AND c.region = 'north' ORDER BY b.spent DESC LIMIT 20"
    ),
    "four tables with aggregates": (
        "SELECT c.region, p.category, date_trunc('month', o.placed_at) AS month, count(*) AS orders, "
        "count(DISTINCT c.id) AS people, sum(i.quantity * i.unit_price) AS revenue, "
        "coalesce(avg(o.total), 0) AS mean, max(o.placed_at) AS latest FROM customers c "
        "JOIN orders o ON o.customer_id = c.id JOIN order_items i ON i.order_id = o.id "
        "JOIN products p ON p.id = i.product_id WHERE o.status IN ('paid', 'shipped', 'delivered') "
        "AND p.category IN ('a', 'b', 'c', 'd') AND o.total BETWEEN %d AND 100000 "
        "AND lower(c.segment) = 'business' GROUP BY 1, 2, 3 HAVING count(*) > 3 ORDER BY revenue DESC LIMIT 100"
    ),
    "insert": "INSERT INTO orders (id, customer_id, status, total, placed_at) VALUES (%d, 7, 'new', 12.50, now())",
    "update": "UPDATE orders SET status = 'shipped', total = total + 1 WHERE id = %d",
}

IDENTITY = Identity(user="ana@example.com", groups=frozenset({"analysts"}), agent=None, on_behalf_of=None)
SEARCH_PATH = ("public",)
CACHE_BYTES = 256 << 20


def gate(identity: Identity = IDENTITY) -> tuple[Gate, Any]:
    """A gate, and something that stands for its conversation."""
    catalog = sketch(SCHEMA, database="shop")
    picture = DatabaseSnapshot(
        name="shop", environment="production", catalog=catalog, classification=classify(catalog, [])
    )
    shared = Shared(
        Snapshot(number=1, policy=load_policy(None), databases={"shop": picture}),
        Keys(ledger=LedgerKey.generate(), masking=b"\1" * 32, logins=b"\2" * 32),
        cache_bytes=CACHE_BYTES,
        request_refresh=lambda database, values, number: None,
        clock=time.time,
    )
    facts = SessionFacts(
        session_id="k3v9x2m1q8",
        database="shop",
        identity=identity,
        application="bench",
        client_address="127.0.0.1:50122",
    )
    made = Gate(shared, facts, search_path=SEARCH_PATH, client_encoding="UTF8", clock=time.time)
    conversation = SimpleNamespace(
        context_id=made.context_id(), outstanding=0, transaction_status=ord("I"), rests=0, idle=True
    )
    return made, conversation


def settle() -> None:
    """Look for cycles as seldom as a worker does (``server.worker``)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def judge(made: Gate, conversation: Any, text: bytes) -> Verdict:
    """The verdict as the data plane would get it."""
    verdict = made.judge(conversation, text)
    if verdict is None:
        raise AssertionError("nothing was to be waited for")
    return verdict


def texts(name: str) -> Callable[[int], bytes]:
    """Texts of one form, none of which was seen before."""
    form = TEXTS[name]
    return lambda number: (form % number).encode()
