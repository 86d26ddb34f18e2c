"""Holders that lie: who is believed, and who goes without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from simulations import attacks, watching
from simulations.experiment import Figure
from simulations.registry import register
from simulations.rows import Kind
from simulations.theory.sybils import all_closest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dht.core.effects import Evidence
    from simulations.protocol import Run
    from simulations.protocol.node import Node
    from simulations.protocol.traffic import Errand
    from simulations.rows import Rows

SHARE: Final = "adversary.share"


def wrong(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """Whether who asked believes a value that nobody stored."""
    return float(errand.wrong)


def forged(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """Values that were received and seen through."""
    return float(evidence.forged)


@register("experiment", "poison-records")
class PoisonRecords(attacks.Attacked):
    """What readers believe if a share of all nodes forges the records it is asked for.

    A liar answers every read with a value of its own and the newest of versions. Where a key is a
    digest of the value or of the signer, a reader sees through that and walks on. Where it is not
    (``rules.switches.records = "open"``: applications that sign nothing), the newest wins.

    Writers of open records suffer, too: who reads a newer version before writing gives up, so
    where liars are many nothing is stored that could be read (``puts that fail``).

    Watch: the wrong-value rate, which must be 0 with records that prove themselves whatever the
    share of liars: all that is left to them is to be all k holders, with the chance of V9. Paths
    do not help where the newest wins, since more paths meet more liars.
    """

    panels = 2
    remarks: ClassVar[tuple[watching.Remark, ...]] = (wrong, forged)

    def expected(self, run: Run, rows: Rows) -> Mapping[str, float]:
        """V9: the chance that all k closest to a key are liars."""
        return {"v9": all_closest(len(run.band), len(run.world.nodes), run.network.policy.k)}

    def summary(self, rows: Rows) -> list[Figure]:
        """Means over the reads of what was stored."""
        puts, gets = attacks.of_kind(rows, Kind.PUT), attacks.of_kind(rows, Kind.GET)
        return [
            Figure("puts that fail", 1 - watching.mean(puts, "success")),
            Figure("gets", float(gets.count)),
            Figure("wrong values", watching.mean(gets, "wrong")),
            Figure("right values", watching.mean(gets, "success")),
            Figure("failed", 1 - watching.mean(gets, "success")),
            Figure("only liars hold it (V9)", watching.mean(gets, "v9")),
            Figure("forgeries seen through, a get", watching.mean(gets, "forged")),
            Figure("requests", watching.mean(gets, "requests")),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Wrong values, and reads that fail, against the share of liars."""
        gets = attacks.of_kind(rows, Kind.GET)
        attacks.draw_against(
            axes[0], gets, SHARE, _wrong, xlabel="share of liars", ylabel="reads of a wrong value"
        )
        attacks.draw_against(
            axes[1], gets, SHARE, _failed, xlabel="share of liars", ylabel="reads that fail"
        )
        for panel in axes:
            panel.set_ylim(-0.02, 1.02)


def _wrong(rows: Rows) -> float:
    return watching.mean(rows, "wrong")


def _failed(rows: Rows) -> float:
    return 1 - watching.mean(rows, "success")
