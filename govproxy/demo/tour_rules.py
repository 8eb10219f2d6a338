"""Steps of the tour: what does not run, and for whom it does."""

from __future__ import annotations

from rich.text import Text

from govproxy.demo.files import AGENT, ANALYST, DBA
from govproxy.demo.stage import Stage, check, show_refusal, show_sql


def no_drop(stage: Stage) -> None:
    """DROP is refused for everyone who is not let, with what would pass, and the session goes on."""
    sql = "DROP TABLE orders"
    show_sql(stage, sql)
    show_refusal(stage, ANALYST, stage.refused(ANALYST, sql))
    check(stage.ask_directly("SELECT to_regclass('public.orders')::text") == [("orders",)], "orders is gone")
    check(stage.ask(ANALYST, "SELECT 1") == [(1,)], "the connection did not survive the refusal")


def no_blind_update(stage: Stage) -> None:
    """An UPDATE without an effective WHERE is refused, however the WHERE is faked."""
    before = stage.ask_directly("SELECT count(*) FROM customers WHERE segment = 'public'")
    for sql in ("UPDATE customers SET segment = 'public'", "UPDATE customers SET segment = 'public' WHERE 1 = 1"):
        show_sql(stage, sql)
        show_refusal(stage, ANALYST, stage.refused(ANALYST, sql))
    check(stage.ask_directly("SELECT count(*) FROM customers WHERE segment = 'public'") == before, "rows were changed")


def agents_only_read(stage: Stage) -> None:
    """The agent is never more than the human behind it, and here less: it may not write at all."""
    sql = "UPDATE reviews SET stars = 5 WHERE id = 1"
    show_sql(stage, sql)
    before = stage.ask_directly("SELECT stars FROM reviews WHERE id = 1")
    show_refusal(stage, AGENT, stage.refused(AGENT, sql))
    check(stage.ask_directly("SELECT stars FROM reviews WHERE id = 1") == before, "the row was changed")


def dba_may(stage: Stage) -> None:
    """Whom the policy lets may drop: the DBA makes a table and takes it away again."""
    for sql, expected in (
        ("CREATE TABLE tour_scratch (id integer)", "tour_scratch"),
        ("DROP TABLE tour_scratch", None),
    ):
        show_sql(stage, sql)
        stage.run(DBA, sql)
        there = stage.ask_directly("SELECT to_regclass('public.tour_scratch')::text")
        check(there == [(expected,)], f"after {sql}: the table is {there[0][0]}")
    stage.console.print(Text("  done, as the DBA", style="green"))
