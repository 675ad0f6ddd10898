"""What storage a copy gets, and which wishes are refused before anything is created."""

from typing import Any

import pytest

from lambdas.adapters.rds import RestoreTarget
from lambdas.drill.admission.copy_storage import storage_faults, storage_of_copy

BACKUPS: dict[str, dict[str, Any]] = {
    "gp2": {"StorageType": "gp2", "AllocatedStorage": 100},
    "large gp2": {"StorageType": "gp2", "AllocatedStorage": 400},
    "standard": {"StorageType": "standard", "AllocatedStorage": 20},
    "gp3": {"StorageType": "gp3", "AllocatedStorage": 100, "Iops": 3000, "StorageThroughput": 125},
    "large gp3": {
        "StorageType": "gp3",
        "AllocatedStorage": 1000,
        "Iops": 16000,
        "StorageThroughput": 500,
    },
    "io1": {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 3000},
    "large io1": {"StorageType": "io1", "AllocatedStorage": 1000, "Iops": 20000},
    "nearly large io1": {"StorageType": "io1", "AllocatedStorage": 399, "Iops": 12000},
    "io2": {"StorageType": "io2", "AllocatedStorage": 6000, "Iops": 80000},
}
TYPES = ("gp2", "gp3", "io1", "io2")

TAKEN = {
    ("gp2", "large gp2"): {},
    ("gp2", "gp2"): {},
    ("gp3", "gp3"): {},
    ("gp3", "large gp3"): {},
    ("io1", "io1"): {},
    ("io2", "io2"): {},
    ("gp3", "gp2"): {"StorageType": "gp3"},
    ("gp3", "standard"): {"StorageType": "gp3"},
    ("gp2", "standard"): {"StorageType": "gp2"},
    ("io1", "large io1"): {},
    ("io1", "nearly large io1"): {},
    **{
        ("gp3", had): {"StorageType": "gp3", "Iops": 12000, "StorageThroughput": 500}
        for had in ("large gp2", "large io1", "io2")
    },
}
"""By what is wished and what the backup has: what is asked of RDS. All others are refused."""


@pytest.mark.parametrize("had", BACKUPS)
@pytest.mark.parametrize("wished", TYPES)
def test_each_wish_is_refused_or_complete(wished: str, had: str) -> None:
    faults = storage_faults(wished, BACKUPS[had])
    assert bool(faults) == ((wished, had) not in TAKEN)
    for fault in faults:
        assert fault.startswith(
            f"restore.storage_type: the backup is on {had.rsplit(maxsplit=1)[-1]}; "
        )
        assert "leave it out" in fault


@pytest.mark.parametrize(("wished", "had"), TAKEN)
def test_what_is_asked_of_rds_is_what_it_takes(wished: str, had: str) -> None:
    target = RestoreTarget(
        "db.t4g.medium", "subnets", ["sg-0"], "group", **storage_of_copy(wished, BACKUPS[had])
    )
    assert target.storage() == TAKEN[wished, had]


@pytest.mark.parametrize("had", BACKUPS)
def test_without_a_wish_everything_is_the_backups(had: str) -> None:
    assert storage_faults("", BACKUPS[had]) == []
    target = RestoreTarget("c", "s", [], "g", **storage_of_copy("", BACKUPS[had]))
    assert target.storage() == {}
