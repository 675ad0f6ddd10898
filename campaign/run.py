"""All damages on all specimens, a few at a time, with what went by told meanwhile."""

import contextlib
import fnmatch
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from campaign.damage import Damage
from campaign.damages import DAMAGES
from campaign.specimen import Specimen
from campaign.trial import Outcome, tried
from local.postgres import Binaries

Tell = Callable[[Outcome], None]


def chosen(patterns: str, binaries: Binaries) -> list[Damage]:
    """The damages whose name or family matches one of the patterns, comma-separated; or all."""
    known = [damage for damage in DAMAGES if damage.can_be_done(binaries)]
    wanted = [f"*{pattern.strip()}*" for pattern in patterns.split(",") if pattern.strip()]
    if not wanted:
        return known
    return [damage for damage in known if any(_matches(damage, pattern) for pattern in wanted)]


def _matches(damage: Damage, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for text in (damage.name, damage.family))


@contextlib.contextmanager
def workers(jobs: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that begin nothing more after an error or Ctrl-C; what they have begun they end."""
    with ThreadPoolExecutor(jobs) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def carried_out(
    specimen: Specimen, damages: Sequence[Damage], jobs: int, seed: int, tell: Tell
) -> list[Outcome]:
    """Every damage on a copy of its own; the outcomes in the damages' order."""
    outcomes = {}
    with workers(jobs) as pool:
        futures = {pool.submit(tried, specimen, damage, seed): damage for damage in damages}
        for future in as_completed(futures):
            damage = futures[future]
            outcomes[damage.name] = _outcome(future, damage, specimen)
            tell(outcomes[damage.name])
    return [outcomes[damage.name] for damage in damages]


def _outcome(future: "Future[Outcome]", damage: Damage, specimen: Specimen) -> Outcome:
    """What breaks one damage's trial is told, and breaks no other."""
    error = future.exception()
    if error is None:
        return future.result()
    return Outcome(damage, damage.expected_on(specimen), fault=" < ".join(_told(error)))


def _told(error: BaseException) -> Iterator[str]:
    """The error and the places that it passed, the innermost first; never a row's value."""
    yield type(error).__name__ + (f": {error}" if not getattr(error, "pgcode", None) else "")
    for frame in reversed(traceback.extract_tb(error.__traceback__)[-3:]):
        yield f"{Path(frame.filename).name}:{frame.lineno}"
