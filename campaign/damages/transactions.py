"""Damage to what says how transactions have ended, and to the counters of the control file."""

from campaign.damage import Body, Damage, Expected, Surgery, age, lose, overwrite, zero
from campaign.pages import NothingChanged

IN_PROGRESS, COMMITTED, ABORTED, SUBCOMMITTED = 0, 1, 2, 3
STATUS = "pg_xact/0000"
OFFSETS = "pg_multixact/offsets/0000"
MEMBERS = "pg_multixact/members/0000"


def _set_status(table: str, status: int) -> Surgery:
    """Two bits for each transaction."""

    def surgery(body: Body) -> None:
        transaction = body.atlas.transactions[table]
        path = body.data / STATUS
        content = bytearray(path.read_bytes())
        shift = transaction % 4 * 2
        content[transaction // 4] &= ~(3 << shift) & 0xFF
        content[transaction // 4] |= status << shift
        overwrite(path, bytes(content))

    return surgery


def _resurrect(body: Body) -> None:
    _set_status("aborted", COMMITTED)(body)


def _scramble_members(body: Body) -> None:
    path = body.data / MEMBERS
    content = bytearray(path.read_bytes())
    # After four flag bytes, four transactions: the updaters become ones that never ended.
    for at in range(0, 100, 20):
        for slot in range(4):
            if content[at + slot]:
                content[at + 4 + 4 * slot : at + 8 + 4 * slot] = (2**31 - 5).to_bytes(4, "little")
    overwrite(path, bytes(content))


def _empty_folder(path: str) -> Surgery:
    def surgery(body: Body) -> None:
        found = list((body.data / path).iterdir())
        if not found:
            raise NothingChanged(f"{path} is empty")
        for file in found:
            body.remove(file)

    return surgery


def _transactions(name: str, what: str, surgery: Surgery, *words: str) -> Damage:
    return Damage(name, "transactions", what, words, surgery)


DAMAGES = (
    _transactions(
        "clog-in-progress",
        "a committed transaction counts as not ended",
        _set_status("one_transaction", IN_PROGRESS),
        "public.one_transaction",
    ),
    _transactions(
        "clog-aborted",
        "a committed transaction counts as aborted",
        _set_status("one_transaction", ABORTED),
        "public.one_transaction",
    ),
    _transactions(
        "clog-subcommitted",
        "a committed transaction waits for a parent that is not there",
        _set_status("one_transaction", SUBCOMMITTED),
        "public.one_transaction",
    ),
    _transactions(
        "clog-committed",
        "an aborted transaction counts as committed",
        _resurrect,
        "public.rolled_back",
    ),
    _transactions("clog-zero", "the last transactions have not ended", zero(STATUS, 200), "shop"),
    _transactions("clog-stale", "the statuses are of long before", age(STATUS), "shop"),
    Damage(
        "clog-lost",
        "transactions",
        "the file of the statuses is gone",
        (),
        lose(STATUS),
        expected=Expected.STOPPED,
    ),
    _transactions(
        "multixact-offsets-zero",
        "rows that were locked and updated have lost what became of them",
        zero(OFFSETS),
        "public.shared_rows",
    ),
    _transactions(
        "multixact-members",
        "rows that were updated were updated by nobody",
        _scramble_members,
        "public.shared_rows",
    ),
    Damage(
        "multixact-offsets-lost",
        "transactions",
        "the file of the offsets is gone",
        (),
        lose(OFFSETS),
        expected=Expected.STOPPED,
    ),
    Damage(
        "multixact-members-lost",
        "transactions",
        "the file of the members is gone",
        (),
        lose(MEMBERS),
        expected=Expected.STOPPED,
    ),
    Damage(
        "subtransactions-zero",
        "harmless",
        "the parents of sub-transactions are zero; they are forgotten at each start",
        surgery=_empty_folder("pg_subtrans"),
        expected=Expected.HARMLESS,
    ),
    Damage(
        "statistics-lost",
        "harmless",
        "the cumulative statistics are gone",
        surgery=_empty_folder("pg_stat"),
        expected=Expected.HARMLESS,
    ),
)
