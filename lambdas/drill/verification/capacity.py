"""How much of a verification a copy can bear at once, by its class."""

import re

FEWEST, MOST = 2, 32
PER_CPU = 2
"""A copy fetches its blocks from S3 when they are first read: a process waits half of its time."""

BURSTABLE = "t"
"""Classes of this family earn the right to their processors, and a new copy has earned little."""

_CLASS = re.compile(r"db\.(?P<family>[a-z]+)[a-z0-9-]*\.(?P<times>\d*)(?P<size>[a-z]+)")
_CPUS = {"large": 2, "xlarge": 4}
"""Virtual processors by the size's word; a number before ``xlarge`` multiplies them (Amazon RDS
User Guide, "Hardware specifications for DB instance classes")."""


def concurrent_batches(instance_class: str) -> int:
    """How many batches may be measured at once on a copy of a class such as ``db.m7g.large``."""
    found = _CLASS.fullmatch(instance_class)
    if found is None or found["size"] not in _CPUS or found["family"] == BURSTABLE:
        return FEWEST
    cpus = _CPUS[found["size"]] * int(found["times"] or 1)
    return max(FEWEST, min(MOST, PER_CPU * cpus))
