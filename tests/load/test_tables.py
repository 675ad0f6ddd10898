"""The header is matched by name, names are never SQL, and each kind of table is filled."""

from typing import Any

import pytest

from tests.load.conftest import PART_MIB, TINY, Loads


def test_the_header_may_stand_in_any_order(loads: Loads) -> None:
    loads.make("CREATE TABLE t (id int, note text, at date DEFAULT '2026-01-01')")
    loads.put(b"note,id\nx,1\n")
    result = loads.step_through()
    assert loads.sql("SELECT id, note, at::text FROM t") == [(1, "x", "2026-01-01")]
    assert result["columns_left_out"] == ["public.t.at"]
    assert loads.log.getvalue().count('"columns_left_out":["public.t.at"]') == 2


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            "id,nope,nada",
            "that the table does not have; leave them out, or add them to it: nope, nada",
        ),
        ("id,id,note", "names twice; rename all but one: id"),
        ("id,twice", "PostgreSQL generates and nobody can load; leave them out: twice"),
        ("note", "needs and the data do not bring; add them, or give the table's a default: id"),
        ("id,ID", "that the table does not have; leave them out, or add them to it: ID"),
        ("4711,Jane", "the first row names no column of the table; is there a header?"),
        ("id," + "x" * 100, "add them to it: " + "x" * 63 + "…"),
        ("id,a\0b", "the header holds a zero byte"),
    ],
)
def test_what_does_not_fit_is_named(loads: Loads, header: str, said: str) -> None:
    loads.make(
        "CREATE TABLE t (id int NOT NULL, note text,"
        " twice int GENERATED ALWAYS AS (id * 2) STORED, n serial NOT NULL)"
    )
    loads.put(header.encode() + b"\n")
    cause = loads.step_through()
    assert said in cause
    assert "Jane" not in cause
    assert "s3://shop-exports/data.csv" in cause


def test_of_many_names_the_first_and_their_number_are_told(loads: Loads) -> None:
    """The cause of a failure has 32,768 characters at most."""
    columns = [f"{number:04}_{'é' * 20}" for number in range(1600)]
    loads.make("CREATE TABLE t (id int)")
    loads.put(",".join(["id", *columns]).encode())
    cause = loads.step_through()
    assert cause.endswith(f"{columns[19]}, and 1,580 more")
    loads.put(",".join(f"{'x' * 64}{number:04}" for number in range(1600)).encode())
    cause = loads.step_through("new", create_table="infer")
    assert "and 1,580 more" in cause
    assert len(cause) < 4000
    loads.make(f"CREATE TABLE wide (id int, {', '.join(f'c{n} int' for n in range(1, 100))})")
    loads.put(b"id\n1\n")
    assert loads.step_through("wide")["columns_left_out"][19:] == ["public.wide.c20", "and 79 more"]


@pytest.mark.parametrize(
    ("table", "key", "said"),
    [
        ("t" * 64, "in/a.csv", "a.csv: table: the name " + "t" * 63 + "… is longer than 63 bytes"),
        ("{name}", f"in/{'ä' * 32}.csv", "ä.csv: table: the name " + "ä" * 32 + "… is longer"),
        ("{name}", "in/.csv", "in/.csv: the name is empty before its first point"),
    ],
)
def test_a_name_that_can_be_none_of_a_table_is_refused(
    loads: Loads, table: str, key: str, said: str
) -> None:
    """PostgreSQL would cut it without a word, and load into what has the rest of it as its name."""
    loads.make(f"CREATE TABLE {'t' * 63} (id int)")
    loads.put(b"id\n1\n", key)
    assert said in loads.step_through(table, prefix="in/", create_table="infer")


def test_a_column_that_a_trigger_fills_need_not_be_brought(loads: Loads) -> None:
    loads.make(
        "CREATE TABLE t (id int, note text NOT NULL);"
        " CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN new.note = 'filled'; RETURN new; END$$;"
        " CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fill()"
    )
    loads.put(b"id\n1\n")
    loads.step_through()
    assert loads.rows() == [(1, "filled")]


@pytest.mark.parametrize("on_conflict", ["error", "skip"])
@pytest.mark.parametrize("kind", ["ALWAYS", "BY DEFAULT"])
def test_identity_columns_take_the_data_or_their_own(
    loads: Loads, kind: str, on_conflict: str
) -> None:
    loads.make(f"CREATE TABLE t (id int GENERATED {kind} AS IDENTITY PRIMARY KEY, note text)")
    loads.put(b"id,note\n7,x\n")
    loads.step_through(on_conflict=on_conflict)
    loads.put(b"note\ny\n")
    loads.step_through(on_conflict=on_conflict)
    assert loads.rows() == [(1, "y"), (7, "x")]


HOSTILE = [
    'a"b',
    "part",
    "place",
    "order_0",
    "%s",
    "a;DROP TABLE t",
    "x\ny",
    "{name}",
    "ctid_",
    "'",
]


