"""Steps of the tour: what is found to be sensitive, and how it is shown to whom."""

from __future__ import annotations

from collections import Counter

import orjson
from rich.table import Table
from rich.text import Text

from govproxy.demo import sample
from govproxy.demo.files import AGENT, ANALYST, DBA, PEOPLE
from govproxy.demo.stage import Stage, check, leaks, show_refusal, show_rows, show_sql

# What the map must show, some of it under names that say nothing, and what it must leave alone.
MAPPED = {
    "public.customers.email": "email",
    "public.customers.ssn": "ssn",
    "public.payments.card_number": "card",
    "public.api_keys.owner": "email",
    "hr.employees.bank_account": "iban",
    "clinic.visits.notes": "health_text",
    "public.events.payload": "personal_json",
}
CLEAN = ("public.customers.id", "public.orders.total", "public.products.name")
REDACTED = "***"


def the_map(stage: Stage) -> None:
    """Nobody said which columns are sensitive: names, types and values did, each with its reason."""
    shown = orjson.loads(
        stage.govproxy("classify", "--config", str(stage.config), "--database", sample.DATABASE, "--json")
    )
    rows = {f"{row['schema']}.{row['table']}.{row['column']}": row for row in shown["columns"]}
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("column", "class", "mask", "because"):
        table.add_column(heading, overflow="fold")
    for name in MAPPED:
        check(name in rows, f"{name} was not found to be sensitive")
        row = rows[name]
        check(row["class"] == MAPPED[name], f"{name} was taken for {row['class']}")
        check(bool(row["reason"]), f"{name} has no reason")
        table.add_row(
            *(Text(text) for text in (name, f"{row['class']} (L{row['level']})", row["masker"], row["reason"]))
        )
    stage.console.print(table)
    stage.console.print(
        Text(
            f"  {shown['sensitive']} of {shown['columns_looked_at']} columns; all of them: govproxy classify",
            style="dim",
        )
    )
    clean = [name for name in CLEAN if name in rows]
    check(not clean, f"{clean} are not sensitive")


def three_views(stage: Stage) -> None:
    """The same SELECT for everyone: each sees what is theirs to see."""
    sql = "SELECT id, first_name, email, phone, birth_date, country FROM customers WHERE id BETWEEN 1 AND 4 ORDER BY id"
    columns = ("id", "first_name", "email", "phone", "birth_date", "country")
    show_sql(stage, sql)
    truth = stage.ask_directly(sql)
    secrets = [value for row in truth for value in row[2:5]]
    for who in PEOPLE:
        rows = stage.ask(who, sql)
        binary = stage.ask(who, sql, binary=True)
        show_rows(stage, who.title, columns, rows)
        check(binary == rows, f"{who.title}: rows in binary differ from rows in text")
        if who is DBA:
            check(rows == truth, "the DBA's rows differ from what PostgreSQL has")
            continue
        check([(row[0], row[5]) for row in rows] == [(row[0], row[5]) for row in truth], "clean columns were changed")
        check(not (found := leaks(rows, secrets)), f"{who.title} saw {found}")
        # Pseudonyms are names too, so one may be right by chance; all of them may not.
        check([row[1] for row in rows] != [row[1] for row in truth], f"{who.title} saw the names")
        if who is AGENT:
            check(all(row[2] == REDACTED for row in rows), "the agent saw more than its rule lets it")


def expressions(stage: Stage) -> None:
    """Dressing a column up does not help: masks follow expressions, views and casts."""
    sql = (
        "SELECT upper(contact) AS a, left(phone, 8) AS b, who || ' <' || contact || '>' AS c "
        "FROM customer_contacts WHERE id BETWEEN 1 AND 3 ORDER BY id"
    )
    show_sql(stage, sql)
    truth = stage.ask_directly(sql)
    rows = stage.ask(ANALYST, sql)
    show_rows(stage, ANALYST.title, ("a", "b", "c"), rows)
    check(len(rows) == len(truth), "rows are missing")
    check(not (found := leaks(rows, [value for row in truth for value in row])), f"the analyst saw {found}")


