"""The figures as tables."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from bench.contenders import ONE, PSQL, SAMPLE_ROWS
from bench.goals import Goal
from bench.rounds import Standing

NOTES = (
    "wall: from connecting to the commit; interpreter, imports and S3 client are there before, as"
    " in a warm function. Ratios are medians of the rounds' own; best ÷ best is of the fastest"
    " runs, which others on the machine disturbed least.",
    "sample: the first "
    + " or ".join(f"{rows:,}" for rows in SAMPLE_ROWS.values())
    + " rows, times scaled to all of them; memory is the sample's.",
    "streams: plan, survey, each part into a staging table by a process of its own, then all into"
    " the table in one transaction; the time in brackets is without that last step. No ANALYZE.",
    "peak: resident memory of the client's process (of the largest of several), interpreter,"
    " libraries and shared pages included; without the server's and the S3 stand-in's.",
    "S3 is a stand-in on this machine without TLS; the server runs with fsync off.",
)


def standings_table(standings: Mapping[str, Standing], title: str) -> Table:
    """Everyone's medians, and the ratios to psql and to our one stream."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE, caption_justify="left")
    table.add_column("way", no_wrap=True)
    headings = ("wall s", "÷ psql", "best ÷ best", "rows/s", "ours is faster", "peak MiB", "÷ ours")
    for heading in (*headings, "server CPU s", "client CPU s"):
        table.add_column(heading, justify="right")
    for standing in standings.values():
        table.add_row(standing.contender.title, *_figures(standing, standings))
    table.caption = "\n".join(NOTES)
    return table


def _figures(standing: Standing, standings: Mapping[str, Standing]) -> list[str]:
    psql, ours = standings[PSQL], standings[ONE]
    rows = ours.runs[0].measured.rows
    staged = standing.staged_seconds
    return [
        f"{standing.seconds:,.2f}" + (f" ({staged:.2f})" if staged else ""),
        f"{standing.times(psql):.2f}",
        f"{standing.best_times(psql):.2f}",
        f"{rows / standing.seconds:,.0f}",
        f"{standing.times(ours):.2f} ×",
        f"{standing.peak_mib:,.1f}",
        f"{standing.peak_mib / ours.peak_mib:.2f}",
        f"{standing.server_seconds:.2f}",
        f"{standing.client_seconds:.2f}",
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
