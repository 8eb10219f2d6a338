"""What runs behind a statement: functions, triggers, rules, foreign keys, calls in definitions."""

from __future__ import annotations

from dataclasses import replace

from govproxy.sql.analyze import analyze
from govproxy.sql.catalog import (
    Catalog,
    Dependencies,
    Dependency,
    ObjectId,
    Reference,
    RelationKind,
    Thing,
    Trigger,
    Type,
)
from govproxy.sql.values import Effect
from tests.unit.sql.world import function, relation

TRIGGER = 2279


def trigger_function(oid: int, name: str, body: str, **other: object) -> object:
    return function(oid, name, language="plpgsql", return_type=TRIGGER, argument_types=(), body=body, **other)


RELATIONS = (
    relation(
        1,
        "orders",
        "id!",
        "total",
        primary_key=(1,),
        references=(Reference(relation=2, columns=(2,), referenced=(1,), on_delete="c", on_update="a"),),
        triggers=(
            Trigger(name="touch", function=50, events="u"),
            Trigger(name="log", function=51, events="iud"),
            Trigger(name="of_total", function=52, events="u", columns=("total",)),
        ),
        has_triggers=True,
    ),
    relation(
        2,
        "items",
        "id!",
        "order_id",
        primary_key=(1,),
        references=(Reference(relation=3, columns=(2,), referenced=(1,), on_delete="n", on_update="c"),),
        triggers=(Trigger(name="boom", function=53, events="d"),),
    ),
    relation(3, "notes", "id!", "item_id", primary_key=(1,), owner="eve"),
    relation(4, "audit", "id!", "what", primary_key=(1,)),
    relation(5, "odd", "id!", primary_key=(1,), triggers=(Trigger(name="t", function=54, events="i"),)),
    relation(
        6,
        "v",
        "id",
        kind=RelationKind.VIEW,
        definition=" SELECT orders.id FROM public.orders;",
        rules=("CREATE RULE r AS ON DELETE TO public.v DO INSTEAD DELETE FROM public.audit WHERE id = old.id;",),
        has_rules=True,
    ),
    relation(7, "guarded", "id!", runs=(("policy", 60), ("default", 61), ("index", 62)), row_security=True),
    relation(8, "silent", "id!", has_triggers=True, switched_off=(Trigger(name="off", function=53, events="i"),)),
    relation(9, "orders_id_seq", kind=RelationKind.SEQUENCE),
    relation(10, "part", "id!", kind=RelationKind.PARTITIONED, children=(11,)),
    relation(11, "part_1", "id!", parents=(10,), triggers=(Trigger(name="b", function=53, events="i"),)),
)
FUNCTIONS = (
    trigger_function(50, "touch", "BEGIN NEW.updated_at := now(); RETURN NEW; END"),
    trigger_function(51, "log", "BEGIN INSERT INTO audit VALUES (1); RETURN NULL; END"),
    trigger_function(52, "note", "BEGIN PERFORM wipe(); RETURN NULL; END"),
    trigger_function(53, "boom", "BEGIN TRUNCATE public.audit; RETURN NULL; END"),
    trigger_function(54, "raw", "BEGIN EXECUTE TG_ARGV[0]; RETURN NULL; END"),
    function(60, "wipe", body="DELETE FROM audit; SELECT 1", argument_types=()),
    function(61, "quiet", body="SELECT wipe()", volatility="s", argument_types=()),
    function(62, "round_about", body="SELECT round_about()", volatility="i", argument_types=()),
    function(63, "look", body="SELECT count(*) FROM audit", volatility="s", argument_types=()),
    function(64, "by_id", body="DELETE FROM audit WHERE id = $1", argument_names=("id",)),
    function(65, "by_name", body="DELETE FROM audit WHERE id = id", argument_names=("id",)),
    function(66, "in_python", body="x", language="plpython3u", volatility="i"),
    function(90, "counted", body="SELECT count(*) FROM audit", argument_types=()),
    function(91, "counted_twice", body="SELECT counted() * 2", argument_types=()),
    function(92, "noted", body="SELECT count(*) FROM audit; SELECT pg_notify('a', 'b')", argument_types=()),
    function(93, "of_postgis_too", body="SELECT warm(1)", argument_types=()),
    function(94, "warm", language="c", extension="pg_prewarm"),
    function(95, "counted_as", body="SELECT count(*) FROM audit", argument_types=(), settings=("row_security",)),
    function(96, "procedural", kind="p", body="SELECT count(*) FROM audit", argument_types=()),
    function(97, "in_perl", body="return 1", language="plperl"),
    function(67, "total", kind="a", language="internal", volatility="i", parts=(60,)),
    function(68, "of_postgis", language="c", volatility="i", extension="postgis"),
    function(69, "any_table", language="plpgsql", volatility="s", argument_names=("t",),
             body="DECLARE r int; BEGIN EXECUTE format('SELECT count(*) FROM %I', t) INTO r; RETURN r; END"),
    function(70, "wipes", kind="p", body="CALL wipes(); DELETE FROM notes", argument_types=()),
)  # fmt: skip
CATALOG = Catalog.build(
    database="hidden",
    version="1",
    server_version=150000,
    relations=RELATIONS,
    functions=FUNCTIONS,
    types=[
        Type(oid=TRIGGER, schema="pg_catalog", name="trigger", kind="p"),
        Type(oid=900, schema="public", name="checked", kind="d", base_oid=23),
    ],
    user_operators=["###"],
    operator_functions=[("###", 60)],
    domain_functions=[(900, 60)],
    event_triggers=[("ddl_command_end", ("CREATE TABLE",), 53)],
    dependencies=Dependencies(
        of={
            ("relation", 1): (
                Dependency(dependent=ObjectId("relation", 6), column=1),
                Dependency(dependent=ObjectId("relation", 9), column=1, automatic=True),
                Dependency(dependent=ObjectId("constraint", 70), column=1),
            ),
            ("relation", 10): (Dependency(dependent=ObjectId("relation", 11), automatic=True),),
            ("function", 53): (
                Dependency(dependent=ObjectId("trigger", 71)),
                Dependency(dependent=ObjectId("trigger", 72)),
            ),
            ("type", 900): (
                Dependency(dependent=ObjectId("relation", 4, 2)),
                Dependency(dependent=ObjectId("function", 63)),
            ),
            ("extension", 73): (Dependency(dependent=ObjectId("function", 68), automatic=True),),
        },
        things={
            ("constraint", 70): Thing(schema="public", name="items_order_id_fkey", table=2),
            ("trigger", 71): Thing(schema="", name="boom", table=2),
            ("trigger", 72): Thing(schema="", name="b", table=11),
            ("extension", 73): Thing(schema="", name="postgis"),
            ("index", 74): Thing(schema="public", name="by_name", table=3),
        },
        owned={"eve": (ObjectId("function", 60),)},
    ),
)


