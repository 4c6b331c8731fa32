"""The bodies of `journal verify`, `journal export` and `journal show`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from storage import audit, personal
from storage.calls import call_detail
from storage.database import Database
from storage.errors import StorageError
from storage.export import Format, export
from storage.settings import StorageSettings
from transport.console.story import story

_MOST_SHOWN = 20


def verify(
    settings: StorageSettings,
    trusted: Collection[str],
    *,
    call_id: str | None = None,
    anchor: str | None = None,
    console: Console | None = None,
) -> int:
    """Verify the whole journal or one call; prints what is wrong, the first first. The exit status: 0 whole, 1 not."""
    began = perf_counter()
    with _progress(settings, "verifying", whole=call_id is None) as seen:
        report = audit.verify(settings, trusted, call_id=call_id, anchor=anchor, seen=seen)
    seconds = max(perf_counter() - began, 1e-9)
    out = console or Console(soft_wrap=True, highlight=False, markup=False)
    for found in report.findings[:_MOST_SHOWN]:
        out.print(str(found))
    if report.faults > _MOST_SHOWN:
        out.print(f"… and {report.faults - _MOST_SHOWN} more")
    tally = report.tally
    out.print(
        f"{tally.entries} entries of {tally.chains} calls and {report.checkpoints} checkpoints"
        f" in {seconds:.1f} s ({tally.entries / seconds:,.0f} entries/s)"
    )
    if tally.uncovered:
        out.print(
            f"{tally.uncovered} entries stand behind the last checkpoint of their call: cut off, they would not show"
        )
    if report.last_checkpoint is not None:
        out.print(f"last checkpoint {report.last_checkpoint}")
    out.print("the journal is whole" if report.whole else f"NOT WHOLE; the first: {report.findings[0]}")
    return 0 if report.whole else 1


def write_export(
    settings: StorageSettings,
    folder: Path,
    *,
    form: Format,
    public_key: str,
    call_id: str | None = None,
    since: datetime | None = None,
) -> int:
    """Export into `folder`; the exit status."""
    with _progress(settings, "exporting", whole=call_id is None) as seen:
        count = export(
            settings, folder, form=form, public_key=public_key, call_id=call_id, since=since, seen=seen
        )
    print(f"{count} entries in {folder}; verify them with: python3 {folder / 'verify.py'} --key {public_key}")
    return 0


def show(database: Database, call_id: str) -> int:
    """Print the story of a call; the exit status. Raises StorageError when there is no such call."""
    detail, values = database.run_blocking(lambda: (call_detail(call_id), personal.values_of(call_id)))
    if detail is None:
        raise StorageError(f"there is no call {call_id}")
    for line in story(detail, values):
        print(line)
    return 0


@contextmanager
def _progress(settings: StorageSettings, what: str, *, whole: bool) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, with the rate; it goes when the work is done."""
    rate = TextColumn("{task.fields[rate]:>9,.0f}/s")
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        total = audit.count(settings) if whole else None
        task, began = bar.add_task(what, total=total, rate=0.0), perf_counter()

        def seen(count: int) -> None:
            bar.update(task, completed=count, rate=count / max(perf_counter() - began, 1e-9))

        yield seen
