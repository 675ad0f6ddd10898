"""The registry of checks. A new check is a module here and a line below; no workflow changes."""

from lambdas.checks import (
    btrees,
    catalog,
    collations,
    constraints,
    counts,
    databases,
    expectations,
    extensions,
    forks,
    freshness,
    heap,
    horizons,
    large_objects,
    leftovers,
    self_find,
    sequences,
    statistics,
    visibility,
)
from lambdas.checks.shape import Check

CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        databases.CHECK,
        catalog.CHECK,
        counts.CHECK,
        expectations.CHECK,
        btrees.CHECK,
        self_find.CHECK,
        heap.CHECK,
        visibility.CHECK,
        forks.CHECK,
        constraints.CHECK,
        sequences.CHECK,
        large_objects.CHECK,
        extensions.CHECK,
        collations.CHECK,
        leftovers.CHECK,
        freshness.CHECK,
        horizons.CHECK,
        statistics.CHECK,
    )
}
