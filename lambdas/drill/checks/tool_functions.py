"""The functions of the tool extensions that the session's user may call.

:mod:`lambdas.drill.verification.tool_extensions` makes the extensions. Where one could not be
made, its checks take their fallback, and say so.
"""

from collections.abc import Iterable, Sequence

from psycopg2 import sql

from lambdas.adapters.postgres import Session

Functions = dict[str, str]
"""By signature, such as ``pg_check_visible(regclass)``: the schema it lies in."""

_UNMADE = """
SELECT has_database_privilege(current_database(), 'CREATE')
   AND EXISTS (SELECT FROM pg_catalog.pg_available_extensions
                WHERE name = %s AND installed_version IS NULL)
"""
_FUNCTIONS = """
SELECT p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')', n.nspname
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::regclass
   AND d.refobjid = e.oid AND d.deptype = 'e' AND d.classid = 'pg_catalog.pg_proc'::regclass
  JOIN pg_catalog.pg_proc p ON p.oid = d.objid
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE e.extname = %s
   AND has_function_privilege(p.oid, 'EXECUTE') AND has_schema_privilege(n.oid, 'USAGE')
"""


def should_be_there(session: Session, extension: str) -> bool:
    """Whether it is not there although nothing kept us from making it."""
    (missing,) = session.row(_UNMADE, [extension], action=f"looking for {extension}")
    return bool(missing)


def _functions(session: Session, extension: str) -> Functions:
    rows = session.rows(_FUNCTIONS, [extension], action=f"looking for the functions of {extension}")
    return dict(rows)


def callable_of(
    session: Session, extension: str, wanted: Iterable[tuple[str, Sequence[str]]]
) -> Functions:
    """Those of the wanted functions (name and types) that the session's user may call."""
    there = _functions(session, extension)
    signatures = (_signature(name, types) for name, types in wanted)
    return {signature: there[signature] for signature in signatures if signature in there}


def may_call(functions: Functions, name: str, types: Sequence[str]) -> bool:
    """Whether there is a function of that very signature."""
    return _signature(name, types) in functions


def called(functions: Functions, name: str, types: Sequence[str]) -> sql.Composable:
    """The function as it is called.

    Raises:
        KeyError: there is none of that very signature.
    """
    return sql.Identifier(functions[_signature(name, types)], name)


def _signature(name: str, types: Sequence[str]) -> str:
    return f"{name}({', '.join(types)})"
