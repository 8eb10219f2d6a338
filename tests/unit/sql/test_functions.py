"""The table of functions: what is safe, what is dangerous, and that the two do not overlap."""

from __future__ import annotations

import pytest

from govproxy.sql import functions
from govproxy.sql.builtins import ORDINARY_FUNCTIONS
from govproxy.sql.functions import DANGERS, Safety, changes_meaning, constant_text, judge, safety
from govproxy.sql.parse import parse
from govproxy.sql.values import Action
from tests.unit.sql.world import function


@pytest.mark.parametrize(
    "name",
    """
    lower upper substring substr concat concat_ws format coalesce_not round now() to_char date_trunc extract timezone
    json_build_object jsonb_agg array_agg string_agg row_to_json to_jsonb unnest generate_series regexp_replace length
    md5 sha256 encode decode max min sum avg percentile_cont pg_get_viewdef pg_table_is_visible format_type
    obj_description has_table_privilege pg_size_pretty pg_relation_size pg_total_relation_size like_escape
    similar_to_escape overlay position btrim normalize is_normalized xpath ts_rank to_tsvector plainto_tsquery
    """.replace("coalesce_not", "")
    .replace("now()", "")
    .split(),
)
def test_ordinary_functions_are_safe(name: str) -> None:
    assert safety(name) is Safety.SAFE


@pytest.mark.parametrize("name", ["count", "regr_count", "row_number", "rank"])
def test_counts_show_nothing(name: str) -> None:
    assert safety(name) is Safety.AGGREGATE_SAFE


@pytest.mark.parametrize("name", ["now", "version", "current_setting", "random", "gen_random_uuid", "txid_current"])
def test_context(name: str) -> None:
    assert safety(name) is Safety.CONTEXT


@pytest.mark.parametrize(
    "name",
    """
    pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file lo_import lo_export lo_get lo_put loread lowrite
    pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile pg_logical_slot_get_changes
    pg_logical_emit_message pg_create_logical_replication_slot pg_sleep pg_sleep_for pg_sleep_until pg_advisory_lock
    pg_try_advisory_xact_lock set_config setval nextval pg_notify query_to_xml query_to_xmlschema
    query_to_xml_and_xmlschema table_to_xml schema_to_xml database_to_xml cursor_to_xml ts_stat ts_rewrite
    pg_export_snapshot currtid2 inet_server_addr inet_server_port pg_stat_get_activity pg_mcv_list_items pg_promote
    pg_switch_wal pg_import_system_collations
    """.split(),  # noqa: SIM905
)
def test_dangerous_functions(name: str) -> None:
    assert safety(name) is Safety.DANGEROUS


@pytest.mark.parametrize("name", ["no_such_function", "lo_new_thing", "pg_read_anything", ""])
def test_unlisted(name: str) -> None:
    assert safety(name) is Safety.UNLISTED


def test_nothing_dangerous_passes_for_context_or_count() -> None:
    assert not set(DANGERS) & (functions.CONTEXT | functions.AGGREGATE_SAFE)


def test_families_of_dangers_have_no_safe_member() -> None:
    """A new member of a family is unlisted, thus refused, and never safe by accident of its volatility."""
    families = ("pg_read_", "pg_ls_", "lo_", "pg_logical_", "dblink", "pg_advisory", "pg_create_", "binary_upgrade_")
    listed = [name for name in ORDINARY_FUNCTIONS if name.startswith(families)]
    assert [name for name in listed if safety(name) is not Safety.DANGEROUS] == []


def test_xml_dumps_are_dangerous_whatever_their_volatility() -> None:
    listed = [name for name in ORDINARY_FUNCTIONS if name.endswith(("_to_xml", "_to_xmlschema", "_and_xmlschema"))]
    assert len(listed) >= 6
    assert {safety(name) for name in listed} == {Safety.DANGEROUS}


def test_a_users_function_is_a_call_with_the_worst_facts_of_its_overloads() -> None:
    overloads = (
        function(1, "f", volatility="i"),
        function(2, "f", volatility="s", security_definer=True, language="c"),
    )
    judgement = judge("", "f", [], overloads, qualified=False)
    (effect,) = judgement.effects
    assert (effect.action, effect.object) == (Action.CALL, "public.f")
    assert effect.facts == {
        "function": "public.f",
        "volatility": "s",
        "security_definer": True,
        "language": "c,sql",
    }
    assert judgement.foreign == overloads
    assert not judgement.opaque
    assert not judgement.settings


def test_a_volatile_function_may_change_settings() -> None:
    assert judge("", "f", [], (function(1, "f"),), qualified=False).settings


def test_overloading_a_built_in_is_seen() -> None:
    judgement = judge("", "lower", [], (function(1, "lower"),), qualified=False)
    assert [effect.action for effect in judgement.effects] == [Action.CALL]


def test_the_qualified_built_in_is_not_the_overload() -> None:
    assert judge("pg_catalog", "lower", [], (), qualified=True).effects == ()


@pytest.mark.parametrize("extension", ["pg_trgm", "citext", "uuid-ossp", "hstore"])
def test_harmless_extensions(extension: str) -> None:
    found = function(1, "similarity", extension=extension)
    assert judge("", "similarity", [], (found,), qualified=False) == functions.HARMLESS


def test_other_extensions_are_named() -> None:
    (effect,) = judge("", "x", [], (function(1, "x", extension="pageinspect"),), qualified=False).effects
    assert effect.facts["extension"] == "pageinspect"


def test_an_unknown_function_is_unknown() -> None:
    judgement = judge("", "nothing", [], (), qualified=False)
    assert [(effect.action, effect.facts["function"]) for effect in judgement.effects] == [(Action.UNKNOWN, "nothing")]
    assert judgement.opaque


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("search_path", "x", True),
        ("row_security", "off", True),
        ("brand_new_setting", "x", True),
        ("client_encoding", "SJIS", True),
        ("client_encoding", "UTF8", False),
        ("standard_conforming_strings", "off", True),
        ("standard_conforming_strings", "on", False),
        ("application_name", "x", False),
        ("jit", "off", False),
        ("app.user", "x", False),
        ("search_path", None, True),
    ],
)
def test_changes_meaning(setting: str, value: str | None, expected: bool) -> None:
    assert changes_meaning(setting, value) is expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 'a'", "a"),
        ("SELECT 'a'::text::varchar", "a"),
        ("SELECT 5", "5"),
        ("SELECT 0", "0"),
        ("SELECT 1.5", "1.5"),
        ("SELECT true", "true"),
        ("SELECT NULL", None),
        ("SELECT 'a' || 'b'", None),
        ("SELECT $1", None),
        ("SELECT ''", ""),
    ],
)
def test_constant_text(sql: str, expected: str | None) -> None:
    assert constant_text(parse(sql)[0]["stmt"]["SelectStmt"]["targetList"][0]["ResTarget"]["val"]) == expected


def test_values_of_an_applications_own_settings_are_not_recorded() -> None:
    assert "value" not in functions.setting_effect("app.token", "s3cr3t").facts
    assert functions.setting_effect("work_mem", "4MB").facts["value"] == "4MB"
