"""The words of ``node``, ``status``, ``doctor``, ``testnet`` and ``demo``."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from cli.verbs import positive
from cli.verbs.torrents import rate

if TYPE_CHECKING:
    from cli.verbs import Verbs


def register(verbs: Verbs) -> None:
    """Declare them."""
    _node(verbs)
    verbs.add(
        "status",
        "show the node of this state directory, and what it promised to keep",
        about="Each promise with its last success and its copies.",
        examples=(
            ("dhtctl status", "a table"),
            ("dhtctl status --json", "one object per promise"),
        ),
    )
    verbs.add(
        "doctor",
        "check what could keep the DHT from working here",
        about="Reachability, address translation, clock, limits, the state directory.",
        examples=(
            ("dhtctl doctor", "check everything, say what to do"),
            ("dhtctl doctor --json", "one object per check"),
        ),
    )
    _testnet(verbs)
    _demo(verbs)


def _node(verbs: Verbs) -> None:
    parser = verbs.add(
        "node",
        "run a node in the foreground until stopped",
        about="Serves the network, and keeps every promise of its state directory: values,\n"
        "announcements, and torrents to seed. Prints one line once it answers. Stops cleanly on\n"
        "SIGINT and SIGTERM. Of several nodes on one state directory the first is it; another\n"
        "takes over when that is gone.",
        examples=(
            ("dhtctl node", "on any free port"),
            ("dhtctl node --listen 6881 --port-mapping", "on a fixed port, opened in the router"),
        ),
    )
    parser.add_argument(
        "--mode",
        choices=("auto", "server", "client"),
        default="auto",
        help="answer others: always (server), never (client), or unless nobody asked for "
        "15 minutes (default: auto)",
    )
    parser.add_argument(
        "--port-mapping", action="store_true", help="ask the router to open the port"
    )
    parser.add_argument(
        "--upload-limit",
        type=rate,
        metavar="RATE",
        help="bytes a second that torrents may send, as in 500K or 2M",
    )


def _testnet(verbs: Verbs) -> None:
    parser = verbs.add(
        "testnet",
        "run a network of your own on the loopback interface",
        about="Prints one line with how to join it, and runs until stopped.",
        examples=(
            ("dhtctl testnet --nodes 50", "fifty nodes in one process"),
            ("dhtctl testnet --loss 0.1 --delay 50", "with lost and late datagrams"),
        ),
    )
    parser.add_argument(
        "--nodes", type=positive, default=50, metavar="N", help="how many (default: 50)"
    )
    parser.add_argument(
        "--loss", type=share, default=0.0, metavar="SHARE", help="lose this share of all datagrams"
    )
    parser.add_argument(
        "--delay", type=positive, metavar="MS", help="delay every datagram by this many ms"
    )


def _demo(verbs: Verbs) -> None:
    parser = verbs.add(
        "demo",
        "show everything at work on a network of its own",
        about="Starts a testnet; stores, updates, provides and finds; kills nodes and does it all\n"
        "again; seeds a file and fetches it three times over; ends with a table of latencies.",
        examples=(
            ("dhtctl demo", "fifty nodes, ten of which die"),
            ("dhtctl demo --nodes 100 --kill 40", "a bigger network, worse luck"),
        ),
    )
    parser.add_argument(
        "--nodes", type=positive, default=50, metavar="N", help="how many (default: 50)"
    )
    parser.add_argument(
        "--kill", type=positive, default=10, metavar="N", help="how many die (default: 10)"
    )


def share(text: str) -> float:
    """Read a number from 0 to 1.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return number
