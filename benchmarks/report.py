"""Tables of a finished benchmark: on the terminal, as Markdown, and everything as JSON."""

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bars import BARS, Bar, Verdict
from benchmarks.figures import Run, number, summary


@dataclass(frozen=True)
class Sheet:
    """One table."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def sheets(runs: Sequence[Run]) -> Iterator[Sheet]:
    """A table for each task, the bars, and the failures if there are any."""
    for task in dict.fromkeys(run.task for run in runs):
        yield task_sheet(runs, task)
    yield bars_sheet(runs)
    failed = [(run.task, run.peer, run.problem) for run in runs if run.problem]
    if failed:
        yield Sheet("Failed runs", ("task", "peer", "problem"), failed)


def task_sheet(runs: Sequence[Run], task: str) -> Sheet:
    """Peers of one task by name; failed runs are counted beside it."""
    of_task = [run for run in runs if run.task == task]
    figures = list(dict.fromkeys(name for run in of_task for name in run.figures))
    rows = []
    for peer in sorted({run.peer for run in of_task}):
        of_peer = [run for run in of_task if run.peer == peer]
        failures = sum(1 for run in of_peer if run.problem)
        name = f"{peer} - {failures} of {len(of_peer)} FAILED" if failures else peer
        cells = [str(found) if (found := summary(of_task, task, peer, figure)) else "" for figure in figures]
        rows.append((name, *cells))
    return Sheet(task, ("peer", *figures), rows)


def bars_sheet(runs: Sequence[Run], bars: Sequence[Bar] = BARS) -> Sheet:
    """Each bar with what was measured."""
    rows = []
    for bar in bars:
        value = bar.value(runs)
        verdict = bar.verdict(value)
        peers = {bar.subject, bar.against}
        has_failed = any(run.problem and run.task == bar.task and run.peer in peers for run in runs)
        words = f"{verdict.value}, runs failed" if has_failed else verdict.value
        rows.append(
            (
                f"{bar.subject}: {bar.task}, {bar.figure}",
                bar.against or "-",
                "" if verdict is Verdict.NOT_MEASURED or value is None else f"{number(value)} {bar.unit}",
                f"{bar.to_reach:g} {bar.unit}",
                f"{bar.goal:g} {bar.unit}",
                words,
            )
        )
    return Sheet("Bars", ("work", "against", "measured", "to reach", "goal", "verdict"), rows)


def show(runs: Sequence[Run]) -> None:
    """Print all tables."""
    console = Console()
    for sheet in sheets(runs):
        table = Table(title=sheet.title, title_justify="left")
        for position, heading in enumerate(sheet.headings):
            table.add_column(heading, justify="left" if position == 0 else "right")
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)


def markdown(runs: Sequence[Run], notes: Sequence[str]) -> str:
    """All tables as Markdown."""
    lines = ["# Measured side by side", "", machine(), "", *(f"- {note}" for note in notes)]
    for sheet in sheets(runs):
        lines += ["", f"## {sheet.title}", "", _line(sheet.headings), "|---" * len(sheet.headings) + "|"]
        lines += [_line(row) for row in sheet.rows]
    return "\n".join(lines) + "\n"


def write(runs: Sequence[Run], notes: Sequence[str], folder: Path, name: str) -> None:
    """Write ``name.json`` and ``name.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = {"machine": machine(), "notes": list(notes), "runs": [asdict(run) for run in runs]}
    (folder / f"{name}.json").write_text(json.dumps(everything, indent=1) + "\n")
    (folder / f"{name}.md").write_text(markdown(runs, notes))


def machine() -> str:
    """One sentence about where it was measured."""
    cpu = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in cpu.splitlines() if line.startswith("model name")]
    processors = f"{len(models)} x {models[0] if models else 'CPU'}"
    return f"{processors}, Linux {platform.release()}, Python {platform.python_version()}."


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
