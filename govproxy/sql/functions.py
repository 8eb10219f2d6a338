"""What a function call does: the one table of PostgreSQL's own functions by safety.

Built-in functions are judged by name, the user's and extensions' by what the catalog says of them.
Whatever is in neither is `Action.UNKNOWN`. Knows nothing of parse trees beyond reading a constant
argument; `sql.effects` finds the calls, `sql.lineage` asks `safety` whether a result may be
traced through a call.

Security: the lists are allow-lists. A name missing from all of them is refused by the pack, so a
new server version adds denials, never holes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from govproxy.sql.builtins import ORDINARY_FUNCTIONS
from govproxy.sql.catalog import Function
from govproxy.sql.values import Action, Effect


class Safety(StrEnum):
    """What kind of built-in a name is."""

    SAFE = "safe"  # its result depends on its arguments and on metadata only; no side effect
    AGGREGATE_SAFE = "aggregate_safe"  # counts and positions: shows no value of what goes in
    CONTEXT = "context"  # speaks of the session, the clock or chance; no data goes in
    DANGEROUS = "dangerous"  # does what `DANGERS` says
    UNLISTED = "unlisted"  # not a known built-in


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """What calling a built-in amounts to. ``argument`` is the place of the one that names the object."""

    action: Action
    kind: str
    reason: str
    argument: int | None = None


AGGREGATE_SAFE = frozenset(
    "count regr_count row_number rank dense_rank percent_rank cume_dist ntile".split()  # noqa: SIM905
)

CONTEXT = frozenset(
    """
    age clock_timestamp current_catalog current_database current_query current_schema current_schemas current_setting
    current_user currval gen_random_uuid getdatabaseencoding getpgusername icu_unicode_version inet_client_addr
    inet_client_port lastval now pg_backend_pid pg_blocking_pids pg_client_encoding pg_conf_load_time
    pg_current_snapshot pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn pg_current_xact_id
    pg_current_xact_id_if_assigned pg_is_in_recovery pg_is_wal_replay_paused pg_jit_available
    pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_listening_channels
    pg_my_temp_schema pg_notification_queue_usage pg_postmaster_start_time pg_safe_snapshot_blocking_pids
    pg_trigger_depth pi random random_normal session_user statement_timestamp system_user timeofday
    transaction_timestamp txid_current txid_current_if_assigned txid_current_snapshot unicode_version user uuidv4
    uuidv7 version
    """.split()  # noqa: SIM905
) - {"age"}

# Volatile, and yet neither writing nor reading rows: sizes, states, randomness, statistics counters.
_HARMLESS_VOLATILE = frozenset(
    """
    amvalidate array_sample array_shuffle pg_collation_actual_version pg_control_checkpoint pg_control_init
    pg_control_recovery pg_control_system pg_database_collation_actual_version pg_database_size
    pg_get_backend_memory_contexts pg_get_multixact_members pg_get_sequence_data pg_get_shmem_allocations
    pg_get_wait_events pg_get_wal_replay_pause_state pg_get_wal_resource_managers pg_indexes_size pg_last_committed_xact
    pg_lock_status pg_partition_ancestors pg_partition_tree pg_prepared_xact pg_relation_size pg_sequence_last_value
    pg_show_replication_origin_status pg_stat_clear_snapshot pg_stat_get_backend_io pg_stat_get_backend_wal
    pg_stat_get_io pg_stat_get_recovery_prefetch pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit
    pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time pg_stat_get_xact_function_total_time
    pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched
    pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted pg_stat_get_xact_tuples_newpage_updated
    pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated pg_stat_have_stats pg_table_size
    pg_tablespace_size pg_total_relation_size pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_xact_status
    setseed txid_status
    """.split()  # noqa: SIM905
)

# In no manual, and called all the same: hashes of values for buckets and locks, their bytes as they are sent, and
# what operators on JSON go by.
_UNDOCUMENTED = frozenset(
    """
    hash_array hash_array_extended hash_numeric hash_numeric_extended hash_record hash_record_extended hashbpchar
    hashbpcharextended hashchar hashcharextended hashenum hashenumextended hashfloat4 hashfloat4extended hashfloat8
    hashfloat8extended hashinet hashinetextended hashint2 hashint2extended hashint4 hashint4extended hashint8
    hashint8extended hashname hashnameextended hashoid hashoidextended hashtext hashtextextended interval_hash
    jsonb_hash time_hash timestamp_hash timestamptz_hash uuid_hash uuid_hash_extended boolsend byteasend date_send
    float4send float8send int2send int4send int8send numeric_send textsend timestamp_send timestamptz_send uuid_send
    json_array_element json_array_element_text json_object_field json_object_field_text jsonb_array_element
    jsonb_array_element_text jsonb_concat jsonb_delete jsonb_object_field jsonb_object_field_text
    """.split()  # noqa: SIM905
)

# Grammar that becomes a call of a name the lists above do not hold, and helpers of information_schema.
_BY_GRAMMAR = frozenset({"xmlexists", "json_value", "json_query", "json_exists", "json", "json_scalar", "merge_action"})
INFORMATION_SCHEMA_FUNCTIONS = frozenset(
    """
    _pg_char_max_length _pg_char_octet_length _pg_datetime_precision _pg_expandarray _pg_index_position
    _pg_interval_type _pg_keysequal _pg_numeric_precision _pg_numeric_precision_radix _pg_numeric_scale _pg_truetypid
    _pg_truetypmod
    """.split()  # noqa: SIM905
)


def _family(names: str, action: Action, kind: str, reason: str, argument: int | None = None) -> dict[str, Danger]:
    danger = Danger(action=action, kind=kind, reason=reason, argument=argument)
    return dict.fromkeys(names.split(), danger)


DANGERS: Mapping[str, Danger] = {
    **_family(
        """pg_read_file pg_read_binary_file pg_stat_file pg_ls_dir pg_ls_logdir pg_ls_waldir pg_ls_tmpdir
        pg_ls_archive_statusdir pg_ls_logicalmapdir pg_ls_logicalsnapdir pg_ls_replslotdir pg_ls_summariesdir
        pg_current_logfile pg_file_write pg_file_read pg_file_unlink pg_file_rename pg_file_sync pg_file_length
        pg_logdir_ls pg_get_loaded_modules pg_available_wal_summaries pg_wal_summary_contents
        pg_get_wal_summarizer_state""",
        Action.ADMIN, "file", "reads or writes files of the server", 0,
    ),
    **_family(
        """lo_close lo_creat lo_create lo_export lo_from_bytea lo_get lo_import lo_lseek lo_lseek64 lo_open lo_put
        lo_tell lo_tell64 lo_truncate lo_truncate64 lo_unlink loread lowrite""",
        Action.ADMIN, "large_object", "reaches large objects, which carry no column's class",
    ),
    **_family(
        "pg_terminate_backend pg_cancel_backend pg_log_backend_memory_contexts pg_isolation_test_session_is_blocked",
        Action.ADMIN, "backend", "acts on other sessions",
    ),
    **_family(
        """pg_reload_conf pg_rotate_logfile pg_rotate_logfile_old pg_promote pg_switch_wal pg_create_restore_point
        pg_wal_replay_pause pg_wal_replay_resume pg_backup_start pg_backup_stop pg_start_backup pg_stop_backup
        pg_import_system_collations pg_nextoid pg_stop_making_pinned_objects pg_export_snapshot pg_log_standby_snapshot
        inet_server_addr inet_server_port pg_extension_config_dump currtid currtid2 pg_get_aios pg_numa_available
        pg_get_shmem_allocations_numa fmgr_c_validator fmgr_internal_validator fmgr_sql_validator plpgsql_validator
        pg_config""",
        Action.ADMIN, "server", "acts on the server or tells of its inside",
    ),
    **_family(
        """binary_upgrade_add_sub_rel_state binary_upgrade_create_empty_extension
        binary_upgrade_logical_slot_has_caught_up binary_upgrade_replorigin_advance binary_upgrade_set_missing_value
        binary_upgrade_set_next_array_pg_type_oid binary_upgrade_set_next_heap_pg_class_oid
        binary_upgrade_set_next_heap_relfilenode binary_upgrade_set_next_index_pg_class_oid
        binary_upgrade_set_next_index_relfilenode binary_upgrade_set_next_multirange_array_pg_type_oid
        binary_upgrade_set_next_multirange_pg_type_oid binary_upgrade_set_next_pg_authid_oid
        binary_upgrade_set_next_pg_enum_oid binary_upgrade_set_next_pg_tablespace_oid
        binary_upgrade_set_next_pg_type_oid binary_upgrade_set_next_toast_pg_class_oid
        binary_upgrade_set_next_toast_relfilenode binary_upgrade_set_record_init_privs""",
        Action.ADMIN, "server", "rewrites the catalog",
    ),
    **_family(
        """pg_logical_emit_message pg_logical_slot_get_changes pg_logical_slot_get_binary_changes
        pg_logical_slot_peek_changes pg_logical_slot_peek_binary_changes pg_create_logical_replication_slot
        pg_create_physical_replication_slot pg_copy_logical_replication_slot pg_copy_physical_replication_slot
        pg_drop_replication_slot pg_replication_slot_advance pg_replication_origin_advance pg_replication_origin_create
        pg_replication_origin_drop pg_replication_origin_progress pg_replication_origin_session_is_setup
        pg_replication_origin_session_progress pg_replication_origin_session_reset
        pg_replication_origin_session_setup pg_replication_origin_xact_reset pg_replication_origin_xact_setup
        pg_sync_replication_slots pg_stat_get_wal_receiver pg_stat_get_wal_senders""",
        Action.REPLICATION, "replication", "reads or steers replication",
    ),
    **_family("pg_sleep pg_sleep_for pg_sleep_until", Action.LOCK, "wait", "waits"),
    **_family(
        """pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all
        pg_advisory_unlock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock
        pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared""",
        Action.LOCK, "advisory", "takes or releases an advisory lock",
    ),
    **_family("pg_notify", Action.NOTIFY, "channel", "sends a notification", 0),
    **_family("nextval", Action.SELECT, "sequence", "draws from a sequence", 0),
    **_family("setval", Action.ALTER, "sequence", "sets a sequence", 0),
    **_family("set_config", Action.SET, "setting", "changes a setting", 0),
    **_family(
        """brin_desummarize_range brin_summarize_new_values brin_summarize_range gin_clean_pending_list
        pg_clear_attribute_stats pg_clear_relation_stats pg_restore_attribute_stats pg_restore_relation_stats
        pg_stat_force_next_flush pg_stat_reset pg_stat_reset_backend_stats pg_stat_reset_replication_slot
        pg_stat_reset_shared pg_stat_reset_single_function_counters pg_stat_reset_single_table_counters
        pg_stat_reset_slru pg_stat_reset_subscription_stats""",
        Action.MAINTENANCE, "statistics", "changes statistics or indexes", 0,
    ),
    **_family(
        """query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema table_to_xml
        table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema schema_to_xml_and_xmlschema
        database_to_xml database_to_xmlschema database_to_xml_and_xmlschema ts_stat""",
        Action.UNKNOWN, "function", "runs SQL given as text, or dumps what a text names",
    ),
    # What these return is what other sessions run, or values sampled from tables.
    **_family(
        """pg_stat_get_activity pg_stat_get_backend_activity pg_cursor pg_prepared_statement pg_mcv_list_items
        pg_hba_file_rules pg_ident_file_mappings pg_show_all_file_settings""",
        Action.SELECT, "function", "shows values or statements of others",
    ),
}  # fmt: skip

# By bare name in any schema, since an extension may be installed anywhere.
DANGERS_OF_EXTENSIONS: Mapping[str, Danger] = {
    **_family(
        """dblink dblink_connect dblink_connect_u dblink_exec dblink_open dblink_fetch dblink_close dblink_send_query
        dblink_get_result dblink_get_connections dblink_disconnect dblink_cancel_query dblink_error_message
        dblink_get_notify dblink_get_pkey dblink_is_busy dblink_build_sql_insert dblink_build_sql_delete
        dblink_build_sql_update dblink_current_query""",
        Action.ADMIN, "connection", "connects to another database",
    ),
    **_family(
        """crosstab crosstab2 crosstab3 crosstab4 crosstabn connectby xpath_table xslt_process""",
        Action.UNKNOWN, "function", "runs SQL given as text",
    ),
    **_family(
        """get_raw_page page_header heap_page_items heap_page_item_attrs bt_page_items pg_read_server_files
        pg_file_settings pg_buffercache_evict pg_visibility pg_truncate_visibility_map""",
        Action.ADMIN, "storage", "reads storage past tables",
    ),
}  # fmt: skip

# ts_rewrite(query, text) runs its second argument; the form with three arguments is pure.
_TEXT_REWRITE = Danger(action=Action.UNKNOWN, kind="function", reason="runs SQL given as text")

HARMLESS_EXTENSIONS = frozenset(
    """
    pg_trgm uuid-ossp citext hstore unaccent intarray ltree fuzzystrmatch btree_gin btree_gist cube earthdistance isn
    seg pgcrypto vector
    """.split()  # noqa: SIM905
)

# Those whose operators and casts do no more than compute, though their functions may.
COMPUTING_EXTENSIONS = HARMLESS_EXTENSIONS | {"postgis"}

ROLE_SETTINGS = frozenset({"role", "session_authorization"})

# Settings that programs set all the time and that change no name, no right and no literal's meaning.
# Those that shape output are reported by ParameterStatus. Any other one without a dot counts as
# meaningful; with a dot it is an extension's or the application's own.
HARMLESS_SETTINGS = frozenset(
    """
    application_name statement_timeout lock_timeout idle_in_transaction_session_timeout idle_session_timeout
    transaction_timeout work_mem maintenance_work_mem jit synchronous_commit tcp_keepalives_idle tcp_user_timeout
    enable_seqscan enable_indexscan enable_bitmapscan enable_hashjoin enable_mergejoin enable_nestloop random_page_cost
    max_parallel_workers_per_gather plan_cache_mode geqo from_collapse_limit join_collapse_limit timezone datestyle
    intervalstyle extra_float_digits bytea_output client_min_messages lc_messages lc_monetary lc_numeric lc_time
    """.split()  # noqa: SIM905
)
_HARMLESS_VALUES = {
    "client_encoding": frozenset({"utf8", "utf-8", "unicode"}),
    "standard_conforming_strings": frozenset({"on", "true", "1"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one call does. ``opaque``: the result cannot be traced, whatever is known of ``foreign``. ``settings``: it
    may change some."""

    effects: tuple[Effect, ...] = ()
    opaque: bool = False
    settings: bool = False
    foreign: tuple[Function, ...] = ()  # routines of the user's and of extensions that it may reach


