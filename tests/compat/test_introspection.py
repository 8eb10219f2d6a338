"""What SQLAlchemy finds out about a database is the same for a masked identity as without the proxy."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tests.compat.test_command_line_tools import ANALYST, direct
from tests.support.proxy import Proxy

SCHEMAS = ("public", "clinic")


def found(url: str, schema: str) -> dict[str, Any]:
    """Everything its inspector asks for, by name."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        inspector = sa.inspect(engine)
        return {
            name: repr(getattr(inspector, name)(schema=schema))
            for name in (
                "get_table_names",
                "get_view_names",
                "get_materialized_view_names",
                "get_sequence_names",
                "get_multi_columns",
                "get_multi_pk_constraint",
                "get_multi_foreign_keys",
                "get_multi_indexes",
                "get_multi_unique_constraints",
                "get_multi_check_constraints",
                "get_multi_table_comment",
            )
        } | {"schemas": repr(inspector.get_schema_names()), "server": repr(engine.dialect.server_version_info)}
    finally:
        engine.dispose()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_sqlalchemy_sees_the_same_schema(proxy: Proxy, schema: str) -> None:
    through = found(proxy.dsn(*ANALYST, database="shop"), schema)
    around = found(direct(proxy), schema)
    assert through == around
    assert len(through["get_multi_columns"]) > 200


def test_sqlalchemy_reflects_and_reads_masked(proxy: Proxy) -> None:
    engine = sa.create_engine(proxy.dsn(*ANALYST, database="shop").replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        customers = sa.Table("customers", sa.MetaData(), autoload_with=engine)
        with engine.connect() as connection:
            rows = connection.execute(sa.select(customers.c.id, customers.c.email).limit(5)).all()
        assert len(rows) == 5
        assert all("***@" in row.email for row in rows)
    finally:
        engine.dispose()
