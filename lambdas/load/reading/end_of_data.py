r"""``\.`` alone in a line: before PostgreSQL 18 it ends a COPY of CSV, and what follows is lost.

Release notes of PostgreSQL 18, "COPY FROM": "no longer treat \. as an EOF marker in CSV files".
"""

import re
from collections.abc import Iterable, Iterator

from lambdas.errors import BadData

DATA_SINCE = 18

_ALONE = re.compile(rb"[\r\n]\\\.[\r\n]")
_MARK = b"\\."


def refuse_marks(chunks: Iterable[bytes], first_line: int) -> Iterator[bytes]:
    """Pass the chunks on; refuse one rather than lose the rows behind it without a word.

    Raises:
        BadData: with the line.
    """
    before, line = b"\n", first_line
    for chunk in chunks:
        window = before + chunk
        if _MARK in window and (found := _ALONE.search(window)):
            raise _refusal(line + window.count(b"\n", len(before), found.start() + 1))
        line += chunk.count(b"\n")
        before = window[-3:]
        yield chunk
    if before.endswith((b"\n\\.", b"\r\\.")):
        raise _refusal(line)


def _refusal(line: int) -> BadData:
    return BadData(
        rf"line {line} is \. alone, which ends a COPY before PostgreSQL {DATA_SINCE}; quote it"
    )