HARMLESS = Judgement()
_HARMLESS_SAFETY = frozenset({Safety.SAFE, Safety.AGGREGATE_SAFE, Safety.CONTEXT})


@lru_cache(maxsize=4096)
def safety(name: str) -> Safety:
    """The kind of ``pg_catalog.<name>``. ``ts_rewrite`` counts as dangerous, see `judge` for its pure form."""
    if name in DANGERS or name == "ts_rewrite":
        return Safety.DANGEROUS
    if name in AGGREGATE_SAFE:
        return Safety.AGGREGATE_SAFE
    if name in CONTEXT:
        return Safety.CONTEXT
    if name in ORDINARY_FUNCTIONS or name in _HARMLESS_VOLATILE or name in _BY_GRAMMAR or name in _UNDOCUMENTED:
        return Safety.SAFE
    return Safety.UNLISTED


def is_unlisted(name: str) -> bool:
    """Whether nothing that comes with the server or a known extension has this name."""
    return safety(name) is Safety.UNLISTED and name not in DANGERS_OF_EXTENSIONS


def _comes_with_the_server(routine: Function) -> bool:
    return routine.schema == "pg_catalog" or (
        routine.schema == "information_schema" and routine.name in INFORMATION_SCHEMA_FUNCTIONS
    )


def is_harmless_extension(function: Function) -> bool:
    """True for a function whose extension only brings types and pure functions."""
    return function.extension in HARMLESS_EXTENSIONS


