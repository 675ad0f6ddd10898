"""Settings of a database or role that are harmless to our sessions, each with its reason."""

LEFT: dict[str, str] = {
    (
        "is the user's own: what a function reads that an index was made with, and where what is"
        " new comes to lie"
    ): (
        "default_text_search_config timezone_abbreviations default_table_access_method "
        "default_tablespace default_toast_compression temp_tablespaces synchronous_commit"
    ),
    "of a session's start, so that no database and no role may carry it": (
        "ignore_system_indexes post_auth_delay log_connections log_disconnections "
        "jit_debugging_support jit_profiling_support"
    ),
    "set for each session by the start-up packet": (
        "statement_timeout lock_timeout application_name client_encoding"
    ),
    (
        "of one transaction only, which the login's own is; pinned by its default_…, or after login"
    ): (
        "transaction_deferrable transaction_isolation transaction_read_only "
        "default_transaction_read_only"
    ),
    "memory, input and output: how fast, and never what": (
        "work_mem hash_mem_multiplier maintenance_work_mem temp_buffers logical_decoding_work_mem "
        "backend_flush_after effective_io_concurrency maintenance_io_concurrency io_combine_limit "
        "file_copy_method gin_pending_list_limit synchronize_seqscans commit_delay "
        "commit_siblings deadlock_timeout wal_compression wal_consistency_checking wal_init_zero "
        "wal_recycle wal_skip_threshold allow_in_place_tablespaces debug_discard_caches"
    ),
    "of parallel plans and compiled queries, both of which are off": (
        "enable_parallel_append enable_parallel_hash max_parallel_maintenance_workers "
        "max_parallel_workers min_parallel_index_scan_size min_parallel_table_scan_size "
        "parallel_leader_participation parallel_setup_cost parallel_tuple_cost jit_above_cost "
        "jit_dump_bitcode jit_expressions jit_inline_above_cost "
        "jit_optimize_above_cost jit_tuple_deforming"
    ),
    "of plans with twelve tables and more, or with recursion: none of ours depends on it": (
        "geqo_effort geqo_generations geqo_pool_size geqo_seed geqo_selection_bias "
        "recursive_worktable_factor"
    ),
    (
        "of what our sessions do not do: vacuum, analyze, make roles, functions or collations,"
        " replicate"
    ): (
        "allow_system_table_mods check_function_bodies createrole_self_grant "
        "debug_logical_replication_streaming default_statistics_target default_with_oids "
        "icu_validation_level md5_password_warnings output_plugin_libraries password_encryption "
        "scram_iterations vacuum_buffer_usage_limit vacuum_cost_delay vacuum_cost_limit "
        "vacuum_cost_page_dirty vacuum_cost_page_hit vacuum_cost_page_miss vacuum_failsafe_age "
        "vacuum_freeze_min_age vacuum_freeze_table_age vacuum_max_eager_freeze_failure_rate "
        "vacuum_multixact_failsafe_age vacuum_multixact_freeze_min_age "
        "vacuum_multixact_freeze_table_age vacuum_truncate wal_sender_timeout"
    ),
    "of the server's log and its statistics, or of the network of a client that is there": (
        "backtrace_functions compute_query_id debug_pretty_print debug_print_parse "
        "debug_print_plan debug_print_rewritten escape_string_warning lc_messages "
        "log_duration log_error_verbosity log_executor_stats log_lock_failures "
        "log_lock_waits log_min_duration_sample log_min_duration_statement "
        "log_min_error_statement log_min_messages log_parameter_max_length "
        "log_parameter_max_length_on_error log_parser_stats log_planner_stats "
        "log_replication_commands log_statement log_statement_sample_rate log_statement_stats "
        "log_temp_files log_transaction_sample_rate tcp_keepalives_count tcp_keepalives_idle "
        "tcp_keepalives_interval trace_notify trace_sort track_activities track_cost_delay_timing "
        "track_functions track_io_timing track_wal_io_timing update_process_title"
    ),
    (
        "only a superuser's, and it shows by itself: a query, a library or the login fails with an"
        " error, and nothing is answered wrongly"
    ): (
        "dynamic_library_path extension_control_path extension_destdir lo_compat_privileges "
        "max_stack_depth session_preload_libraries temp_file_limit"
    ),
    "only a superuser's, and of triggers: asked for where we would fire one": (
        "event_triggers session_replication_role"
    ),
    (
        # Off, no checksum failure is counted (pgstat_report_checksum_failures_in_db of PostgreSQL's
        # pgstat_database.c); the check forks says so.
        "only a superuser's, and of counters: a block whose checksum fails is an error where it is"
        " read"
    ): "track_counts",
}
"""Left as they are: by the reason, the names."""
