import re
from pathlib import Path

import pytest

from tests.tiers import EVERY

TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize("name", EVERY)
def test_a_repeated_matrix_is_a_test_with_cases(name: str) -> None:
    """Else a test that is renamed would come back to ``make test`` with all its cases."""
    file, _, function = name.partition("::")
    (found,) = TESTS.rglob(file)
    assert re.search(rf"^def {function}\(", found.read_text(), re.MULTILINE)
    assert EVERY[name] > 1
