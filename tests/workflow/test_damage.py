"""Each damage that `make drill DAMAGE=…` offers ends with its verdict and names what was hit."""

from pathlib import Path

import pytest

from local.cloud import SOURCE, Cloud
from local.damage import DAMAGES
from tests.workflow.conftest import Slot, leftovers

# The campaign does the others to copies without a cloud around them.
WHOLE = {"flipped-byte", "lost-rows", "restore-never-ends", "truncated-file"}


@pytest.mark.parametrize(
    "name",
    [
        name if name in WHOLE else pytest.param(name, marks=pytest.mark.thorough)
        for name in sorted(DAMAGES)
    ],
)
def test_it_is_caught(cloud: Cloud, slot: Slot, name: str) -> None:
    damage = DAMAGES[name]
    hit: list[str] = []

    def do_damage(data: Path) -> None:
        assert damage.files is not None
        hit.append(damage.files(data, cloud.binaries))

    slot.damage = do_damage if damage.files else None
    if damage.mishap is not None:
        damage.mishap(cloud.rds)
    ending = cloud.run({"db_instance_id": SOURCE, "baseline": "exact", **damage.input})
    assert (
        ending.error
        == {"FAILED": "DrillFailed", "INCONCLUSIVE": "DrillInconclusive"}[damage.verdict]
    )
    if hit:
        assert hit[0] in ending.cause
    assert leftovers(cloud) == []
