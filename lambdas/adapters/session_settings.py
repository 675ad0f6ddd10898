"""Every setting that a database or a role may carry, and what our sessions do about it.

``ALTER DATABASE … SET`` and ``ALTER ROLE … SET`` reach every session that logs in, and a copy has
them too. What they could do to a session of the verifier stands here, for PostgreSQL 14 to 18, one
reason for each group of settings. A test holds the list against ``pg_settings`` of a server, so
that a setting which a new major brings is looked at before that major is used.

Names and contexts are those of ``pg_settings`` and of the manual's chapter "Server Configuration".
Only what an ordinary user may set (context ``user``) can be pinned by ``SET``; what must hold
before the first statement stands in the start-up packet, which outranks what databases and roles
carry. The master user of RDS is no superuser: what only a superuser may set is read instead, see
:data:`READ`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from lambdas.adapters.harmless_settings import LEFT


class Purpose(StrEnum):
    """What a session is for."""

    READING = "reading"
    """Of a source or a copy, by the verifier's own queries."""
    ASKING = "asking"
    """Of a copy, by a query of the user's, who may rely on what the database sets for its plans."""
    LOADING = "loading"


@dataclass(frozen=True)
class Group:
    """Settings that are treated alike.

    Attributes:
        reason: what one of them could do to a session, or why it can do nothing.
        values: what each is set to.
        purposes: of the sessions that it is pinned in.
        since: the first versions that know it, as ``server_version_num``: one of a major, which may
            be a minor release, then every later major.
        until: the first major version, as such a number, that no longer knows it.
    """

    reason: str
    values: dict[str, str]
    purposes: frozenset[Purpose] = frozenset(Purpose)
    since: tuple[int, ...] = (0,)
    until: int = 990000


_READING = frozenset({Purpose.READING})
_VERIFYING = frozenset({Purpose.READING, Purpose.ASKING})

AT_LOGIN: dict[str, str] = {
    # A missing library refuses the login, and one that is there may change any answer.
    "local_preload_libraries": "",
    # How the driver quotes a text is settled when it connects (libpq, "PQescapeStringConn").
    "standard_conforming_strings": "on",
    "idle_in_transaction_session_timeout": "60000",
    # A few milliseconds would end the session before its first statement.
    "idle_session_timeout": "0",
}
"""In the start-up packet, all of them known since PostgreSQL 14 and before.

``statement_timeout`` and ``lock_timeout`` stand there too, with values of the session's own, and so
do ``application_name`` and ``client_encoding``. A read-only session is none there: a login trigger
that writes would end it before it began (PostgreSQL 17, ``CREATE EVENT TRIGGER … ON login``).
"""

