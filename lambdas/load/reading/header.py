"""The header is matched by name, in any order; what does not fit is named."""

from collections import Counter
from collections.abc import Sequence

from lambdas.errors import BadData
from lambdas.load.csv_format import CsvFormat
from lambdas.load.load import first_of
from lambdas.load.reading.fields import Fields
from lambdas.load.reading.sample import HEAD_BYTES
from lambdas.load.writing.table import LONGEST_NAME

_OFTEN = {";": "a semicolon", "\t": "a tab", "|": "a bar", ",": "a comma"}
"""What separates the columns of most files."""

_NOTE = b"sep="
"""How Excel notes the delimiter in a line of its own."""


def names_in(first_bytes: bytes, form: CsvFormat, *, whole: bool) -> list[str]:
    """The column names of a header.

    Args:
        first_bytes: the beginning of the data, in UTF-8, without byte order mark or compression.
        whole: whether it is all there is.

    Raises:
        BadData: there is no header, it is no UTF-8, or does not end.
    """
    fields = Fields(form)
    row = next(fields.rows(first_bytes, whole=whole), None)
    if row is None and not first_bytes:
        raise BadData("the data are empty: there is no header; see what writes the object")
    if row is None:
        raise BadData(
            "the header does not end: a quote is never closed; close it, or give format.quote"
            if whole
            else f"the header does not end within {HEAD_BYTES >> 20} MiB; see whether it is a CSV"
        )
    if b"".join(row).strip() == b"":
        raise BadData(
            "line 1 is empty: the header has to be the first line; take out what stands before it"
        )
    if row[0].lower().startswith(_NOTE) and not b"".join(row[1:]):
        raise BadData("line 1 is Excel's note of the delimiter (sep=), no header: take it out")
    try:
        names = [fields.value(field).decode() for field in row]
    except UnicodeDecodeError:
        raise BadData("line 1 holds bytes that are not utf-8; give format.encoding") from None
    if any("\0" in name for name in names):
        raise BadData(
            "line 1: the header holds a zero byte; give format.encoding if it is UTF-16, else take"
            " it out"
        )
    return names


def faults(
    names: Sequence[str],
    columns: Sequence[str],
    generated: Sequence[str] = (),
    required: Sequence[str] = (),
) -> list[str]:
    """What keeps a header from fitting a table; empty when nothing does.

    Args:
        names: the header's.
        columns: those of the table that can be written, in its order.
        generated: those of the table that PostgreSQL computes.
        required: those of the table that may not be NULL and have no default.
    """
    known = [*columns, *generated]
    free = [name for name in known if name not in names]
    alike = {name: like for name in names if name not in known and (like := _alike(name, free))}
    if not alike and not any(name in known for name in names):
        # Perhaps it is no header: what it holds may be data, and is not shown.
        return [f"the first row names no column of the table; is there a header?{_hint(names)}"]
    nameless = {name for name in names if not name or (not name.strip() and name not in known)}
    blank = [str(number) for number, name in enumerate(names, start=1) if name in nameless]
    named = [name for name in names if name not in nameless]
    twice = [name for name, count in Counter(named).items() if count > 1]
    computed = [name for name in names if name in generated]
    extra = [name for name in named if name not in known and name not in alike]
    missing = [name for name in required if name not in names and name not in alike.values()]
    message = (
        (
            "columns that the header names twice; rename all but one",
            [shown(name) for name in twice],
        ),
        (
            "columns that the header gives no name, by number; if its lines end with a delimiter,"
            " take that out of each",
            blank,
        ),
        (
            "columns that the header names in other letters or with blanks; write them as the"
            " table's, or give columns",
            [f"{shown(name)!r} for {like}" for name, like in alike.items()],
        ),
        ("columns that PostgreSQL generates and nobody can load; leave them out", computed),
        (
            "columns that the table does not have; leave them out, or add them to it",
            [shown(name) for name in extra],
        ),
        (
            "columns that the table needs and the data do not bring; add them, or give the"
            " table's a default",
            missing,
        ),
    )
    return [f"{what}: {', '.join(first_of(found))}" for what, found in message if found]


def unseparated(names: Sequence[str], delimiter: str) -> list[str]:
    """What keeps a table from being made of a header that is one name with another delimiter.

    Only the input can say that it is one name all the same. What it holds may be data, and is not
    said.
    """
    if not (found := _separator(names)):
        return []
    word = _OFTEN[found]
    remedy = (
        "if that separates the columns, take out the quotes around it, in each row; else give"
        f" {word} as format.delimiter, or the one name as columns"
        if found == delimiter
        else "if that separates the columns, give it as format.delimiter; else give the one name as"
        " columns"
    )
    return [f"the first row is one name and holds {word}: {remedy}"]


def _hint(names: Sequence[str]) -> str:
    """What to do: something else may separate the columns, if the one name has what often does."""
    if not (found := _separator(names)):
        return " If not, give columns, and false as format.header"
    return f" It holds {_OFTEN[found]}: if that separates the columns, give it as format.delimiter"


def _separator(names: Sequence[str]) -> str:
    """What often separates columns, if there is one name and that has it."""
    return next((one for one in _OFTEN if len(names) == 1 and one in names[0]), "")


def _alike(name: str, free: Sequence[str]) -> str:
    """The one column of the table that a person would take for the same; empty for none."""
    found = [one for one in free if _bare(one) == _bare(name)]
    return found[0] if len(found) == 1 else ""


def _bare(name: str) -> str:
    return name.strip(" \t\"'\ufeff\xa0").casefold()


def shown(name: str) -> str:
    """A name, cut if it can be none of a column."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
