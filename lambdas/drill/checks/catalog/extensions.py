"""Every extension's library is there on the restored engine: one harmless function of each answers.

An extension is a row in a catalog; its code is a file of the engine, which the restored engine may
lack or hold in a version without the function. ``LOAD`` and the C validator are the superuser's, so
a function is called. What it answers does not matter: an error of its own proves that it ran.

A library that the source's engine lacks too is no fault of the copy. Nothing is called on the
source: an engine of the same version that offers the same extensions has the same libraries, and
:mod:`lambdas.drill.checks.catalog.catalog` compares what the catalog says of their functions.

Called are, by declaration harmless: the input function of a type; trigger functions, which refuse
to be called by hand; handlers of foreign data and of index methods; immutable and stable functions
with literal arguments; and a few that are known.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey
from lambdas.drill.units import Claim, Measurement, Unit
from lambdas.errors import QueryFailed

NAME = "extensions"

CANDIDATES = 5

_INTERNAL = "XX"
"""A library of another major version is refused with this class, and some functions complain of
their arguments with it: whether the library was loaded then can't be known."""

_OF_THE_SERVER = ("08", "53", "57")

_LACKING = frozenset({errorcodes.UNDEFINED_FILE, errorcodes.UNDEFINED_FUNCTION})

# A library with its extension, and every function that it is the code of.
_LIBRARIES = """
SELECT e.extname, e.extversion, p.probin, count(*)
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname = 'c'
  LEFT JOIN pg_catalog.pg_depend d
    ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
   AND d.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
 WHERE p.oid >= 16384
 GROUP BY e.extname, e.extversion, p.probin ORDER BY 1, 3
"""
_TYPES = """
SELECT n.nspname, t.typname
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_proc p ON p.oid = t.typinput
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE p.probin = %s AND t.typtype IN ('b', 'e') AND t.typisdefined
   AND t.typelem = 0
 ORDER BY t.oid LIMIT {}
"""
_METHODS = """
SELECT a.oid::bigint FROM pg_catalog.pg_am a JOIN pg_catalog.pg_proc p ON p.oid = a.amhandler
 WHERE p.probin = %s AND a.amtype = 'i' LIMIT {}
"""
_FUNCTIONS = """
SELECT n.nspname, p.proname, p.proargtypes::pg_catalog.oid[]::bigint[],
       ARRAY(SELECT pg_catalog.format_type(a.oid, NULL)
               FROM unnest(p.proargtypes) WITH ORDINALITY a (oid, place) ORDER BY a.place)
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE p.probin = %s AND p.prokind = 'f' AND has_function_privilege(p.oid, 'EXECUTE')
   AND ((p.pronargs = 0 AND p.prorettype = ANY (ARRAY['trigger', 'event_trigger', 'fdw_handler']
                                                ::pg_catalog.regtype[]))
        OR p.proname = ANY (%s)
        OR p.provolatile <> 'v' AND p.prorettype <> 'internal'::pg_catalog.regtype
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t
                            WHERE t.oid = ANY (p.proargtypes) AND t.typcategory <> 'S'
                              AND t.oid <> ALL (%s::pg_catalog.oid[])))
 ORDER BY p.provolatile <> 'i', p.pronargs, p.oid LIMIT {}
"""
_KNOWN = (
    "dblink_get_connections",
    "pg_stat_statements_info",
    "pg_stat_statements_reset_info",
    "pg_buffercache_summary",
)
"""Volatile, without arguments, and harmless: they read what the server or the session knows."""

_ARGUMENTS = {
    16: "true",
    17: "\\x61",
    20: "1",
    21: "1",
    23: "1",
    600: "(1,1)",
    700: "1",
    701: "1",
    1007: "{1}",
    1009: "{a}",
    1700: "1",
    2950: "00000000-0000-0000-0000-000000000001",
}
"""A literal for each type that a function may be called with, by the type's number."""

_TEXT = "a"
"""For every type that is a kind of text."""


# Of this engine, and of the extensions that are installed.
OFFERED = """
SELECT version(), coalesce((SELECT string_agg(concat_ws(' ', a.name, a.default_version), ', '
                                              ORDER BY a.name)
                              FROM pg_catalog.pg_available_extensions a
                              JOIN pg_catalog.pg_extension e ON e.extname = a.name), '')
"""


def read(session: Session) -> list[str]:
    """The engine's version, and which of the installed extensions it offers, in which version."""
    action = f"reading which extensions the engine offers in {session.database}"
    return list(session.row(OFFERED, action=action))


