"""The database of the policy cases: a shop with people in it, classified as the product would."""

from __future__ import annotations

from govproxy.masking.classify import Correction, classify
from govproxy.masking.values import Classification
from govproxy.policy.rules import Policy
from govproxy.sql.catalog import Catalog, Column, Function, Relation, RelationKind, Type

INT, BIGINT, TEXT, BOOL, DATE, TIMESTAMP, NUMERIC, INTERNAL = 23, 20, 25, 16, 1082, 1184, 1700, 2281
_TYPES = {
    "int": INT,
    "bigint": BIGINT,
    "text": TEXT,
    "bool": BOOL,
    "date": DATE,
    "timestamptz": TIMESTAMP,
    "numeric": NUMERIC,
}


def _columns(written: str) -> tuple[Column, ...]:
    """``id:int! email:text``; ``!`` is NOT NULL, ``id`` is the key."""
    made = []
    for attnum, item in enumerate(written.split(), 1):
        name, _, kind = item.rstrip("!").partition(":")
        oid = _TYPES[kind or "int"]
        made.append(
            Column(
                name=name,
                attnum=attnum,
                type_oid=oid,
                base_type_oid=oid,
                typmod=-1,
                not_null=item.endswith("!"),
                is_key=name == "id" or name.endswith("_id"),
            )
        )
    return tuple(made)


def _relation(oid: int, name: str, written: str, **other: object) -> Relation:
    fields: dict[str, object] = {
        "schema": "public",
        "kind": RelationKind.TABLE,
        "primary_key": (1,) if written.startswith("id") else (),
        "estimated_rows": 50_000.0,
        **other,
    }
    return Relation(oid=oid, name=name, columns=_columns(written), **fields)  # type: ignore[arg-type]


def _function(oid: int, name: str, volatility: str, **other: object) -> Function:
    fields: dict[str, object] = {
        "kind": "f",
        "language": "plpgsql",
        "security_definer": False,
        "strict": False,
        "returns_set": False,
        "argument_types": (INT,),
        "return_type": INT,
        "body": "BEGIN RETURN 2 * $1; END",
        **other,
    }
    return Function(oid=oid, schema="public", name=name, volatility=volatility, **fields)  # type: ignore[arg-type]


RELATIONS = (
    _relation(
        1001,
        "customers",
        "id:int! full_name:text! email:text phone:text ssn:text birth_date:date status:text notes:text",
    ),
    _relation(1002, "orders", "id:int! customer_id:int! total:numeric status:text created_at:timestamptz!"),
    _relation(1003, "payments", "id:int! order_id:int! card_number:text amount:numeric"),
    _relation(1004, "subscribers", "id:int! email:text topic:text"),
    _relation(1005, "products", "id:int! title:text price:numeric"),
    _relation(
        1006,
        "active_customers",
        "id:int full_name:text email:text",
        kind=RelationKind.VIEW,
        definition=" SELECT customers.id,\n    customers.full_name,\n    customers.email\n   FROM public.customers\n"
        "  WHERE (customers.status = 'active'::text);",
        primary_key=(),
    ),
    _relation(1007, "events", "id:int! what:text", kind=RelationKind.PARTITIONED, children=(1008,)),
    _relation(1008, "events_2026", "id:int! what:text", parents=(1007,)),
    _relation(1009, "orders_id_seq", "", kind=RelationKind.SEQUENCE),
    _relation(1010, "pgbench_accounts", "aid:int! bid:int abalance:int filler:text", primary_key=(1,)),
    _relation(1011, "pgbench_branches", "bid:int! bbalance:int filler:text", primary_key=(1,), estimated_rows=10.0),
    _relation(1012, "pgbench_tellers", "tid:int! bid:int tbalance:int filler:text", primary_key=(1,)),
    _relation(1013, "pgbench_history", "tid:int bid:int aid:int delta:int mtime:timestamptz filler:text"),
)

FUNCTIONS = (
    _function(2001, "tax", "i"),
    _function(2002, "lookup", "s"),
    _function(2003, "cleanup", "v", body="BEGIN DELETE FROM public.events WHERE id = $1; RETURN 1; END"),
    _function(2004, "as_owner", "s", security_definer=True),
    _function(2005, "nightly", "v", kind="p"),
    _function(2006, "doubled", "v"),
    _function(2007, "doubled_as_owner", "v", security_definer=True),
    _function(2008, "doubled_under_settings", "v", settings=("row_security",)),
)

CATALOG = Catalog.build(
    database="shop",
    version="1",
    server_version=150020,
    relations=RELATIONS,
    functions=FUNCTIONS,
    types=[
        Type(oid=oid, schema="pg_catalog", name=name, kind="b", category=category)
        for name, oid, category in (
            ("int4", INT, "N"),
            ("int8", BIGINT, "N"),
            ("text", TEXT, "S"),
            ("bool", BOOL, "B"),
            ("date", DATE, "D"),
            ("timestamptz", TIMESTAMP, "D"),
            ("numeric", NUMERIC, "N"),
        )
    ],
)


def classified(policy: Policy) -> Classification:
    """The classification with the policy's own corrections."""
    corrections = [Correction(pattern=f"{c.schema}.{c.relation}.{c.column}", tag=c.tag) for c in policy.classify]
    return classify(CATALOG, corrections)
