"""An RDS whose instances are real PostgreSQL servers, and that refuses what RDS refuses.

It is moto's RDS with the parts that a drill leans on made real: creating an instance starts a
server, a snapshot is a physical copy of its running files, a restore starts a server from the
copy, deleting stops and removes it. Statuses take time and pass through RDS's own sequence, on a
thread of their own, as they do at AWS. Error codes are those of the RDS API reference.
"""

import functools
import json
import secrets
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from moto.rds.exceptions import (
    DBInstanceNotFoundError,
    InvalidParameterCombination,
    RDSClientError,
)
from moto.rds.models import DBInstance, DBSnapshot, MasterUserSecret, RDSBackend
from psycopg2 import sql

from local.postgres import (
    GRANTS_OF_PARAMETERS,
    HOST,
    Binaries,
    PostgresFailed,
    PostgresServer,
)
from local.refusals import (
    refuse_bad_instance,
    refuse_bad_snapshot,
    refuse_deletion,
    refuse_restore,
    refuse_snapshot_deletion,
    refuse_untyped,
    refuse_unusable,
)

INSTANCE_QUOTA = 40
SNAPSHOT_QUOTA = 100

MASTER = "postgres"
"""RDS's default master user. It is a member of ``rds_superuser``, not a superuser."""


Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def _one_at_a_time(
    call: Callable[Concatenate["EmbeddedRds", Arguments], Answer],
) -> Callable[Concatenate["EmbeddedRds", Arguments], Answer]:
    """Between what a call is refused for and what it changes, no other call comes."""

    @functools.wraps(call)
    def alone(
        rds: "EmbeddedRds", /, *arguments: Arguments.args, **options: Arguments.kwargs
    ) -> Answer:
        with rds._lock:
            return call(rds, *arguments, **options)

    return alone


@dataclass(frozen=True)
class Tempo:
    """How long the statuses last, in seconds; work on top of that takes what it takes."""

    creating: float = 0.6
    backing_up: float = 0.3
    snapshot: float = 0.8
    before_reset: float = 0.2
    resetting: float = 0.5
    before_active: float = 0.3
    deleting: float = 0.4


@dataclass
class Mishap:
    """What becomes of the next restore, apart from errors that a call answers at once."""

    restore_ends_as: str = ""
    restore_never_ends: bool = False
    parameters_stay: str = ""


class EmbeddedInstance(DBInstance):
    """A DB instance with a server behind it."""

    server: PostgresServer | None = None
    folder: Path
    busy: threading.Thread | None = None
    parameters_stay: str = ""

    def __init__(self, backend: "EmbeddedRds", folder: Path, **options: Any) -> None:
        super().__init__(backend, **options)
        self.folder = folder
        self.status = "creating"
        self.dbi_resource_id = f"db-{secrets.token_hex(13).upper()}"

    @property
    def address(self) -> str:
        """Loopback; a real endpoint is a name."""
        return HOST

    @property
    def db_parameter_group_status_list(self) -> list[dict[str, Any]]:
        """The group with what becomes of it; moto has no status but ``in-sync``."""
        status = self.parameters_stay or ("applying" if self.status == "creating" else "in-sync")
        return [
            {
                "DBParameterGroupName": group.name,
                "ParameterApplyStatus": status,
            }
            for group in self.db_parameter_groups()
        ]

    @property
    def endpoint(self) -> dict[str, Any] | None:
        """Absent until there is a server, as at RDS."""
        if self.server is None or not self.server.running:
            return None
        return {"Address": HOST, "Port": self.server.port}


class ManagedSecret(MasterUserSecret):
    """The master secret that RDS keeps; its password is the server's."""

    def __init__(self, instance: EmbeddedInstance, password: str) -> None:
        self._password = password
        super().__init__(instance, None)

    @property
    def secret_status(self) -> str:
        """``creating`` until the reset is over."""
        return self._status

    def activate(self) -> None:
        """The reset is over."""
        self._status = "active"

    def _generate_secret_tags(self) -> list[dict[str, str]]:
        """As RDS sets it; moto would name it after our class."""
        return [{"Key": "aws:rds:primaryDBInstanceArn", "Value": self.resource.arn}]

    def _generate_secret_string(self) -> str:
        return json.dumps({"username": MASTER, "password": self._password})


