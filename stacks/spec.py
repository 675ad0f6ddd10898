"""The functions as plain data: one for each task of a workflow, and the two beside them."""

from dataclasses import dataclass

from lambdas.common.naming import snake_case

QUICK_SECONDS = 80
LONG_SECONDS = 900
"""Lambda's own limit."""


@dataclass(frozen=True)
class FunctionSpec:
    """A function.

    Attributes:
        name: the state's, the handler's in snake case, the placeholder's and the function's.
        room: the folder of ``lambdas/`` that it belongs to: ``drill``, ``load`` or ``sweep``.
        in_vpc: whether it talks to PostgreSQL; the others stay outside of the network.
        reads_source: whether it opens connections to production: as many may run at once as
            there are sources, and no more.
        fans_out: whether a map runs it, ``baseline_connections`` at a time for each source.
        alone: whether one at a time is enough, and more would only get in each other's way.
    """

    name: str
    purpose: str
    room: str = "drill"
    memory_mib: int = 256
    timeout_seconds: int = QUICK_SECONDS
    in_vpc: bool = False
    reads_source: bool = False
    fans_out: bool = False
    alone: bool = False

    @property
    def module(self) -> str:
        """The handler's module, such as ``lambdas.drill.handlers.plan_drill``."""
        return f"lambdas.{self.room}.handlers.{snake_case(self.name)}"


WORKFLOW = (
    FunctionSpec("PlanDrill", "Check the input, name everything, decide"),
    FunctionSpec(
        "CaptureBaseline",
        "Survey the source just before the snapshot, cut its reading into batches",
        memory_mib=1024,
        timeout_seconds=LONG_SECONDS,
        in_vpc=True,
        reads_source=True,
    ),
    FunctionSpec(
        "ReadSource",
        "Read one batch of the source before the snapshot",
        memory_mib=512,
        timeout_seconds=LONG_SECONDS,
        in_vpc=True,
        reads_source=True,
        fans_out=True,
    ),
    FunctionSpec("CreateSnapshot", "Ask RDS for a snapshot"),
    FunctionSpec("TagSnapshot", "Tag the snapshot for people and retention rules"),
    FunctionSpec("CheckSnapshot", "One look at the snapshot"),
    FunctionSpec(
        "CompleteBaseline",
        "Survey the source again, just after the snapshot",
        memory_mib=1024,
        timeout_seconds=LONG_SECONDS,
        in_vpc=True,
        reads_source=True,
    ),
    FunctionSpec(
        "RereadSource",
        "Read one batch of the source again, after the snapshot",
        memory_mib=512,
        timeout_seconds=LONG_SECONDS,
        in_vpc=True,
        reads_source=True,
        fans_out=True,
    ),
    FunctionSpec("RestoreInstance", "Ask RDS for a quarantined copy"),
    FunctionSpec("CheckInstance", "One look at the copy"),
    FunctionSpec("SecureInstance", "Give the copy a master secret of its own"),
    FunctionSpec(
        "PlanVerification",
        "Survey the copy and cut the work into batches",
        memory_mib=1024,
        timeout_seconds=LONG_SECONDS,
        in_vpc=True,
    ),
    FunctionSpec(
        "VerifyBatch",
        "Measure one batch on the copy",
        memory_mib=1024,
        timeout_seconds=LONG_SECONDS,
        in_vpc=True,
    ),
    FunctionSpec(
        "JudgeDrill", "Fold the findings into a verdict", memory_mib=1024, timeout_seconds=300
    ),
    FunctionSpec("KeepInstance", "Keep the verified copy for a while, in mode restore"),
    FunctionSpec("DeleteInstance", "Ask RDS to delete the copy"),
    FunctionSpec("CheckDeletion", "One look at whether the copy is gone"),
    FunctionSpec("PublishReport", "The manifest and the page", memory_mib=1024),
    FunctionSpec("ExplainFailure", "Put into words what kept the execution from a report"),
)
"""One for each ``Task`` of ``statemachine/drill.asl.json`` that is a function."""

LOAD = (
    FunctionSpec(
        "PlanLoad",
        "Check the input, look at objects and tables, cut the work into parts",
        room="load",
        memory_mib=1024,
        timeout_seconds=LONG_SECONDS,
        in_vpc=True,
    ),
    FunctionSpec(
        "SurveyPart",
        "Find where rows begin in a part of a large object",
        room="load",
        memory_mib=512,
        timeout_seconds=LONG_SECONDS,
    ),
    FunctionSpec(
        "LoadPart",
        "Copy one part into its staging table",
        room="load",
        memory_mib=512,
        timeout_seconds=LONG_SECONDS,
        in_vpc=True,
    ),
    FunctionSpec(
        "FinishLoad",
        "Move all rows into their tables in one transaction",
        room="load",
        memory_mib=512,
        timeout_seconds=LONG_SECONDS,
        in_vpc=True,
    ),
    FunctionSpec(
        "TidyLoad",
        "Drop what a load leaves beside the tables",
        room="load",
        timeout_seconds=LONG_SECONDS,
        in_vpc=True,
    ),
)
"""One for each ``Task`` of ``statemachine/load.asl.json``; only where loads are wanted."""

SWEEP = FunctionSpec(
    "Sweep",
    "Delete what drills left behind",
    room="sweep",
    memory_mib=512,
    timeout_seconds=LONG_SECONDS,
    alone=True,
)
EXPORT_VERDICT = FunctionSpec(
    "ExportVerdict", "Hand a drill's verdict to the later stages of a pipeline"
)

AUXILIARY = (SWEEP, EXPORT_VERDICT)
