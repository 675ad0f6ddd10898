"""Damage to the data folder beside the relations: the log, the control file, maps, versions."""

import struct
import subprocess
from dataclasses import replace
from pathlib import Path

from campaign.damage import (
    Body,
    Damage,
    Expected,
    Surgery,
    age,
    exchange,
    lose,
    overwrite,
    zero,
)
from campaign.pages import PAGE_BYTES
from campaign.specimen import OTHER, OTHER_WORD, SHOP, Base

CONTROL = "global/pg_control"
LOG_FILE_BYTES = 1 << 20
LOG_NAME_LENGTH = 24


def _flip(path: str, at: int) -> Surgery:
    def surgery(body: Body) -> None:
        content = bytearray((body.data / path).read_bytes())
        content[at] ^= 0x10
        overwrite(body.data / path, bytes(content))

    return surgery


def _folder(body: Body, database: str) -> str:
    return f"base/{body.atlas.oids[database]}"


def _of_database(path: str, harm: str, database: str = SHOP) -> Surgery:
    def surgery(body: Body) -> None:
        whole = f"{_folder(body, database)}/{path}".rstrip("/")
        (lose(whole) if harm == "lose" else _flip(whole, 20))(body)

    return surgery


def _other_version(body: Body) -> None:
    overwrite(body.data / _folder(body, SHOP) / "PG_VERSION", b"9\n")


def _swap_databases(body: Body) -> None:
    one, other, away = (
        body.data / _folder(body, SHOP),
        body.data / _folder(body, OTHER),
        body.data / "base/away",
    )
    one.rename(away)
    other.rename(one)
    away.rename(other)


def _swap_maps(body: Body) -> None:
    maps = (
        body.data / "global/pg_filenode.map",
        body.data / _folder(body, SHOP) / "pg_filenode.map",
    )
    exchange(*maps)


def _log(body: Body) -> list[Path]:
    """The files of the log that hold something newer than the checkpoint, in order."""
    files = sorted(
        path for path in (body.data / "pg_wal").iterdir() if len(path.name) == LOG_NAME_LENGTH
    )
    first = body.atlas.log_began // LOG_FILE_BYTES
    last = body.atlas.log_ended // LOG_FILE_BYTES
    return [path for path in files if first <= _position(path) <= last]


