"""From the bytes of an object to what COPY reads: inflated, in UTF-8, watched, ahead of time."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lambdas.load.csv_format import UTF_8, CsvFormat
from lambdas.load.reading.end_of_data import DATA_SINCE, refuse_marks
from lambdas.load.reading.inflate import PLAIN, inflated
from lambdas.load.reading.lines import Lines
from lambdas.load.reading.readahead import read_ahead
from lambdas.load.reading.rows import guarded
from lambdas.load.reading.transcode import as_utf8
from lambdas.load.reading.watch import Watch, WouldChange

Progress = Callable[[int, int], None]
"""Hears of the bytes and the lines so far, now and then."""

TELL_SECONDS = 2.0


@dataclass
class Feed:
    """A file to COPY, a stream of chunks to us.

    Attributes:
        size_bytes: what was read so far, in UTF-8.
        lines: likewise.
        ended: whether it ended with a newline.
        error: what the chunks raised.
        watch: what looks at the rows, if anything does.
    """

    chunks: Iterator[bytes]
    progress: Progress
    lines: Lines
    size_bytes: int = 0
    ended: bool = True
    error: BaseException | None = None
    watch: Watch | None = None
    _rest: bytes = b""
    _told_at: float = 0.0

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end.

        Raises:
            WouldChange: they hold a value that the types would change.
        """
        try:
            data = self._rest or next(self.chunks, b"")
            if self.watch is not None and self.watch.widened:
                raise WouldChange
        except BaseException as error:
            self.error = error
            raise
        self._rest = data[size:]
        data = data[:size]
        self._count(data)
        return data

    def look_through(self) -> None:
        """Read what is left, only to have it looked at."""
        for _ in self.chunks:
            pass

    def _count(self, data: bytes) -> None:
        self.size_bytes += len(data)
        self.ended = data.endswith(b"\n") if data else self.ended
        self.lines.add(data)
        if time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told_at = time.monotonic()
            self.progress(self.size_bytes, self.lines.newlines)


@contextmanager
def feed(
    raw: Iterable[bytes],
    compression: str,
    form: CsvFormat,
    progress: Progress,
    *,
    begins: bool = True,
    first_line: int = 1,
    server_major: int = DATA_SINCE,
    watch: Watch | None = None,
) -> Iterator[Feed]:
    """A feed of raw bytes; reading S3, inflating and COPY each go on at their own pace.

    Args:
        begins: whether the object begins with these bytes; only there is a byte order mark.
        first_line: the number of the first line, for messages.
        server_major: the server's major version.
        watch: is shown all rows before they are read.
    """
    lines = Lines(form.cut_quote)
    with read_ahead(raw) as fetched:
        plain = inflated(fetched, compression)
        decoded = as_utf8(plain, form.encoding, begins=begins, first_line=first_line)
        # The watch comes first: of a quote that is never closed it can tell the column.
        text = decoded if watch is None else _shown(decoded, watch)
        text = guarded(text, form.cut_quote, first_line, watch.where if watch else str)
        if server_major < DATA_SINCE:
            text = refuse_marks(text, first_line)
        if compression == PLAIN and form.encoding == UTF_8:
            yield Feed(text, progress, lines, watch=watch)
            return
        with read_ahead(text) as ready:
            yield Feed(ready, progress, lines, watch=watch)


def _shown(chunks: Iterable[bytes], watch: Watch) -> Iterator[bytes]:
    for chunk in chunks:
        watch.add(chunk)
        yield chunk
    watch.end()
