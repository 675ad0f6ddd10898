"""The temporary files of all tests lie in memory where there is enough of it.

They are thousands of copies of small files; on a disk, most of the tests' time is their writing and
removal. ``TMPDIR`` says where else.
"""

import contextlib
import os
import tempfile

import hypothesis
import pytest

from local import folders
from tests.tiers import mark_thorough

ENOUGH_BYTES = 6 * 2**30

_OPEN = pytest.StashKey[contextlib.ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Of the first process; those that it starts inherit it."""
    # A machine that is busy with something else is no failure.
    hypothesis.settings.register_profile("no deadline", deadline=None)
    hypothesis.settings.load_profile("no deadline")
    config.stash[_OPEN] = contextlib.ExitStack()
    if "TMPDIR" not in os.environ:
        place = config.stash[_OPEN].enter_context(folders.in_memory("tm-tests-", ENOUGH_BYTES))
        os.environ["TMPDIR"] = str(place)
        tempfile.tempdir = None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before ``-m`` selects by the marks."""
    mark_thorough(items)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Every server in it is stopped, and it is removed."""
    config.stash[_OPEN].close()
