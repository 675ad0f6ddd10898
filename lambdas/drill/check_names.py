"""The checks, and what they measure, that a verdict, a report or a cost names by itself.

They stand below the checks: what judges and reports must not import what talks to PostgreSQL.
"""

ROWS_CHECK = "counts"
"""Its claim says whether a relation's rows are proven equal to the source."""
DATABASES_CHECK = "databases"
EXPECTATIONS_CHECK = "expectations"
"""The user's own queries: what they read is not known."""
FRESHNESS_CHECK = "freshness"

ROWS = "rows"
STABLE_ROWS = "stable rows"
YOUNGER_ROWS = "younger rows"
"""Measured, and beyond the reach of the bounds."""
