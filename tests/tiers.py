"""The repeated matrices: ``make test`` runs every n-th case of these, ``make test-all`` every case.

A case that is left out gets the mark ``thorough``. Only tests are named here whose every case costs
a load, a restore or a drill of its own, and whose cases differ in one value.
"""

from collections import Counter

import pytest

EVERY = {
    "test_kills.py::test_a_function_that_ended_is_tried_again_and_loads_nothing_twice": 12,
    "test_kills.py::test_what_always_fails_leaves_all_or_nothing_and_says_which": 12,
    "test_kills.py::test_denied_evidence_leaves_all_or_nothing_and_says_which": 3,
    "test_ways.py::test_a_new_table_is_there_with_all_rows_or_not_at_all": 3,
    "test_patience.py::test_what_passes_by_itself_is_asked_for_again": 3,
    "test_moving.py::test_the_first_row_that_is_refused_is_told": 8,
    "test_bad_rows.py::test_it_is_told_where_and_why_and_never_what": 3,
    "test_bad_rows.py::test_lines_are_counted_as_an_editor_counts_them": 5,
    "test_bad_rows.py::test_exactly_the_bad_rows_are_left_out": 5,
    "test_hard_files.py::test_a_file_comes_in_as_it_is": 3,
    "test_hard_files.py::test_a_format_is_read_as_declared": 3,
    "test_hard_files.py::test_a_file_that_is_broken_is_refused_with_the_line": 3,
    "test_hard_files.py::test_a_damaged_object_is_refused_and_nothing_of_it_loaded": 3,
    "test_faulty_copies.py::test_the_same_on_the_copy_alone_is_damage": 6,
    "test_writes.py::test_rows_that_move_to_other_blocks_are_compared_as_a_whole": 4,
    "test_power.py::test_what_is_wrong_is_found_and_named": 3,
    "test_written.py::test_what_people_have_comes_back_as_it_was_written": 6,
    "test_watch.py::test_a_value_has_a_type_if_and_only_if_the_server_prints_it_so": 4,
    "test_watch.py::test_quotes_around_a_field_pass": 4,
    "test_sweep.py::test_when_time_runs_out_it_stops_cleanly_and_says_what_it_did_not_get_to": 6,
    "test_sweep.py::test_a_deletion_that_fails_is_told_and_the_rest_goes_on": 3,
    "test_sweep.py::test_what_is_gone_when_it_is_deleted_is_fine": 3,
    "test_list_snapshots.py::test_options_narrow_it": 4,
    "test_failures.py::test_a_throttled_call_is_tried_again_until_it_passes": 3,
}
"""File and name of the test: of how many cases one stays."""


def mark_thorough(items: list[pytest.Item]) -> None:
    """The first case of each always stays."""
    seen: Counter[str] = Counter()
    for item in items:
        name = f"{item.path.name}::{item.name.partition('[')[0]}"
        if name in EVERY:
            if seen[name] % EVERY[name]:
                item.add_marker(pytest.mark.thorough)
            seen[name] += 1
