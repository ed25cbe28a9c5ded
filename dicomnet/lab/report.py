"""What the sender shows: progress on a terminal, plain lines elsewhere, and a closing table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from dicomnet.lab.gather import Skipped
from dicomnet.lab.send import Tally

PLAIN_LINES = 10


@contextmanager
def progress(console: Console, words: str, total: int) -> Iterator[Callable[[], None]]:
    """A callback for each item done: a bar on a terminal, else about ten lines in all."""
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(words, total=total)
            yield lambda: bar.advance(task)
        return
    done = 0
    step = max(1, -(-total // PLAIN_LINES))

    def advance() -> None:
        nonlocal done
        done += 1
        if done % step == 0 or done == total:
            console.print(f"{words}: {done} of {total}", highlight=False)

    yield advance


def say_skipped(console: Console, skipped: list[Skipped]) -> None:
    """One line for each file that was left out."""
    for entry in skipped:
        console.print(f"skipped {entry.path}: {entry.reason}", markup=False, highlight=False, soft_wrap=True)


def say_tally(console: Console, tally: Tally) -> None:
    """The closing table, and a sentence for whatever went wrong with an association."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    table.add_row("sent", str(tally.sent), f"of {tally.asked}")
    table.add_row("acknowledged", str(tally.acknowledged), "")
    for name, counter in (("warned", tally.warned), ("refused", tally.refused), ("not sent", tally.not_sent)):
        table.add_row(name, str(counter.total()), "")
        for words, count in counter.most_common():
            table.add_row("", str(count), words)
    if tally.lost:
        table.add_row("no answer", str(tally.lost), "the association was lost")
    table.add_row("megabytes", f"{tally.size_bytes / 1e6:.1f}", "")
    table.add_row("seconds", f"{tally.seconds:.2f}", f"{tally.sent / max(tally.seconds, 1e-6):.1f} files/s")
    console.print(table, highlight=False, markup=False, soft_wrap=True)
    for sentence in tally.sentences:
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