def effects(sql: str) -> list[Effect]:
    return [effect for statement in analyze(sql, CATALOG, ("public",)).statements for effect in statement.effects]


def hidden(sql: str) -> set[tuple[str, str, str]]:
    return {(e.action.value, e.object, str(e.facts["by"])) for e in effects(sql) if "by" in e.facts}


def call(sql: str) -> Effect:
    return next(effect for effect in effects(sql) if effect.action.value == "call")


def test_a_delete_takes_its_cascade_and_the_triggers_of_that_along() -> None:
    assert hidden("DELETE FROM orders WHERE id = 1") == {
        ("delete", "public.items", "cascade"),
        ("update", "public.notes", "cascade"),
        ("insert", "public.audit", "trigger"),
        ("truncate", "public.audit", "trigger"),
    }
    (named,) = [e for e in effects("DELETE FROM orders WHERE id = 1") if "by" not in e.facts]
    assert named.facts["cascades"] == "public.items,public.notes"


def test_only_triggers_of_the_event_and_the_columns_run() -> None:
    assert hidden("UPDATE orders SET id = 2 WHERE id = 1") == {("insert", "public.audit", "trigger")}
    assert ("delete", "public.audit", "trigger") in hidden("UPDATE orders SET total = 2 WHERE id = 1")
    assert hidden("SELECT * FROM orders") == set()
    assert hidden("COPY orders FROM STDIN") == {("insert", "public.audit", "trigger")}


def test_a_trigger_that_cannot_be_read_may_do_anything() -> None:
    assert hidden("INSERT INTO odd VALUES (1)") == {("unknown", "public.raw", "trigger")}
    assert hidden("INSERT INTO silent VALUES (1)") == {("unknown", "public.silent", "trigger")}


def test_rules_run_in_the_place_of_what_was_asked() -> None:
    found = effects("DELETE FROM v WHERE id = 1")
    (by_rule,) = [effect for effect in found if effect.facts.get("by") == "rule"]
    assert (by_rule.action.value, by_rule.object, by_rule.facts["where"]) == ("delete", "public.audit", "by_key")


def test_definitions_call_what_they_call() -> None:
    assert hidden("SELECT * FROM guarded") == {("delete", "public.audit", "policy")}
    assert ("delete", "public.audit", "default") in hidden("INSERT INTO guarded VALUES (1)")


def test_a_partition_has_triggers_of_its_own() -> None:
    assert hidden("INSERT INTO part VALUES (1)") == {("truncate", "public.audit", "trigger")}


