"""Where the demonstration is played: says what happens and why, and notes what goes wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from cli.demo.trials import PATIENCE, WrongError
from cli.evidence import count
from cli.tables import duration
from dht.errors import DhtError
from torrent.errors import TorrentError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from typing import Any

    from cli.output import Output
    from dht.core.effects import Evidence


@dataclass(frozen=True, slots=True)
class Done:
    """A step was done.

    Attributes:
        told: What to tell about it.
        evidence: What it took, if requests were made.
        facts: The same for programs.
    """

    told: str
    evidence: Evidence | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


class Stage:
    """Plays steps and tells about them; with ``--quiet`` only what fails.

    Attributes:
        failures: How many steps failed.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self.failures = 0

    def scene(self, title: str, why: str) -> None:
        """Begin something new: what, and why it is worth a look."""
        if not self._out.quiet:
            self._out.result("scene", f"\n{title}\n{why}", title=title, why=why)

    async def step(self, act: str, deed: Awaitable[Done], patience: float = PATIENCE) -> None:
        """Do something, and say what came of it and how long it took."""
        begun = time.perf_counter()
        try:
            with trio.fail_after(patience):
                done = await deed
        except (DhtError, TorrentError, WrongError, trio.TooSlowError) as error:
            self._fail(act, str(error) or f"not done within {patience:g} s")
        else:
            self._tell(act, done, time.perf_counter() - begun)

    def _fail(self, act: str, why: str) -> None:
        self.failures += 1
        self._out.result("step", f"    FAILED  {act}: {why}", act=act, ok=False, why=why)

    def _tell(self, act: str, done: Done, took: float) -> None:
        if self._out.quiet:
            return
        requests = done.evidence.requests if done.evidence is not None else None
        asked = "" if requests is None else f" ({count(requests, 'request')})"
        self._out.result(
            "step",
            f"  {duration(took):>8}  {done.told}{asked}",
            act=act,
            ok=True,
            elapsed_s=round(took, 6),
            **({} if requests is None else {"requests": requests}),
            **done.facts,
        )
