"""How far something long has come: a bar on a terminal, a line now and then anywhere else."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

TOLD_EACH = 25

Step = Callable[[Sequence[str]], None]


@contextlib.contextmanager
def shown(console: Console, what: str, total: int) -> Iterator[Step]:
    """Gives what is to be called after each step, with the lines to print of it."""
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        done = 0

        def step(lines: Sequence[str]) -> None:
            nonlocal done
            done += 1
            progress.advance(task)
            for line in lines:
                console.print(escape(line))
            if not console.is_terminal and done % TOLD_EACH == 0:
                console.print(f"{what}: {done} of {total}")

        yield step