def test_a_call_is_what_its_body_is() -> None:
    assert call("SELECT quiet()").facts["volatility"] == "v"
    assert hidden("SELECT quiet()") == {("delete", "public.audit", "function")}
    assert call("SELECT look()").facts["volatility"] == "s"
    assert hidden("SELECT look()") == {("select", "public.audit", "function")}
    assert hidden("SELECT total(1)") == {("delete", "public.audit", "function")}
    assert call("SELECT in_python(1)").facts["body"] == "unreadable"
    assert call("SELECT of_postgis(1)").facts["volatility"] == "i"


def test_what_only_reads_is_not_volatile_whatever_it_was_declared() -> None:
    for text in ("SELECT counted()", "SELECT counted_twice()"):
        assert call(text).facts["volatility"] == "s"
    for text in (
        "SELECT noted()",
        "SELECT of_postgis_too()",
        "SELECT warm(1)",
        "SELECT counted_as()",
        "CALL procedural()",
        "SELECT in_perl(1)",
    ):
        assert call(text).facts["volatility"] == "v"
    assert [e.facts.get("object") for e in effects("SELECT any_table('x')") if "by" in e.facts] == ["computed"]


def test_a_call_of_itself_ends() -> None:
    assert hidden("SELECT round_about()") == set()
    assert hidden("CALL wipes()") == {("delete", "public.notes", "function")}


def test_arguments_are_no_columns_unless_a_column_is_called_so() -> None:
    (by_id,) = [effect for effect in effects("SELECT by_id(1)") if "by" in effect.facts]
    (by_name,) = [effect for effect in effects("SELECT by_name(1)") if "by" in effect.facts]
    assert (by_id.facts["where"], by_name.facts["where"]) == ("by_key", "tautology")


def test_operators_and_domains_call_too() -> None:
    assert hidden("SELECT 1 ### 2") == {("delete", "public.audit", "operator")}
    assert hidden("SELECT '1'::checked") == {("delete", "public.audit", "domain")}


def test_event_triggers_run_with_what_they_are_for() -> None:
    assert hidden("CREATE TABLE x (id int)") == {("truncate", "public.audit", "event_trigger")}
    assert hidden("DROP TABLE audit") == set()


def test_code_sent_as_text_does_what_it_says() -> None:
    found = effects("DO $$ BEGIN DELETE FROM notes; PERFORM quiet(); END $$")
    assert [(e.action.value, e.object) for e in found if "via" not in e.facts] == [
        ("do", ""),
        ("delete", "public.notes"),
    ]
    assert ("delete", "public.audit", "function") in hidden("DO $$ BEGIN PERFORM quiet(); END $$")
    assert hidden("DO $$ BEGIN EXECUTE current_setting('x.y'); END $$") == {("unknown", "", "code")}
    assert hidden("DO LANGUAGE plpython3u $$ x $$") == {("unknown", "", "code")}
    made = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM audit; RETURN NULL; END $$"
    assert hidden(made) == {("delete", "public.audit", "body")}


def test_what_is_dropped_takes_along_what_depends_on_it() -> None:
    assert hidden("DROP TABLE orders CASCADE") == {
        ("drop", "public.v", "cascade"),
        ("drop", "public.orders_id_seq", "cascade"),
        ("alter", "public.items", "cascade"),
    }
    assert hidden("DROP TABLE orders") == {("drop", "public.orders_id_seq", "cascade")}
    assert hidden("DROP TABLE part") == {("drop", "public.part_1", "cascade")}
    assert ("drop", "public.notes", "cascade") in hidden("DROP SCHEMA public CASCADE")
    assert hidden("TRUNCATE orders CASCADE") == {
        ("truncate", "public.items", "cascade"),
        ("truncate", "public.notes", "cascade"),
    }
    assert hidden("TRUNCATE orders") == set()


def test_so_does_what_is_no_relation() -> None:
    assert hidden("DROP FUNCTION boom CASCADE") == {
        ("alter", "public.items", "cascade"),
        ("alter", "public.part_1", "cascade"),
    }
    assert hidden("DROP FUNCTION boom") == set()
    assert hidden("DROP DOMAIN checked CASCADE") == {
        ("drop", "public.audit", "cascade"),
        ("drop", "public.look", "cascade"),
    }
    (column,) = [e for e in effects("DROP DOMAIN checked CASCADE") if e.relation == 4]
    assert (column.columns, column.facts["column"]) == (("what",), "what")
    assert hidden("DROP EXTENSION postgis") == {("drop", "public.of_postgis", "cascade")}
    assert hidden("DROP INDEX by_name") == {("alter", "public.notes", "cascade")}
    assert hidden("DROP TRIGGER log ON orders") == {("alter", "public.orders", "cascade")}
    assert hidden("ALTER TABLE orders DROP COLUMN id CASCADE") == {
        ("drop", "public.v", "cascade"),
        ("drop", "public.orders_id_seq", "cascade"),
        ("alter", "public.items", "cascade"),
    }
    assert hidden("ALTER TABLE orders DROP COLUMN total CASCADE") == set()
    assert hidden("ALTER DOMAIN checked ADD CHECK (VALUE > 0)") == {("alter", "public.audit", "cascade")}
    assert hidden("TRUNCATE orders RESTART IDENTITY") == {("alter", "public.orders_id_seq", "cascade")}


