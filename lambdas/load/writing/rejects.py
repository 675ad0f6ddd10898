"""Bad rows left out, up to a number: the good ones of a block are copied without them."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.errors import BadData, RowRefused
from lambdas.load.csv_format import CsvFormat
from lambdas.load.load import Rejects
from lambdas.load.reading.feed import Feed
from lambdas.load.reading.lines import row_of_line
from lambdas.load.reading.rows import NOT_FOUND, is_odd, last_row_start, row_start
from lambdas.load.writing.copying import copy_statement, refusal

BLOCK_BYTES = 1 << 20
"""As much is copied again for each bad row in it."""


@dataclass(frozen=True)
class Block:
    """Whole rows, and the number of the first line."""

    data: bytes
    first_line: int


REJECTED_BYTES = 16 << 20
"""They are kept in memory until the part is through."""


class _Bytes(io.BytesIO):
    """A feed that can't fail."""

    error: BaseException | None = None


def copy_leaving_out(
    session: Session,
    into: sql.Identifier,
    columns: Sequence[str],
    form: CsvFormat,
    feed: Feed,
    rejects: Rejects,
    *,
    with_header: bool,
    where: str,
    first_line: int,
    most: int,
) -> int:
    """Copy block by block within the transaction; return the rows that went in.

    Raises:
        BadData: there are more than ``most`` bad rows; tells the first one too many. Or the feed
            can't be read.
    """
    statement, count = copy_statement(into, columns, form, with_header=False), 0
    for whole in _placed(blocks(feed, form, first_line), where):
        _refuse_lone_returns(whole, form, where)
        block = whole
        if with_header:
            rejects.header, block = _without_header(whole, form)
            with_header = False
        count += _copy_block(session, statement, into, columns, form, block, rejects, where, most)
    return count


def _placed(found: Iterator[Block], where: str) -> Iterator[Block]:
    """Let what the feed refuses name the object."""
    try:
        yield from found
    except BadData as bad:
        raise BadData(f"{where}: {bad}") from None


def _refuse_lone_returns(block: Block, form: CsvFormat, where: str) -> None:
    r"""COPY takes ``\r`` alone for the end of a row too; here no row could be left out then."""
    if row_start(block.data, form.cut_quote, inside=False) == NOT_FOUND and b"\r" in block.data:
        raise BadData(f"{where}: the rows do not end with a newline; load it without max_errors")


def _without_header(block: Block, form: CsvFormat) -> tuple[bytes, Block]:
    end = row_start(block.data, form.cut_quote, inside=False)
    header = block.data if end == NOT_FOUND else block.data[:end]
    lines = header.count(b"\n")
    return header, Block(block.data[len(header) :], block.first_line + lines)


def blocks(feed: Feed, form: CsvFormat, first_line: int) -> Iterator[Block]:
    """The data in whole rows."""
    begun: list[bytes] = []
    inside, line = False, first_line
    while chunk := feed.read(BLOCK_BYTES):
        end = last_row_start(chunk, form.cut_quote, inside=inside)
        inside ^= is_odd(chunk, form.cut_quote)
        begun.append(chunk[:end] if end else chunk)
        if end:
            data = b"".join(begun)
            yield Block(data, line)
            line += data.count(b"\n")
            begun = [chunk[end:]]
    if data := b"".join(begun):
        yield Block(data, line)


def _copy_block(
    session: Session,
    statement: sql.Composable,
    into: sql.Identifier,
    columns: Sequence[str],
    form: CsvFormat,
    block: Block,
    rejects: Rejects,
    where: str,
    most: int,
) -> int:
    count, data, line = 0, block.data, block.first_line
    while data:
        try:
            return count + _try(session, statement, into, data, where)
        except RowRefused as refused:
            begin, end = row_of_line(data, refused.line, form.cut_quote)
            bad_line = line + data.count(b"\n", 0, max(begin, end - 1))
            reason = refusal(refused, where, columns, bad_line)
            if len(rejects.lines) >= most:
                raise BadData(
                    f"{reason}; {most} bad rows were allowed: mend them, or raise max_errors"
                ) from None
        rejects.lines.append(reason)
        rejects.rows.append(data[begin:end])
        if sum(map(len, rejects.rows)) > REJECTED_BYTES:
            limit = REJECTED_BYTES >> 20
            raise BadData(
                f"{reason}; the bad rows are more than {limit} MiB together: mend them first"
            )
        if begin:
            count += _try(session, statement, into, data[:begin], where)
        line += data.count(b"\n", 0, end)
        data = data[end:]
    return count


def _try(
    session: Session, statement: sql.Composable, into: sql.Identifier, data: bytes, where: str
) -> int:
    session.run("SAVEPOINT block", action=f"loading {where}")
    try:
        rows = session.copy_in(
            statement, _Bytes(data), relation=into.strings[-1], action=f"loading {where}"
        )
    except RowRefused:
        session.run("ROLLBACK TO SAVEPOINT block", action=f"loading {where}")
        raise
    session.run("RELEASE SAVEPOINT block", action=f"loading {where}")
    return rows
