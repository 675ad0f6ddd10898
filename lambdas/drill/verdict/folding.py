"""What was measured of each unit, folded into one result for each check and subject."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from lambdas.common.shortened import shortened
from lambdas.drill.check_names import ROWS_CHECK, YOUNGER_ROWS
from lambdas.drill.units import Claim, Measurement, Status, Unit, Violation, weakest
from lambdas.drill.verdict.attribution import attribute
from lambdas.drill.verdict.verdict import NO_RESULT, TEXT_LENGTH, Result

TEXTS_KEPT = 20


def fold(units: Iterable[Unit], measurements: Iterable[Measurement]) -> list[Result]:
    """One result for each check and subject; a unit without a measurement is unmeasured."""
    by_unit = {measurement.unit: measurement for measurement in measurements}
    groups: dict[tuple[str, str, str], list[Unit]] = defaultdict(list)
    for unit in units:
        groups[(unit.check, unit.database, unit.subject)].append(unit)
    folded = [
        (_result(group, found), _violations(found))
        for _, group in sorted(groups.items())
        for found in [[by_unit.get(unit.id) for unit in group]]
    ]
    proven: dict[str, set[str]] = defaultdict(set)
    damaged: dict[str, set[str]] = defaultdict(set)
    for result, _ in folded:
        if result.status is Status.WRONG:
            damaged[result.database].add(result.subject)
        elif result.check == ROWS_CHECK and result.claim is Claim.PROVEN:
            proven[result.database].add(result.subject)
    return [
        _attributed(result, violations, proven[result.database], damaged[result.database])
        for result, violations in folded
    ]


def _result(group: Sequence[Unit], found: Sequence[Measurement | None]) -> Result:
    unit = group[0]
    done = [measurement for measurement in found if measurement is not None]
    measured: dict[str, int] = defaultdict(int)
    for measurement in done:
        for name, value in measurement.measured.items():
            measured[name] += value
    findings = [text for measurement in done for text in measurement.findings]
    notes = [text for measurement in done for text in measurement.notes]
    if len(done) < len(found):
        notes.append(NO_RESULT)
    status = _worst(measurement.status for measurement in done)
    if len(done) < len(found) and status is not Status.WRONG:
        status = Status.UNMEASURED
    missing = [name for name in unit.bounds if name not in measured]
    if status is Status.OK and missing:
        status = Status.UNMEASURED
        notes += [f"{name} were not measured" for name in missing]
    if status is Status.OK:
        beyond = list(_out_of_bounds(unit.bounds, measured))
        findings += beyond
        status = Status.WRONG if beyond else Status.OK
    claim = _claim(unit, done, measured) if status is Status.OK else Claim.NOT_COMPARED
    if status is Status.EXEMPT or (status is Status.OK and claim is not Claim.PROVEN):
        notes += [unit.why] if unit.why else []
    return Result(
        check=unit.check,
        database=unit.database,
        subject=unit.subject,
        status=status,
        claim=claim,
        measured=dict(measured),
        expected=dict(unit.bounds),
        findings=_kept(findings),
        notes=_kept(notes),
        seconds=round(sum(measurement.seconds for measurement in done), 3),
        warnings=_kept([text for measurement in done for text in measurement.warnings]),
    )


def _violations(found: Sequence[Measurement | None]) -> list[Violation]:
    done = (measurement for measurement in found if measurement is not None)
    return [violation for measurement in done for violation in measurement.violations]


def _attributed(
    result: Result, violations: Sequence[Violation], proven: set[str], damaged: set[str]
) -> Result:
    if not violations:
        return result
    wrong, warnings = attribute(violations, proven, damaged)
    return replace(
        result,
        status=Status.WRONG if wrong else result.status,
        claim=Claim.NOT_COMPARED if wrong else result.claim,
        findings=_kept(result.findings + wrong),
        warnings=_kept(result.warnings + warnings),
    )


def _kept(texts: Sequence[str]) -> tuple[str, ...]:
    return shortened(list(dict.fromkeys(text[:TEXT_LENGTH] for text in texts)), TEXTS_KEPT)


def _worst(statuses: Iterable[Status]) -> Status:
    order = [Status.WRONG, Status.UNMEASURED, Status.EXEMPT, Status.OK]
    return min(statuses, key=order.index, default=Status.UNMEASURED)


def _out_of_bounds(
    bounds: Mapping[str, tuple[int, int]], measured: Mapping[str, int]
) -> Iterator[str]:
    for name, (low, high) in bounds.items():
        value = measured[name]
        if not low <= value <= high:
            wanted = f"{low:,}" if low == high else f"{low:,} to {high:,}"
            yield f"{value:,} {name} where the source held {wanted}"


def _claim(unit: Unit, done: Iterable[Measurement], measured: Mapping[str, int]) -> Claim:
    """The unit's, or a weaker one of a measurement's.

    What was measured beyond the bounds' reach (:data:`YOUNGER_ROWS`) weakens it as well.
    """
    claims = [unit.claim, *(found.claim for found in done if found.claim is not None)]
    if measured.get(YOUNGER_ROWS, 0):
        claims.append(Claim.CONSISTENT)
    return weakest(claims)
