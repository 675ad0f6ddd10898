"""Documents of another version's shape.

Step Functions keeps the definition with which an execution began, and a function is whatever is
deployed when it is invoked: a drill that runs across a deployment hands documents that another
version wrote to this one, DeleteInstance included. So a field that is not known is passed over, and
one that a later version added has a default.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

_T = TypeVar("_T")


def known_fields(kind: type[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """What of a document the dataclass ``kind`` has a field for."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in document.items() if name in names}


def read_as(kind: type[_T], document: Mapping[str, Any]) -> _T:
    """The dataclass ``kind`` of a document that ``asdict`` made, whichever version did."""
    return kind(**known_fields(kind, document))


def lacking_fields(kind: type[Any], document: Mapping[str, Any]) -> list[str]:
    """What the dataclass ``kind`` can't be made without, and a document does not have."""
    return [
        field.name
        for field in fields(kind)
        if field.name not in document
        and field.default is MISSING
        and field.default_factory is MISSING
    ]
