"""What each function may do: one list of grants for each, named like its state."""

from collections.abc import Callable

from lambdas.common import document_names
from stacks.permissions import evidence, load, rds, secrets, workflow
from stacks.permissions.names import Grant, Names

_BEFORE, _AFTER = document_names.BASELINE_BEFORE, document_names.BASELINE_AFTER
_READINGS = (_BEFORE, _AFTER, evidence.READ_BEFORE, evidence.READ_AFTER)


def _plan_drill(names: Names) -> list[Grant]:
    return [
        rds.describe(
            names,
            "db:*",
            "snapshot:*",
            why="whatever a person named, to tell them what is wrong with it",
        ),
        evidence.write(names, document_names.REQUEST),
    ]


def _capture_baseline(names: Names) -> list[Grant]:
    return [
        *_read_source(names),
        *evidence.read(names, _BEFORE),
        evidence.write(names, _BEFORE, evidence.SOURCE),
    ]


def _read_first(names: Names) -> list[Grant]:
    return [
        *_read_source(names),
        *evidence.read(names, evidence.SOURCE, evidence.READ_BEFORE),
        evidence.write(names, evidence.READ_BEFORE),
    ]


def _complete_baseline(names: Names) -> list[Grant]:
    return [
        *_read_source(names),
        *evidence.read(names, _BEFORE, _AFTER),
        evidence.write(names, _AFTER),
    ]


def _read_again(names: Names) -> list[Grant]:
    return [
        *_read_source(names),
        *evidence.read(names, evidence.SOURCE, evidence.READ_AFTER),
        evidence.write(names, evidence.READ_AFTER),
    ]


def _read_source(names: Names) -> list[Grant]:
    sources = tuple(f"db:{source}" for source in names.sources)
    return [
        rds.describe(names, *sources, why="where the source answers"),
        *secrets.read_source_login(names),
    ]


def _create_snapshot(names: Names) -> list[Grant]:
    return [
        rds.describe(names, f"snapshot:{names.own}", why="a retry finds what the first try made"),
        *rds.take_snapshot(names),
        *secrets.use_storage_keys(names),
        *rds.spare_sources(names),
    ]


def _tag_snapshot(names: Names) -> list[Grant]:
    return [
        rds.describe(names, f"snapshot:{names.own}", why="whether it is this drill's"),
        rds.label_snapshot(names),
        *rds.spare_sources(names),
    ]


def _check_snapshot(names: Names) -> list[Grant]:
    return [rds.describe(names, "snapshot:*", why="whatever is to be restored")]


def _restore_instance(names: Names) -> list[Grant]:
    return [
        rds.describe(names, f"db:{names.own}", why="a retry finds what the first try made"),
        *rds.restore_copy(names),
        *secrets.use_storage_keys(names),
        *rds.spare_sources(names),
    ]


def _look_at_copy(names: Names) -> list[Grant]:
    return [rds.describe(names, f"db:{names.own}", why="how the copy stands")]


def _secure_instance(names: Names) -> list[Grant]:
    return [
        *_look_at_copy(names),
        rds.give_secret(names),
        *rds.spare_sources(names),
        *secrets.make_copy_login(names),
    ]


def _plan_verification(names: Names) -> list[Grant]:
    return [
        *_look_at_copy(names),
        *secrets.read_copy_login(names),
        *evidence.read(names, document_names.PLAN, document_names.REQUEST, *_READINGS),
        evidence.write(names, document_names.PLAN, evidence.BATCHES),
    ]


def _verify_batch(names: Names) -> list[Grant]:
    return [
        *secrets.read_copy_login(names),
        *evidence.read(names, evidence.FINDINGS, evidence.BATCHES, *_READINGS),
        evidence.write(names, evidence.FINDINGS),
    ]


def _judge_drill(names: Names) -> list[Grant]:
    return [
        *evidence.read(
            names,
            document_names.PLAN,
            evidence.BATCHES,
            evidence.FINDINGS,
            document_names.REPORT,
        ),
        evidence.write(names, document_names.JUDGEMENT),
    ]


def _keep_instance(names: Names) -> list[Grant]:
    return [*_look_at_copy(names), rds.keep_copy(names), *rds.spare_sources(names)]


def _delete_instance(names: Names) -> list[Grant]:
    return [*_look_at_copy(names), rds.delete_copy(names), *rds.spare_sources(names)]


def _nothing(_names: Names) -> list[Grant]:
    return []


def _publish_report(names: Names) -> list[Grant]:
    return [
        rds.describe(
            names,
            "snapshot:*",
            why="lists those of the source for the report; a listing names none, which RDS"
            " authorises on all of them",
        ),
        rds.tag_verdict(names),
        *rds.spare_sources(names),
        *evidence.read(names, document_names.JUDGEMENT, document_names.REPORT),
        evidence.write(names, document_names.REPORT, document_names.PAGE),
    ]


def _sweep(names: Names) -> list[Grant]:
    return [
        rds.describe(names, "db:*", "snapshot:*", why="lists what there is, to find what is ours"),
        rds.delete_copy(names),
        *rds.delete_snapshot(names),
        *rds.spare_sources(names),
        workflow.look_at_drill(names, "whether the drill of a copy is over"),
        evidence.write_sweep(names),
    ]


def _export_verdict(names: Names) -> list[Grant]:
    return [
        workflow.look_at_drill(names, "what the drill of this pipeline came to"),
        workflow.answer_pipeline(),
    ]


_Builder = Callable[[Names], list[Grant]]

STATE_GRANTS: dict[str, _Builder] = {
    "PlanDrill": _plan_drill,
    "CaptureBaseline": _capture_baseline,
    "ReadSource": _read_first,
    "CreateSnapshot": _create_snapshot,
    "TagSnapshot": _tag_snapshot,
    "CheckSnapshot": _check_snapshot,
    "CompleteBaseline": _complete_baseline,
    "RereadSource": _read_again,
    "RestoreInstance": _restore_instance,
    "CheckInstance": _look_at_copy,
    "SecureInstance": _secure_instance,
    "PlanVerification": _plan_verification,
    "VerifyBatch": _verify_batch,
    "JudgeDrill": _judge_drill,
    "KeepInstance": _keep_instance,
    "DeleteInstance": _delete_instance,
    "CheckDeletion": _look_at_copy,
    "PublishReport": _publish_report,
    "ExplainFailure": _nothing,
}
LOAD_GRANTS: dict[str, _Builder] = {
    "PlanLoad": load.plan_load,
    "SurveyPart": load.survey_part,
    "LoadPart": load.load_part,
    "FinishLoad": load.finish_load,
    "TidyLoad": load.tidy_load,
}
OF_FUNCTIONS = {**STATE_GRANTS, "Sweep": _sweep, "ExportVerdict": _export_verdict, **LOAD_GRANTS}
