"""COPY of one part into a staging table, or of a whole load into the table itself."""

from collections.abc import Sequence

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.errors import BadData, QueryFailed, RowRefused
from lambdas.load.csv_format import CsvFormat
from lambdas.load.reading.feed import Feed
from lambdas.load.writing.table import identifiers


def copy_in(
    session: Session,
    into: sql.Identifier,
    columns: Sequence[str],
    form: CsvFormat,
    feed: Feed,
    *,
    with_header: bool,
    where: str,
    first_line: int = 1,
) -> int:
    """Feed the data to the server; return the number of rows.

    Args:
        where: the object, for messages.
        first_line: the number of the feed's first line within the object.

    Raises:
        BadData: a row can't be loaded; tells object, line, column and reason.
    """
    statement = copy_statement(into, columns, form, with_header=with_header)
    try:
        return session.copy_in(
            statement, feed, relation=into.strings[-1], action=f"loading {where}"
        )
    except RowRefused as refused:
        line = feed.lines.line(refused.line) + first_line - 1
        message = refusal(refused, where, columns, line)
        raise BadData(f"{message}; {remedy_of_row(refused.sqlstate)}") from None
    except BadData as bad:
        raise BadData(f"{where}: {bad}") from None


def copy_statement(
    into: sql.Composable, columns: Sequence[str], form: CsvFormat, *, with_header: bool
) -> sql.Composable:
    """``COPY … FROM STDIN`` of a CSV in UTF-8."""
    return sql.SQL(
        "COPY {into} ({columns}) FROM STDIN WITH (FORMAT csv, ENCODING 'UTF8', HEADER {header},"
        " DELIMITER {delimiter}, QUOTE {quote}, ESCAPE {escape}, NULL {null})"
    ).format(
        into=into,
        columns=identifiers(columns),
        header=sql.SQL("true" if with_header else "false"),
        delimiter=sql.Literal(form.delimiter),
        quote=sql.Literal(form.quote),
        escape=sql.Literal(form.escape),
        null=sql.Literal(form.null),
    )


def refusal(refused: RowRefused, where: str, columns: Sequence[str], line: int) -> str:
    """A refused row in words: object, line, column, reason; never a value."""
    # What stands after a column's name in the message is the value: only a known name is shown.
    column = f", column {refused.column}" if refused.column in columns else ""
    return f"{where}: line {line}{column}: {reason_of(refused)}"


def reason_of(refused: QueryFailed) -> str:
    """Why, in words."""
    reason = _REASONS.get(refused.sqlstate, refused.condition.replace("_", " "))
    return f"{reason} (SQLSTATE {refused.sqlstate})"


def remedy_of_row(sqlstate: str) -> str:
    """What to do about a row that PostgreSQL refuses, by the SQLSTATE."""
    return _REMEDIES.get(sqlstate, "mend the row, or leave it out")


_REASONS = {
    "22P04": "the row has more or fewer fields than there are columns, its quotes do not close, or"
    " its line ends in another way than the first one",
    "22P02": "the text is not of the column's type",
    "22007": "the text is no date or time as the server reads it",
    "22008": "the date or time is out of range",
    "22003": "the number is out of range",
    "22001": "the text is too long for the column",
    "22021": "bytes that are not of the encoding, or a zero byte",
    "23502": "the column may not be NULL",
    "23503": "a foreign key has nothing to point to",
    "23505": "a key that must be unique is there already",
    "23514": "a check constraint is violated",
    "23P01": "an exclusion constraint is violated",
}

_OF_A_VALUE = "mend the value, leave the row out (max_errors), or give the column another type"
_REMEDIES = {
    "22P04": "see the line, and whether format.delimiter, format.quote and format.escape are right",
    "22P02": f"{_OF_A_VALUE}; if it stands for NULL, give it as format.null",
    "22007": _OF_A_VALUE,
    "22008": _OF_A_VALUE,
    "22003": _OF_A_VALUE,
    "22001": _OF_A_VALUE,
    "22021": "give format.encoding",
    "23502": "give it a value, leave the row out (max_errors), or see format.null",
    "23503": "load what it points to first",
    "23505": "leave the row out, or give on_conflict",
}
