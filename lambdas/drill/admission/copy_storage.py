"""What storage a copy gets, and which wishes RDS would refuse after the snapshot was taken.

The facts are those of the RDS API reference, RestoreDBInstanceFromDBSnapshot, and of the RDS user
guide, "Amazon RDS DB instance storage":

- left out, type, IOPS and throughput are those of the backup;
- with a type alone, the IOPS are still the backup's, and a type that takes none is refused;
- io1 and io2 have no IOPS of their own: "The storage type io1 requires iops";
- gp3 takes none below 400 GiB; from there on it has to be given 12,000 or more, and 500 MiB/s. So
  a large gp3 can be made of anything: its own IOPS are given, and the backup's not taken over.

Whether RDS refuses the 3,000 IOPS that every small gp3 has where gp2 is wished, no page says.
"""

from collections.abc import Mapping
from typing import Any

PROVISIONED = frozenset({"io1", "io2"})

GP3 = "gp3"
STRIPED_GIB = 400
"""From this size on RDS for PostgreSQL lays gp3 over four volumes."""
STRIPED: Mapping[str, int] = {"iops": 12_000, "storage_throughput": 500}
"""What gp3 of that size has at least, and without a charge of its own."""

Backup = Mapping[str, Any]
"""What is restored: a ``DBSnapshot``, or for a new one the source's ``DBInstance``."""


def storage_faults(wished: str, backup: Backup) -> list[str]:
    """Why RDS would refuse the storage type; nothing when it would not, or none is wished.

    Args:
        wished: ``restore.storage_type`` of the input, empty when it is left out.
    """
    had = _type_of(backup)
    if not wished or wished == had:
        return []
    start = f"restore.storage_type: the backup is on {had or 'storage of another type'}; "
    if wished in PROVISIONED:
        return [
            f"{start}{wished} needs a number of IOPS, and a drill gives none; leave it out for the"
            " source's own storage, or use gp3 where the source has gp2"
        ]
    if _is_striped(wished, backup):
        return []
    if had in PROVISIONED or had == GP3 or backup.get("Iops"):
        return [
            f"{start}RDS takes its IOPS over, which {wished} can't have here; leave it out for the"
            " source's own storage"
        ]
    return []


def storage_of_copy(wished: str, backup: Backup) -> dict[str, Any]:
    """What is asked of RDS for a wish without faults: ``storage_type``, and what goes with it.

    A wish for what the backup has anyway is no wish: with the type alone its IOPS would be missing.
    """
    if not wished or wished == _type_of(backup):
        return {"storage_type": ""}
    return {"storage_type": wished, **(STRIPED if _is_striped(wished, backup) else {})}


def _is_striped(wished: str, backup: Backup) -> bool:
    return wished == GP3 and int(backup.get("AllocatedStorage") or 0) >= STRIPED_GIB


def _type_of(backup: Backup) -> str:
    return str(backup.get("StorageType") or "")
