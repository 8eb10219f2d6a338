"""A small catalog for the tests of analysis, without a server."""

from __future__ import annotations

from govproxy.sql.catalog import Catalog, Column, Function, Relation, RelationKind

INT, TEXT, BOOL, TIMESTAMP = 23, 25, 16, 1184


def columns(*names: str, types: dict[str, int] | None = None) -> tuple[Column, ...]:
    """Columns by name; a trailing ``!`` makes one NOT NULL."""
    made = []
    for attnum, written in enumerate(names, start=1):
        name = written.rstrip("!")
        kind = (types or {}).get(name, INT)
        made.append(
            Column(
                name=name,
                attnum=attnum,
                type_oid=kind,
                base_type_oid=kind,
                typmod=-1,
                not_null=written.endswith("!"),
            )
        )
    return tuple(made)


def relation(oid: int, name: str, *names: str, schema: str = "public", **other: object) -> Relation:
    """A table in ``public`` unless said otherwise."""
    types = {"name": TEXT, "email": TEXT, "active": BOOL, "created": TIMESTAMP}
    fields: dict[str, object] = {"kind": RelationKind.TABLE, **other}
    return Relation(oid=oid, schema=schema, name=name, columns=columns(*names, types=types), **fields)  # type: ignore[arg-type]


def function(oid: int, name: str, *, schema: str = "public", **other: object) -> Function:
    """A volatile SQL function of one integer."""
    fields: dict[str, object] = {
        "kind": "f",
        "volatility": "v",
        "language": "sql",
        "security_definer": False,
        "strict": False,
        "returns_set": False,
        "argument_types": (INT,),
        "return_type": INT,
        **other,
    }
    return Function(oid=oid, schema=schema, name=name, **fields)  # type: ignore[arg-type]


RELATIONS = (
    relation(100, "t", "id!", "a!", "b", "active!", "name", "created", primary_key=(1,)),
    relation(101, "u", "id!", "t_id", "x", primary_key=(1,)),
    relation(102, "pair", "k1!", "k2!", "v", primary_key=(1, 2)),
    relation(103, "customers", "id!", "name", "email", primary_key=(1,)),
    relation(
        104,
        "v_customers",
        "id",
        "email",
        kind=RelationKind.VIEW,
        definition=" SELECT customers.id,\n    customers.email\n   FROM public.customers;",
    ),
    relation(105, "events", "id!", "name", kind=RelationKind.PARTITIONED, children=(106,)),
    relation(106, "events_2026", "id!", "name", parents=(105,)),
    relation(107, "t", "id!", "secret", schema="archive", primary_key=(1,)),
    relation(108, "scratch", "id", "note"),
    relation(109, "s", kind=RelationKind.SEQUENCE),
)

FUNCTIONS = (
    function(200, "leak"),
    function(201, "pure", volatility="i"),
    function(202, "definer", security_definer=True, language="plpgsql"),
    function(203, "similarity", extension="pg_trgm", language="c", volatility="i"),
    function(204, "p", kind="p", language="plpgsql"),
    function(205, "dblink", extension="dblink", language="c"),
    function(206, "lower", schema="evil"),
)

CATALOG = Catalog.build(
    database="shop",
    version="1",
    server_version=150020,
    relations=RELATIONS,
    functions=FUNCTIONS,
)
