"""What people check a restore with: a count of one table, or of all of them."""

from collections.abc import Mapping
from functools import partial

from campaign.arena import Connect, Taken
from campaign.specimen import SHOP, Specimen
from lambdas.adapters.connecting import Server, connect
from lambdas.adapters.session_settings import Purpose
from lambdas.errors import DatabaseUnreachable, QueryFailed
from local.postgres import HOST, PostgresServer

SECONDS = 10.0
USUAL = "public.users"


def usual_script_notices(specimen: Specimen, taken: Taken, copy: PostgresServer) -> bool:
    """Whether ``SELECT COUNT(*) FROM users`` fails, or gives another number than on the source."""
    rows = {USUAL: specimen.atlas.counts[SHOP][USUAL]}
    return _differs(_sessions(taken, copy), SHOP, rows)


def all_counts_notice(specimen: Specimen, taken: Taken, copy: PostgresServer) -> bool:
    """Whether the exact count of any table, with PostgreSQL's own plan, fails or differs."""
    counts = specimen.atlas.counts.items()
    return any(_differs(_sessions(taken, copy), name, rows) for name, rows in counts)


def _sessions(taken: Taken, copy: PostgresServer) -> Connect:
    """With the server's own settings: a count may read an index, as a script's would."""
    address = Server(HOST, copy.port, taken.source.master, tls_mode="disable", tls_ca_file="")
    return partial(connect, address, statement_seconds=SECONDS, purpose=Purpose.ASKING)


def _differs(sessions: Connect, database: str, rows: Mapping[str, int]) -> bool:
    try:
        with sessions(database) as session:
            return any(
                session.row(f"SELECT count(*) FROM {table}", action="counting") != (number,)
                for table, number in rows.items()
            )
    except (DatabaseUnreachable, QueryFailed):
        return True
