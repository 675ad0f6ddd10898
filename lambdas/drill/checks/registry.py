"""The registry of checks. A new check is a module here and a line below; no workflow changes."""

from lambdas.drill.checks import expectations, freshness, horizons, statistics
from lambdas.drill.checks.catalog import catalog, collations, databases, extensions, leftovers
from lambdas.drill.checks.constraints import constraints
from lambdas.drill.checks.files import forks, heap, visibility
from lambdas.drill.checks.indexes import btrees, index_lookups
from lambdas.drill.checks.rows import counts, large_objects
from lambdas.drill.checks.sequences import sequences
from lambdas.drill.checks.shape import Check

CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        databases.CHECK,
        catalog.CHECK,
        counts.CHECK,
        expectations.CHECK,
        btrees.CHECK,
        index_lookups.CHECK,
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
