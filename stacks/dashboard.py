"""The one page that shows whether the databases come back."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cw
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.alarms import Alarms, metric
from stacks.settings import DeploymentSettings

WIDE = 24
HALF = 12

_DAY = Duration.days(1)


class DrillDashboard(Construct):
    """Last verdict and its age by source, RTO over time, rows verified, phases, the sweeper."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        settings: DeploymentSettings,
        alarms: Alarms,
        machine: sfn.IStateMachine,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        cw.Dashboard(
            self,
            "Dashboard",
            dashboard_name=settings.stack,
            default_interval=Duration.days(30),
            widgets=[
                [cw.AlarmStatusWidget(alarms=list(alarms.all), title="Alarms", width=WIDE)],
                [self._verdicts(), self._ages()],
                [
                    self._by_source("RTO, seconds", "RtoSeconds", "Maximum", HALF),
                    self._by_source("Rows verified", "RowsVerified", "Maximum", HALF),
                ],
                [self._phases(), self._executions(machine)],
                [self._sweeper(), self._snapshots()],
            ],
        )

    def _names(self) -> list[str]:
        return [source.db_instance_id for source in self._settings.sources]

    def _by_source(self, title: str, name: str, statistic: str, width: int) -> cw.GraphWidget:
        return cw.GraphWidget(
            title=title,
            width=width,
            left=[
                metric(name, self._settings, source=source, statistic=statistic, period=_DAY).with_(
                    label=source
                )
                for source in self._names()
            ],
        )

    def _verdicts(self) -> cw.GraphWidget:
        """Stacked by day, so that the last column is the last verdict."""
        colours = {"Passed": cw.Color.GREEN, "Failed": cw.Color.RED, "Inconclusive": cw.Color.GREY}
        return cw.GraphWidget(
            title="Verdicts by day",
            width=HALF,
            stacked=True,
            left=[
                metric(f"Drill{verdict}", self._settings, source=source, period=_DAY).with_(
                    label=f"{source} {verdict}", color=colour
                )
                for source in self._names()
                for verdict, colour in colours.items()
            ],
        )

    def _ages(self) -> cw.SingleValueWidget:
        return cw.SingleValueWidget(
            title="Age of the newest snapshot that PASSED, seconds",
            width=HALF,
            period=Duration.minutes(5),
            metrics=[
                metric(
                    "PassedAgeSeconds",
                    self._settings,
                    source=source,
                    statistic="Maximum",
                    period=Duration.hours(1),
                ).with_(label=source)
                for source in self._names()
            ],
        )

    def _phases(self) -> cw.GraphWidget:
        return cw.GraphWidget(
            title="Phases of the drills, seconds",
            width=HALF,
            stacked=True,
            left=[
                metric(
                    f"{phase}Seconds",
                    self._settings,
                    source=source,
                    statistic="Maximum",
                    period=_DAY,
                ).with_(label=f"{source} {phase.lower()}")
                for source in self._names()
                for phase in ("Snapshot", "Restore", "Verify", "Teardown")
            ],
        )

    def _executions(self, machine: sfn.IStateMachine) -> cw.GraphWidget:
        return cw.GraphWidget(
            title="Executions",
            width=HALF,
            left=[
                machine.metric_started(period=_DAY),
                machine.metric_succeeded(period=_DAY),
                machine.metric_failed(period=_DAY),
                machine.metric_aborted(period=_DAY),
                machine.metric_timed_out(period=_DAY),
            ],
        )

    def _sweeper(self) -> cw.GraphWidget:
        names = ("CopiesDeleted", "SnapshotsDeleted", "SweepFailures", "CopiesOverdue")
        return cw.GraphWidget(
            title="Sweeper",
            width=HALF,
            left=[metric(name, self._settings, period=_DAY) for name in names],
        )

    def _snapshots(self) -> cw.GraphWidget:
        return cw.GraphWidget(
            title="Snapshots kept",
            width=HALF,
            left=[
                metric("SnapshotsKept", self._settings, statistic="Maximum", period=_DAY),
            ],
            left_annotations=[
                cw.HorizontalAnnotation(
                    value=self._settings.snapshot_quota, label="quota of the account"
                )
            ],
        )