def is_taken_at_its_word(function: Function) -> bool:
    """True for an extension's own code in C: who installed it trusts it to do as it is declared."""
    return function.extension is not None and function.language in ("c", "internal")


def is_on_trust(function: Function) -> bool:
    """True for code in C of which nothing is known but what its extension declares."""
    return is_taken_at_its_word(function) and not is_harmless_extension(function)


def judge(
    schema: str, name: str, arguments: list[dict[str, Any]], candidates: Sequence[Function] = (), *, qualified: bool
) -> Judgement:
    """The effects of calling ``name``.

    ``candidates`` are the catalog's routines that the call may reach. With ``qualified`` the call
    named ``schema``; otherwise ``pg_catalog`` is always among the places looked at.
    """
    built_in = not qualified or schema == "pg_catalog"
    if not candidates and built_in and name not in DANGERS and safety(name) in _HARMLESS_SAFETY:
        return HARMLESS
    others = [routine for routine in candidates if not _comes_with_the_server(routine)]
    if not others and built_in:
        found = _judge_built_in(name, arguments)
        if found is not None:
            return found
    if schema == "information_schema" and name in INFORMATION_SCHEMA_FUNCTIONS and not others:
        return HARMLESS
    effects: list[Effect] = []
    opaque = settings = False
    known_built_in = _judge_built_in(name, arguments) if built_in else None
    if known_built_in is not None:
        effects.extend(known_built_in.effects)
        opaque, settings = known_built_in.opaque, known_built_in.settings
    danger = DANGERS_OF_EXTENSIONS.get(name)
    if danger is not None:
        effects.append(_danger_effect(danger, schema, name, arguments))
        opaque = True
    foreign = [routine for routine in others if not is_harmless_extension(routine)]
    if foreign:
        effects.extend(_calls(name, foreign))
        settings = settings or any(routine.volatility == "v" for routine in foreign)
    if not others and known_built_in is None and danger is None:
        written = f"{schema}.{name}" if schema else name
        effects.append(
            Effect(action=Action.UNKNOWN, kind="function", schema=schema, name=name, facts={"function": written})
        )
        opaque = settings = True
    return Judgement(effects=tuple(effects), opaque=opaque, settings=settings, foreign=tuple(foreign))


