"""The words of ``publish`` and ``follow``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.verbs import DIRECTORY, add_address, add_passphrase, completes, natural, positive
from cli.verbs.torrents import rate

if TYPE_CHECKING:
    from cli.parser import Parser
    from cli.verbs import Verbs


def register(verbs: Verbs) -> None:
    """Declare them."""
    _publish(verbs)
    _follow(verbs)


def _publish(verbs: Verbs) -> None:
    parser = verbs.add(
        "publish",
        "publish a directory under a name that always leads to its newest version",
        about="Makes a torrent of what DIR holds now, signs a record that leads to it, and prints\n"
        "the name. Run it again after a change: followers fetch the files that changed and\n"
        "nothing else; if nothing changed, nothing is done. What is published is a copy (links\n"
        "to unchanged files), so DIR may be edited at any time. A running `dhtctl node` of the\n"
        "same --state serves it and keeps the name; else this command stays and does.",
        examples=(
            ("dhtctl publish public/", "sign it with your only key (one is made if you have none)"),
            ("dhtctl publish public/ --name me --salt blog --replicas 3", "and count the copies"),
        ),
    )
    completes(parser.add_argument("directory", metavar="DIR", help="what to publish"), DIRECTORY)
    parser.add_argument("--name", metavar="KEY", help="sign with this key (see dhtctl key)")
    parser.add_argument(
        "--salt", metavar="TEXT", help="which of the key's names (default: what DIR is called)"
    )
    _add_versions(parser)
    parser.add_argument(
        "--origin", metavar="URL", help="a web server has it, too: what followers turn to (BEP 19)"
    )
    parser.add_argument(
        "--replicas",
        type=natural,
        default=0,
        metavar="N",
        help="count who has a copy, by asking for a piece of it, and miss those that go",
    )
    add_passphrase(parser)
    _add_limit(parser, "--upload-limit")


def _follow(verbs: Verbs) -> None:
    parser = verbs.add(
        "follow",
        "keep a directory at the newest version of a name, and serve it to others",
        about="DIR becomes a link to the newest version, which is whole and verified before the\n"
        "link is switched to it. Files that did not change are taken from the version before.\n"
        "What is here is served, and the name kept, without its key: if the publisher goes,\n"
        "others still get both from here.",
        examples=(
            ("dhtctl follow k51qzi5uqu5d.../blog -o blog", "mirror it until Ctrl-C"),
            ("dhtctl follow k51qzi5uqu5d.../blog --once", "once; a running node serves it"),
        ),
    )
    add_address(parser, "NAME", "whose versions to follow")
    completes(
        parser.add_argument(
            "-o",
            "--output",
            metavar="DIR",
            help="where it is seen (default: here, called by the name's salt)",
        ),
        DIRECTORY,
    )
    parser.add_argument("--once", action="store_true", help="do not wait for newer versions")
    _add_versions(parser)
    _add_limit(parser, "--upload-limit")
    _add_limit(parser, "--download-limit")


def _add_versions(parser: Parser) -> None:
    parser.add_argument(
        "--keep-versions",
        type=positive,
        default=2,
        metavar="N",
        help="how many versions stay on disk and are served (default: 2)",
    )


def _add_limit(parser: Parser, flag: str) -> None:
    parser.add_argument(flag, type=rate, metavar="RATE", help="bytes a second, as in 500K or 2M")
