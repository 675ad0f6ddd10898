"""The registry of damages. A new one is a row in its family's module."""

from campaign.damage import Damage
from campaign.damages import (
    beside,
    catalogs,
    cluster,
    folders,
    forks,
    heap,
    indexes,
    rows,
    schema,
    toast,
    transactions,
)

_MODULES = (
    *(heap, toast, indexes, forks, transactions, catalogs, folders, rows, schema, cluster),
    beside,
)

DAMAGES: tuple[Damage, ...] = tuple(damage for module in _MODULES for damage in module.DAMAGES)
