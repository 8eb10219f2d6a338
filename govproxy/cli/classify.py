"""``govproxy classify``: the map of one database's sensitive columns, with a reason for each.

Looks at the database itself, over the metadata connection, whether a proxy runs or not, and sends
it nothing but what the control process sends. Shows classes, words and shares, never a value.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from govproxy.cli.output import console, print_json
from govproxy.config.loader import load
from govproxy.control.look import Look, look_once
from govproxy.errors import ConfigError
from govproxy.masking.classify import describe
from govproxy.masking.system_columns import SYSTEM_SCHEMAS
from govproxy.policy.loader import load_policy
from govproxy.session import log
from govproxy.sql.catalog import ColumnRef

_LEVEL_STYLES = {4: "bold red", 3: "red", 2: "yellow"}
_CERTAIN = 0.9


def run(config: Path, *, database: str, everything: bool, as_json: bool) -> None:
    """Print the map; with ``everything`` clean columns and those of the system catalogs too."""
    log.configure(logging.WARNING)
    settings = load(config)
    if database not in settings.databases:
        raise ConfigError(
            f"database `{database}` is not configured",
            file=settings.file,
            hint="There are: " + ", ".join(sorted(settings.databases)),
        )
    policy = load_policy(settings.policy)
    with _progress(f"looking at {database}") as status:
        step = None if status is None else status.update
        look = asyncio.run(look_once(settings, database, policy, progress=step))
    shown = as_map(look, everything=everything)
    if as_json:
        print_json(shown)
    else:
        _print(shown)


def as_map(look: Look, *, everything: bool = False) -> dict[str, Any]:
    """The map as JSON values: sensitive columns, with ``everything`` the clean ones as well."""
    rows = [
        row for row in describe(look.classification, look.catalog) if everything or row["schema"] not in SYSTEM_SCHEMAS
    ]
    columns = [
        (relation, column)
        for relation in look.catalog.relations.values()
        if relation.schema not in SYSTEM_SCHEMAS
        for column in relation.columns
    ]
    if everything:
        rows += [
            {
                "schema": relation.schema,
                "table": relation.name,
                "column": column.name,
                "class": None,
                "tags": [],
                "level": 0,
                "masker": None,
                "confidence": None,
                "reason": "nothing speaks for a class",
            }
            for relation, column in columns
            if ColumnRef(relation.oid, column.attnum) not in look.classification.columns
        ]
        rows.sort(key=lambda row: (str(row["schema"]), str(row["table"]), str(row["column"])))
    return {
        "database": look.catalog.database,
        "catalog_version": look.catalog.version,
        "tables_looked_at": len({relation.oid for relation, _ in columns}),
        "columns_looked_at": len(columns),
        "sensitive": sum(
            ColumnRef(relation.oid, column.attnum) in look.classification.columns for relation, column in columns
        ),
        "columns": rows,
    }


def _progress(title: str) -> AbstractContextManager[Any]:
    """A line that moves while one waits, on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        return nullcontext()
    return console(stderr=True).status(title)


def _print(shown: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    out = console()
    table = Table("column", "class", "level", "tags", "mask", "sure", "because", show_edge=False, pad_edge=False)
    for row in shown["columns"]:
        name = Text(f"{row['schema']}.{row['table']}.{row['column']}", overflow="fold")
        if row["class"] is None:
            table.add_row(name, Text("clean", style="dim"), "", "", "", "", Text(row["reason"], style="dim"))
            continue
        table.add_row(
            name,
            Text(row["class"], style=_LEVEL_STYLES.get(row["level"], "")),
            Text(f"L{row['level']}"),
            Text(" ".join(row["tags"]), style="dim"),
            Text(row["masker"]),
            Text(f"{row['confidence']:.0%}", style="" if row["confidence"] >= _CERTAIN else "yellow"),
            Text(row["reason"], style="dim"),
        )
    if shown["columns"]:
        out.print(table)
    out.print(
        Text(
            f"{shown['database']}: {shown['sensitive']} of {shown['columns_looked_at']} columns "
            f"in {shown['tables_looked_at']} tables and views are sensitive"
        )
    )
