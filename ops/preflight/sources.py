"""The source instances: there, of a kind that drills can restore, and as the settings say."""

from collections.abc import Iterator
from functools import partial

from lambdas.drill.waiting.phases import FAILED, HALTED, USABLE
from ops.preflight.account import Account, Facts
from ops.preflight.answers import Answer, Question, blocked, ok, warning
from ops.preflight.calls import Calls
from ops.preflight.place import RENEW, trusted_authorities
from ops.preflight.plan import Plan
from stacks.settings import Network, Source

OLDEST, NEWEST = 14, 18
"""What postgres_majors takes."""


def questions(plan: Plan) -> Iterator[Question]:
    """One for each source."""
    for source in plan.settings.sources:
        yield Question(
            subject_of(source),
            partial(_ask, source=source),
            partial(_judge, plan=plan, source=source),
        )


def subject_of(source: Source) -> str:
    """As a person calls it."""
    return f"source {source.db_instance_id}"


def instance(account: Account, source: Source) -> Facts:
    """What RDS says of it; empty where there is none of that name."""
    found = account.find(Calls.INSTANCES, DBInstanceIdentifier=source.db_instance_id)
    instances: list[Facts] = found.get("DBInstances", [])
    return instances[0] if instances else {}


def major_of(found: Facts) -> int:
    """PostgreSQL's major version of an instance."""
    return int(str(found["EngineVersion"]).split(".")[0])


def _ask(account: Account, source: Source) -> Facts:
    found = instance(account, source)
    return {**found, "Region": account.region} if found else {}


def _judge(found: Facts, plan: Plan, source: Source) -> Iterator[Answer]:
    if not found:
        yield blocked(
            subject_of(source),
            "there is no such DB instance in this account and region",
            "correct sources.db_instance_id, or set AWS_REGION; a cluster is none",
        )
        return
    kind = list(judge_kind(found, source))
    if kind:
        yield from kind
        return
    answers = [
        *judge_major(found, source, plan),
        *judge_status(found, source),
        *judge_habits(found, source),
        *judge_authority(found, source, trusted_authorities(found["Region"])),
        *judge_way(found, source, plan.settings.network),
    ]
    yield from answers or [ok(subject_of(source), described(found))]


def described(found: Facts) -> str:
    """In one line."""
    return (
        f"PostgreSQL {found['EngineVersion']}, {found['DBInstanceClass']},"
        f" {found['AllocatedStorage']} GiB of {found.get('StorageType', 'storage')},"
        f" {found['DBInstanceStatus']}"
    )


def judge_kind(found: Facts, source: Source) -> Iterator[Answer]:
    """What no drill can do with it."""
    subject, engine = subject_of(source), found["Engine"]
    if engine != "postgres":
        yield blocked(
            subject,
            f"its engine is {engine}",
            "take it out of sources: drills restore RDS for PostgreSQL (engine postgres) only",
        )
    elif found.get("DBClusterIdentifier"):
        # CreateDBSnapshot refuses a member: only its cluster can be snapshotted.
        yield blocked(
            subject,
            f"it is a member of the Multi-AZ DB cluster {found['DBClusterIdentifier']}, of which"
            " RDS takes no instance snapshots",
            "take it out of sources; an instance with a standby (MultiAZ) is fine",
        )


def judge_major(found: Facts, source: Source, plan: Plan) -> Iterator[Answer]:
    """A drill is refused that restores without a quarantine group (target_faults of the domain)."""
    subject, major = subject_of(source), major_of(found)
    majors = [group.major for group in plan.parameter_groups]
    if major in majors:
        return
    says = (
        f"it runs PostgreSQL {found['EngineVersion']}, and the deployment has quarantine"
        f" parameter groups for {', '.join(map(str, majors)) or 'no version'}"
    )
    remedy = _remedy_of_major(major)
    if plan.needs_no_group(source):
        yield warning(
            subject,
            f"{says}; its schedules restore nothing or name a group, any other drill is refused",
            f"for other drills {remedy}, or name restore.parameter_group in their input",
        )
        return
    yield blocked(subject, says, remedy)


