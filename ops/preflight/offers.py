"""Whether RDS offers the copy: engine version, class and storage, in the zones of the subnets."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from ops.preflight.account import Account, Facts, NotKnown
from ops.preflight.answers import Answer, Question, blocked, ok, warning
from ops.preflight.calls import Calls
from ops.preflight.plan import Plan
from ops.preflight.sources import instance
from stacks.settings import Source

_NO_LIMIT = 2**31
_OTHER_CLASS = "set copy_instance_class to a class that RDS offers for that version here"


def questions(plan: Plan) -> Iterator[Question]:
    """One for each source and each class that its copies may have."""
    for source in plan.settings.sources:
        for asked in plan.classes_of(source):
            subject = f"copy of {source.db_instance_id}" + (f" as {asked}" if asked else "")
            yield Question(
                subject,
                partial(_ask, source=source, asked=asked, subnets=plan.settings.network.subnet_ids),
                partial(judge, subject),
            )


def _ask(account: Account, source: Source, asked: str, subnets: tuple[str, ...]) -> Facts:
    found = instance(account, source)
    if found.get("Engine") != "postgres":
        raise NotKnown(
            f"not asked: {source.db_instance_id} is no RDS for PostgreSQL instance here",
            "mend what is said of the source, then ask again",
        )
    wanted = asked or found["DBInstanceClass"]
    of_version = {"Engine": "postgres", "EngineVersion": found["EngineVersion"], "Vpc": True}
    offers = _offers(account, **of_version, DBInstanceClass=wanted)
    listed = account.find(Calls.SUBNETS, SubnetIds=list(subnets)) if subnets else {}
    return {
        "Source": found,
        "Class": wanted,
        "Offers": offers,
        "VersionOffered": bool(offers or _offers(account, **of_version)),
        "Zones": sorted({subnet["AvailabilityZone"] for subnet in listed.get("Subnets", [])}),
    }


def _offers(account: Account, **asked: Any) -> list[Facts]:
    offers: list[Facts] = account.find(Calls.OFFERS, **asked).get("OrderableDBInstanceOptions", [])
    return offers


def judge(subject: str, found: Facts) -> Iterator[Answer]:
    """The copy has the source's version, storage and encryption, which are not asked for again."""
    source, wanted = found["Source"], f"{found['Class']} with {found['Source']['EngineVersion']}"
    offers = [offer for offer in found["Offers"] if _takes(offer, source)]
    if not found["VersionOffered"]:
        # AWS, "troubleshoot an RDS DB instance class that I can't view": a deprecated version shows
        # no class, and its snapshots can still be restored by the API.
        yield warning(
            subject,
            f"RDS no longer offers PostgreSQL {source['EngineVersion']} for new instances; whether"
            " it restores a backup of that version shows at the first drill only",
            "upgrade the source to a minor version that RDS offers (aws rds"
            " describe-db-engine-versions --engine postgres), or see that the first drill passes",
        )
        return
    if not found["Offers"]:
        yield blocked(subject, f"RDS offers no {wanted} in this region", _OTHER_CLASS)
        return
    if not offers:
        yield blocked(
            subject,
            f"RDS offers {wanted}, but not with {source['AllocatedStorage']} GiB of"
            f" {source['StorageType']}"
            + (", encrypted" if source.get("StorageEncrypted") else "")
            + ", which the copy takes over from the source",
            _OTHER_CLASS,
        )
        return
    yield _of_zones(subject, wanted, offers, found["Zones"])


def _takes(offer: Facts, source: Facts) -> bool:
    """An offer is for one kind of storage; what RDS leaves out it does not limit."""
    least, most = offer.get("MinStorageSize", 0), offer.get("MaxStorageSize", _NO_LIMIT)
    return (
        offer.get("StorageType") == source["StorageType"]
        and least <= source["AllocatedStorage"] <= most
        and bool(offer.get("SupportsStorageEncryption", True) or not source.get("StorageEncrypted"))
    )


def _of_zones(subject: str, wanted: str, offers: list[Facts], zones: list[str]) -> Answer:
    offered = {zone["Name"] for offer in offers for zone in offer.get("AvailabilityZones", [])}
    missing = [zone for zone in zones if zone not in offered]
    if not zones or not missing:
        return ok(subject, f"RDS offers {wanted}")
    if len(missing) == len(zones):
        return blocked(
            subject,
            f"RDS offers {wanted} in none of the subnets' zones ({', '.join(zones)})",
            f"{_OTHER_CLASS}, or give subnets in {', '.join(sorted(offered)) or 'other zones'}",
        )
    return warning(
        subject,
        f"RDS offers {wanted}, but not in {', '.join(missing)}",
        "give subnets in other zones, or bear with InsufficientCapacity where RDS picks that zone",
    )
