"""A reading in pieces: however it is cut, it folds into the same, and what can't be is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.drill.checks.rows.read_pieces import (
    CHUNK_BYTES,
    MODULUS,
    READ_SECONDS,
    REWRITTEN,
    SOURCE_BATCH_BYTES,
    batch_bytes,
    chunk_blocks,
    fold,
    range_bytes,
)

BLOCK_BYTES = 8192
BUCKET_BLOCKS = 64


def _piece(first: int, last: int | None, content: list[int], **other: Any) -> dict[str, Any]:
    """A stretch of a table with one standing row in each block, whose hash is ``content``."""
    end = len(content) if last is None else last
    number = -(-len(content) // BUCKET_BLOCKS)
    starts = [first, *range((first // BUCKET_BLOCKS + 1) * BUCKET_BLOCKS, end, BUCKET_BLOCKS)]
    ends = [*starts[1:], end]
    return {
        "blocks": [first, last],
        "file": 7,
        "columns": "abc",
        "buckets": {"blocks_each": BUCKET_BLOCKS, "number": number},
        "rows": end - first,
        "stable rows": end - first,
        "younger rows": 0,
        "standing": [there - here for here, there in zip(starts, ends, strict=True)],
        "hashes": [
            sum(content[here:there]) % MODULUS for here, there in zip(starts, ends, strict=True)
        ],
        **other,
    }


@given(
    st.lists(st.integers(0, MODULUS - 1), min_size=130, max_size=400),
    st.sampled_from([1, 2, 16, 32, 64, 128]),
)
def test_chunks_fold_into_the_whole(content: list[int], each: int) -> None:
    starts = range(0, len(content), each)
    pieces = [
        _piece(first, first + each if first + each < len(content) else None, content)
        for first in starts
    ]
    assert fold(pieces) == _piece(0, None, content)


def test_what_lies_beyond_the_last_bucket_is_the_last_one_s() -> None:
    """The last range is open: the table may have grown since it was cut."""
    grown = _piece(128, None, [1] * 300)
    grown["buckets"] = {"blocks_each": BUCKET_BLOCKS, "number": 2}
    first = {**_piece(0, 128, [1] * 300), "buckets": grown["buckets"]}
    folded = fold([first, grown])
    assert folded["standing"] == [64, 64 + 172]
    assert folded["stable rows"] == 300


def test_one_piece_without_a_reading_is_a_relation_without_one() -> None:
    whole = _piece(0, None, [1] * 64)
    assert fold([whole, {"unread": "out of time"}]) == {"unread": "out of time"}
    gone = {"absent": "not on the source"}
    assert fold([{"unread": "out of time"}, whole, gone]) == gone


def test_pieces_of_two_files_prove_nothing() -> None:
    """A rewrite moves rows from one stretch to another: they may be counted twice, or never."""
    pieces = [_piece(0, 64, [1] * 128), _piece(64, None, [1] * 128, file=8)]
    assert fold(pieces) == {"absent": REWRITTEN}


def test_pieces_with_other_columns_have_no_content_to_compare() -> None:
    pieces = [_piece(0, 64, [1] * 128), _piece(64, None, [1] * 128, columns="abd")]
    assert fold(pieces)["columns"] == ""
    assert fold(pieces)["standing"] == [64, 64]


@pytest.mark.parametrize("mib_per_second", [0, 1, 5, 20, 1000])
def test_a_bound_on_the_speed_makes_batches_that_end_in_time(mib_per_second: int) -> None:
    bytes_per_second = mib_per_second * 2**20
    limit = batch_bytes(bytes_per_second)
    assert limit <= SOURCE_BATCH_BYTES
    assert not bytes_per_second or limit <= bytes_per_second * READ_SECONDS
    assert range_bytes(bytes_per_second, 4 * 2**30) <= limit
    chunk_bytes = chunk_blocks(bytes_per_second, BLOCK_BYTES) * BLOCK_BYTES
    assert chunk_bytes <= CHUNK_BYTES
    assert chunk_bytes & (chunk_bytes - 1) == 0