def look(session: Session) -> list[list[Any]]:
    """The libraries: extension, version, library, functions in it."""
    action = f"listing the libraries of {session.database}"
    return [list(row) for row in session.rows(_LIBRARIES, action=action)]


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each library of each database."""
    for database in survey.databases:
        seen = database.seen.get(NAME)
        for extension, version, library, functions in (seen.found or ()) if seen else ():
            subject = f"{extension} {version}" if extension else library
            yield Unit(
                id=f"{NAME}/{database.name}/{subject}/{library}",
                check=NAME,
                database=database.name,
                subject=subject,
                claim=Claim.NOT_COMPARED,
                detail={"library": library, "functions": functions},
            )


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Call what the library offers until one function has run."""
    library = unit.detail["library"]
    outcome = Outcome()
    with context.session(unit.database) as session:
        sqlstate = _called(session, library)
        if sqlstate in _LACKING:
            _tell_missing(unit, sqlstate, read(session), _on_the_source(unit, context), outcome)
    if sqlstate is None:
        outcome.exempt(
            f"no function of {library} could be called without harm: whether it loads is unknown"
        )
    elif sqlstate not in _LACKING:
        outcome.measured["functions"] = unit.detail["functions"]
    return outcome.measurement(unit)


def _called(session: Session, library: str) -> str | None:
    """How the first call ended that tells something: an SQLSTATE, empty if well; None: none did."""
    for query in _calls(session, library):
        try:
            session.run(query, action=f"calling a function of {library}")
        except QueryFailed as error:
            if error.sqlstate == errorcodes.INSUFFICIENT_PRIVILEGE:
                continue
            if error.sqlstate.startswith(_INTERNAL):
                continue
            if error.sqlstate.startswith(_OF_THE_SERVER):
                raise
            return error.sqlstate
        return ""
    return None


def _on_the_source(unit: Unit, context: CheckContext) -> Any:
    database: Mapping[str, Any] = context.before.get("databases", {}).get(unit.database, {})
    return database.get("read", {}).get(NAME)


def _tell_missing(unit: Unit, sqlstate: str, here: list[str], there: Any, outcome: Outcome) -> None:
    """The copy can't be used as the source could only if the source could."""
    message = _missing(unit, sqlstate)
    if there is None:
        outcome.not_measured(
            f"{message}. Whether the source's engine has it was not read: drill with a baseline, or"
            " call a function of it on the source"
        )
    elif there == here:
        outcome.warning(
            f"{message}. The source's engine is the same and lacks it too: DROP the extension"
            " there, or upgrade the engine to a version that has it"
        )
    else:
        outcome.wrong(
            f"{message}. The source's engine is another: restore into its version, or one that"
            " offers this extension's version; look at the parameter group's"
            " shared_preload_libraries too"
        )


def _missing(unit: Unit, sqlstate: str) -> str:
    library = unit.detail["library"]
    if sqlstate == errorcodes.UNDEFINED_FILE:
        message = f"its library {library} can't be loaded on the restored engine"
    else:
        message = (
            f"its library {library} on the restored engine lacks a function that the catalog has"
        )
    return (
        f"{message}: {unit.detail['functions']:,} functions fail, and all that uses them (58P01 or"
        f" 42883, here {sqlstate})"
    )


def _calls(session: Session, library: str) -> Iterator[sql.Composable]:
    limit = sql.Literal(CANDIDATES)
    action = f"looking for a function of {library}"
    for schema, name in session.rows(sql.SQL(_TYPES).format(limit), [library], action=action):
        yield sql.SQL("SELECT ''::{}").format(sql.Identifier(schema, name))
    for (method,) in session.rows(sql.SQL(_METHODS).format(limit), [library], action=action):
        yield sql.SQL("SELECT pg_catalog.pg_indexam_has_property({}, 'can_order')").format(
            sql.Literal(method)
        )
    parameters = [library, list(_KNOWN), list(_ARGUMENTS)]
    for schema, name, kinds, names in session.rows(
        sql.SQL(_FUNCTIONS).format(limit), parameters, action=action
    ):
        literals = [
            sql.SQL("{}::{}").format(sql.Literal(_ARGUMENTS.get(kind, _TEXT)), sql.SQL(named))
            for kind, named in zip(kinds, names, strict=True)
        ]
        yield sql.SQL("SELECT {}({})").format(
            sql.Identifier(schema, name), sql.SQL(", ").join(literals)
        )


CHECK = Check(
    NAME,
    "the library of every extension is there on the restored engine: one harmless function of"
    " each answers. One that an engine like the source's lacks is a warning; without a"
    " baseline that is not known",
    plan,
    run,
    look,
)
