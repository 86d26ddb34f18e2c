"""The words of ``lookup``, ``ping`` and ``sample``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.verbs import add_address, add_paths, positive

if TYPE_CHECKING:
    from cli.verbs import Verbs


def register(verbs: Verbs) -> None:
    """Declare them."""
    lookup = verbs.add(
        "lookup",
        "list the live nodes closest to a key",
        examples=(
            ("dhtctl lookup bafkrei...", "who would hold records of this CID"),
            ("dhtctl lookup --paths 4 k51qzi5uqu5d...", "along four disjoint paths"),
        ),
    )
    add_address(lookup)
    add_paths(lookup)
    ping = verbs.add(
        "ping",
        "ask one node whether it is there",
        examples=(
            ("dhtctl ping router.bittorrent.com:6881", "its id and the round-trip time"),
            ("dhtctl ping -n 5 127.0.0.1:6881", "five times"),
        ),
    )
    ping.add_argument("address", metavar="HOST:PORT", help="the node")
    ping.add_argument(
        "-n", "--count", type=positive, default=1, metavar="N", help="how often (default: 1)"
    )
    sample = verbs.add(
        "sample",
        "list keys that nodes hold providers for (BEP 51)",
        examples=(
            ("dhtctl sample", "around a random point of the key space"),
            ("dhtctl sample --json -n 100", "a hundred keys, for a program"),
        ),
    )
    add_address(sample, "KEY", "where to sample (default: anywhere)", optional=True)
    sample.add_argument(
        "-n", "--count", type=positive, metavar="N", help="stop after N keys (default: one walk)"
    )
