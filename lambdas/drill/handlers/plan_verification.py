"""PlanVerification: survey the copy and cut the work into batches."""

import os
from dataclasses import asdict
from functools import partial
from typing import Any

from lambdas.adapters.copy_server import copy_address, copy_sessions
from lambdas.adapters.evidence_bucket import Evidence
from lambdas.common import document_names
from lambdas.common.budget import seconds_left
from lambdas.drill.checks.shape import Survey
from lambdas.drill.drill import drill_from
from lambdas.drill.units import batches, to_document
from lambdas.drill.verification.batch import plan_units
from lambdas.drill.verification.capacity import concurrent_batches
from lambdas.drill.verification.readings import readings_of
from lambdas.drill.verification.survey import survey_copy
from lambdas.errors import DatabaseUnreachable
from lambdas.observability import Event, logged
from lambdas.settings import from_environment

_NO_LOGIN = (
    "does the copy's security group let in the verifier's? Has the source's master user the role"
    " rds_iam? Then no password opens the copy, since IAM authentication wins over it: revoke that"
    " role from the master user on the source, and drill again"
)
"""RDS user guide, "IAM database authentication": whether a role has it, the API does not tell."""


@logged("PlanVerification")
def handler(event: Event, context: Any) -> Any:
    """``{"plan_bucket", "plan_key", "copy", "concurrency", …}``; a retry keeps the first plan."""
    settings, drill = from_environment(os.environ), drill_from(event)
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    address = copy_address(drill.owner, drill.copy_id)
    items = evidence.find(document_names.PLAN)
    if items is None:
        before, after = readings_of(drill, evidence)

        seconds = partial(seconds_left, context)
        connect = copy_sessions(address, settings, seconds=seconds, read_only=False)
        try:
            databases, block_bytes = survey_copy(connect)
        except DatabaseUnreachable as error:
            raise DatabaseUnreachable(f"{error}; {_NO_LOGIN}", lost=error.lost) from None
        survey = Survey(
            databases=databases,
            baseline=drill.baseline,
            before=before,
            after=after,
            expectations=evidence.read(document_names.REQUEST).get("expectations", []),
            block_bytes=block_bytes,
        )
        items = []
        for number, batch in enumerate(batches(plan_units(survey)), start=1):
            evidence.write(document_names.batch(number), [to_document(unit) for unit in batch])
            items.append({"number": number, "units": len(batch)})
        evidence.write(document_names.PLAN, items)
    return {
        "plan_bucket": settings.evidence_bucket,
        "plan_key": evidence.key(document_names.PLAN),
        "copy": asdict(address),
        "concurrency": concurrent_batches(drill.target["instance_class"]),
        "batches": len(items),
        "units": sum(item["units"] for item in items),
    }
