"""What a unit is said to read is what it reads; one too large for a statement says so."""

from dataclasses import asdict
from typing import Any

from lambdas.drill.admission.request import BASELINE_NONE
from lambdas.drill.checks.constraints import constraints
from lambdas.drill.checks.files import forks, visibility
from lambdas.drill.checks.files.forks import StoredFile
from lambdas.drill.checks.rows import large_objects
from lambdas.drill.checks.sequences import sequences
from lambdas.drill.checks.shape import Discovered, Relation, Survey, SurveyedDatabase, failed
from lambdas.drill.units import RANGE_BYTES, Status, Unit
from lambdas.errors import QueryFailed

GIB = 2**30


def _relation(oid: int, size_bytes: int) -> Relation:
    name = f"t{oid}"
    return Relation(oid, "public", name, f"public.{name}", "r", "p", True, size_bytes)


def _survey(check: str, found: Any, *relations: Relation) -> Survey:
    database = SurveyedDatabase("shop", relations=relations, seen={check: Discovered(found)})
    return Survey([database], BASELINE_NONE)


def test_a_foreign_key_reads_the_tables_it_refers_to() -> None:
    found = [(1, 2, [2, 2, 3, 99])]
    survey = _survey("constraints", found, _relation(1, 10), _relation(2, 100), _relation(3, 1000))
    (unit,) = constraints.plan(survey)
    assert unit.cost_bytes == 2 * 10 + 2 * 100 + 1000


def test_sequences_are_put_together_by_what_their_columns_cost_too() -> None:
    """None is large alone, and no column has an index."""
    half = 2**26 // 2
    use = {"name": "c", "column": "c", "unique": True}
    uses = {
        str(n): [{**use, "tables": [["public", f"t{n}", half, None, False]]}] for n in range(100)
    }
    listed = [[n, f"public.s{n}"] for n in range(100)]
    survey = _survey("sequences", {"sequences": listed, "uses": uses})
    units = list(sequences.plan(survey))
    assert sum(len(unit.detail["sequences"]) for unit in units) == 100
    assert max(unit.cost_bytes for unit in units) <= GIB + half
    assert len({unit.id for unit in units}) == len(units) > 2


def test_pages_of_large_objects_beyond_one_query_are_said_to_be_left_out() -> None:
    *ranges, whole = large_objects.plan(_survey("large objects", (9 * GIB, True, 5)))
    assert [unit.exempt for unit in ranges] == [False] * 3
    assert whole.exempt
    assert "twice" in whole.why
    *_, whole = large_objects.plan(_survey("large objects", (GIB, True, 5)))
    assert not whole.exempt


def test_the_ranges_of_a_large_file_cost_what_they_read() -> None:
    forms = ("main", "vm")
    file = StoredFile(1, "public.t", "public.t", False, False, True, forms, 9 * GIB)
    survey = _survey("forks", {"functions": {"pg_prewarm": "x"}, "files": [asdict(file)]})
    costs = [unit.cost_bytes for unit in forks.plan(survey)]
    assert costs == [RANGE_BYTES, RANGE_BYTES, GIB, 0, 0]


def test_what_takes_too_long_is_not_measured_and_says_what_would_help() -> None:
    error = QueryFailed("57014", "query_canceled", "reading the visibility map of public.t")
    unit = Unit("visibility/1", visibility.NAME, "shop", "public.t", cost_bytes=90 * 10**9)
    found = failed(unit, error)
    assert found.status is Status.UNMEASURED
    assert "some 90 GB" in found.notes[1]
    assert "copy_instance_class" in found.notes[1]
    assert failed(Unit("visibility/2", visibility.NAME, "shop", "t"), error).notes == (str(error),)
