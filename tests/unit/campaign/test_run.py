"""How the work of a campaign is shared out."""

import threading
import time
from concurrent.futures import Future

import pytest

from campaign.run import workers


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_after_an_error_nothing_more_is_begun(error: type[BaseException]) -> None:
    begun, ended = threading.Event(), threading.Event()
    waiting: list[Future[None]] = []

    def work() -> None:
        begun.set()
        time.sleep(0.2)
        ended.set()

    def fail() -> None:
        with workers(1) as pool:
            pool.submit(work)
            waiting.extend(pool.submit(time.sleep, 0) for _ in range(3))
            assert begun.wait(10)
            raise error

    with pytest.raises(error):
        fail()

    assert ended.is_set()
    assert all(future.cancelled() for future in waiting)
