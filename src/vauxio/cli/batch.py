"""What ``-r`` adds to the verbs: a tree of files, by way of `vauxio.archive`."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from ..errors import VauxError
from ..text import printable
from .events import event
from .failures import Failure, blame
from .numbers import Whole
from .terminal import complain

if TYPE_CHECKING:
    from ..archive import Plan, Report, Result

__all__ = ["Batch", "only", "options", "work_on"]

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("-r", "--recursive", is_flag=True,
                 help="All files below a folder or URL."),
    click.option("-j", "--jobs", type=Whole(1), metavar="N",
                 help="With -r: so many processes; one for each core if not given."),
    click.option("--include", multiple=True, metavar="GLOB",
                 help="With -r: only files whose names match; may be given several times."),
    click.option("--exclude", multiple=True, metavar="GLOB",
                 help="With -r: no files whose names match."),
    click.option("--dry-run", is_flag=True, help="With -r: say what would be done."),
    click.option("--report", metavar="FILE.html", help="With -r: write a report as a page."),
    click.option("--json", "as_json", is_flag=True,
                 help="Events as JSON, one per line, on standard output."),
    click.option("-q", "--quiet", is_flag=True,
                 help="Say nothing but what fails and what could not be kept."),
    click.option("--engine", type=click.Choice(["processes", "dask"]), default="processes",
                 help="With -r: who works."),
    click.option("--scheduler", metavar="URL", help="With --engine dask: tcp://host:8786."),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Batch:
    """The options for trees."""

    recursive: bool
    jobs: int | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    dry_run: bool
    report: str | None
    as_json: bool
    quiet: bool
    engine: str
    scheduler: str | None

    def check(self) -> None:
        """`click.UsageError` for options that have no effect without ``-r``."""
        given = {
            "-j": self.jobs, "--include": self.include, "--exclude": self.exclude,
            "--dry-run": self.dry_run, "--report": self.report,
            "--engine": self.engine == "dask",
        }  # fmt: skip
        for name, value in given.items():
            if value and not self.recursive:
                raise click.UsageError(f"{name} is for trees: -r")
        if self.scheduler and self.engine != "dask":
            raise click.UsageError("--scheduler is for --engine dask")


def options(command: F) -> F:
    """Give a command all options for trees, as one argument `batch`."""

    def gather(*args: Any, **values: Any) -> Any:
        names = [field.name for field in dataclasses.fields(Batch)]
        batch = Batch(**{name: values.pop(name) for name in names})
        batch.check()
        return command(*args, batch=batch, **values)

    wrapped: Any = functools.update_wrapper(gather, command)  # options given so far included
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return cast("F", wrapped)


def only(files: tuple[str, ...]) -> str:
    """The one folder or URL of a command with ``-r``."""
    if len(files) != 1:
        raise click.UsageError("-r takes one folder or URL; -o names the other")
    return files[0]


def work_on(
    batch: Batch, verb: str, source: str, target: str | None = None, **settings: Any
) -> int:
    """Plan, work, report. Returns the exit code.

    Parameters
    ----------
    batch : Batch
    verb, source, target
        See `archive.plan`.
    settings
        Of `archive.Settings`, and `delete_input`, `force` and `names` of `archive.plan`.
    """
    try:
        return _work(batch, verb, source, target, settings)
    except Failure as e:
        complain(str(e))
        return 1


def _work(
    batch: Batch, verb: str, source: str, target: str | None, settings: dict[str, Any]
) -> int:
    from .. import archive

    own = ("delete_input", "delete_lossy", "force", "names")
    more = {name: settings.pop(name) for name in own if name in settings}
    with _blame(source):
        plan = archive.plan(
            verb, source, target, archive.Settings(**settings), include=batch.include,
            exclude=batch.exclude, **more,
        )  # fmt: skip
    if batch.dry_run:
        return _show_plan(plan, batch.as_json)
    report = archive.Report(plan)
    if batch.as_json:
        event("plan", files=len(plan.tasks), bytes=plan.bytes, skipped=len(plan.skipped),
               refused=len(plan.refused), left_alone=plan.others,
               left_alone_names=plan.left, source_gone_names=plan.gone)  # fmt: skip
    bar = _Bar(plan, batch.quiet)
    results = archive.run(
        plan, batch.jobs, engine=batch.engine, scheduler=batch.scheduler, progress=bar.part
    )
    with _blame(target or source), contextlib.closing(results), bar:  # type: ignore[type-var]
        for result in results:
            report.add(result)
            bar.show(report, result)
            if batch.as_json:
                event("file", **dataclasses.asdict(result))
            elif not result.ok:
                with bar.aside():
                    complain(f"{result.source}: {result.error}")
            else:
                for note in result.notes:
                    with bar.aside():
                        complain(f"{result.source}: {note}")
                for damage in result.damage:
                    with bar.aside():
                        complain(f"{result.source}: {damage}")
    if batch.as_json:
        event("report", **report.as_dict())
    elif not batch.quiet:
        click.echo(str(report))
    if batch.report:
        with blame(batch.report):
            report.write_html(batch.report)
    return 1 if report.failed else 0


@contextlib.contextmanager
def _blame(tree: str) -> Iterator[None]:
    """Turn errors within into a `Failure` of a tree, unless they name another."""
    with blame(tree):
        try:
            yield
        except VauxError as e:
            raise Failure(e.filename or tree, e.reason) from e


def _show_plan(plan: Plan, as_json: bool) -> int:
    for task in plan.tasks:
        if as_json:
            event("would", verb=plan.verb, source=task.source, target=task.target,
                   bytes=task.entry.size)  # fmt: skip
        else:
            arrow = f" -> {task.target}" if task.target else ""
            click.echo(printable(f"{plan.verb} {task.source}{arrow}"))
    for result in plan.refused:
        if as_json:
            event("file", **dataclasses.asdict(result))
        else:
            complain(f"{result.source}: {result.error}")
    if not as_json:
        click.echo(printable(repr(plan)))
    return 1 if plan.refused else 0


class _Bar:
    """Progress of the whole tree, on standard error if that is a terminal."""

    def __init__(self, plan: Plan, quiet: bool) -> None:
        self._plan = plan
        self._bar: Any = None
        # By bytes; by files, where the store does not tell their sizes.
        sizes = {task.source: task.entry.size or 0 for task in plan.tasks}
        self._sizes = sizes if plan.bytes else dict.fromkeys(sizes, 1)
        self._left: dict[str, float] = dict(self._sizes)
        self._shown = not quiet and sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> _Bar:
        if self._shown:
            from tqdm import tqdm

            self._bar = tqdm(
                total=sum(self._sizes.values()), dynamic_ncols=True, leave=False, smoothing=0,
                bar_format="{percentage:3.0f} %, {remaining} left {bar} {desc}",
                desc=f"0/{len(self._sizes)} files",
            )  # fmt: skip
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, report: Report, result: Result) -> None:
        if self._bar is None:
            return
        refused, tasks = len(self._plan.refused), len(self._plan.tasks)
        saved = f", {report.saved / 1e6:.1f} MB saved" if self._plan.verb == "encode" else ""
        self._bar.set_description_str(
            f"{max(0, len(report.results) - refused)}/{tasks} files, "
            f"{report.seconds / 3600:.2f} h of audio, {report.speed:.0f} x real time{saved}",
            refresh=False,
        )
        self._bar.update(self._left.pop(result.source, 0))

    def part(self, source: str, share: float) -> None:
        """Count a part of a long file as done."""
        if self._bar is not None:
            size = share * self._sizes[source]
            self._left[source] -= size
            self._bar.update(size)

    def aside(self) -> contextlib.AbstractContextManager[Any]:
        """Clear the line, so that another can be written."""
        if self._bar is None:
            return contextlib.nullcontext()
        aside: contextlib.AbstractContextManager[Any] = self._bar.external_write_mode(
            file=sys.stderr
        )
        return aside
