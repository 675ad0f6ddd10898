"""What a load will do, decided before a row is read: objects, tables, columns, parts."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePosixPath

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.errors import BadData, InvalidRequest
from lambdas.load.load import (
    MOST_PARTS,
    ON_CONFLICT_REPLACE,
    LoadPlan,
    Part,
    Target,
    Way,
    cut,
    first_of,
    part_bytes_of,
    way_of,
)
from lambdas.load.load_request import PER_OBJECT, LoadRequest
from lambdas.load.reading import header, infer, s3_objects
from lambdas.load.reading.inflate import MAGIC_BYTES, PLAIN, compression_of, inflated
from lambdas.load.reading.s3_objects import ObjectVersion
from lambdas.load.reading.sample import HEAD_BYTES
from lambdas.load.reading.transcode import as_utf8
from lambdas.load.writing import table


@dataclass(frozen=True)
class Head:
    """The beginning of an object.

    Attributes:
        text: in UTF-8, at most ``HEAD_BYTES``.
        whole: whether it is all there is.
    """

    version: ObjectVersion
    compression: str
    text: bytes
    whole: bool


def plan(session: Session, request: LoadRequest, part_bytes: int) -> LoadPlan:
    """Look at every object and at the tables.

    Raises:
        InvalidRequest: the input does not fit what is there; every fault is named.
        BadData: an object's beginning can't be read as the format says.
    """
    heads, found = [], []
    for version in _objects(request):
        head = look(version, request)
        found.append(_target(session, request, head))
        heads.append(replace(head, text=b""))
    rules, streams = request.rules, request.streams // len(heads)
    wanted = [replace(target, way=way_of(target, rules)) for target in agreed(found)]
    targets = list(dict.fromkeys(wanted))
    parts: list[Part] = []
    for head, target in zip(heads, wanted, strict=True):
        size = part_bytes_of(head.version.size_bytes, target.way, streams, part_bytes)
        parts += _parts(head, request, len(parts) + 1, targets.index(target), size)
    if len(parts) > MOST_PARTS:
        raise InvalidRequest([f"prefix: {len(parts)} parts are too many; at most {MOST_PARTS}"])
    if request.per_object:
        _refuse_shared_tables(targets, len(heads))
    if len(parts) == 1 and rules.direct:
        targets = [replace(target, way=Way.AT_ONCE) for target in targets]
    return LoadPlan(tuple(targets), tuple(parts))


def _refuse_shared_tables(targets: Sequence[Target], objects_found: int) -> None:
    tables = {(target.schema, target.table) for target in targets}
    if len(tables) < objects_found:
        raise InvalidRequest(
            ["table: {name} comes to the same table for several objects; give each its own name"]
        )


def look(version: ObjectVersion, request: LoadRequest) -> Head:
    """Read the beginning of an object."""
    try:
        with closing(_whole(version)) as raw:
            first = _beginning(raw)
            compression = compression_of(first)
            text = b""
            data = as_utf8(inflated(_again(first, raw), compression), request.form.encoding)
            for chunk in data:
                text += chunk
                if len(text) > HEAD_BYTES:
                    break
    except BadData as bad:
        raise BadData(f"{version.location}: {bad}") from None
    return Head(version, compression, text[:HEAD_BYTES], whole=len(text) <= HEAD_BYTES)


def _beginning(raw: Iterator[bytes]) -> bytes:
    """Enough to tell the compression: a connection that broke early gives a short first chunk."""
    first = b""
    while len(first) < MAGIC_BYTES and (chunk := next(raw, b"")):
        first += chunk
    return first


def _whole(version: ObjectVersion) -> Generator[bytes, None, None]:
    yield from s3_objects.chunks(version)


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _objects(request: LoadRequest) -> list[ObjectVersion]:
    if request.key:
        return [s3_objects.find(request.bucket, request.key)]
    found = list(islice(s3_objects.under(request.bucket, request.prefix), MOST_PARTS + 1))
    if not found:
        raise InvalidRequest(
            [f"prefix: nothing in the bucket {request.bucket} begins with {request.prefix}"]
        )
    return found


def _target(session: Session, request: LoadRequest, head: Head) -> Target:
    name = _table_name(session, request, head.version)
    table.refuse_long(session, name, head.version.location)
    found = table.find(session, name)
    if found is None and not request.infer:
        raise InvalidRequest(
            [f'table: there is no table {name}; make it, or say "create_table": "infer"']
        )
    columns = _columns(request, head, found)
    if found is None:
        return _new_table(session, request, head, name, columns)
    faults = header.faults(columns, found.columns, found.generated, found.required)
    if request.rules.on_conflict == ON_CONFLICT_REPLACE:
        missing = [column for column in found.key if column not in columns]
        if not found.key or missing:
            faults.append("on_conflict: replace needs a primary key, and its columns in the data")
    if faults:
        raise InvalidRequest([f"{head.version.location}: {fault}" for fault in faults])
    return Target(
        found.schema,
        found.name,
        tuple(columns),
        (*found.columns, *found.generated),
        found.key,
        left_out=tuple(column for column in found.columns if column not in columns),
    )


def _columns(request: LoadRequest, head: Head, found: table.Table | None) -> list[str]:
    if request.columns is not None:
        return list(request.columns)
    if not request.form.header and found is not None:
        return list(found.columns)
    if not request.form.header:
        raise InvalidRequest(
            [
                f"columns: {head.version.location} has no header, and {request.table} is not there"
                " and is made with these names; give them"
            ]
        )
    try:
        return header.names_in(head.text, request.form, whole=head.whole)
    except BadData as bad:
        raise BadData(f"{head.version.location}: {bad}") from None


def _new_table(
    session: Session, request: LoadRequest, head: Head, name: str, columns: list[str]
) -> Target:
    faults = header.faults(columns, columns)
    if request.columns is None and not request.delimiter_is_given:
        faults += header.unseparated(columns, request.form.delimiter)
    if system := [column for column in columns if column in table.SYSTEM_COLUMNS]:
        faults.append(
            f"names that PostgreSQL has for columns of its own in every table: {', '.join(system)};"
            " write others into the header, or give columns"
        )
    if long := [header.shown(column) for column in columns if table.is_long(column)]:
        faults.append(f"names longer than {table.LONGEST_NAME} bytes: {', '.join(first_of(long))}")
    if request.rules.on_conflict == ON_CONFLICT_REPLACE:
        faults.append("on_conflict: replace needs a primary key, and a table that is made has none")
    if faults:
        raise InvalidRequest([f"{head.version.location}: {fault}" for fault in faults])
    rows = infer.sample(head.text, request.form, whole=head.whole)
    kinds = infer.types(rows, len(columns), request.form)
    schema, relation = table.parsed(session, name)
    pairs = tuple(zip(columns, kinds, strict=True))
    return Target(schema, relation, tuple(columns), tuple(columns), (), pairs)


def agreed(targets: Sequence[Target]) -> list[Target]:
    """Targets whose tables are made with the types that all their objects can agree on.

    Raises:
        InvalidRequest: objects for the same new table bring different columns.
    """
    kinds: dict[tuple[str, str], dict[str, list[str]]] = {}
    for target in targets:
        known = kinds.setdefault((target.schema, target.table), {})
        for name, kind in target.definition:
            known.setdefault(name, []).append(kind)
    return [_with(target, kinds[target.schema, target.table]) for target in targets]


def _with(target: Target, kinds: Mapping[str, Sequence[str]]) -> Target:
    if strange := [name for name in kinds if name not in target.columns]:
        raise InvalidRequest(
            [
                f"table: not all objects for the new table {target.table} bring"
                f" {', '.join(first_of(strange))}"
            ]
        )
    definition = tuple((name, infer.common(kinds[name])) for name, _ in target.definition)
    return replace(target, definition=definition)


def _table_name(session: Session, request: LoadRequest, version: ObjectVersion) -> str:
    if not request.per_object:
        return request.table
    stem = PurePosixPath(version.key).name.split(".", maxsplit=1)[0]
    if not stem:
        raise InvalidRequest(
            [f"{version.location}: the name is empty before its first point; it names no table"]
        )
    return request.table.replace(PER_OBJECT, session.text(sql.Identifier(stem)))


def _parts(
    head: Head, request: LoadRequest, number: int, target: int, part_bytes: int
) -> list[Part]:
    version = head.version
    cuttable = head.compression == PLAIN and request.form.can_be_cut
    stretches = cut(version.size_bytes, cuttable=cuttable, part_bytes=part_bytes)
    return [
        Part(
            number=number + place,
            target=target,
            bucket=version.bucket,
            key=version.key,
            etag=version.etag,
            size_bytes=version.size_bytes,
            first=first,
            end=end,
            compression=head.compression,
        )
        for place, (first, end) in enumerate(stretches)
    ]
