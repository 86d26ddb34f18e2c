"""``dhtctl sim run`` and ``dhtctl sim sweep``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import ExitCode, StoppedError, UnreachableError, UsageError
from cli.evidence import count
from cli.sim.figures import interval, number, plus_minus, told
from cli.tables import aligned, span
from simulations import config
from simulations.io import plots, results, studies
from simulations.io.extras import has
from simulations.io.runs import Runner, Stop

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from cli.context import Context
    from cli.output import Output
    from cli.progress import Progress
    from simulations.io.results import Line, Results
    from simulations.io.runs import Standing


def run(context: Context) -> ExitCode:
    """Run it, print its figures, draw its plot."""
    args, out = context.args, context.out
    begun = time.monotonic()
    study, library = studies.opened(args.name, _above(args))
    where = Path(args.out or Path("out") / Path(args.name).stem)
    suffix = f".{args.format}" if args.format else ""
    runner = Runner(study, study.points(library), library, where, suffix)
    workers = args.workers or os.cpu_count() or 1
    if args.dask is None:
        runner.fits(workers)
    _perform(context, runner, workers)
    found = results.load(where)
    _report(out, found, runner)
    _draw(out, found, where / study.name)
    out.result(
        "run",
        f"digest  {found.digest}\nrows    {where} ({found.rows.count:,} in "
        f"{count(len(found.shards), 'run')})",
        digest=found.digest,
        out=str(where),
        rows=found.rows.count,
        runs=len(found.shards),
        kept=runner.standing.kept,
        elapsed_s=round(time.monotonic() - begun, 3),
    )
    return ExitCode.DONE


def _above(args: Namespace) -> dict[str, Any]:
    """What the command line says, as a table over the file's."""
    table = config.assigned(args.sets)
    flags = {"seeds": args.seeds, "seed": args.seed, "fidelity": args.fidelity}
    table |= {name: value for name, value in flags.items() if value is not None}
    if args.what == "sweep":
        table["sweep"] = _swept(args.sweep)
    return table


def _swept(words: list[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not (key and equals and text):
            raise UsageError(f"{word!r} sweeps nothing", hint="say KEY=V1,V2: rules.alpha=1,3,5")
        listed = config.literal(f"[{text}]")
        # What is no list of TOML is words: `mainline,amino`, `10 min,1 h`.
        items = [config.literal(each.strip()) for each in text.split(",")]
        found[key.strip()] = listed if isinstance(listed, list) else items
    return found


def _perform(context: Context, runner: Runner, workers: int) -> None:
    """Run what is missing, and show how far it is.

    Raises:
        StoppedError: By Ctrl-C; what was finished is kept.
        UnreachableError: ``--timeout`` is over.
    """
    limit = context.settings.timeout
    standing = runner.standing
    with context.out.progress(runner.study.name) as progress:

        def watch(now: Standing) -> None:
            _show(progress, now)
            if limit is not None and now.elapsed > limit:
                raise Stop

        runner.watch = watch
        try:
            runner.run(workers, dask=context.args.dask)
        except KeyboardInterrupt:
            kept = _kept(standing, runner)
            raise StoppedError("interrupted", achieved=kept, hint=_GO_ON) from None
        except Stop:
            kept, ended = _kept(standing, runner), f"time ran out after {limit:g} s"
            raise UnreachableError(ended, achieved=kept, hint=_GO_ON) from None
    if standing.kept:
        context.out.note(f"{count(standing.kept, 'run')} of {standing.jobs} had been done before")


_GO_ON = "the same command goes on from there"


def _kept(standing: Standing, runner: Runner) -> str:
    return f"{standing.done} of {count(standing.jobs, 'run')} are finished, in {runner.out}"


def _show(progress: Progress, now: Standing) -> None:
    """'2 of 6 runs, 1.2 h of 3 h simulated, 4 min left'."""
    words = [
        f"{now.done} of {count(now.jobs, 'run')}",
        f"{span(now.simulated)} of {span(now.duration)} simulated",
    ]
    if now.remaining is not None:
        words.append(f"{span(now.remaining)} left")
    progress.update(", ".join(words), int(now.simulated), int(now.duration) or 1, counted=False)


def _report(out: Output, found: Results, runner: Runner) -> None:
    """Print the figures of every point."""
    lines = found.summary()
    if out.json:
        for line in lines:
            out.result(
                "figure",
                "",
                name=line.name,
                unit=line.unit,
                **interval(line.interval),
                runs=line.runs,
                values=dict(line.values),
            )
        return
    duration = span(runner.points[0].scenario.duration)
    fidelity = runner.points[0].experiment.fidelity
    out.note(f"{found.name}, {fidelity}: {count(len(found.shards), 'run')} of {duration}")
    points: dict[str, list[Line]] = {}
    for line in lines:
        points.setdefault(told(line.values), []).append(line)
    for point, of_it in points.items():
        out.result("table", _table(point, of_it))


def _table(point: str, lines: list[Line]) -> str:
    head = ["figure", "mean", "± 95 %", "unit"]
    rows = [[x.name, number(x.interval.middle), plus_minus(x.interval), x.unit] for x in lines]
    return "\n".join([*([point] if point else []), *aligned([head, *rows]), ""])


def _draw(out: Output, found: Results, stem: Path) -> None:
    """Draw the plot, where that can be done; figures are no worse for want of it."""
    if not has("matplotlib"):
        out.warn("no plot: matplotlib is not installed", hint="pip install 'dhtctl[sim]'")
        return
    drawn(out, plots.draw(found, stem))


def drawn(out: Output, paths: list[Path]) -> None:
    """Say where a plot is."""
    facts: Mapping[str, str] = {path.suffix[1:]: str(path) for path in paths}
    out.result("plot", f"plot    {', '.join(facts.values())}", **facts)
