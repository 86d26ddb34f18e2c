"""``dhtctl doctor``: one line for each thing that could keep the DHT from working here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from cli import residents
from cli.doctor import machine, outside
from cli.doctor.verdict import Grade, Verdict, fail
from cli.errors import ExitCode
from cli.evidence import count
from dht.errors import DhtError
from dht.node.node import Node

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from cli.context import Context
    from cli.settings import Settings

    Inner: TypeAlias = Callable[[Settings], Verdict]
    Outer: TypeAlias = Callable[[Settings, Node], Awaitable[Verdict]]

_DEADLINE: Final = 15.0
"""Seconds for one check. The slowest, a walk through a network of the dead, takes ten."""

MACHINE: Final[Mapping[str, Inner]] = {
    "state": machine.state_directory,
    "database": machine.database,
    "clock": machine.clock,
    "open files": machine.open_files,
    "buffer": machine.receive_buffer,
    "loopback": machine.loopback,
    "listen": machine.listening,
    "ipv6": machine.ipv6,
}
NETWORK: Final[Mapping[str, Outer]] = {
    "node": outside.own_node,
    "bootstrap": outside.bootstrap,
    "lookup": outside.lookup,
    "address": outside.translation,
}
_WIDTH: Final = max(map(len, (*MACHINE, *NETWORK)))


async def run(context: Context) -> ExitCode:
    """Check everything, whatever fails; the exit code says whether it was us or the network."""
    settings, out = context.settings, context.out
    # What is typed wrongly is no finding.
    residents.listen(settings)
    residents.bootstrap(settings)
    graded: dict[str, Grade] = {}
    with out.progress("checking") as progress:
        for name, inner in MACHINE.items():
            progress.update(name)
            in_thread = partial(trio.to_thread.run_sync, inner, settings, abandon_on_cancel=True)
            graded[name] = await check(context, name, in_thread)
        try:
            async with Node(bootstrap=residents.bootstrap(settings), mode="client") as node:
                for name, outer in NETWORK.items():
                    progress.update(name)
                    graded[name] = await check(context, name, partial(outer, settings, node))
        except DhtError as error:
            verdict = fail(str(error), "see the checks above")
            graded["sockets"] = _show(context, "sockets", verdict)
    return _conclude(context, graded)


async def check(context: Context, name: str, check: Callable[[], Awaitable[Verdict]]) -> Grade:
    """Do one check, within its deadline, and show what it found."""
    verdict = fail(f"not finished within {_DEADLINE:g} s", "look for what hangs")
    with trio.move_on_after(_DEADLINE):
        verdict = await check()
    return _show(context, name, verdict)


def _show(context: Context, name: str, verdict: Verdict) -> Grade:
    todo = f"\n{'':{_WIDTH + 8}}to do: {verdict.todo}" if verdict.todo else ""
    context.out.result(
        "check",
        f"{verdict.grade.value:<4}  {name:<{_WIDTH}}  {verdict.text}{todo}",
        name=name,
        grade=verdict.grade.value,
        message=verdict.text,
        **({"todo": verdict.todo} if verdict.todo else {}),
        **verdict.facts,
    )
    return verdict.grade


def _conclude(context: Context, graded: Mapping[str, Grade]) -> ExitCode:
    grades = list(graded.values())
    failed = [name for name, grade in graded.items() if grade is Grade.FAIL]
    warned = grades.count(Grade.WARN)
    context.out.result(
        "diagnosis",
        f"{grades.count(Grade.OK)} ok, {count(warned, 'warning')}, {count(len(failed), 'failure')}",
        ok=grades.count(Grade.OK),
        warnings=warned,
        failures=len(failed),
    )
    if not failed:
        return ExitCode.DONE
    return ExitCode.NO_NETWORK if set(failed) <= set(NETWORK) else ExitCode.FAILED
