"""What pages somebody. ``docs/runbook.md`` says what each alarm asks of a person."""

import math

from aws_cdk import Duration, aws_lambda, aws_sns, aws_sqs
from aws_cdk import aws_cloudwatch as cw
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.loading import Loading
from stacks.settings import DeploymentSettings

NAMESPACE = "RdsTimeMachine"
SERVICE = "time-machine"

_HOUR = Duration.hours(1)
_SOON = Duration.minutes(5)
_SWEEPS_MISSED = 3


class Alarms(Construct):
    """Each alarm goes to the topic; one of a state that lasts says too when it is over."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        settings: DeploymentSettings,
        topic: aws_sns.ITopic,
        machine: sfn.IStateMachine,
        sweep: aws_lambda.IFunction,
        dead_letters: aws_sqs.IQueue,
        load: Loading | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._action = actions.SnsAction(topic)
        # Whole hours, as CloudWatch's periods of an hour and more must be for its longest look
        # back; between two sweeps nothing is known, and an alarm must not look mended.
        self._sweep = Duration.hours(math.ceil(settings.sweep_minutes / 60))
        self.all: list[cw.Alarm] = []
        self._of_drills(machine)
        if load is not None:
            self._of_loads(load)
        for source in settings.nightly_sources if settings.passed_within_hours else ():
            self._of_silence(source)
        self._of_sweeps(sweep)
        self._above(
            "ScheduleFailed",
            "A drill, a sweep or a load's clean-up could not be started: its event is in the"
            " dead-letter queue.",
            dead_letters.metric_approximate_number_of_messages_visible(period=_SOON),
        )

    def _of_drills(self, machine: sfn.IStateMachine) -> None:
        self._ended_badly(
            "DrillFailed",
            "A drill ended FAILED or INCONCLUSIVE, timed out or was stopped.",
            machine,
        )
        self._above(
            "CleanupFailed",
            "A drill could not delete its copy: it may still cost money.",
            metric("CleanupFailed", self._settings, period=_SOON),
            lasts=False,
        )

    def _of_loads(self, load: Loading) -> None:
        self._ended_badly(
            "LoadFailed",
            "A load of CSV failed, timed out or was stopped: nothing of it is in the table.",
            load.machine,
        )
        # Dropped is what EventBridge asked for and no try of Lambda's could do; a try that failed
        # within an execution is tried again there.
        dropped = load.tidy.metric("AsyncEventsDropped", statistic="Sum", period=_SOON)
        self._above(
            "LoadNotTidied",
            "The staging tables of a load could not be dropped: they hold rows of the data.",
            dropped,
            lasts=False,
        )

    def _ended_badly(self, name: str, says: str, machine: sfn.IStateMachine) -> None:
        ended = cw.MathExpression(
            expression="FILL(failed, 0) + FILL(timed_out, 0) + FILL(aborted, 0)",
            label="executions that did not succeed",
            period=_SOON,
            using_metrics={
                "failed": machine.metric_failed(),
                "timed_out": machine.metric_timed_out(),
                "aborted": machine.metric_aborted(),
            },
        )
        self._above(name, says, ended, lasts=False)

    def _of_silence(self, source: str) -> None:
        """The dead man's switch: what does not run at all raises no other alarm."""
        hours = self._settings.passed_within_hours
        self._alarm(
            f"NoPassedDrill-{source}",
            f"{source} has had no PASSED drill for {hours} hours.",
            metric("DrillPassed", self._settings, source=source, period=_HOUR),
            threshold=1,
            comparison_operator=cw.ComparisonOperator.LESS_THAN_THRESHOLD,
            evaluation_periods=hours,
            treat_missing_data=cw.TreatMissingData.BREACHING,
        )

    def _of_sweeps(self, sweep: aws_lambda.IFunction) -> None:
        settings = self._settings
        self._above(
            "CopyOverdue",
            "A copy past its expiry is still there and costs money.",
            metric("CopiesOverdue", settings, statistic="Maximum", period=self._sweep),
        )
        self._above(
            "SweepFailed",
            "The sweeper could not delete what is due.",
            cw.MathExpression(
                expression="FILL(failures, 0) + FILL(errors, 0)",
                label="sweeps that failed",
                period=self._sweep,
                using_metrics={
                    "failures": metric("SweepFailures", settings),
                    "errors": sweep.metric_errors(),
                },
            ),
        )
        self._alarm(
            "SweepMissing",
            "The sweeper has not run.",
            metric("SweepsDone", settings, period=self._sweep),
            threshold=1,
            comparison_operator=cw.ComparisonOperator.LESS_THAN_THRESHOLD,
            evaluation_periods=_SWEEPS_MISSED,
            treat_missing_data=cw.TreatMissingData.BREACHING,
        )
        self._above(
            "SnapshotsMany",
            f"More than {settings.snapshots_alarm} snapshots of ours count against the quota.",
            metric("SnapshotsKept", settings, statistic="Maximum", period=self._sweep),
            threshold=settings.snapshots_alarm,
        )

    def _above(
        self, name: str, says: str, value: cw.IMetric, threshold: float = 0, *, lasts: bool = True
    ) -> None:
        self._alarm(
            name,
            says,
            value,
            threshold=threshold,
            comparison_operator=cw.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cw.TreatMissingData.NOT_BREACHING,
            lasts=lasts,
        )

    def _alarm(
        self,
        name: str,
        says: str,
        value: cw.IMetric,
        *,
        threshold: float,
        comparison_operator: cw.ComparisonOperator,
        evaluation_periods: int,
        treat_missing_data: cw.TreatMissingData,
        lasts: bool = True,
    ) -> None:
        alarm = cw.Alarm(
            self,
            name,
            alarm_name=f"{self._settings.prefix}-{name}",
            alarm_description=f"{says} See docs/runbook.md, {name.split('-', maxsplit=1)[0]}.",
            metric=value,
            threshold=threshold,
            comparison_operator=comparison_operator,
            evaluation_periods=evaluation_periods,
            treat_missing_data=treat_missing_data,
        )
        alarm.add_alarm_action(self._action)
        if lasts:
            alarm.add_ok_action(self._action)
        self.all.append(alarm)


def metric(
    name: str,
    settings: DeploymentSettings,
    *,
    source: str = "",
    statistic: str = "Sum",
    period: Duration | None = None,
) -> cw.Metric:
    """One of the metrics that the functions write into their logs; of a source or of the stack."""
    dimensions = {"service": SERVICE, "stack": settings.stack}
    return cw.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={**dimensions, "source": source} if source else dimensions,
        statistic=statistic,
        period=period,
    )
