"""What may be folded and what must stay in the key: the list of facts, one case each."""

from __future__ import annotations

import pytest

from govproxy._fastpath.lexer import Folder
from govproxy.session.folding import pinned_literals
from govproxy.sql.catalog import Catalog
from govproxy.sql.folding import foldable
from govproxy.sql.parse import parse

CATALOG = Catalog.build(
    database="d",
    version="1",
    server_version=150000,
    default_search_path=("public",),
    relations={},
    functions={},
    types={},
)
FOLDER = Folder()


def pinned(text: str) -> list[str] | None:
    """The literals that stay in the key, as written; None when the text is looked up exactly."""
    raw = text.encode()
    numbers = pinned_literals(raw, foldable(parse(text), CATALOG), FOLDER)
    if numbers is None:
        return None
    shaped = FOLDER.shape_of(raw)
    assert shaped is not None
    return [raw[start:end].decode() for start, end in (shaped[1][n] for n in numbers)]


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("select a from t where id = 5", []),
        ("select a from t where 5 = id", []),
        ("select a from t where t.id = -5", []),
        ("select a from t where id in (1, 2, 3)", []),
        ("select a from t where id between 1 and 9", []),
        ("select a from t where name like 'x%' limit 10 offset 20", []),
        ("select a from t where d >= date '2020-01-01' and n = '5'::numeric", []),
        ("insert into t (a, b) values (1, 'x'), (2, 'y')", []),
        ("update t set a = 'x', n = n + 1 where id = 3", []),
        ("delete from t where id = 3 and k = 'a'", []),
        ("delete from t where id in (1, 2, 3)", []),
        ("delete from t where id = 5 and k in ('t', 'f')", ["'t', 'f'"]),
        ("update t set a = 'x' where k in ('t')", ["'t'"]),
        ("select a from t where k in ('t', 'f')", []),
        # What is shown, ordered or grouped by, or given to a function, matters.
        ("select a, 7 from t where id = 5", ["7"]),
        ("select a from t where id = 5 order by 1", ["1"]),
        ("select a from t where id = 5 group by 1", ["1"]),
        ("select substr(a, 1, 3) from t where id = 5", ["1", "3"]),
        ("select set_config('role', 'x', true) from t where id = 5", ["'role'", "'x'"]),
        ("select a from t where id = 5 and b = 'pg_class'::regclass", ["'pg_class'"]),
        ("select p->>'email' from t where id = 5", ["'email'"]),
        ("select p from t where id = 5 and p->>'a' = 'b'", ["'a'", "'b'"]),
        ("select a from t where id = 5 and 1 = 1", ["1", "1"]),
        ("select a from t where id = 5 and f(2) = 3", ["2", "3"]),
        ("select a from t where id = 5 union select 'x'", ["'x'"]),
        ("select a from t where id = 5 fetch first 3 rows only", []),
        ("insert into t (a) values (f('x')), ('y')", ["'x'"]),
        ("insert into t (a) values ('y') on conflict (a) do update set a = 'z' where t.b = 'q'", ["'z'", "'q'"]),
        ("update t set a = 'x' where id = 3 and f = lower('Y')", ["'Y'"]),
        # Which rows a write means may depend on the numbers as soon as there is more than equality.
        ("update t set a = 'x' where id > 3", ["3"]),
        ("update t set a = 'x' where id = 1 or id = 2", ["1", "2"]),
        ("update t set a = 'x' where not (id = 1)", ["1"]),
        ("with d as (delete from u where k > 1 returning k) select a from t where id = 5", ["1"]),
    ],
)
def test_what_stays_in_the_key(text: str, stays: list[str]) -> None:
    assert pinned(text) == stays


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "select a from t",
        "select a from t where 1 = 1",
        "delete from t where id > 3",
        "set statement_timeout = 5",
        "explain select a from t where id = 5",
        "select a from t where id = 5; select b from t where id = 6",
        "do 'begin end'",
        "select a from t where x = E'a'",
        "prepare p as select a from t where id = 5",
        "declare c cursor for select a from t where id = 5",
        "copy (select a from t where id = 5) to stdout",
        "create table n as select a from t where id = 5",
        "select a from t where id operator(s.=) 5",
    ],
)
def test_looked_up_exactly(text: str) -> None:
    assert pinned(text) is None


def test_user_operators_and_types_are_not_data() -> None:
    text = "select a from t where id = 5"
    own = Catalog.build(
        database="d",
        version="2",
        server_version=150000,
        default_search_path=("public",),
        relations={},
        functions={},
        types={},
        user_operators=frozenset({"="}),
    )
    assert foldable(parse(text), CATALOG)
    assert not foldable(parse(text), own)
