"""Names: legal for RDS whatever the source is called, and the same on each retry."""

import re
from datetime import UTC, datetime
from string import ascii_letters, digits

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from lambdas.common.naming import drill_name, evidence_folder, is_drill_name

NOW = datetime(2026, 11, 22, 9, 44, 33, tzinfo=UTC)

LEGAL_BY_RDS = re.compile(r"[A-Za-z](-?[A-Za-z0-9])*")


def _legal(first: str, rest: str) -> str:
    return re.sub(r"-+", "-", first + rest).rstrip("-")


rests = st.integers(0, 62).flatmap(
    lambda length: st.text(ascii_letters + digits + "-", min_size=length, max_size=length)
)
sources = st.builds(_legal, st.sampled_from(ascii_letters), rests)
prefixes = st.sampled_from(["tm", "TM", "dr-test", "time-machine"])
moments = st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
executions = st.integers(0, 10**6).map("arn:aws:states:eu-west-1:123456789012:execution:{}".format)


@given(prefixes, sources, executions, moments)
@example("tm", "a", "arn", NOW)
@example("tm", "a" * 63, "arn", NOW)
@example("tm", "aa" + "-b" * 30, "arn", NOW)
def test_the_name_of_any_legal_source_is_legal(
    prefix: str, source: str, execution: str, started_at: datetime
) -> None:
    assert LEGAL_BY_RDS.fullmatch(source)
    name = drill_name(prefix, source, execution, started_at)
    assert len(name) <= 63
    assert LEGAL_BY_RDS.fullmatch(name)
    assert name.startswith(f"{prefix.lower()}-")


@given(sources, executions, moments)
def test_a_retry_finds_the_name_of_the_first_try(
    source: str, execution: str, started_at: datetime
) -> None:
    first = drill_name("tm", source, execution, started_at)
    assert drill_name("tm", source, execution, started_at) == first


@given(sources, executions, executions)
def test_two_executions_in_one_second_have_two_names(source: str, one: str, other: str) -> None:
    assume(one != other)
    assert drill_name("tm", source, one, NOW) != drill_name("tm", source, other, NOW)


def test_two_sources_that_differ_where_the_name_is_cut_have_two_names() -> None:
    assert drill_name("tm", "a" * 62 + "b", "arn", NOW) != drill_name("tm", "a" * 63, "arn", NOW)


@given(sources)
def test_the_name_is_never_the_sources(source: str) -> None:
    assert drill_name("tm", source, "arn", NOW) != source.lower()


def test_the_name_tells_prefix_source_time_and_execution() -> None:
    name = drill_name("tm", "Orders-DB", "arn", NOW)
    assert re.fullmatch(r"tm-orders-db-20261122-094433-[0-9a-f]{6}", name)


def test_a_long_source_keeps_its_beginning_in_the_name() -> None:
    name = drill_name("tm", "billing-" + "x" * 55, "arn", NOW)
    assert len(name) == 63
    assert name.startswith("tm-billing-xxx")


def test_evidence_lies_by_source_and_date() -> None:
    assert evidence_folder("orders", NOW, "tm-orders-1") == "drills/orders/2026/11/22/tm-orders-1"


@settings(deadline=None)
@given(prefixes, sources, executions, moments)
def test_a_name_is_known_again_by_its_execution_and_source(
    prefix: str, source: str, execution: str, started_at: datetime
) -> None:
    name = drill_name(prefix, source, execution, started_at)
    assert is_drill_name(name, prefix, source, execution)
    assert is_drill_name(name.upper(), prefix, source, execution)
    for other in (f"{name}-2", f"{name}x", f"x{name}", source, prefix):
        assert not is_drill_name(other, prefix, source, execution)
    assert not is_drill_name(name, prefix, source, f"{execution}0")
    assert not is_drill_name(name, prefix, f"{source}0", execution)
    assert not is_drill_name(name, f"{prefix}x", source, execution)