def test_what_a_role_owns_goes_with_drop_owned() -> None:
    assert hidden("DROP OWNED BY eve") == {
        ("grant", "eve", "cascade"),
        ("drop", "public.notes", "cascade"),
        ("drop", "public.wipe", "cascade"),
    }
    assert hidden("REASSIGN OWNED BY eve TO adam") == {("alter", "public.notes", "cascade")}
    (anything,) = [e for e in effects("DROP OWNED BY CURRENT_USER") if e.action.value == "drop" and "by" in e.facts]
    assert (anything.object, anything.facts["unresolved"]) == ("", True)


def test_where_nobody_tells_a_cascade_may_reach_anything() -> None:
    untold = replace(CATALOG, dependencies=Dependencies(known=False))
    (statement,) = analyze("DROP TABLE audit CASCADE", untold, ("public",)).statements
    assert [e.facts["unresolved"] for e in statement.effects if "by" in e.facts] == [True]
    (statement,) = analyze("DROP TABLE audit", untold, ("public",)).statements
    assert [e for e in statement.effects if "by" in e.facts] == []


def test_more_than_can_be_followed_may_be_anything() -> None:
    many = [relation(5_000 + number, f"r{number}", "id") for number in range(600)]
    views = tuple(Dependency(dependent=ObjectId("relation", one.oid)) for one in many)
    crowded = Catalog.build(
        database="crowded",
        version="1",
        server_version=150000,
        relations=[*RELATIONS, *many],
        dependencies=Dependencies(of={("relation", 4): views}),
    )
    (statement,) = analyze("DROP TABLE audit CASCADE", crowded, ("public",)).statements
    assert [e.object for e in statement.effects if e.facts.get("unresolved")] == [""]
    referring = Reference(relation=5_000, columns=(1,), referenced=(1,), on_delete="c", on_update="a")
    keys = [replace(one, references=(replace(referring, relation=one.oid + 1),)) for one in many[:-1]]
    deep = Catalog.build(database="deep", version="1", server_version=150000, relations=[*keys, many[-1]])
    for sql in ("DELETE FROM r0 WHERE id = 1", "TRUNCATE r0 CASCADE"):
        (statement,) = analyze(sql, deep, ("public",)).statements
        (rest,) = [e for e in statement.effects if e.facts.get("unresolved")]
        assert (rest.object, rest.facts["by"]) == ("", "cascade")


def test_code_for_later_counts_when_it_is_put_there() -> None:
    assert hidden("CREATE TRIGGER x AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION boom()") == {
        ("truncate", "public.audit", "trigger")
    }
    made = effects("CREATE TRIGGER x AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION raw('x')")[0]
    assert made.facts["body"] == "unreadable"
    assert (
        "body" not in effects("CREATE TRIGGER x AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION not_yet()")[0].facts
    )
    assert ("truncate", "public.audit", "event_trigger") in hidden(
        "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION boom()"
    )
    assert hidden("CREATE CAST (int AS text) WITH FUNCTION wipe()") == {("delete", "public.audit", "cast")}
    assert ("delete", "public.audit", "operator") in hidden("CREATE OPERATOR <+> (LEFTARG = int, FUNCTION = quiet)")
    assert ("delete", "public.audit", "aggregate") in hidden("CREATE AGGREGATE ag (int) (SFUNC = wipe, STYPE = int)")
    assert hidden("ALTER TABLE silent ENABLE TRIGGER ALL") == {("truncate", "public.audit", "trigger")}
    assert hidden("ALTER TABLE silent ENABLE TRIGGER another") == set()
    assert hidden("ALTER TABLE silent DISABLE TRIGGER ALL") == set()
    (altered,) = effects("ALTER FUNCTION look() SECURITY DEFINER SET search_path = evil")
    assert altered.facts == {"security_definer": True, "setting": "search_path"}


def test_a_plan_runs_no_trigger() -> None:
    assert hidden("EXPLAIN DELETE FROM orders WHERE id = 1") == set()
    assert hidden("EXPLAIN ANALYZE DELETE FROM orders WHERE id = 1") != set()
    assert hidden("EXPLAIN SELECT quiet()") == {("delete", "public.audit", "function")}
