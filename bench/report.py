"""The figures as tables."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from bench.contenders import ONE, PSQL, PSQL_NEW, SAMPLE_ROWS
from bench.goals import Goal
from bench.rounds import Standing

NOTES = (
    "wall: from connecting to the commit; interpreter, imports and S3 client are there before, as"
    " in a warm function. Ratios are medians of the rounds' own; best ÷ best is of the fastest"
    " runs, which others on the machine disturbed least.",
    "sample: the first "
    + " or ".join(f"{rows:,}" for rows in SAMPLE_ROWS.values())
    + " rows, times scaled to all of them; memory is the sample's.",
    "streams: plan, survey, each part by a process of its own. Staged: into staging tables, then"
    " all into the table in one transaction; not atomic: into the table itself; new table: into one"
    " that gets its name at the end. The time in brackets is without the last step. No ANALYZE.",
    "new table: without a key, compared with psql's; the types are the inferred ones for both.",
    "idle cores: of the machine, while the contender ran; beside psql they are what further streams"
    " could use, beside streams what they left.",
    "peak: resident memory of the client's process (of the largest of several), interpreter,"
    " libraries and shared pages included; without the server's and the S3 stand-in's.",
    "S3 is a stand-in on this machine without TLS; the server runs with fsync off.",
)


def standings_table(standings: Mapping[str, Standing], title: str) -> Table:
    """Everyone's medians, and the ratios to psql and to our one stream."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE, caption_justify="left")
    table.add_column("way", no_wrap=True)
    times = ("wall s", "server CPU s", "client CPU s", "idle cores", "÷ psql", "best ÷ best")
    for heading in (*times, "rows/s", "ours is faster", "peak MiB", "÷ ours"):
        table.add_column(heading, justify="right")
    for standing in standings.values():
        table.add_row(standing.contender.title, *_figures(standing, standings))
    table.caption = "\n".join(NOTES)
    return table


def _figures(standing: Standing, standings: Mapping[str, Standing]) -> list[str]:
    psql = standings[PSQL_NEW if standing.contender.new else PSQL]
    ours = standings[ONE]
    rows = ours.runs[0].measured.rows
    staged = standing.staged_seconds
    return [
        f"{standing.seconds:,.2f}" + (f" ({staged:.2f})" if staged else ""),
        f"{standing.server_seconds:.2f}",
        f"{standing.client_seconds:.2f}",
        f"{standing.idle_cores:.1f}",
        f"{standing.times(psql):.2f}",
        f"{standing.best_times(psql):.2f}",
        f"{rows / standing.seconds:,.0f}",
        f"{standing.times(ours):.2f} ×",
        f"{standing.peak_mib:,.1f}",
        f"{standing.peak_mib / ours.peak_mib:.2f}",
    ]


def goals_table(goals: Sequence[Goal]) -> Table:
    """Each goal, and whether it is met."""
    table = Table(title="Goals", title_justify="left", box=box.SIMPLE)
    for heading in ("goal", "measured", ""):
        table.add_column(heading)
    said = {True: "met", False: "missed", None: "not measured"}
    style = {True: "green", False: "red", None: "yellow"}
    for goal in goals:
        table.add_row(goal.aim, goal.measured, said[goal.met], style=style[goal.met])
    return table
