"""A new table holds every value as it was written, wherever in the data it stands, and of any kind.

The files are such as people have: exports of Excel, of other databases, of pandas and of shops.
"""

import csv
import io
import itertools
from typing import Any

import pytest

from tests.load.conftest import PART_MIB, Loads

INFER: dict[str, Any] = {"create_table": "infer"}

PEOPLE_HAVE = {
    "zip codes": ["10002", "01569", "00501"],
    "part numbers that look like powers": ["9535e6", "12E5", "655e38"],
    "floats of pandas": ["0.5", "1e-05", "2.5e-07"],
    "floats of Excel": ["1.5", "1.23E+11"],
    "hexadecimal": ["31", "0x1F", "0xFF"],
    "octal and binary": ["8", "0o17", "0b11"],
    "underscores": ["1", "1_000"],
    "signs": ["5", "+5"],
    "phone numbers": ["4930123456", "+4930123456", "004930123456"],
    "blanks around a number": ["5", " 5 "],
    "a tab behind a number": ["5", "6\t"],
    "zero below zero": ["0", "-0"],
    "zeros below zero": ["0.5", "-0.00"],
    "no digit before the point": ["0.5", ".5"],
    "no digit behind the point": ["1", "2."],
    "leading zeros of decimals": ["1.5", "00.5"],
    "NaN": ["1.5", "NaN"],
    "infinity": ["1.5", "Infinity", "-inf"],
    "money": ["1.50", "$2.50"],
    "money of Germany": ["1", "1.234,50"],
    "money with a minus behind": ["1.50", "2.50-"],
    "per cent": ["50", "50%"],
    "thousands": ["1", "1,000"],
    "long digits": ["1", "9" * 40],
    "digits beyond bigint": ["1", "9223372036854775808"],
    "very long digits": ["1", "7" * 700],
    "card numbers": ["4111111111111111", "4111 1111 1111 1111"],
    "versions": ["1.0", "1.10", "1.10.2"],
    "ISBN": ["9783161484100", "978-3-16-148410-0", "080442957X"],
    "yes and no": ["t", "yes", "no"],
    "one and zero among booleans": ["t", "1", "0"],
    "booleans of JSON": ["true", "false"],
    "one word for true": ["true", "true"],
    "booleans of Excel": ["TRUE", "FALSE"],
    "booleans of Python": ["True", "False"],
    "booleans of two kinds": ["t", "true"],
    "booleans cut short": ["true", "tru", "fa"],
    "on and off": ["f", "on", "off"],
    "a boolean with a blank": ["t", " f"],
    "dates that are none": ["2024-01-01", "2024-02-30"],
    "dates of a year that does not leap": ["2024-02-29", "1900-02-29"],
    "zero dates of MySQL": ["2024-01-01 10:00:00", "0000-00-00 00:00:00"],
    "zero dates alone": ["0000-00-00", "0000-00-00"],
    "dates of America": ["2024-01-01", "01/02/2024"],
    "dates of Germany": ["2024-01-01", "02.01.2024"],
    "dates without zeros": ["2024-01-01", "2024-1-2"],
    "dates without dashes": ["2024-01-01", "20240102"],
    "dates in words": ["2024-01-01", "Jan 2 2024"],
    "words for dates": ["2024-01-01", "today", "now", "epoch"],
    "endless dates": ["2024-01-01", "infinity", "-infinity"],
    "dates before Christ": ["2024-01-01", "0044-03-15 BC"],
    "years of five digits": ["2024-01-01", "12024-01-01"],
    "years of two digits": ["2024-01-01", "24-01-02"],
    "Julian days": ["2024-01-01", "J2451187"],
    "times of ISO 8601": ["2024-01-01 10:00:00", "2024-01-01T10:00:00"],
    "times in JSON": ["2024-01-01T10:00:00.000Z", "2024-01-01T10:00:01.500Z"],
    "times with a zone": ["2024-01-01 10:00:00+00", "2024-01-01 12:00:00+02:00"],
    "times with a zone late": ["2024-01-01 10:00:00", "2024-01-01 12:00:00+02"],
    "times with the name of a zone": ["2024-01-01 10:00:00+00", "2024-01-01 12:00:00 Europe/Rome"],
    "nanoseconds": ["2024-01-01 10:00:00.123456", "2024-01-01 10:00:00.123456789"],
    "milliseconds of SQL Server": ["2024-01-01 10:00:00.000", "2024-01-01 10:00:00.120"],
    "the end of a day": ["2024-01-01 10:00:00", "2024-01-01 24:00:00"],
    "leap seconds": ["2024-01-01 10:00:00", "2016-12-31 23:59:60"],
    "times without seconds": ["2024-01-01 10:00:00", "2024-01-01 10:00"],
    "times of half a day": ["2024-01-01 10:00:00", "2024-01-01 10:00:00 PM"],
    "a date among times": ["2024-01-01 10:00:00", "2024-01-02"],
    "a time among dates": ["2024-01-01", "2024-01-02 10:00:00"],
    "uuid in capitals": [
        "6f1c3cbe-5a8e-4b7e-9a5c-0d3e1f2a4b5c",
        "6F1C3CBE-5A8E-4B7E-9A5C-0D3E1F2A4B5C",
    ],
    "uuid in braces": [
        "6f1c3cbe-5a8e-4b7e-9a5c-0d3e1f2a4b5c",
        "{6f1c3cbe-5a8e-4b7e-9a5c-0d3e1f2a4b5c}",
    ],
    "uuid without dashes": [
        "6f1c3cbe-5a8e-4b7e-9a5c-0d3e1f2a4b5c",
        "6f1c3cbe5a8e4b7e9a5c0d3e1f2a4b5c",
    ],
    "JSON": ['{"b": 1, "a": 2}', '{"a":1,"a":2}'],
    "durations": ["10:00:00", "1 day"],
    "words for nothing": ["1", "NULL", "N/A", "-"],
    "digits of Arabic": ["1", "\u0661"],
    "a blank that breaks no line": ["1", "\xa02"],
    "an empty string among numbers": ["1", '""'],
    "text in lines": ["1", "two\nlines"],
}


