"""The shape of a CSV, within what PostgreSQL's COPY can read."""

import codecs
from dataclasses import dataclass

UTF_8 = "utf-8"

CUTTABLE = (UTF_8, "ascii", "iso8859-1", "iso8859-15", "cp1252")
"""Encodings in which a newline and a quote are one byte each that is part of nothing else."""


@dataclass(frozen=True)
class CsvFormat:
    """``encoding`` is a codec of Python; ``null`` what stands for NULL when it is not quoted."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    null: str = ""
    encoding: str = UTF_8
    header: bool = True

    @property
    def cut_quote(self) -> bytes:
        """The quote whose parity tells rows apart; empty where another character escapes it."""
        return self.quote.encode() if self.escape == self.quote else b""

    @property
    def can_be_cut(self) -> bool:
        """Whether rows can be found from the middle, by newlines and the parity of quotes."""
        return self.escape == self.quote and self.encoding in CUTTABLE


def normal_name(encoding: str) -> str:
    """Python's own name of an encoding.

    Raises:
        LookupError: there is no such encoding, or it is none of text.
    """
    try:
        info = codecs.lookup(encoding)
        "".encode(info.name)  # a codec that is none of text is refused here
    except ValueError:
        raise LookupError("no encoding has such a name") from None
    return UTF_8 if info.name == "utf-8-sig" else info.name
