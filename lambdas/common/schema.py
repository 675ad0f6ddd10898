"""A JSON Schema's complaints in words: which field, what is wrong, what would be right.

No fault quotes a value: what is checked may hold a user's SQL. A schema that is used here gives
each field a ``description`` that ends the sentence "it is ...", and uses no ``$ref``.
"""

from collections.abc import Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

_LIMITS = frozenset(
    {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties"}
)


def faults(validator: Draft202012Validator, document: Any, whole: str) -> list[str]:
    """Every fault of a document, in words and in order of the fields.

    Args:
        whole: what to say of a document that is not an object at all.
    """
    found = sorted(validator.iter_errors(document), key=lambda e: [str(p) for p in e.path])
    message = (fault for error in found for fault in _in_words(validator, error, whole))
    return list(dict.fromkeys(message))


def _in_words(validator: Draft202012Validator, error: ValidationError, whole: str) -> list[str]:
    where, schema = _field(error), cast(dict[str, Any], error.schema)
    wanted, given = cast(Any, error.validator_value), cast(Any, error.instance)
    if error.validator == "required":
        missing = [name for name in wanted if name not in given]
        return [f"{_join(where, name)}: is missing; {_hint(schema, name)}" for name in missing]
    if error.validator == "additionalProperties" and wanted is False:
        known = schema["properties"]
        unknown = [name for name in given if name not in known]
        return [
            f"{_join(where, str(name))}: unknown field; known are {', '.join(known)}"
            for name in unknown
        ]
    if not where:
        return [whole]
    return [f"{where}: {_complaint(str(error.validator))}; it is {_description(validator, error)}"]


def _complaint(validator: str) -> str:
    if validator in _LIMITS:
        return "is out of range"
    if validator == "type":
        return "is of the wrong type"
    return "is not of the right form" if validator == "pattern" else "is not allowed"


def _field(error: ValidationError) -> str:
    name = ""
    for part in error.absolute_path:
        name += f"[{part}]" if isinstance(part, int) else (f".{part}" if name else str(part))
    return name


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _hint(schema: Mapping[str, Any], name: str) -> str:
    return f"it is {schema['properties'][name].get('description', 'required')}"


def _description(validator: Draft202012Validator, error: ValidationError) -> str:
    """The nearest description on the way down to the part of the schema that failed."""
    schema: Any = validator.schema
    nearest = ""
    for part in error.absolute_schema_path:
        schema = schema[part]
        if isinstance(schema, dict) and isinstance(schema.get("description"), str):
            nearest = schema["description"]
    return nearest
