"""What is said of rows that were not, or could not be, looked up through an index."""

NO_DATA = "{}: its materialised view has no data: REFRESH it on the source to have rows to look up"


OF_TOAST = "{}: its chunks are looked up when the values are read, and not by this check"


NO_OPERATOR = (
    "{}: the operators for {} don't hold between a value and itself, so rows can't be looked up"
    " through it by that; search the source by it to be sure"
)


NOT_COMPARABLE = "{}: its values can't be computed or compared: {}"


UNFINDABLE = (
    "{:,} rows can't be found through {} (one is at block {}, tuple {}), nor through an index that"
    " is made of the same rows: no index finds their values, on the source neither, and no damage"
    " of the backup; look there for NaN or NULL in them"
)


HIDDEN = (
    "{:,} rows can't be found through {} (one is at block {}, tuple {}), and an index of their own"
    " finds them; but the table holds values that hide the rows beside them from such an index,"
    " NaN for one (at block {}, tuple {}), on the source too; so whether damage hides these rows is"
    " not known: search the source for them, or replace those values there and REINDEX"
)


UNCOMPARED = (
    "{:,} rows can't be found through {} (one is at block {}, tuple {}), and whether an index that"
    " is made of the same rows finds them is not known: {}; look for the rows on the source"
)


TOO_MANY = "not all of them were put into such an index"


UNEQUAL = (
    "{:,} rows hold a value of {} for which {} does not hold with itself: they can't be looked up"
    " through {} by it"
)


ON_THE_SOURCE = (
    "no index finds them, on the source neither, and this is no damage of the backup; look there"
    " for NaN in them"
)


NULLS_INSIDE = (
    "{:,} rows hold an array with a NULL in it, which no operator of {} takes: a search that meets"
    " one ends in an error, on the source too; they were not looked up"
)


def place_of(tid: str) -> str:
    """Where a row is, for people."""
    block, number = tid.strip("()").split(",")
    return f"(one is at block {block}, tuple {number})"


def in_order(tid: str) -> tuple[int, int]:
    """The block of a ``ctid`` and its number there: what rows are sorted by."""
    block, number = tid.strip("()").split(",")
    return int(block), int(number)


REFUSED = (
    "the planner refuses it, and no other index serves its columns: its first page may be damaged;"
    " plan the same on the source"
)


REBUILT = (
    "the planner refuses it, and takes the same index after REINDEX: its first page is damaged"
)


UNASKED = "its rows were not looked up through it"


NOT_UNDERSTOOD = "42"
"""The class of what a statement may not or can't say: no privilege, no such function."""


NOT_OF_WHAT_IS_READ = ("08", "25", "28", "40", "53", "55", "57")
"""Classes of what the server lacks or was asked to end.

What it does not do, 0A, is none: a GIN index whose first page says that it is an old one refuses to
be read whole so, and the same is asked without the index before it is called wrong.
"""