def constant_text(node: dict[str, Any]) -> str | None:
    """The text of a plain constant, through casts and ``ARRAY``-free; None for anything computed."""
    while "TypeCast" in node:
        node = node["TypeCast"]["arg"]
    constant = node.get("A_Const")
    if constant is None or "isnull" in constant:
        return None
    if "sval" in constant:
        return str(constant["sval"].get("sval", ""))
    if "ival" in constant:
        return str(constant["ival"].get("ival", 0))
    if "fval" in constant:
        return str(constant["fval"].get("fval", ""))
    if "boolval" in constant:
        return "true" if constant["boolval"].get("boolval") else "false"
    return None


def _judge_built_in(name: str, arguments: list[dict[str, Any]]) -> Judgement | None:
    if name == "ts_rewrite":
        if len(arguments) == 3:
            return HARMLESS
        effect = _danger_effect(_TEXT_REWRITE, "pg_catalog", name, arguments)
        return Judgement(effects=(effect,), opaque=True, settings=True)
    danger = DANGERS.get(name)
    if danger is None:
        return None if safety(name) is Safety.UNLISTED else HARMLESS
    if name == "set_config":
        effects = _set_config(arguments)
        settings = any(changes_meaning(effect.name, str(effect.facts.get("value", ""))) for effect in effects)
        return Judgement(effects=effects, settings=settings)
    effect = _danger_effect(danger, "pg_catalog", name, arguments)
    unknown = danger.action is Action.UNKNOWN
    return Judgement(effects=(effect,), opaque=danger.kind in _RETURNS_DATA, settings=unknown)


