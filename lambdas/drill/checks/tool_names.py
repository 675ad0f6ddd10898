"""What a drill adds to a copy, and only to a copy, so that it can be looked into."""

TOOLS_SCHEMA = "time_machine_tools"
"""Holds the extensions that a drill makes. Not the source's: no comparison takes it in."""

AMCHECK = "amcheck"
VISIBILITY = "pg_visibility"
PREWARM = "pg_prewarm"

TOOLS = (AMCHECK, VISIBILITY, PREWARM)
