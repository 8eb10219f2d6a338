"""Conditions that hold for every row, however they are written, and conditions that leave something out."""

from __future__ import annotations

import pytest

from govproxy.sql.analyze import analyze
from govproxy.sql.sketch import sketch

CATALOG = sketch(
    """
    CREATE TABLE g (id int PRIMARY KEY, p int NOT NULL, subject text, pts int, d date, ok bool NOT NULL, u uuid,
        j jsonb NOT NULL, n numeric NOT NULL, arr int[] NOT NULL);
    CREATE TABLE h (id int PRIMARY KEY, x int);
    """
)
NONE_LEFT_OUT = """
id BETWEEN -2147483648 AND 2147483647
id BETWEEN SYMMETRIC 2147483647 AND -1
id NOT BETWEEN -9 AND -1
NOT (id BETWEEN -9 AND -1)
id <> ALL (ARRAY[-1])
id <> ALL ('{-1}')
id <> ALL ('{-1,-2}'::int[])
id > ALL (ARRAY[-1,-2])
id > ANY (ARRAY[-1,5])
id <> ANY (ARRAY[1,2])
id <> ANY ('{1,2}')
NOT id = ANY (ARRAY[-1])
NOT (id = ANY ('{-1,-2}'))
id IS DISTINCT FROM -1
id IS DISTINCT FROM NULL
NOT (id IS NOT DISTINCT FROM -1)
NOT (id IS NOT DISTINCT FROM NULL)
position('' in subject) > 0
strpos(subject,'') >= 1
strpos(subject,'') = 1
subject ^@ ''
starts_with(subject,'')
subject ~ ''
subject ~* '^'
subject ~ '$'
subject SIMILAR TO '%'
subject LIKE '%%'
subject ILIKE '%'
left(subject,0) = ''
substr(subject,1,0) = ''
repeat(subject,0) = ''
regexp_like(subject,'')
subject = subject || ''
id = id + 0
id + 1 > id
id - id = 0
id >= 0 AND id < 2147483647
pts > -2147483648
pts >= -2147483648
pts <= 2147483647
n > '-infinity'
d > '-infinity'
d >= '0001-01-01'
d < 'infinity'
d > '4713-01-01 BC'
ok IN (true,false)
ok IN ('t','f')
ok IS NOT UNKNOWN
ok OR NOT ok
ok = ok
ok <> NOT ok
u::text <> ''
length(u::text) = 36
u IS NOT NULL OR u IS NULL
j @> '{}'
j IS NOT NULL
jsonb_typeof(j) IS NOT NULL
j::text <> ''
arr @> '{}'
'{}' <@ arr
cardinality(arr) >= 0
id::text <> ''
id::text ~ '^[0-9]'
id::text LIKE '_%'
id::bool OR NOT id::bool
(id > 0) IS NOT NULL
(id > 0) IS TRUE
(id IS NULL) = false
(id IS NULL) IS FALSE
NOT id IS NULL
id & 0 = 0
id | 1 > 0
sign(id) >= -1
mod(id,1) = 0
floor(id) = id
id = round(id)
id = ANY (ARRAY(SELECT id FROM g))
EXISTS (SELECT FROM g x WHERE x.id = g.id)
id <= (SELECT max(id) FROM g)
id >= (SELECT min(id) FROM g)
id IN (SELECT id FROM h UNION SELECT id FROM g)
(SELECT count(*) FROM h) >= 0
coalesce(subject,'') IS NOT NULL
coalesce(pts,0) = coalesce(pts,0)
nullif(id,-1) IS NOT NULL
CASE id WHEN -1 THEN false ELSE true END
greatest(id,0) >= 0
least(id,0) <= 0
concat(subject,'x') <> ''
md5(subject) <> ''
format('%s',id) <> ''
subject IS NULL OR subject IS NOT NULL
hashtext(subject) IS NOT NULL
row(id) IS NOT NULL
row(id) = row(id)
g.* IS NOT NULL
g IS NOT NULL
g = g
xmin IS NOT NULL
xmax IS NOT NULL
age(d) IS NOT NULL OR d IS NULL
id % 2 IN (0,1)
id % 2 >= 0
id > 0 OR id < 0
id = 5 OR id <> 5
id <> 5 OR id <> 6
NOT (id = 5 AND id = 6)
NOT (id < 0)
'1' = '1' AND 2 > 1
1 IN (1,2)
current_date > '2000-01-01'
random() < 2
$1 = $1
$1 OR true
"""
SOME_LEFT_OUT = r"""
id = 5
id > 5
id BETWEEN 5 AND 9
id IN (1,2)
id = ANY (ARRAY[1,2])
id <> 5 AND p = 3
p NOT IN (1,2)
subject = 'x'
subject LIKE 'x%'
subject IS NULL
subject IS DISTINCT FROM 'x'
pts > 0
pts IS NOT NULL
d < '2020-01-01'
d BETWEEN '2020-01-01' AND '2020-02-01'
ok
NOT ok
j @> '{"a":1}'
arr @> '{1}'
id > $1
id NOT BETWEEN 5 AND 9
p <> ALL (ARRAY[1,2])
position('x' in subject) > 0
length(subject) > 100
EXISTS (SELECT FROM h WHERE h.id = g.id)
id IN (SELECT id FROM h WHERE x = 1)
id IN (SELECT id FROM h)
p IN (SELECT id FROM h)
subject ~ '^x'
n > 0
d > now() - interval '1 day'
id % 10 = 3
n * 2 <> 8
length(subject) <> 5
length(subject) <= 255
length(subject) > 20 OR subject IS NULL
subject !~ '^[^@]+@[^@]+$'
NOT (subject ~ '^[a-f0-9]{8}$')
NOT (subject ~ 'qqq')
subject NOT LIKE '%@%'
subject NOT ILIKE 'zzz%'
position('@' in subject) = 0
strpos(subject, 'k') < 1
d::text <> '2020-01-01'
u::text <> 'abc'
u <> '0f2a9c51-7d3e-4b6f-8a10-2c4d6e8f0a1c'
upper(subject) <> 'ABC'
md5(subject) <> 'x'
left(subject, 3) <> '+49'
left(subject, 3) NOT IN ('+49', '+41')
concat(subject, p) <> 'a1'
p <> pts
p <> 1 OR pts <> 2
p <> 1 OR pts <> 2 OR n <> 3
d <> '2020-01-01'
n % 100 <> 55
abs(n) < 5
p - pts > 3
ok OR p = 1
p >= 0
pts >= 0
n > -1
p < 1000000
id < 1000
id <> 7
coalesce(pts, 0) = 0
coalesce(pts, 0) <> 0
coalesce(subject, '') <> ''
CASE WHEN ok THEN p > 5 ELSE false END
greatest(p, pts) > 10
least(p, pts) < 10
p BETWEEN -5 AND 500
pts IS DISTINCT FROM 4
subject <> 'x' AND subject <> 'y'
NOT (subject = 'x')
NOT (p = 4 OR p = 5)
p = ANY ('{1,2,3}')
p <> ALL ('{1,2,3}')
j->>'a' = 'x'
j @> '{"k": 2}'
arr && '{1}'
lower(subject) = 'x'
"""
# Patterns and values whose trying could take for ever, or all memory.
COSTLY = (
    "subject LIKE '" + "%q" * 30 + "%z'",
    "subject ~ '(q+)+(q+)+z'",
    "subject ~ 'q*q*q*q*z'",
    "repeat(" * 15 + "subject" + ", 9)" * 15 + " <> ''",
    " AND ".join("id * id * id * id < 5" for _ in range(6)),
    "subject IN (" + ", ".join(f"'{'x' * 400}{number}'" for number in range(500)) + ")",
    "subject <> '" + "x" * 100_000 + "'",
)


def where(condition: str) -> str:
    (statement,) = analyze(f"DELETE FROM g WHERE {condition}", CATALOG, ("public",)).statements
    return next(str(effect.facts["where"]) for effect in statement.effects if effect.action == "delete")


@pytest.mark.parametrize("condition", NONE_LEFT_OUT.strip().splitlines())
def test_leaves_nothing_out(condition: str) -> None:
    assert where(condition) in ("tautology", "constant")


@pytest.mark.parametrize("condition", SOME_LEFT_OUT.strip().splitlines())
def test_leaves_something_out(condition: str) -> None:
    assert where(condition) in ("effective", "by_key")


@pytest.mark.parametrize("condition", COSTLY, ids=lambda text: text[:30])
def test_is_tried_within_bounds(condition: str) -> None:
    assert where(condition)  # for ever, without the bounds
