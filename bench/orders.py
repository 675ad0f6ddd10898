"""The data: a table of orders, and its rows as CSV, some of them quoted and with newlines."""

import gzip
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEADER = b"id,customer,ordered_at,status,amount,note\n"
COLUMNS = (
    "id bigint{key}, customer integer NOT NULL, ordered_at timestamptz NOT NULL,"
    " status text NOT NULL, amount numeric(12,2) NOT NULL, note text"
)
NEW_COLUMNS = (
    "id bigint, customer bigint, ordered_at timestamptz, status text, amount numeric, note text"
)
"""As a load infers them."""
MIB = 1 << 20
GZIP_LEVEL = 6
SEED = 4
ROWS_AT_ONCE = 20_000

_STATUS = ("placed", "paid", "packed", "shipped", "returned")
_NOTES = (
    "",
    "please ring twice and leave it with the neighbours",
    '"a comma, as in addresses, and ""quoted"" words"',
    '"two lines,\nbecause somebody pressed return"',
    "ein Geschenk für die Großmutter; bitte hübsch verpacken",
)


@dataclass(frozen=True)
class Orders:
    """The data on disk.

    Attributes:
        rows: without the header.
    """

    file: Path
    compressed: Path
    rows: int
    size_bytes: int


def write(folder: Path, size_bytes: int) -> Orders:
    """Write at least ``size_bytes`` of CSV, and the same compressed."""
    file, compressed = folder / "orders.csv", folder / "orders.csv.gz"
    rows = 0
    with file.open("wb") as out:
        written = out.write(HEADER)
        for lump in _lumps(random.Random(SEED)):
            if written >= size_bytes:
                break
            written += out.write("".join(lump).encode())
            rows += len(lump)
    with file.open("rb") as source, gzip.open(compressed, "wb", compresslevel=GZIP_LEVEL) as out:
        shutil.copyfileobj(source, out, MIB)
    return Orders(file, compressed, rows, written)


def _lumps(chance: random.Random) -> Iterator[list[str]]:
    first = 1
    while True:
        yield [_row(number, chance) for number in range(first, first + ROWS_AT_ONCE)]
        first += ROWS_AT_ONCE


def _row(number: int, chance: random.Random) -> str:
    roll = chance.getrandbits(40)
    customer, amount = roll % 1_000_003, roll % 5_000_011
    at = f"2026-{roll % 12 + 1:02}-{roll % 28 + 1:02} {roll % 24:02}:{roll % 59:02}:{roll % 57:02}"
    status, note = _STATUS[roll % 5], _NOTES[(roll >> 7) % 5]
    return f"{number},{customer},{at}+00,{status},{amount // 100}.{amount % 100:02},{note}\n"
