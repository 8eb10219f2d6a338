"""Writes ``govproxy/sql/builtins.py``: what a server brings with it, by name.

    python -m tests.support.collect_builtins "host=… dbname=…" "host=… dbname=…" > govproxy/sql/builtins.py

Run it against a fresh database of the oldest and of the newest supported major version (last run:
15.20 and 18.6); the lists are the union. A function is *ordinary* when every overload is immutable
or stable, takes no internal argument, is no trigger or handler, and is not merely the code behind
an operator, a type's input or an index. What is dangerous in spite of that stands in
``sql.functions``, which is looked at first. Volatile functions are never taken: those that are
harmless are listed by hand, also in ``sql.functions``.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

_ORDINARY = """
select p.proname
from pg_proc p
where p.pronamespace = 'pg_catalog'::regnamespace
group by p.proname
having bool_and(p.provolatile in ('i', 's') and p.prokind in ('f', 'a', 'w'))
   and bool_or(
     not 'internal'::regtype::oid = any (p.proargtypes::oid[])
     and not exists (
       select 1 from pg_type t
       where t.oid = p.prorettype and t.typtype = 'p'
         and t.typname in ('trigger', 'event_trigger', 'language_handler', 'fdw_handler', 'index_am_handler',
                           'table_am_handler', 'tsm_handler', 'internal', 'cstring'))
     and coalesce(obj_description(p.oid, 'pg_proc'), '')
         !~ '^(implementation of|I/O|internal|less-equal-greater|sort support|equal image|hash$)')
"""
_BEHIND_OPERATORS = """
select distinct p.proname from pg_proc p
where p.pronamespace = 'pg_catalog'::regnamespace
  and p.proname in ('starts_with', 'arraycontains', 'arrayoverlap', 'jsonb_exists', 'jsonb_exists_any',
                    'jsonb_exists_all', 'jsonb_contains', 'textlike', 'texticlike', 'like', 'notlike', 'array_cat',
                    'array_append', 'array_prepend', 'numeric_mod', 'mod', 'power', 'pow', 'abs', 'timezone',
                    'overlaps', 'to_tsquery', 'ts_match_vq', 'regexp_like', 'textcat', 'range_contains_elem')
"""
_RELATIONS = """
select relname from pg_class
where relnamespace = '{schema}'::regnamespace and relkind in ('r', 'v')
"""


def main(connections: list[str]) -> None:
    """Print the module."""
    sections = {
        "ORDINARY_FUNCTIONS": _union(connections, _ORDINARY) | _union(connections, _BEHIND_OPERATORS),
        "CATALOG_RELATIONS": _union(connections, _RELATIONS.format(schema="pg_catalog")),
        "INFORMATION_RELATIONS": _union(connections, _RELATIONS.format(schema="information_schema")),
    }
    print('"""Names that every PostgreSQL from 15 to 18 brings with it.')
    print()
    print("Written by ``tests/support/collect_builtins.py``, which says what is listed; not edited by hand.")
    print('"""')
    print()
    print("from __future__ import annotations")
    for name, members in sections.items():
        body = textwrap.fill(" ".join(sorted(members)), 116, break_on_hyphens=False, break_long_words=False)
        print(f'\n{name} = frozenset(\n    """\n{textwrap.indent(body, "    ")}\n    """.split()  # noqa: SIM905\n)')


def _union(connections: list[str], query: str) -> set[str]:
    return {name for connection in connections for name in _names(connection, query)}


def _names(connection: str, query: str) -> list[str]:
    run = subprocess.run(
        ["psql", "-X", "-At", "-d", connection, "-c", query], check=True, capture_output=True, text=True
    )
    return run.stdout.split()


if __name__ == "__main__":
    main(sys.argv[1:])