# Kinds of dangers whose result may be anybody's rows. The others return a number, a name or nothing.
_RETURNS_DATA = frozenset({"file", "large_object", "replication", "function", "connection", "storage"})


def _danger_effect(danger: Danger, schema: str, name: str, arguments: list[dict[str, Any]]) -> Effect:
    facts: dict[str, str | int | bool] = {"function": name, "reason": danger.reason}
    target = ""
    if danger.argument is not None and len(arguments) > danger.argument:
        target = constant_text(arguments[danger.argument]) or ""
    match danger.kind:
        case "sequence":
            facts["sequence"] = target
            schema, _, target = target.rpartition(".")
        case "channel":
            schema = ""
        case "function":
            target = name
            if danger.action is Action.SELECT:
                facts["catalog"] = "sensitive"
        case _:
            # Security: file names and the like are arguments, thus data; the function is the object.
            target = name
    return Effect(action=danger.action, kind=danger.kind, schema=schema, name=target, facts=facts)


def _set_config(arguments: list[dict[str, Any]]) -> tuple[Effect, ...]:
    setting = constant_text(arguments[0]) if arguments else None
    value = constant_text(arguments[1]) if len(arguments) > 1 else None
    facts: dict[str, str | int | bool] = {"function": "set_config"}
    if setting is not None:
        return (setting_effect(setting.lower(), value, facts=facts),)
    # Which setting cannot be told, so it may be the role.
    facts["unknown_setting"] = True
    return (
        Effect(action=Action.SET, kind="setting", facts={**facts, "setting": ""}),
        Effect(action=Action.UNKNOWN, kind="setting", facts=facts),
    )


