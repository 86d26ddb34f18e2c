"""``dhtctl sim validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.errors import CommandError, ExitCode, UsageError
from cli.evidence import count
from cli.sim.figures import finite, number
from simulations.chance import Chance
from simulations.registry import nearest
from simulations.validation import validate, validators

if TYPE_CHECKING:
    from cli.context import Context
    from cli.output import Output
    from simulations.validation import Check

_NAME = 52
_SENSES = {
    "relative": "±{:.2g} %",
    "absolute": "±{:.2g}",
    "at least": "at least",
    "at most": "at most",
}


def run(context: Context) -> ExitCode:
    """Print each check as it comes.

    Raises:
        UsageError: A subject is unknown.
        CommandError: A check failed.
    """
    out, known = context.out, validators()
    for name in context.args.subjects:
        if name not in known:
            raise UsageError(f"nothing is called {name!r} here", hint=nearest(name, known))
    failed = made = 0
    head = f"{'closed form':<{_NAME}} {'expected':>12} {'obtained':>12} {'tolerance':>10}"
    if not out.json:
        out.result("head", head.rstrip())
    with out.progress("validate") as progress:
        for check in validate(Chance(context.args.seed), context.args.subjects or None):
            made += 1
            failed += not check.passed
            progress.update(check.name)
            _print(out, check)
    if failed:
        raise CommandError(f"{failed} of {count(made, 'check')} failed", failed=failed, checks=made)
    out.note(f"all {count(made, 'check')} passed")
    return ExitCode.DONE


def _print(out: Output, check: Check) -> None:
    share = check.tolerance * 100 if check.sense == "relative" else check.tolerance
    allowed = _SENSES[check.sense].format(share)
    unit = f" {check.unit}" if check.unit else ""
    expected, obtained = number(check.expected), number(check.obtained)
    out.result(
        "check",
        f"{check.name:<{_NAME}} {expected + unit:>12} {obtained + unit:>12} "
        f"{allowed:>10}  {check.verdict}",
        name=check.name,
        expected=finite(check.expected),
        obtained=finite(check.obtained),
        tolerance=check.tolerance,
        sense=check.sense,
        unit=check.unit,
        source=check.source,
        passed=check.passed,
    )