def body_of(values: list[str], head: int = 0, ending: str = "\n") -> bytes:
    """A file whose last column has the values, behind ``head`` rows with the first of them."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=ending)
    writer.writerow(["id", "note", "v"])
    for number, value in enumerate(itertools.chain(itertools.repeat(values[0], head), values)):
        if value == '""':
            out.write(f'{number},x,""{ending}')
        else:
            writer.writerow([number, "x", value])
    return out.getvalue().encode()


def as_written(loads: Loads, body: bytes, table: str = "t") -> bool:
    """Whether each column comes back as the file has it."""
    names, *rows = csv.reader(io.StringIO(body.decode(), newline=""))
    written = [list(column) for column in zip(*rows, strict=True)]
    return all(
        column == shown(loads, table, name) for name, column in zip(names, written, strict=True)
    )


def shown(loads: Loads, table: str, name: str) -> list[str]:
    """A column as COPY and psql print it, which of a boolean is not what its cast to text has."""
    found = loads.sql(
        "SET TimeZone = 'UTC'; SET DateStyle = 'ISO';"
        f" SELECT coalesce(format('%s', \"{name}\"), '') FROM {table} ORDER BY id::int, ctid"
    )
    return [text for (text,) in found]


def kinds(loads: Loads, table: str = "t") -> list[str]:
    found = loads.sql(
        "SELECT atttypid::regtype::text FROM pg_attribute"
        f" WHERE attrelid = '{table}'::regclass AND attnum > 0 ORDER BY attnum"
    )
    return [kind for (kind,) in found]


@pytest.mark.parametrize("head", [0, 11_000], ids=["first", "late"])
@pytest.mark.parametrize("name", PEOPLE_HAVE)
def test_what_people_have_comes_back_as_it_was_written(loads: Loads, name: str, head: int) -> None:
    """In the first rows, and behind those that the types are told from."""
    body = body_of(PEOPLE_HAVE[name], head)
    loads.put(body)
    result = loads.step_through(**INFER)
    assert isinstance(result, dict), result
    assert result["rows"] == head + len(PEOPLE_HAVE[name])
    assert as_written(loads, body)


DEEP = 40_000
"""Rows, of which those late ones are in other parts than the first rows."""


@pytest.mark.parametrize("whole", [True, False], ids=["state machine", "steps"])
def test_parts_side_by_side_agree_on_types_that_change_nothing(
    loads: Loads, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """Several of them find values of their own that ask for another type."""
    monkeypatch.setenv(PART_MIB, "0.2")
    rows = [f"{n},{n},t,2024-01-01,true,{n}" for n in range(DEEP)]
    rows[15_000] = "15000,07,t,2024-01-01,true,1.50"
    rows[22_000] = "22000,7,yes,2024-01-01,true,7"
    rows[30_000] = "30000,08,f,infinity,true,7"
    rows[39_000] = "39000,8,f,2024-01-02,1,8.0"
    body = "\n".join(["id,zip,flag,day,word,n", *rows, ""]).encode()
    loads.put(body)
    result = loads.load(**INFER) if whole else loads.step_through(**INFER)
    assert result["rows"] == DEEP
    assert kinds(loads) == ["bigint", "text", "text", "text", "text", "numeric"]
    assert as_written(loads, body)
    assert [
        message.split(":")[0].rpartition(".")[2] for message in sorted(result["types_widened"])
    ] == [
        "day",
        "flag",
        "n",
        "zip",
    ]
    assert any("line 22002" in message for message in result["types_widened"])


def test_objects_of_one_table_agree_on_types_that_change_nothing(loads: Loads) -> None:
    bodies = [body_of(["1", value], 10_001) for value in ("2", "03", "4.50")]
    for number, body in enumerate(bodies):
        loads.put(body, f"in/{number}.csv")
    result = loads.step_through(prefix="in/", **INFER)
    assert "in/1.csv, line 10004" in str(result["types_widened"])
    assert kinds(loads) == ["bigint", "text", "text"]
    assert [v for (v,) in loads.sql("SELECT v FROM t WHERE v <> '1' ORDER BY v")] == [
        "03",
        "2",
        "4.50",
    ]


def test_a_value_that_asks_for_another_type_is_no_bad_row(loads: Loads) -> None:
    """Nothing is left out for it; a row with more fields is."""
    body = body_of(["1", "02"], 10_001)
    loads.put(body + b"1,2,3,4\n")
    result = loads.step_through(**INFER, max_errors=1)
    assert (result["rows"], result["rejected"]) == (10_003, 1)
    assert as_written(loads, body)


def test_a_value_that_asks_for_another_type_is_nowhere_told(loads: Loads) -> None:
    loads.put(body_of(["1", "planted-4711"], 10_001))
    ending = loads.run(**INFER)
    assert ending.status == "SUCCEEDED", ending.cause
    for place, text in loads.message(ending).items():
        assert "planted-4711" not in text, place
    assert "line 10004" in str(ending.output)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["7", "-12", "0", "123456789012345678"], "bigint"),
        (["0.50", "-0.5", "100", "9" * 500], "numeric"),
        (["2024-02-29", "0001-01-01", "9999-12-31"], "date"),
        (["2024-02-29 23:59:59", "2024-01-01 00:00:00.000001"], "timestamp without time zone"),
        (["2024-02-29 23:59:59+00", "2024-01-01 00:00:00.5+00"], "timestamp with time zone"),
        (["t", "f"], "boolean"),
        (["true", "false"], "text"),
        (["6f1c3cbe-5a8e-4b7e-9a5c-0d3e1f2a4b5c"], "uuid"),
    ],
)
def test_what_a_type_prints_as_it_is_written_has_the_type(
    loads: Loads, values: list[str], kind: str
) -> None:
    body = body_of(values)
    loads.put(body)
    assert loads.step_through(**INFER)["types_widened"] == []
    assert kinds(loads)[2] == kind
    assert as_written(loads, body)


@pytest.mark.parametrize(
    "form",
    [
        {"delimiter": ";"},
        {"encoding": "utf-16"},
        {"encoding": "utf-8-sig"},
        {"encoding": "cp1252"},
        {"delimiter": "\t", "quote": "'"},
        {"delimiter": "|", "escape": "\\"},
        {"null": "NULL"},
    ],
    ids=str,
)
def test_in_any_form_of_file_a_late_value_comes_back(loads: Loads, form: dict[str, str]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=form.get("delimiter", ","), lineterminator="\r\n")
    rows = [[number, "ß", 5] for number in range(11_000)]
    writer.writerows([["id", "note", "v"], *rows, [1, "ß", "007"], [2, "ß", "NULL"]])
    encoding = form.get("encoding", "utf-8")
    loads.put(out.getvalue().encode(encoding))
    loads.step_through(**INFER, format=form)
    assert kinds(loads) == ["bigint", "text", "text"]
    late = loads.sql("SELECT v FROM t WHERE v <> '5' OR v IS NULL ORDER BY ctid")
    assert late == [("007",), (None if form.get("null") else "NULL",)]