def changes_meaning(setting: str, value: str | None) -> bool:
    """True when a later statement may mean something else once ``setting`` (lower case) has this value."""
    if "." in setting or setting in HARMLESS_SETTINGS:
        return False
    return (value or "").lower() not in _HARMLESS_VALUES.get(setting, frozenset())


def setting_effect(setting: str, value: str | None, *, facts: Mapping[str, str | int | bool] | None = None) -> Effect:
    """The effect of giving ``setting`` (lower case) a value; None: not a plain constant."""
    said: dict[str, str | int | bool] = {**(facts or {}), "setting": setting}
    if value is not None and "." not in setting:
        # Security: effects are recorded, and an application's own settings carry its data.
        said["value"] = value
    if setting in ROLE_SETTINGS:
        return Effect(action=Action.SET_ROLE, kind="role", name=value or "", facts=said)
    return Effect(action=Action.SET, kind="setting", name=setting, facts=said)


def _calls(name: str, routines: list[Function]) -> list[Effect]:
    """One CALL per schema: overloads are judged together, each fact by the worst of them."""
    by_schema: dict[str, list[Function]] = {}
    for routine in routines:
        by_schema.setdefault(routine.schema, []).append(routine)
    effects = []
    for schema, overloads in sorted(by_schema.items()):
        facts: dict[str, str | int | bool] = {
            "function": f"{schema}.{name}",
            "volatility": max((routine.volatility for routine in overloads), key="isv".find),
            "security_definer": any(routine.security_definer for routine in overloads),
            "language": ",".join(sorted({routine.language for routine in overloads})),
        }
        extensions = sorted({routine.extension for routine in overloads if routine.extension})
        if extensions:
            facts["extension"] = ",".join(extensions)
        kind = "procedure" if all(routine.kind == "p" for routine in overloads) else "function"
        effects.append(Effect(action=Action.CALL, kind=kind, schema=schema, name=name, facts=facts))
    return effects