def _position(path: Path) -> int:
    """A log file's number, counted from the log's beginning."""
    return int(path.name[8:16], 16) * (2**32 // LOG_FILE_BYTES) + int(path.name[16:], 16)


def _at(body: Body, part: float) -> tuple[Path, int]:
    """A place in the log between the checkpoint and the copy."""
    began, ended = body.atlas.log_began, body.atlas.log_ended
    position = int(began + (ended - began) * part)
    (path,) = [path for path in _log(body) if _position(path) == position // LOG_FILE_BYTES]
    return path, position % LOG_FILE_BYTES


def _zero_log(part: float) -> Surgery:
    def surgery(body: Body) -> None:
        path, at = _at(body, part)
        overwrite(path, path.read_bytes()[:at] + bytes(LOG_FILE_BYTES - at))
        for later in _log(body):
            if later.name > path.name:
                body.remove(later)

    return surgery


def _flip_log(part: float) -> Surgery:
    def surgery(body: Body) -> None:
        path, at = _at(body, part)
        content = bytearray(path.read_bytes())
        content[at] ^= 0x10
        overwrite(path, bytes(content))

    return surgery


def _swap_log_pages(body: Body) -> None:
    path, at = _at(body, 0.5)
    content, page = path.read_bytes(), at // PAGE_BYTES * PAGE_BYTES
    before, after = page - PAGE_BYTES, page + PAGE_BYTES
    overwrite(path, content[:before] + content[page:after] + content[before:page] + content[after:])


def _lose_log(body: Body) -> None:
    for path in (body.data / "pg_wal").iterdir():
        if path.is_file():
            path.unlink()


_RESET = "pg_resetwal"


def _reset_log(*options: str) -> Surgery:
    """As people do who want a broken server to start."""

    def surgery(body: Body) -> None:
        program = str(body.binaries.program(_RESET))
        subprocess.run(
            [program, "--force", *options, str(body.data)],
            check=True,
            capture_output=True,
            cwd="/",
            **body.binaries.identity(),
        )

    return surgery


def _mark(name: str, content: bytes = b"") -> Surgery:
    return lambda body: _write(body.data / name, content)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o644)


def _stray(body: Body) -> None:
    _write(body.data / _folder(body, SHOP) / "999999", struct.pack("<I", 1) * (PAGE_BYTES // 4))


def _stopped(
    name: str, what: str, surgery: Surgery, *words: str, base: Base = Base.SETTLED
) -> Damage:
    return Damage(name, "data folder", what, words, surgery, base=base, expected=Expected.STOPPED)


def _lost(name: str, what: str, surgery: Surgery, *words: str) -> Damage:
    return Damage(name, "log", what, words, surgery, base=Base.RAW)


_LATE = "public.last_minutes"

DAMAGES = (
    _lost("log-zero-tail", "the last quarter of the log reads as zeros", _zero_log(0.75), _LATE),
    _lost("log-zero-half", "the second half of the log is gone", _zero_log(0.5), _LATE),
    _lost("log-flip", "a bit of the log is flipped", _flip_log(0.6), _LATE),
    _lost("log-flip-early", "a bit of the log's beginning is flipped", _flip_log(0.1), _LATE),
    _lost("log-swapped", "two pages of the log are swapped", _swap_log_pages, _LATE),
    replace(
        _lost("log-reset", "somebody made it start with pg_resetwal", _reset_log(), _LATE),
        program=_RESET,
    ),
    _stopped("log-lost", "there is no log", _lose_log, base=Base.RAW),
    _stopped("log-folder-lost", "there is no folder of the log", lose("pg_wal")),
    Damage(
        "counter-back",
        "log",
        "the next transaction's number is one of long ago",
        ("shop",),
        _reset_log("--next-transaction-id=800"),
        program=_RESET,
    ),
    Damage(
        "epoch",
        "log",
        "the next transaction's number is one of another age",
        ("next transaction",),
        _reset_log("--epoch=1"),
        program=_RESET,
    ),
    Damage(
        "old-object-number",
        "unseen",
        "the next object's number is one of long ago; the server skips the ones in use",
        surgery=_reset_log("--next-oid=16400"),
        expected=Expected.UNSEEN,
        program=_RESET,
    ),
    _stopped("control-lost", "there is no control file", lose(CONTROL)),
    _stopped("control-flip", "a bit of the control file is flipped", _flip(CONTROL, 40)),
    _stopped("control-zero", "the control file reads as zeros", zero(CONTROL)),
    _stopped("control-stale", "the control file is of long before", age(CONTROL)),
    _stopped("version-lost", "the folder has no version", lose("PG_VERSION")),
    _stopped("map-lost", "the map of shared catalogs is gone", lose("global/pg_filenode.map")),
    _stopped("map-flip", "a bit of it is flipped", _flip("global/pg_filenode.map", 20)),
    _stopped("maps-swapped", "two maps are swapped", _swap_maps),
    _stopped("statuses-lost", "the folder of the transactions' ends is gone", lose("pg_xact")),
    _stopped("multixact-lost", "the folder of shared locks is gone", lose("pg_multixact")),
    _stopped("global-lost", "the shared catalogs are gone", lose("global")),
    _stopped("old-label", "a stale backup_label lies there", _mark("backup_label", b"nonsense\n")),
    _stopped("standby", "the copy wakes up as a standby", _mark("standby.signal")),
    Damage(
        "database-map-lost",
        "data folder",
        "a database's map is gone",
        (SHOP,),
        _of_database("pg_filenode.map", "lose"),
    ),
    Damage(
        "database-map-flip",
        "data folder",
        "a bit of a database's map is flipped",
        (SHOP,),
        _of_database("pg_filenode.map", "flip"),
    ),
    Damage(
        "database-version-lost",
        "data folder",
        "a database's version is gone",
        (SHOP,),
        _of_database("PG_VERSION", "lose"),
    ),
    Damage("database-version-other", "data folder", "of another version", (SHOP,), _other_version),
    Damage(
        "database-files-lost",
        "data folder",
        "a database's files are gone",
        (OTHER_WORD,),
        _of_database("", "lose", OTHER),
    ),
    Damage(
        "databases-swapped",
        "data folder",
        "two databases' files are swapped",
        (SHOP,),
        _swap_databases,
    ),
    *(
        Damage(
            f"template-{name}",
            "data folder",
            f"the template of new databases: {what}",
            ("template1",),
            surgery,
        )
        for name, what, surgery in (
            ("lost", "its files are gone", lose("base/1")),
            ("version-lost", "its version is gone", lose("base/1/PG_VERSION")),
            ("map-lost", "its map is gone", lose("base/1/pg_filenode.map")),
            ("functions-zero", "its functions read as zeros", zero("base/1/1255")),
        )
    ),
    Damage(
        "stray-file",
        "harmless",
        "a file that belongs to no relation",
        surgery=_stray,
        expected=Expected.HARMLESS,
    ),
)