def _remedy_of_major(major: int) -> str:
    if OLDEST <= major <= NEWEST:
        return f"add {major} to postgres_majors"
    known = f"drills know PostgreSQL {OLDEST} to {NEWEST}"
    if major > NEWEST:
        return f"take it out of sources: {known}"
    return f"upgrade it to {OLDEST} or later, or take it out of sources: {known}"


def judge_status(found: Facts, source: Source) -> Iterator[Answer]:
    """CreateDBSnapshot wants ``available`` or ``storage-optimization``."""
    subject, status = subject_of(source), found["DBInstanceStatus"]
    if status in FAILED or status in HALTED:
        yield blocked(
            subject,
            f"it is {status}, and can't be snapshotted",
            "start or repair it, or take it out of sources",
        )
    elif status not in USABLE:
        yield warning(
            subject, f"it is {status}", "wait until it is available before the first drill"
        )


def judge_habits(found: Facts, source: Source) -> Iterator[Answer]:
    """Settings of the instance that a drill meets later."""
    subject = subject_of(source)
    if found.get("BackupRetentionPeriod") == 0:
        yield warning(
            subject,
            "it has no automated backups (BackupRetentionPeriod is 0)",
            'drills with {"latest": "automated"} find nothing; set a retention of 1 to 35 days',
        )
    if found.get("IAMDatabaseAuthenticationEnabled"):
        # With the role rds_iam, IAM authentication goes before a password (RDS user guide).
        yield warning(
            subject,
            "IAM database authentication is on; a master user with the role rds_iam can't log in by"
            " password, on the copy neither",
            f"see that SELECT pg_has_role('{found.get('MasterUsername', 'postgres')}', 'rds_iam',"
            " 'member') is false; else REVOKE rds_iam from it",
        )
    replica_of = found.get("ReadReplicaSourceDBInstanceIdentifier")
    if replica_of and source.secret_arn:
        yield blocked(
            subject,
            f"it is a read replica of {replica_of}, and a baseline can't be read from one",
            f"list {replica_of} instead, or leave secret_arn out",
        )
    elif replica_of:
        yield warning(
            subject,
            f"it is a read replica of {replica_of}: its backups lag behind",
            f"list {replica_of} instead, if it is the one that has to come back",
        )


def judge_authority(found: Facts, source: Source, trusted: list[str]) -> Iterator[Answer]:
    """A baseline verifies the source's certificate; the copy gets one like it."""
    used = found.get("CACertificateIdentifier", "")
    if used and trusted and used not in trusted:
        judged = blocked if source.secret_arn else warning
        yield judged(
            subject_of(source),
            f"its certificate authority is {used}, which the bundle does not hold",
            RENEW,
        )


def judge_way(found: Facts, source: Source, network: Network) -> Iterator[Answer]:
    """Where it answers, and whether the functions get there for a baseline."""
    subject = subject_of(source)
    port = found.get("Endpoint", {}).get("Port")
    if port and port != source.port:
        # The copy takes the port over, and the groups open the ports of the settings only.
        yield blocked(
            subject,
            f"it listens on port {port}, the settings say {source.port}",
            f'give "port": {port} in sources',
        )
    if not source.secret_arn:
        return
    vpc = found.get("DBSubnetGroup", {}).get("VpcId", "")
    if vpc != network.vpc_id:
        yield warning(
            subject,
            f"it is in {vpc or 'no VPC'}, the functions will be in {network.vpc_id}",
            "give its VPC in network, or see that the two are peered and route to each other",
        )
    groups = {group["VpcSecurityGroupId"] for group in found.get("VpcSecurityGroups", [])}
    if not groups & set(network.source_security_group_ids):
        yield blocked(
            subject,
            f"it is in {', '.join(sorted(groups)) or 'no security group'}, and in none of"
            " network.source_security_group_ids",
            "list one of its groups there; after the deployment let VerifierSecurityGroup into it",
        )
