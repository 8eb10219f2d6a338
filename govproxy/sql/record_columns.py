"""Columns of built-in functions that name their results by OUT parameters, as in ``pg_proc.dat``.

The snapshot holds argument types only. Listed is what PostgreSQL 15 and 18 agree on; where they
differ, or a name is missing, the columns are not known. Knows nothing of queries.
"""

from __future__ import annotations

from collections.abc import Mapping

_LISTED = """
    _pg_expandarray: x n
    aclexplode: grantor grantee privilege_type is_grantable
    json_array_elements: value
    json_array_elements_text: value
    json_each: key value
    json_each_text: key value
    jsonb_array_elements: value
    jsonb_array_elements_text: value
    jsonb_each: key value
    jsonb_each_text: key value
    pg_available_extension_versions: name version superuser trusted relocatable schema requires comment
    pg_available_extensions: name default_version comment
    pg_available_wal_summaries: tli start_lsn end_lsn
    pg_backup_stop: lsn labelfile spcmapfile
    pg_config: name setting
    pg_control_checkpoint: checkpoint_lsn redo_lsn redo_wal_file timeline_id prev_timeline_id full_page_writes
        next_xid next_oid next_multixact_id next_multi_offset oldest_xid oldest_xid_dbid oldest_active_xid
        oldest_multi_xid oldest_multi_dbid oldest_commit_ts_xid newest_commit_ts_xid checkpoint_time
    pg_control_recovery: min_recovery_end_lsn min_recovery_end_timeline backup_start_lsn backup_end_lsn
        end_of_backup_record_required
    pg_control_system: pg_control_version catalog_version_no system_identifier pg_control_last_modified
    pg_copy_logical_replication_slot: slot_name lsn
    pg_copy_physical_replication_slot: slot_name lsn
    pg_create_logical_replication_slot: slot_name lsn
    pg_create_physical_replication_slot: slot_name lsn
    pg_cursor: name statement is_holdable is_binary is_scrollable creation_time
    pg_event_trigger_ddl_commands: classid objid objsubid command_tag object_type schema_name object_identity
        in_extension command
    pg_event_trigger_dropped_objects: classid objid objsubid original normal is_temporary object_type
        schema_name object_name object_identity address_names address_args
    pg_event_trigger_table_rewrite_oid: oid
    pg_extension_update_paths: source target path
    pg_get_aios: pid io_id io_generation state operation off length target handle_data_len raw_result result
        target_desc f_sync f_localmem f_buffered
    pg_get_catalog_foreign_keys: fktable fkcols pktable pkcols is_array is_opt
    pg_get_keywords: word catcode barelabel catdesc baredesc
    pg_get_loaded_modules: module_name version file_name
    pg_get_multixact_members: xid mode
    pg_get_object_address: classid objid objsubid
    pg_get_sequence_data: last_value is_called
    pg_get_shmem_allocations: name off size allocated_size
    pg_get_shmem_allocations_numa: name numa_node size
    pg_get_wait_events: type name description
    pg_get_wal_resource_managers: rm_id rm_name rm_builtin
    pg_get_wal_summarizer_state: summarized_tli summarized_lsn pending_lsn summarizer_pid
    pg_identify_object: type schema name identity
    pg_identify_object_as_address: type object_names object_args
    pg_input_error_info: message detail hint sql_error_code
    pg_last_committed_xact: xid timestamp roident
    pg_lock_status: locktype database relation page tuple virtualxid transactionid classid objid objsubid
        virtualtransaction pid mode granted fastpath waitstart
    pg_logical_slot_get_binary_changes: lsn xid data
    pg_logical_slot_get_changes: lsn xid data
    pg_logical_slot_peek_binary_changes: lsn xid data
    pg_logical_slot_peek_changes: lsn xid data
    pg_ls_archive_statusdir: name size modification
    pg_ls_logdir: name size modification
    pg_ls_logicalmapdir: name size modification
    pg_ls_logicalsnapdir: name size modification
    pg_ls_replslotdir: name size modification
    pg_ls_summariesdir: name size modification
    pg_ls_tmpdir: name size modification
    pg_ls_waldir: name size modification
    pg_mcv_list_items: index values nulls frequency base_frequency
    pg_options_to_table: option_name option_value
    pg_partition_ancestors: relid
    pg_partition_tree: relid parentrelid isleaf level
    pg_prepared_xact: transaction gid prepared ownerid dbid
    pg_replication_slot_advance: slot_name end_lsn
    pg_sequence_parameters: start_value minimum_value maximum_value increment cycle_option cache_size data_type
    pg_show_all_file_settings: sourcefile sourceline seqno name setting applied error
    pg_show_all_settings: name setting unit category short_desc extra_desc context vartype source min_val
        max_val enumvals boot_val reset_val sourcefile sourceline pending_restart
    pg_show_replication_origin_status: local_id external_id remote_lsn local_lsn
    pg_split_walfile_name: segment_number timeline_id
    pg_stat_file: size access modification change creation isdir
    pg_stat_get_archiver: archived_count last_archived_wal last_archived_time failed_count last_failed_wal
        last_failed_time stats_reset
    pg_stat_get_backend_io: backend_type object context reads read_bytes read_time writes write_bytes write_time
        writebacks writeback_time extends extend_bytes extend_time hits evictions reuses fsyncs fsync_time
        stats_reset
    pg_stat_get_backend_subxact: subxact_count subxact_overflowed
    pg_stat_get_backend_wal: wal_records wal_fpi wal_bytes wal_buffers_full stats_reset
    pg_stat_get_io: backend_type object context reads read_bytes read_time writes write_bytes write_time
        writebacks writeback_time extends extend_bytes extend_time hits evictions reuses fsyncs fsync_time
        stats_reset
    pg_stat_get_progress_info: pid datid relid param1 param2 param3 param4 param5 param6 param7 param8 param9
        param10 param11 param12 param13 param14 param15 param16 param17 param18 param19 param20
    pg_stat_get_recovery_prefetch: stats_reset prefetch hit skip_init skip_new skip_fpw skip_rep wal_distance
        block_distance io_depth
    pg_stat_get_replication_slot: slot_name spill_txns spill_count spill_bytes stream_txns stream_count
        stream_bytes total_txns total_bytes stats_reset
    pg_stat_get_slru: name blks_zeroed blks_hit blks_read blks_written blks_exists flushes truncates stats_reset
    pg_stat_get_wal_receiver: pid status receive_start_lsn receive_start_tli written_lsn flushed_lsn
        received_tli last_msg_send_time last_msg_receipt_time latest_end_lsn latest_end_time slot_name
        sender_host sender_port conninfo
    pg_stat_get_wal_senders: pid state sent_lsn write_lsn flush_lsn replay_lsn write_lag flush_lag replay_lag
        sync_priority sync_state reply_time
    pg_timezone_abbrevs: abbrev utc_offset is_dst
    pg_timezone_abbrevs_abbrevs: abbrev utc_offset is_dst
    pg_timezone_abbrevs_zone: abbrev utc_offset is_dst
    pg_timezone_names: name abbrev utc_offset is_dst
    pg_wal_summary_contents: relfilenode reltablespace reldatabase relforknumber relblocknumber is_limit_block
    pg_walfile_name_offset: file_name file_offset
    pg_xact_commit_timestamp_origin: timestamp roident
    ts_debug: alias description token dictionaries dictionary lexemes
    ts_parse: tokid token
    ts_stat: word ndoc nentry
    ts_token_type: tokid alias description
"""


def _read(listed: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in listed.splitlines():
        head, colon, rest = line.partition(":")
        if colon:
            name = head.strip()
        found.setdefault(name, []).extend((rest if colon else line).split())
    return {name: tuple(columns) for name, columns in found.items() if name}


RECORD_COLUMNS: Mapping[str, tuple[str, ...]] = _read(_LISTED)