@pytest.mark.parametrize("on_conflict", ["error", "skip", "replace"])
def test_names_of_columns_are_only_names(loads: Loads, on_conflict: str) -> None:
    def quoted(name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    columns = ", ".join(f"{quoted(name)} int" for name in HOSTILE)
    loads.make(f"CREATE TABLE t ({columns}, PRIMARY KEY ({quoted(HOSTILE[0])}))")
    values = ",".join(str(number) for number in range(len(HOSTILE)))
    loads.put(f"{','.join(quoted(name) for name in HOSTILE)}\n{values}\n".encode())
    assert loads.step_through(on_conflict=on_conflict)["rows"] == 1
    assert loads.rows() == [tuple(range(len(HOSTILE)))]


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ('shop."Odd Näme"', ""),
        ('SHOP."Odd Näme"', ""),
        ("shop.nope", "there is no table shop.nope"),
        ("t; DROP TABLE shop.t", "The input was refused"),
        ('"t', "The input was refused"),
        ("shop.v", "no table that rows can be loaded into"),
        ("a.b.c.d", "The input was refused"),
    ],
)
def test_a_table_is_named_as_in_sql(loads: Loads, name: str, refused: str) -> None:
    loads.make(
        'DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop; CREATE TABLE shop."Odd Näme"'
        " (id int); CREATE VIEW shop.v AS SELECT 1 AS id"
    )
    loads.put(b"id\n1\n")
    answer = loads.step_through(name)
    if refused:
        assert refused in answer
    else:
        assert answer["tables"] == ["shop.Odd Näme"]
        assert loads.rows('shop."Odd Näme"') == [(1,)]


@pytest.mark.parametrize("on_conflict", ["error", "skip"])
def test_a_partitioned_table_is_loaded(loads: Loads, on_conflict: str) -> None:
    loads.make(
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);"
        " CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (2);"
        " CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (2) TO (4)"
    )
    loads.put(b"id\n1\n2\n")
    loads.step_through(on_conflict=on_conflict)
    assert loads.rows("t1") == [(1,)]
    loads.put(b"id\n3\n4\n")
    assert "check" in loads.step_through(on_conflict=on_conflict)
    assert loads.rows() == [(1,), (2,)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["t", "f", ""], "boolean"),
        (["true", "false", ""], "text"),
        (["0", "-12", "900000000000000000"], "bigint"),
        (["1", "2.50", "-0.5"], "numeric"),
        (["007", "008"], "text"),
        (["2026-11-22"], "date"),
        (["2026-11-22 10:11:12", "2026-11-22 10:11:12.5"], "timestamp without time zone"),
        (["2026-11-22 10:11:12+00", "0001-01-01 00:00:00.000001+00"], "timestamp with time zone"),
        (["6f1c3cbe-5a8e-4b7e-9a5c-0d3e1f2a4b5c"], "uuid"),
        (["", ""], "text"),
        (["1", "x"], "text"),
        (["1", '""'], "text"),
        (["x" * 200_000], "text"),
    ],
)
def test_a_table_that_is_not_there_is_made(loads: Loads, values: list[str], kind: str) -> None:
    loads.put(("id,Käse\n" + "".join(f"a,{value}\n" for value in values)).encode())
    assert loads.step_through(create_table="infer")["rows"] == len(values)
    types = loads.sql(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = 'public.t'::regclass AND attnum > 0"
    )
    assert types == [("id", "text"), ("Käse", kind)]


@pytest.mark.parametrize(
    ("body", "more", "said"),
    [
        (b"id,id\n1,2\n", {}, "names twice; rename all but one: id"),
        (b"id,\n1,2\n", {}, "gives no name, by number"),
        (b"x" * 64 + b"\n1\n", {}, "longer than 63 bytes"),
        (b"a\0b\n1\n", {}, "zero byte"),
        (b"", {}, "empty"),
        (b"id\n", {"on_conflict": "replace"}, "a table that is made has none"),
        (b"id\n", {"table": "nowhere.t"}, "the schema of nowhere.t is not there"),
    ],
)
def test_a_table_is_not_made_of_what_can_be_none(
    loads: Loads, body: bytes, more: dict[str, Any], said: str
) -> None:
    loads.put(body)
    assert said in loads.step_through(**{"create_table": "infer", **more})


def test_a_type_that_a_later_row_does_not_fit_gives_way_and_is_told(loads: Loads) -> None:
    loads.put(b"id\n" + b"1\n" * 20_000 + b"secret-value\n")
    result = loads.step_through(create_table="infer")
    assert result["types_widened"] == [
        "public.t.id: text, not bigint as its first rows suggest: that would change or refuse the"
        " value in s3://shop-exports/data.csv, line 20002"
    ]
    assert loads.sql("SELECT count(*), max(id) FROM t") == [(20_001, "secret-value")]


def test_each_object_has_a_table_of_its_own(loads: Loads) -> None:
    loads.make('CREATE TABLE "b 2" (id int, note text)')
    loads.put(b"id\n1\n", "in/a.csv.gz")
    loads.put(b"note,id\nx,2\n", "in/b 2.csv")
    loads.put(b"id\n3\n", 'in/c"d.csv')
    loads.put(b"", "in/folder/")
    result = loads.step_through("public.{name}", prefix="in/", create_table="infer")
    assert result["tables"] == ["public.a", "public.b 2", 'public.c"d']
    assert loads.rows('"b 2"') == [(2, "x")]
    assert loads.rows('"c""d"') == [(3,)]