PINNED = (
    Group(
        "ends a transaction, whatever it is at",
        {"transaction_timeout": "0"},
        since=(170000,),
    ),
    Group(
        "ends a session that waits for us, for a network, or that met an error",
        {
            "client_connection_check_interval": "0",
            "tcp_user_timeout": "0",
            "exit_on_error": "off",
        },
        since=(140000,),
    ),
    Group(
        "waits for a snapshot that is safe for serializable readers, or fails for the others' sake",
        {
            "default_transaction_isolation": "read committed",
            "default_transaction_deferrable": "off",
        },
    ),
    Group(
        "changes how a statement's literals are read, ours and those in functions",
        {
            "backslash_quote": "safe_encoding",
            "array_nulls": "on",
        },
    ),
    Group(
        "changes which rows a condition finds",
        {"transform_null_equals": "off", "gin_fuzzy_search_limit": "0"},
        _VERIFYING,
    ),
    Group("floods the session with messages that nobody reads", {"client_min_messages": "error"}),
    Group(
        "hides rows without a word; off turns that into an error",
        {"row_security": "off"},
        _VERIFYING,
    ),
    Group(
        "refuses views and foreign tables",
        {"restrict_nonsystem_relation_kind": ""},
        _VERIFYING,
        since=(140013, 150008, 160004, 170000),
    ),
    Group("changes how names print", {"quote_all_identifiers": "off"}, _VERIFYING),
    Group(
        "reads counters of another moment",
        {"stats_fetch_consistency": "cache"},
        _READING,
        since=(150000,),
    ),
    Group(
        "changes what a name stands for, and how definitions print: with every name qualified",
        {"search_path": ""},
        _READING,
    ),
    Group(
        # count(*) may otherwise read an index, which says nothing about the heap.
        "changes what is read: the heap is to be, and no index",
        {
            "enable_indexscan": "off",
            "enable_indexonlyscan": "off",
            "enable_bitmapscan": "off",
            "enable_seqscan": "on",
            "enable_tidscan": "on",
        },
        _READING,
    ),
    Group(
        "plans with a table's CHECK constraints, and calls functions of the user's for it",
        {"constraint_exclusion": "off"},
        _READING,
    ),
    Group(
        # One process of the server for each of ours, so that the load on it is known.
        "brings further processes of the server, or compiles each query at length",
        {"max_parallel_workers_per_gather": "0", "jit": "off"},
        _READING,
    ),
    Group(
        "runs a plan in another process, where some of it is forbidden",
        {"force_parallel_mode": "off"},
        _READING,
        until=160000,
    ),
    Group(
        "runs a plan in another process, where some of it is forbidden",
        {"debug_parallel_query": "off"},
        _READING,
        since=(160000,),
    ),
    Group(
        "changes the plan, on which it rests what an index is asked",
        {
            "enable_gathermerge": "on",
            "enable_hashagg": "on",
            "enable_hashjoin": "on",
            "enable_incremental_sort": "on",
            "enable_material": "on",
            "enable_mergejoin": "on",
            "enable_nestloop": "on",
            "enable_partition_pruning": "on",
            "enable_sort": "on",
            "geqo": "on",
            "enable_partitionwise_aggregate": "off",
            "enable_partitionwise_join": "off",
            "from_collapse_limit": "8",
            "join_collapse_limit": "8",
            "geqo_threshold": "12",
            "plan_cache_mode": "auto",
            "cursor_tuple_fraction": "0.1",
            "seq_page_cost": "1",
            "random_page_cost": "4",
            "cpu_tuple_cost": "0.01",
            "cpu_index_tuple_cost": "0.005",
            "cpu_operator_cost": "0.0025",
            "effective_cache_size": "4GB",
        },
        _READING,
    ),
    Group(
        "changes the plan likewise",
        {"enable_memoize": "on", "enable_async_append": "on"},
        _READING,
        since=(140000,),
    ),
    Group("changes the plan likewise", {"enable_presorted_aggregate": "on"}, _READING, (160000,)),
    Group("changes the plan likewise", {"enable_group_by_reordering": "on"}, _READING, (170000,)),
    Group(
        "changes the plan likewise",
        {"enable_distinct_reordering": "on", "enable_self_join_elimination": "on"},
        _READING,
        since=(180000,),
    ),
    Group(
        # A name with a dot is taken before its library is there.
        "an extension's hints, kept in a table of the database, change the plan",
        {"pg_hint_plan.enable_hint": "off"},
        _READING,
    ),
)
"""Set in every session of the purposes named, and again when it is renewed."""

PRINTED: dict[str, str] = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "xmlbinary": "base64",
    "xmloption": "content",
}
"""How values print; set where values or definitions are printed, and for the user's queries.

Nowhere else: an index over a function that reads one of them, declared immutable nevertheless, was
made under what the database sets, and its rows are found under that only.
"""


@dataclass(frozen=True)
class Read:
    """A setting that only a superuser may change, with the one value under which a reading counts.

    Attributes:
        effect: what is the matter under any other value.
    """

    safe: str
    effect: str


READ: dict[str, Read] = {
    "zero_damaged_pages": Read("off", "a page with a damaged header reads as an empty one"),
    "ignore_checksum_failure": Read("off", "a page whose checksum is wrong is read all the same"),
}
"""Looked at in each database; see :mod:`lambdas.drill.checks.catalog.databases`."""


def pinned(purpose: Purpose, server_version: int) -> Iterator[tuple[str, str]]:
    """The settings of a session and their values, in the order in which they are to be set.

    Args:
        server_version: as ``server_version_num``, such as 180001.
    """
    for group in PINNED:
        if purpose in group.purposes and _is_known(group, server_version):
            yield from group.values.items()
    if purpose is Purpose.ASKING:
        yield from PRINTED.items()


def given_back(server_version: int) -> Iterator[str]:
    """What a session for reading has pinned, and one for a user's query has not."""
    for group in PINNED:
        if group.purposes == _READING and _is_known(group, server_version):
            yield from group.values


def known_names() -> frozenset[str]:
    """Every setting that is on the list, whatever the version."""
    listed = [name for group in PINNED for name in group.values]
    listed += [name for names in LEFT.values() for name in names.split()]
    return frozenset((*listed, *AT_LOGIN, *PRINTED, *READ))


def _is_known(group: Group, server_version: int) -> bool:
    major = server_version // 10_000
    if server_version >= group.until:
        return False
    first = next((since for since in group.since if since // 10_000 == major), None)
    return group.since[-1] <= server_version if first is None else first <= server_version
