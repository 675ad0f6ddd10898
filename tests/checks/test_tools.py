"""The tools are made on the copy, used where they are already, and fire nothing of the source's."""

import pytest

from campaign.arena import Source, sessions, taken
from lambdas.drill.admission.request import BASELINE_NONE
from lambdas.drill.checks.tool_functions import callable_of
from lambdas.drill.checks.tool_names import AMCHECK, TOOLS, TOOLS_SCHEMA
from lambdas.drill.verdict.verdict import Verdict
from tests.checks.conftest import MakeDatabase

_SCHEMAS = "SELECT extname, extnamespace::regnamespace::text FROM pg_extension"


def test_the_tools_are_made_where_they_are_missing_and_used_where_they_are(
    source: Source, make_database: MakeDatabase
) -> None:
    """The source has none of them afterwards; the master may call what the copy has."""
    with_one, with_none = make_database("has_amcheck"), make_database("has'none")
    source.run(with_none, "CREATE TABLE t (a int)")
    source.run(with_one, 'CREATE SCHEMA "its own"', 'CREATE EXTENSION amcheck SCHEMA "its own"')
    with taken(source, BASELINE_NONE) as found, found.restored(last=True) as copy:
        judgement = found.judged(copy)
        assert judgement.verdict is Verdict.PASSED, judgement.reasons
        made = {}
        for database in (with_one, with_none):
            with copy.admin(database) as cursor:
                cursor.execute(_SCHEMAS)
                made[database] = dict(cursor.fetchall())
        with sessions(copy, source.master)(with_one) as session:
            wanted = [("bt_index_check", ["regclass"]), ("bt_index_check", ["text"])]
            assert callable_of(session, AMCHECK, wanted) == {"bt_index_check(regclass)": "its own"}
    assert {made[with_none][name] for name in TOOLS} == {TOOLS_SCHEMA}
    assert made[with_one][AMCHECK] == '"its own"'
    with source.server.admin(with_none) as cursor:
        cursor.execute(_SCHEMAS)
        assert not set(TOOLS) & dict(cursor.fetchall()).keys()


@pytest.mark.parametrize("enabled", ["ENABLE", "ENABLE ALWAYS"])
def test_an_event_trigger_of_the_source_does_not_fire(
    source: Source, database: str, enabled: str
) -> None:
    """It may write into the very tables that are compared; one that always fires keeps us off."""
    source.run(
        database,
        "CREATE TABLE log (what text)",
        "CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql"
        " AS 'BEGIN INSERT INTO public.log VALUES (tg_tag); END'",
        "CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION note()",
        f"ALTER EVENT TRIGGER noted {enabled}",
        "TRUNCATE log",
    )
    with taken(source, BASELINE_NONE) as found, found.restored(last=True) as copy:
        judgement = found.judged(copy)
        with copy.admin(database) as cursor:
            cursor.execute("SELECT count(*) FROM log")
            (rows,) = cursor.fetchone()
            cursor.execute(_SCHEMAS)
            made = dict(cursor.fetchall())
    assert rows == 0
    assert (AMCHECK in made) == (enabled == "ENABLE")
    assert judgement.verdict is Verdict.PASSED, judgement.reasons
