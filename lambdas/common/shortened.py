"""Lists that a person reads: the first of them, and how many more there are."""

from collections.abc import Sequence


def shortened(texts: Sequence[str], most: int, more: str = "more") -> tuple[str, ...]:
    """The first ``most`` texts; in place of the rest a last one such as ``and 1,580 more``."""
    rest = len(texts) - most
    return (*texts[:most], f"and {rest:,} {more}") if rest > 0 else tuple(texts)
