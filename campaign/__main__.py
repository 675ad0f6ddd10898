"""``make campaign``: damage fresh copies in every way we know, verify each, and say what was seen.

Exit status 0: every promise was kept. 1: one was broken. 2: nothing fits the options.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from campaign import progress, report, under_load
from campaign.damage import Damage
from campaign.damages import DAMAGES
from campaign.report import Campaign
from campaign.run import carried_out, chosen
from campaign.specimen import prepared
from campaign.trial import Outcome
from local import folders, interruption
from local.postgres import Binaries, find_binaries

EMBEDDED = "embedded"
NONE = "none"
CHECKSUMS = {"on": (True,), "off": (False,), "both": (True, False)}
ENOUGH_BYTES = 3 * 2**30
PIPED_WIDTH = 200
DOCUMENT = Path("reports/campaign.json")
NOTHING_FITS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for, and print it."""
    options = _options(arguments)
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    console = Console(file=sys.stdout, highlight=False, width=width)
    if options.list:
        return _list(console)
    with folders.in_memory("tm-campaign-", ENOUGH_BYTES) as folder:
        servers = [_binaries(folder, name) for name in options.postgres.split(",")]
        kept = 0 if options.only == NONE else _damage(console, servers, folder, options)
        if options.workloads and kept != NOTHING_FITS:
            held = under_load.measure(
                console, servers[0], folder, options.workloads, options.seed, options.jobs
            )
            kept = kept if held else 1
    return kept


def _damage(
    console: Console, servers: Sequence[Binaries], folder: Path, options: argparse.Namespace
) -> int:
    campaigns: list[Campaign] = []
    for binaries in servers:
        damages = chosen(options.only, binaries)[:: options.sample]
        if not damages:
            message = f"no damage fits {options.only!r} on PostgreSQL {binaries.major}"
            console.print(f"{message}; --list lists them")
            continue
        for checksums in CHECKSUMS[options.checksums]:
            made = _campaign(console, binaries, folder, options, damages, checksums=checksums)
            campaigns.append(made)
            console.print(report.matrix(made))
    if not campaigns:
        return NOTHING_FITS
    for campaign in campaigns:
        for outcome in campaign.broken:
            console.print(f"[red]{campaign.title}[/red] {escape(report.message(outcome))}")
    console.print(report.totals(campaigns))
    console.print(f"seed {options.seed}; all of it is in {_written(campaigns)}")
    return int(any(campaign.broken for campaign in campaigns))


def _campaign(
    console: Console,
    binaries: Binaries,
    folder: Path,
    options: argparse.Namespace,
    damages: Sequence[Damage],
    *,
    checksums: bool,
) -> Campaign:
    place = Path(tempfile.mkdtemp(dir=folder)) / "specimen"
    place.parent.chmod(0o755)
    with (
        prepared(binaries, place, checksums=checksums) as specimen,
        progress.shown(console, specimen.title, len(damages)) as step,
    ):

        def tell(outcome: Outcome) -> None:
            step([report.message(outcome)] if outcome.broken else [])

        outcomes = carried_out(specimen, damages, options.jobs, options.seed, tell)
        return Campaign(specimen.title, options.seed, outcomes)


def _written(campaigns: Sequence[Campaign]) -> Path:
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(report.document(campaigns), encoding="utf-8")
    return DOCUMENT


def _list(console: Console) -> int:
    for damage in DAMAGES:
        what = escape(damage.what)
        console.print(f"{damage.family:16} {damage.name:32} {damage.expected:9} {what}")
    return 0


def _binaries(folder: Path, name: str) -> Binaries:
    place = Path(tempfile.mkdtemp(dir=folder))
    place.chmod(0o755)
    return find_binaries(place, None if name == EMBEDDED else Path(name))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make campaign", description=__doc__)
    parser.add_argument(
        "--only", default="", help="damages or families, comma-separated patterns; none: no damage"
    )
    parser.add_argument("--sample", type=int, default=1, help="only every n-th of these damages")
    parser.add_argument("--checksums", choices=CHECKSUMS, default="both")
    parser.add_argument(
        "--postgres", default=EMBEDDED, help="bin folders, comma-separated; embedded is ours"
    )
    parser.add_argument("--jobs", type=int, default=2, help="copies at the same time")
    parser.add_argument(
        "--workloads",
        type=int,
        default=0,
        help="generated workloads besides, on the first PostgreSQL only",
    )
    parser.add_argument("--seed", type=int, default=1, help="of every choice")
    parser.add_argument("--list", action="store_true", help="list the damages and end")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    interruption.hear()
    sys.exit(main())
