"""A small database and short ways to ask the engine about it. No SQL: effects are given as values."""

from __future__ import annotations

from pathlib import Path

from govproxy.identity.identity import Identity
from govproxy.masking.taxonomy import by_name
from govproxy.masking.values import Classification, ColumnClass
from govproxy.policy.engine import decide
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import Policy
from govproxy.policy.values import Decision, Request
from govproxy.sql.catalog import Catalog, Column, ColumnRef, Relation, RelationKind
from govproxy.sql.values import Action, Analysis, Effect, StatementFacts

NOON_SUNDAY = 1_795_348_800.0  # 2026-11-22 12:00 UTC

CUSTOMERS, ORDERS, PAYMENTS, PAYMENTS_2026, SALARIES, UNSEEN = 100, 101, 102, 103, 104, 105
CUSTOMER_EMAIL = ColumnRef(CUSTOMERS, 2)
CUSTOMER_SSN = ColumnRef(CUSTOMERS, 3)
CUSTOMER_NOTE = ColumnRef(CUSTOMERS, 4)
ORDER_EMAIL = ColumnRef(ORDERS, 2)
ORDER_TOTAL = ColumnRef(ORDERS, 3)


def _relation(oid: int, name: str, columns: str, **more: object) -> Relation:
    made = tuple(
        Column(name=column, attnum=number, type_oid=25, base_type_oid=25, typmod=-1)
        for number, column in enumerate(columns.split(), 1)
    )
    values: dict[str, object] = {
        "schema": "public",
        "kind": RelationKind.TABLE,
        "estimated_rows": 500_000.0,
        "size_bytes": 80_000_000,
        **more,
    }
    return Relation(oid=oid, name=name, columns=made, **values)  # type: ignore[arg-type]


CATALOG = Catalog.build(
    database="shop",
    version="c1",
    server_version=150000,
    relations=[
        _relation(CUSTOMERS, "customers", "id email ssn note"),
        _relation(ORDERS, "orders", "id contact_email total", estimated_rows=500.0, size_bytes=40_960),
        _relation(PAYMENTS, "payments", "id amount", kind=RelationKind.PARTITIONED, children=(PAYMENTS_2026,)),
        _relation(
            PAYMENTS_2026, "payments_2026", "id amount", parents=(PAYMENTS,), estimated_rows=70.0, size_bytes=8_192
        ),
        _relation(SALARIES, "salaries", "id amount", schema="hr", estimated_rows=-1.0, size_bytes=-1),
        _relation(UNSEEN, "unseen", "id secret"),
    ],
)


def _class(name: str) -> ColumnClass:
    return ColumnClass(sensitive=by_name(name), confidence=0.9, reason="test")


CLASSIFICATION = Classification(
    database="shop",
    catalog_version="c1",
    columns={
        CUSTOMER_EMAIL: _class("email"),
        CUSTOMER_SSN: _class("ssn"),
        ORDER_EMAIL: _class("email"),
        ColumnRef(SALARIES, 2): _class("income"),
    },
    known={
        relation.oid: frozenset(column.attnum for column in relation.columns)
        for relation in CATALOG.relations.values()
        if relation.oid != UNSEEN
    },
)

ANA = Identity(user="ana", groups=frozenset({"analysts"}))
ENGINEER = Identity(user="emil", groups=frozenset({"engineering"}))
DBA = Identity(user="dora", groups=frozenset({"dba"}))


def agent_of(identity: Identity, name: str = "report-bot") -> Identity:
    return Identity(user=identity.user, groups=identity.groups, agent=name, on_behalf_of=identity.user)


def policy_of(folder: Path, text: str) -> Policy:
    file = folder / "policy.yaml"
    file.write_text(text)
    return load_policy(file)


def effect(action: str, relation: int | None = None, **facts: str | int | bool) -> Effect:
    known = CATALOG.relations.get(relation) if relation is not None else None
    if known is None:
        return Effect(action=Action(action), facts=facts)
    return Effect(
        action=Action(action), kind="table", schema=known.schema, name=known.name, relation=relation, facts=facts
    )


def request(
    identity: Identity, *statements: StatementFacts, environment: str = "production", now: float = NOON_SUNDAY
) -> Request:
    return Request(
        identity=identity,
        database="shop",
        environment=environment,
        analysis=Analysis(statements=statements, redacted_sql="", digest=""),
        now=now,
        application="psql",
        client_address="127.0.0.1",
    )


def ask(policy: Policy, identity: Identity, *effects: Effect, **more: object) -> Decision:
    """Decide on one statement with these effects; ``more`` are its further facts."""
    environment = str(more.pop("environment", "production"))
    now = float(str(more.pop("now", NOON_SUNDAY)))
    facts = StatementFacts(tag=str(more.pop("tag", "")), effects=effects, **more)  # type: ignore[arg-type]
    return decide(request(identity, facts, environment=environment, now=now), policy, CLASSIFICATION, CATALOG)