class EmbeddedRds(RDSBackend):
    """moto's RDS backend over real servers."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._lock = threading.RLock()

    def embed(
        self,
        binaries: Binaries,
        folder: Path,
        tempo: Tempo,
        on_snapshot: Callable[[Path], None] | None = None,
        checksums: bool = True,
    ) -> None:
        """Give the backend what it needs; moto makes backends itself.

        Args:
            on_snapshot: called with the data folder of each snapshot, to damage it.
        """
        self.binaries = binaries
        self.folder = folder
        self.tempo = tempo
        self.on_snapshot = on_snapshot
        self.checksums = checksums
        self.mishap = Mishap()
        self.instance_quota = INSTANCE_QUOTA
        self.snapshot_quota = SNAPSHOT_QUOTA
        self._numbers = iter(range(1, 100_000))

    # Instances

    @_one_at_a_time
    def create_db_instance(self, db_kwargs: dict[str, Any]) -> DBInstance:
        """Start a new server with RDS's roles."""
        options = dict(db_kwargs.items())
        name = options["db_instance_identifier"]
        refuse_bad_instance(self, self.instance_quota, name, options)
        password = options.pop("master_user_password", None)
        options["engine_version"] = options.get("engine_version") or self.binaries.version
        instance = EmbeddedInstance(self, self._new_folder("instance"), **options)
        instance.master_username = MASTER
        self.databases[name] = instance
        if instance.engine == "postgres":
            self._work(instance, lambda: self._create(instance, password))
        else:
            instance.status = "available"
        return instance

    @_one_at_a_time
    def restore_db_instance_from_db_snapshot(
        self, from_snapshot_id: str, overrides: dict[str, Any]
    ) -> DBInstance:
        """Start a server from a snapshot's files. What is left out means RDS's defaults."""
        wish = dict(overrides.items())
        name = wish["db_instance_identifier"]
        snapshot = self._snapshot(from_snapshot_id)
        refuse_bad_instance(self, self.instance_quota, name, wish)
        refuse_restore(snapshot, wish)
        source = snapshot.database
        tags = wish.get("tags")
        instance = EmbeddedInstance(
            self,
            self._new_folder("instance"),
            db_instance_identifier=name,
            db_instance_class=wish.get("db_instance_class") or source.db_instance_class,
            engine="postgres",
            engine_version=snapshot.engine_version,
            allocated_storage=wish.get("allocated_storage") or snapshot.allocated_storage,
            backup_retention_period=wish.get(
                "backup_retention_period", source.backup_retention_period
            ),
            deletion_protection=wish.get("deletion_protection", False),
            publicly_accessible=wish.get("publicly_accessible", False),
            multi_az=wish.get("multi_az", False),
            db_subnet_group_name=wish.get("db_subnet_group_name"),
            db_parameter_group_name=wish.get("db_parameter_group_name"),
            vpc_security_group_ids=list(wish.get("vpc_security_group_ids") or []) or None,
            copy_tags_to_snapshot=wish.get("copy_tags_to_snapshot", False),
            storage_type=wish.get("storage_type") or source.storage_type,
            auto_minor_version_upgrade=wish.get("auto_minor_version_upgrade", True),
            # Without tags of its own, the copy inherits the source's.
            tags=tags if tags else list(source.tags),
        )
        instance.master_username = MASTER
        instance.parameters_stay = self.mishap.parameters_stay
        self.databases[name] = instance
        self._work(instance, lambda: self._restore(instance, snapshot))
        return instance

    @_one_at_a_time
    def modify_db_instance(
        self, db_instance_identifier: str, db_kwargs: dict[str, Any]
    ) -> DBInstance:
        """Reset the master password into a managed secret; other changes are moto's."""
        instance = self._instance(db_instance_identifier)
        refuse_unusable(instance)
        wish = dict(db_kwargs.items())
        if wish.get("manage_master_user_password"):
            if instance.manage_master_user_password:
                return instance
            if not wish.get("apply_immediately"):
                raise InvalidParameterCombination("ApplyImmediately is needed to reset it now.")
            instance.manage_master_user_password = True
            self._work(instance, lambda: self._reset_password(instance))
            return instance
        if "deletion_protection" in wish:
            instance.deletion_protection = bool(wish["deletion_protection"])
            return instance
        return super().modify_db_instance(db_instance_identifier, db_kwargs)

    @_one_at_a_time
    def delete_db_instance(
        self,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,  # noqa: ARG002 -- there are none
    ) -> DBInstance:
        """Stop and remove the server, and its secret with it."""
        instance = self._instance(db_instance_identifier)
        refuse_deletion(
            instance, skip_final=bool(skip_final_snapshot), final=final_db_snapshot_identifier
        )
        if final_db_snapshot_identifier:
            self.create_db_snapshot(db_instance_identifier, final_db_snapshot_identifier)
        instance.status = "deleting"
        self._work(instance, lambda: self._delete(instance))
        return instance

    # Snapshots

    @_one_at_a_time
    def create_db_snapshot(
        self,
        db_instance_identifier: str,
        db_snapshot_identifier: str,
        snapshot_type: str = "manual",
        tags: list[dict[str, str]] | None = None,
        original_created_at: datetime | None = None,
        kms_key_id: str | None = None,  # noqa: ARG002 -- nothing is encrypted here
    ) -> DBSnapshot:
        """Copy the running server's files; the source shows ``backing-up`` meanwhile."""
        instance = self._instance(db_instance_identifier)
        refuse_bad_snapshot(self, self.snapshot_quota, db_snapshot_identifier, snapshot_type)
        refuse_unusable(instance)
        snapshot = DBSnapshot(
            self, instance, db_snapshot_identifier, snapshot_type, tags, original_created_at
        )
        snapshot.status = "creating"
        snapshot.percent_progress = 0
        snapshot.engine_version = instance.engine_version
        snapshot.folder = self._new_folder("snapshot")
        self.database_snapshots[db_snapshot_identifier] = snapshot
        instance.status = "backing-up"
        self._work(instance, lambda: self._take_snapshot(instance, snapshot))
        return snapshot

    @_one_at_a_time
    def delete_db_snapshot(self, db_snapshot_identifier: str) -> DBSnapshot:
        """Remove the files too."""
        snapshot = self._snapshot(db_snapshot_identifier)
        refuse_snapshot_deletion(snapshot)
        self.drop_snapshot(db_snapshot_identifier)
        return snapshot

    # What the embedded cloud itself asks for

    def drop_snapshot(self, name: str) -> None:
        """Forget a snapshot with its files, whoever made it."""
        snapshot = self.database_snapshots.pop(name)
        shutil.rmtree(snapshot.folder, ignore_errors=True)

    def instance(self, name: str) -> EmbeddedInstance:
        """The instance with its server.

        Raises:
            KeyError: there is none of that name.
        """
        found = self.databases[name]
        assert isinstance(found, EmbeddedInstance)
        return found

    def names(self) -> list[str]:
        """The name of every instance."""
        with self._lock:
            return list(self.databases)

    def servers(self) -> list[PostgresServer]:
        """Every server that runs."""
        instances = [i for i in self.databases.values() if isinstance(i, EmbeddedInstance)]
        return [i.server for i in instances if i.server is not None and i.server.running]

    def wait_until(self, name: str, status: str, seconds: float = 60) -> None:
        """For set-up only: wait until an instance has a status.

        Raises:
            TimeoutError: it has another one by then.
        """
        end = time.monotonic() + seconds
        while self.databases[name].status != status:
            if time.monotonic() > end:
                raise TimeoutError(f"{name} is {self.databases[name].status}, not {status}")
            time.sleep(0.02)

    def shut_down(self) -> None:
        """Stop every server and wait for every piece of work."""
        with self._lock:
            instances = [i for i in self.databases.values() if isinstance(i, EmbeddedInstance)]
        for instance in instances:
            if instance.busy is not None:
                instance.busy.join(timeout=30)
            if instance.server is not None:
                instance.server.stop(immediate=True)

    # What takes time

    def _create(self, instance: EmbeddedInstance, password: str | None) -> None:
        server = PostgresServer.create(self.binaries, instance.folder, checksums=self.checksums)
        server.start()
        install_roles(server, password or secrets.token_urlsafe(16), instance.db_name)
        instance.server = server
        self._settle(instance)

    def _restore(self, instance: EmbeddedInstance, snapshot: DBSnapshot) -> None:
        mishap = self.mishap
        time.sleep(self.tempo.creating)
        if mishap.restore_never_ends:
            return
        if mishap.restore_ends_as:
            self._settle(instance, mishap.restore_ends_as)
            return
        instance.folder.mkdir(parents=True)
        shutil.copytree(snapshot.folder / "data", instance.folder / "data")
        self.binaries.own(instance.folder)
        server = PostgresServer(
            self.binaries,
            instance.folder / "data",
            instance.folder / "server.log",
            snapshot.admin_password,
        )
        if instance.status == "deleting":
            return
        try:
            server.start(_parameters(self, instance))
        except PostgresFailed:
            self._settle(instance, "restore-error")
            return
        instance.server = server
        if instance.backup_retention_period:
            self._pass_through(instance, "backing-up", self.tempo.backing_up)
        self._settle(instance)

    def _reset_password(self, instance: EmbeddedInstance) -> None:
        time.sleep(self.tempo.before_reset)
        password = secrets.token_urlsafe(24)
        instance.master_user_secret = ManagedSecret(instance, password)
        self._pass_through(instance, "resetting-master-credentials", self.tempo.resetting)
        if instance.server is not None:
            with instance.server.admin() as cursor:
                statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
                cursor.execute(statement.format(sql.Identifier(MASTER), sql.Literal(password)))
        self._settle(instance)
        time.sleep(self.tempo.before_active)
        instance.master_user_secret.activate()

    def _take_snapshot(self, instance: EmbeddedInstance, snapshot: Any) -> None:
        server = instance.server
        assert server is not None
        snapshot.folder.mkdir(parents=True)
        still_at = server.copy_while_running(snapshot.folder / "data")
        snapshot.snapshot_database_time = still_at.replace(tzinfo=None)
        snapshot.admin_password = server.admin_password
        if self.on_snapshot is not None:
            self.on_snapshot(snapshot.folder / "data")
        for percent in (25, 50, 75, 100):
            time.sleep(self.tempo.snapshot / 4)
            snapshot.percent_progress = percent
        self._settle(instance)
        snapshot.status = "available"

    def _delete(self, instance: EmbeddedInstance) -> None:
        time.sleep(self.tempo.deleting)
        if instance.server is not None:
            instance.server.stop(immediate=True)
        log = instance.folder / "server.log"
        if log.exists():
            kept = self.folder / "logs"
            kept.mkdir(exist_ok=True)
            shutil.copy(log, kept / f"{instance.db_instance_identifier}.log")
        secret = instance.__dict__.pop("master_user_secret", None)
        if secret is not None:
            secret.delete_secret()
        shutil.rmtree(instance.folder, ignore_errors=True)
        with self._lock:
            self.databases.pop(instance.db_instance_identifier, None)

    def _pass_through(self, instance: EmbeddedInstance, status: str, seconds: float) -> None:
        self._settle(instance, status)
        time.sleep(seconds)

    def _settle(self, instance: EmbeddedInstance, status: str = "available") -> None:
        """Show a status, but for an instance that is to be deleted: that one stays."""
        with self._lock:
            if instance.status != "deleting":
                instance.status = status

    def _work(self, instance: EmbeddedInstance, work: Callable[[], None]) -> None:
        """Do the work after whatever the instance is busy with, on a thread of its own."""
        before = instance.busy

        def run() -> None:
            if before is not None:
                before.join()
            try:
                work()
            except Exception:
                instance.status = "failed"
                raise

        instance.busy = threading.Thread(target=run, name=str(uuid.uuid4()), daemon=True)
        instance.busy.start()

    # What is there, or not

    def _instance(self, name: str) -> EmbeddedInstance:
        found = self.databases.get(name)
        if not isinstance(found, EmbeddedInstance):
            raise DBInstanceNotFoundError(name)
        return found

    def _snapshot(self, name: str) -> DBSnapshot:
        found = self.database_snapshots.get(name.rpartition(":snapshot:")[2])
        if found is None:
            raise RDSClientError("DBSnapshotNotFound", f"DBSnapshot not found: {name}")
        return found

    def _new_folder(self, what: str) -> Path:
        return self.folder / f"{what}-{next(self._numbers)}"

    def describe_db_snapshots(self, *arguments: Any, **options: Any) -> list[DBSnapshot]:
        """As RDS."""
        with self._lock:
            refuse_untyped(*arguments, **options)
            return list(super().describe_db_snapshots(*arguments, **options))

    def describe_db_instances(self, *arguments: Any, **options: Any) -> list[DBInstance]:
        """As RDS."""
        with self._lock:
            return list(super().describe_db_instances(*arguments, **options))


