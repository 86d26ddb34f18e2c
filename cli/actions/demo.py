"""``dhtctl demo``: everything at work on a network of its own, with failures, in a few seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from cli import residents
from cli.actions.testnet import grow
from cli.demo import swarm
from cli.demo.acts import Play
from cli.demo.sharing import Sharing
from cli.demo.stage import Done, Stage
from cli.demo.trials import measure
from cli.errors import CommandError, ExitCode, UsageError
from cli.evidence import count
from cli.tables import aligned, duration, rate, size
from dht.testing import Testnet

if TYPE_CHECKING:
    from cli.context import Context
    from cli.demo.trials import Series
    from cli.output import Output

ROUNDS: Final = 40
"""Repetitions of each operation, before and after the deaths: the 95th percentile is then the
second worst but one, and not the one unlucky run."""
_SURVIVORS: Final = 2
_SHOWN: Final = 3


async def run(context: Context) -> ExitCode:
    """Play it; an error if anything did not go as it should."""
    args, out = context.args, context.out
    if args.kill > args.nodes - _SURVIVORS:
        raise UsageError(
            f"of {count(args.nodes, 'node')}, {args.kill} cannot die",
            hint=f"{_SURVIVORS} must survive: one that writes and one that reads",
        )
    residents.allow_sockets(args.nodes)
    begun, stage = time.perf_counter(), Stage(out)
    async with Testnet(0) as net:
        healthy, struck = await _play(context, net, stage)
    _conclude(out, healthy, struck)
    broken = [series for series in (*healthy, *struck) if series.failures]
    failures = stage.failures + sum(len(series.failures) for series in broken)
    elapsed = time.perf_counter() - begun
    if failures:
        reasons = dict.fromkeys(why for series in broken for why in series.failures)
        raise CommandError(
            f"{count(failures, 'operation')} failed",
            achieved="; ".join(list(reasons)[:_SHOWN]),
            failures=failures,
            elapsed_s=round(elapsed, 3),
        )
    out.result(
        "demo",
        f"\nAll of it worked, in {duration(elapsed)}. Try it yourself: dhtctl testnet --nodes 50",
        nodes=args.nodes,
        killed=args.kill,
        elapsed_s=round(elapsed, 3),
    )
    return ExitCode.DONE


async def _play(context: Context, net: Testnet, stage: Stage) -> tuple[list[Series], list[Series]]:
    """Play the acts, and measure before and after the deaths."""
    nodes, kill = context.args.nodes, context.args.kill
    stage.scene(
        "A network",
        f"{count(nodes, 'node')} on this machine, each with a socket, an address and a table\n"
        "of its own. Each is told of three others, and finds the rest by asking.",
    )
    await stage.step("start", _start(context, net, nodes))
    play = Play(stage, net)
    await play.explained()
    healthy = await _measured(context, net, "measuring the healthy network")
    await play.deaths(kill)
    await play.again()
    struck = await _measured(context, net, "measuring what is left of it")
    stage.scene(
        "A file",
        f"{size(swarm.SIZE)} on one node's disk. Others have its magnet link and nothing else:\n"
        f"the DHT tells them who seeds it. It sends {rate(swarm.UPLINK)} and no more, so they\n"
        "pass on to each other what they get.",
    )
    await stage.step("seed and fetch", swarm.play(net), patience=swarm.PATIENCE)
    await _share(net, stage)
    return healthy, struck


async def _share(net: Testnet, stage: Stage) -> None:
    """The act that takes git, where that is."""
    async with Sharing.prepared(net) as sharing:
        if not sharing.possible:
            return
        stage.scene(
            "A site and a repository",
            "Names that lead to the newest version, of files and of history. Whoever mirrors them\n"
            "keeps both alive; the rest is stock git.",
        )
        await sharing.play(stage)


async def _start(context: Context, net: Testnet, nodes: int) -> Done:
    await grow(context, net, nodes)
    known = sum(node.statistics().contacts for node in net.nodes) / nodes
    return Done(
        f"all have joined; a node knows {known:.0f} others on average",
        facts={"nodes": nodes, "contacts_mean": round(known, 1)},
    )


async def _measured(context: Context, net: Testnet, label: str) -> list[Series]:
    with context.out.progress(label) as progress:
        return await measure(net, ROUNDS, lambda done: progress.update("rounds", done, ROUNDS))


def _conclude(out: Output, healthy: list[Series], struck: list[Series]) -> None:
    """Print the table."""
    if out.json:
        for phase, table in (("before", healthy), ("after", struck)):
            for series in table:
                out.result("operation", "", **_facts(series, phase))
        return
    head = [f"each {ROUNDS} times", *(["p50", "p95", "requests"] * 2)]
    rows = [
        [one.name, *_cells(one), *_cells(two)] for one, two in zip(healthy, struck, strict=True)
    ]
    lines = aligned([head, *rows])
    # Over the columns of the second half, which begins where the first one's last word ends.
    half = lines[0].index("requests") + len("requests")
    above = f"{'all alive':>{half}}{'after the deaths':>{len(lines[0]) - half}}"
    out.result("table", "\n".join(["", above, *lines]))


def _cells(series: Series) -> list[str]:
    each = f"{series.requests_each:.1f}" if series.seconds else "-"
    failed = f" ({len(series.failures)} failed)" if series.failures else ""
    return [duration(series.quantile(0.5)), duration(series.quantile(0.95)), each + failed]


def _facts(series: Series, phase: str) -> dict[str, object]:
    measured: dict[str, object] = {}
    if series.seconds:
        measured = {
            "p50_s": round(series.quantile(0.5), 6),
            "p95_s": round(series.quantile(0.95), 6),
            "requests_mean": round(series.requests_each, 2),
        }
    return {
        "phase": phase,
        "name": series.name,
        "runs": series.runs,
        "failures": len(series.failures),
        **measured,
    }
