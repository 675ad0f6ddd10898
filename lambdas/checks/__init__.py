"""The registry of checks. A new check is a module here and a line below; no workflow changes."""

from lambdas.checks import catalog, counts, databases, expectations
from lambdas.checks.shape import Check

CHECKS: dict[str, Check] = {
    check.name: check
    for check in (databases.CHECK, catalog.CHECK, counts.CHECK, expectations.CHECK)
}
