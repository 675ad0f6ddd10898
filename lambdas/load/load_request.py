"""The input of a load: checked against the schema, then for what can't go together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from lambdas.common import schema
from lambdas.load import load_target
from lambdas.load.csv_format import CsvFormat, normal_name
from lambdas.load.load import ON_CONFLICT_ERROR, Rules

SCHEMA_FILE = Path(__file__).parents[2] / "statemachine" / "load.schema.json"

PER_OBJECT = "{name}"

_WHOLE = 'the input must be a JSON object such as {"bucket": "…", "key": "…", "target": …}'


@dataclass(frozen=True)
class LoadRequest:
    """A legal input; ``columns`` is None where the header names them.

    Attributes:
        target: its name, see :mod:`lambdas.load.load_target`.
    """

    bucket: str
    key: str
    prefix: str
    target: str
    database: str
    table: str
    columns: Sequence[str] | None
    form: CsvFormat
    rules: Rules
    infer: bool
    streams: int
    delimiter_is_given: bool = False

    @property
    def per_object(self) -> bool:
        """Whether each object has a table of its own."""
        return PER_OBJECT in self.table


def faults(document: Any) -> list[str]:
    """Everything that is wrong with an input, in words."""
    found = schema.faults(Draft202012Validator(_schema()), document, _WHOLE)
    return found or _contradictions(document)


def parse(document: Mapping[str, Any]) -> LoadRequest:
    """A request from an input without faults."""
    target = document["target"]
    return LoadRequest(
        bucket=document["bucket"],
        key=document.get("key", ""),
        prefix=document.get("prefix", ""),
        target=load_target.target_name(target),
        database=target["database"],
        table=document["table"],
        columns=document.get("columns"),
        form=_form(document.get("format", {})),
        rules=Rules(
            on_conflict=document.get("on_conflict", ON_CONFLICT_ERROR),
            truncate_first=document.get("truncate_first", False),
            max_errors=int(document.get("max_errors", 0)),
            analyze=document.get("analyze", True),
            atomic=document.get("atomic", True),
        ),
        infer=document.get("create_table") == "infer",
        streams=int(document.get("streams", 4)),
        delimiter_is_given="delimiter" in document.get("format", {}),
    )


def _form(given: Mapping[str, Any]) -> CsvFormat:
    quote = given.get("quote", '"')
    return CsvFormat(
        delimiter=given.get("delimiter", ","),
        quote=quote,
        escape=given.get("escape", quote),
        null=given.get("null", ""),
        encoding=normal_name(given.get("encoding", "utf-8")),
        header=given.get("header", True),
    )


def _contradictions(document: Mapping[str, Any]) -> list[str]:
    given = document.get("format", {})
    message = load_target.contradictions(document["target"])
    if ("key" in document) == ("prefix" in document):
        message.append("key: give either key, for one object, or prefix, for all that begin so")
    try:
        form = _form(given)
    except LookupError:
        return [*message, "format.encoding: is not known; it is a name such as utf-8 or latin-1"]
    if form.delimiter == form.quote:
        message.append("format.delimiter: must not be the quote; give another one")
    if form.delimiter in form.null or form.quote in form.null:
        message.append(
            "format.null: must hold neither the delimiter nor the quote; give another one"
        )
    if form.escape != form.quote and document.get("max_errors"):
        message.append(
            "max_errors: rows can't be distinguished where another character escapes the quote;"
            " leave it out, or double the quotes"
        )
    if form.delimiter == form.escape:
        message.append("format.escape: must not be the delimiter; give another one")
    message += _not_atomic(document)
    return message


def _not_atomic(document: Mapping[str, Any]) -> list[str]:
    """What asks for all rows in one transaction can't be had without it."""
    if document.get("atomic", True):
        return []
    asked = {
        "on_conflict": document.get("on_conflict", ON_CONFLICT_ERROR) != ON_CONFLICT_ERROR,
        "truncate_first": document.get("truncate_first", False),
        "max_errors": document.get("max_errors", 0) > 0,
    }
    return [
        f"{field}: needs all rows in one transaction; leave it out, or leave out atomic"
        for field, is_asked in asked.items()
        if is_asked
    ]


@cache
def _schema() -> Any:
    return json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