def _parameters(rds: EmbeddedRds, instance: EmbeddedInstance) -> dict[str, str]:
    """The instance's parameter group, as far as this server knows the settings."""
    group = rds.db_parameter_groups.get(instance.db_parameter_group_name or "")
    if group is None:
        return {}
    return {
        name: str(parameter["ParameterValue"])
        for name, parameter in group.parameters.items()
        if name not in ("shared_preload_libraries",) and parameter.get("ParameterValue")
    }


def install_roles(server: PostgresServer, password: str, database: str | None) -> None:
    """RDS's roles, as the user guide describes them ("Understanding the rds_superuser role")."""
    with server.admin() as cursor:
        cursor.execute("CREATE DATABASE rdsadmin")
        cursor.execute("REVOKE CONNECT ON DATABASE rdsadmin FROM PUBLIC")
        cursor.execute("CREATE ROLE rds_superuser NOLOGIN")
        cursor.execute("GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION")
        cursor.execute(f"GRANT pg_read_all_data TO rds_superuser {server.binaries.may_pass_on}")
        if server.binaries.major >= GRANTS_OF_PARAMETERS:
            cursor.execute("GRANT SET ON PARAMETER session_replication_role TO rds_superuser")
        cursor.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(
                sql.Identifier(MASTER), sql.Literal(password)
            )
        )
        cursor.execute(sql.SQL("GRANT rds_superuser TO {}").format(sql.Identifier(MASTER)))
        for owned in ("postgres", database):
            if owned is None:
                continue
            if owned != "postgres":
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(owned)))
            cursor.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                    sql.Identifier(owned), sql.Identifier(MASTER)
                )
            )
    for owned in {"postgres", database} - {None}:
        with server.admin(str(owned)) as cursor:
            cursor.execute(
                sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(MASTER))
            )