@pytest.mark.parametrize("made", [True, False])
def test_objects_of_one_table_may_differ_in_the_order_of_their_headers(
    loads: Loads, made: bool
) -> None:
    if made:
        loads.make("CREATE TABLE t (id int, note text)")
    loads.put(b"id,note\n1,2\n", "in/1.csv")
    loads.put(b"note,id\nb,2\n", "in/2.csv")
    loads.put(b"id,note\n3,c\n", "in/3.csv")
    result = loads.step_through(prefix="in/", create_table="never" if made else "infer")
    assert result["tables"] == ["public.t"]
    assert result["rows"] == 3
    assert loads.sql("SELECT id, note FROM t ORDER BY id") == [(1, "2"), (2, "b"), (3, "c")]


def test_objects_of_one_new_table_that_bring_other_columns_are_refused(loads: Loads) -> None:
    loads.put(b"id,note\n1,2\n", "in/1.csv")
    loads.put(b"id\n1\n", "in/2.csv")
    cause = loads.step_through(prefix="in/", create_table="infer")
    assert "not all objects for the new table t bring note" in cause


def test_of_several_objects_all_come_in_or_none(loads: Loads) -> None:
    loads.make("CREATE TABLE a (id int); CREATE TABLE b (id int)")
    loads.put(b"id\n1\n", "in/a.csv")
    loads.put(b"id\nx\n", "in/b.csv")
    assert "in/b.csv: line 2" in loads.step_through("{name}", prefix="in/")
    assert loads.rows("a") == []


@pytest.mark.parametrize("part_mib", ["", TINY])
@pytest.mark.parametrize(
    ("on_conflict", "rows"),
    [("skip", [(1, "old"), (2, "first")]), ("replace", [(1, "new"), (2, "last")])],
)
def test_what_is_there_already_is_kept_or_replaced(
    loads: Loads,
    monkeypatch: pytest.MonkeyPatch,
    on_conflict: str,
    rows: list[Any],
    part_mib: str,
) -> None:
    """Of several rows with one key the last counts, or the first, across parts as well."""
    loads.make("CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t VALUES (1, 'old')")
    body = b"id,note\n1,new\n2,first\n" + b"2,middle\n" * 5000 + b"2,last\n"
    if part_mib:
        monkeypatch.setenv(PART_MIB, part_mib)
    loads.put(body)
    loads.step_through(on_conflict=on_conflict)
    assert loads.rows() == rows


def test_a_key_alone_can_be_replaced(loads: Loads) -> None:
    loads.make("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    loads.put(b"id\n1\n2\n")
    loads.step_through(on_conflict="replace")
    assert loads.rows() == [(1,), (2,)]


@pytest.mark.parametrize("body", [b"note\nx\n", b"id,note\n1,x\n"])
def test_replace_needs_a_key_in_the_data(loads: Loads, body: bytes) -> None:
    key = "" if b"id" in body else " PRIMARY KEY"
    loads.make(f"CREATE TABLE t (id serial{key}, note text)")
    loads.put(body)
    assert "replace needs a primary key" in loads.step_through(on_conflict="replace")


@pytest.mark.parametrize("part_mib", ["", TINY])
def test_a_table_is_emptied_only_if_the_rows_come_in(
    loads: Loads, monkeypatch: pytest.MonkeyPatch, part_mib: str
) -> None:
    loads.make("CREATE TABLE t (id int); INSERT INTO t VALUES (-1)")
    if part_mib:
        monkeypatch.setenv(PART_MIB, part_mib)
    rows = b"".join(b"%d\n" % number for number in range(5000))
    loads.put(b"id\n" + rows + b"x\n")
    assert "line 5002" in loads.step_through(truncate_first=True)
    assert loads.rows() == [(-1,)]
    loads.put(b"id\n" + rows)
    loads.step_through(truncate_first=True)
    assert loads.sql("SELECT count(*), min(id) FROM t") == [(5000, 0)]


@pytest.mark.parametrize("analyze", [True, False])
def test_statistics_are_renewed_unless_not_wanted(loads: Loads, analyze: bool) -> None:
    loads.make("CREATE TABLE t (id int) WITH (autovacuum_enabled = off)")
    loads.put(b"id\n1\n")
    loads.step_through(analyze=analyze)
    assert loads.sql("SELECT count(*) FROM pg_stats WHERE tablename = 't'") == [(int(analyze),)]


def test_given_columns_stand_for_a_header_that_is_not_there(loads: Loads) -> None:
    loads.make("CREATE TABLE t (id int, note text)")
    loads.put(b"x,1\n")
    loads.step_through(format={"header": False}, columns=["note", "id"])
    assert loads.rows() == [(1, "x")]


def test_given_columns_override_the_header(loads: Loads) -> None:
    loads.make("CREATE TABLE t (id int, note text)")
    loads.put(b"Comment,Number\nx,1\n")
    loads.step_through(columns=["note", "id"])
    assert loads.rows() == [(1, "x")]
