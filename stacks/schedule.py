"""What a cron expression of EventBridge comes to: whether it is one, how often, with what gaps."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from aws_croniter import AwsCroniter
from aws_croniter.exceptions import AwsCroniterExpressionError

LOOK_AHEAD = 60
"""Starts that are looked at: two months of nights, a year of weeks."""


class BadSchedule(ValueError):
    """The expression is none, or never starts anything; the message says why."""


def starts(cron: str, now: datetime) -> list[datetime]:
    """The next starts of an expression without its ``cron(…)``.

    Raises:
        BadSchedule: AWS would refuse it, or it lies in the past.
    """
    hours = cron.split()[1]
    if any(_falls(part.partition("/")[0]) for part in hours.split(",")):
        raise BadSchedule("the hours run backwards; write them as two ranges")
    try:
        found = AwsCroniter(cron).get_next(now, LOOK_AHEAD)
    except AwsCroniterExpressionError as error:
        raise BadSchedule(str(error).split(".")[0]) from None
    except ValueError:
        raise BadSchedule("it can't be read as a schedule of EventBridge") from None
    times = [time for time in found if time is not None]
    if not times:
        raise BadSchedule("no day fits it")
    return times


def runs_a_day(times: list[datetime]) -> int:
    """The most starts on one day."""
    return max(Counter(time.date() for time in times).values())


def longest_gap(times: list[datetime]) -> timedelta:
    """Between two starts; without a second one, as long as there is."""
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return max(gaps, default=timedelta.max)


def today() -> datetime:
    """Midnight, so that a synth of the same day comes to the same."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _falls(span: str) -> bool:
    first, _, last = span.partition("-")
    return bool(last) and first.isdigit() and last.isdigit() and int(first) > int(last)
