"""The words of ``provide``, ``find``, ``scrape`` and ``forget``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.verbs import add_address, add_as, add_paths, add_region, natural, positive

if TYPE_CHECKING:
    from cli.verbs import Verbs


def register(verbs: Verbs) -> None:
    """Declare them."""
    _provide(verbs)
    _find(verbs)
    _scrape(verbs)
    _forget(verbs)


def _provide(verbs: Verbs) -> None:
    parser = verbs.add(
        "provide",
        "announce that this machine has the content of a CID or infohash",
        about="Stays and announces again until stopped, because the network forgets within the\n"
        "hour; a running `dhtctl node` of the same --state takes that over.\n"
        "Stopped, it leaves its promise to the next node; `dhtctl forget` withdraws it.",
        examples=(
            ("dhtctl provide bafkrei... --port 8080", "announce content served on port 8080"),
            ("dhtctl provide 2aa4f5a7e209e54b32803d43670971c4c8caaa05 --once", "announce and go"),
        ),
    )
    add_address(parser, "CID|INFOHASH", "what is provided")
    parser.add_argument(
        "--port",
        type=natural,
        metavar="PORT",
        help="where it is served (default: the port that the node speaks from)",
    )
    parser.add_argument("--seed", action="store_true", help="say that we have all of it (BEP 33)")
    parser.add_argument("--once", action="store_true", help="announce once, do not stay")
    add_paths(parser)
    add_region(parser)


def _find(verbs: Verbs) -> None:
    parser = verbs.add(
        "find",
        "list who provides a CID or infohash, as answers come",
        examples=(
            ("dhtctl find bafkrei... -n 20", "stop after twenty providers"),
            ("dhtctl find --json 2aa4f5a7e209e54b32803d43670971c4c8caaa05", "one object a line"),
        ),
    )
    add_address(parser)
    parser.add_argument(
        "-n", "--count", type=positive, metavar="N", help="stop after N (default: all)"
    )
    add_paths(parser)


def _scrape(verbs: Verbs) -> None:
    parser = verbs.add(
        "scrape",
        "estimate how many seed and fetch a torrent (BEP 33)",
        examples=(
            ("dhtctl scrape 2aa4f5a7e209e54b32803d43670971c4c8caaa05", "seeds and peers"),
            ("dhtctl scrape --json magnet:?xt=urn:btih:...", "the same, for a program"),
        ),
    )
    add_address(parser)


def _forget(verbs: Verbs) -> None:
    parser = verbs.add(
        "forget",
        "stop keeping a value, an announcement or a torrent alive",
        about="Withdraws the promise from the state directory. What the network holds expires by\n"
        "itself, values after two hours, announcements within the hour. Of a torrent, who has it\n"
        "at work lets go of it; its files stay.",
        examples=(
            ("dhtctl forget bafyb6i...", "no longer republish a value"),
            ("dhtctl forget --all", "withdraw every promise"),
        ),
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("key", nargs="?", metavar="KEY|NAME", help="what to forget")
    which.add_argument("--all", action="store_true", help="everything")
    add_as(parser)
    parser.add_argument("--salt", metavar="TEXT", help="which of the name's records")