def aggregates(stage: Stage) -> None:
    """What reveals nobody passes untouched: counts and sums are exact."""
    sql = (
        "SELECT country, count(*), sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id "
        "GROUP BY country ORDER BY country LIMIT 5"
    )
    show_sql(stage, sql)
    rows = stage.ask(ANALYST, sql)
    show_rows(stage, ANALYST.title, ("country", "orders", "total"), rows)
    check(rows == stage.ask_directly(sql), "the analyst's figures differ from PostgreSQL's")


def free_text(stage: Stage) -> None:
    """An address in the middle of a sentence is found by its shape, whatever the column is called."""
    found = stage.ask_directly("SELECT id FROM reviews WHERE body LIKE '%@%' ORDER BY id LIMIT 3")
    numbers = ", ".join(str(row[0]) for row in found)
    sql = f"SELECT id, body FROM reviews WHERE id IN ({numbers}) ORDER BY id"
    show_sql(stage, sql)
    truth = stage.ask_directly(sql)
    rows = stage.ask(ANALYST, sql)
    show_rows(stage, ANALYST.title, ("id", "body"), rows)
    secrets = [word.rstrip(".") for row in truth for word in str(row[1]).split() if "@" in word]
    check(len(secrets) == len(truth), "the sample has no addresses to hide")
    check(not (seen := leaks(rows, secrets)), f"the analyst saw {seen}")
    check([row[0] for row in rows] == [row[0] for row in truth], "clean columns were changed")


def joins(stage: Stage) -> None:
    """Masked values still join: equal ones look equal in every table, and no others do."""
    customers, owners = "SELECT email, country FROM customers", "SELECT owner FROM api_keys"
    joined = (
        "SELECT c.country, count(*) FROM api_keys k JOIN customers c ON c.email = k.owner "
        "GROUP BY c.country ORDER BY c.country"
    )
    for sql in (customers, owners):
        show_sql(stage, sql)
    country_of: dict[str, str] = dict(stage.ask(ANALYST, customers))
    found = [country_of[owner] for (owner,) in stage.ask(ANALYST, owners) if owner in country_of]
    counted = sorted(Counter(found).items())
    show_rows(stage, f"{ANALYST.title} joins in a notebook", ("country", "keys"), counted[:5])
    check(len(found) > 0, "nothing joins")
    check(counted == stage.ask_directly(joined), "joined on masked values it is another result than PostgreSQL's")
    check(not leaks(list(country_of.items()), [row[0] for row in stage.ask_directly(customers)]), "addresses were seen")


def asked_back(stage: Stage) -> None:
    """What was read masked can be asked for, but not be written back as if it were data."""
    sql = "SELECT id, card_number FROM payments WHERE card_number IS NOT NULL ORDER BY id LIMIT 1"
    show_sql(stage, sql)
    ((number, masked),) = stage.ask(AGENT, sql)
    ((_, real),) = stage.ask_directly(sql)
    check(masked != real, f"the {AGENT.title} saw the card")
    back = f"SELECT id, amount FROM payments WHERE card_number = '{masked}'"
    show_sql(stage, back)
    rows = stage.ask(AGENT, back)
    show_rows(stage, AGENT.title, ("id", "amount"), rows)
    truth = stage.ask_directly(back.replace(masked, real))
    check(number in [row[0] for row in rows] and sorted(rows) == sorted(truth), "the card's payments were not found")
    ((email,),) = stage.ask(ANALYST, "SELECT email FROM customers WHERE id = 1")
    show_sql(stage, write := f"UPDATE customers SET email = '{email}', segment = 'public' WHERE id = 1")
    refusal = stage.refused(ANALYST, write)
    show_refusal(stage, ANALYST, refusal)
    check("masked-write" in str(refusal), "refused, but for another reason than the masked value")
