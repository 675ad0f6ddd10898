"""An interruption is heard, wherever a run was started.

A shell without job control starts what ends in ``&`` with SIGINT ignored (POSIX, "Asynchronous
Lists"), and Python then leaves it so: nobody could end the run but by force.
"""

import signal

_HEARD = (signal.SIGINT, signal.SIGTERM)


def hear() -> None:
    """From now on the first of these signals is a ``KeyboardInterrupt``; one is enough."""
    for number in _HEARD:
        signal.signal(number, _interrupt)


def _interrupt(*_: object) -> None:
    # A terminal's reaches the run by more than one way; a second would break off the cleaning up.
    for number in _HEARD:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
