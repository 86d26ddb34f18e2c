"""The words of ``git``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.verbs import DIRECTORY, add_address, add_passphrase, completes, natural
from cli.verbs.torrents import rate

if TYPE_CHECKING:
    from cli.verbs import Verbs


def register(verbs: Verbs) -> None:
    """Declare them."""
    parser = verbs.add(
        "git",
        "publish a git repository under a name, or mirror one",
        about="Whoever has the name clones with stock git: `git clone dht://NAME`, which runs the\n"
        "helper git-remote-dht, installed beside dhtctl. `git push` to a name of your own key\n"
        "publishes, too.",
        examples=(
            ("dhtctl git publish .", "publish the repository here"),
            ("dhtctl git mirror k51qzi5uqu5d.../tool", "serve somebody's repository, too"),
        ),
    )
    nested = verbs.nest(parser)
    _publish(nested)
    _mirror(nested)


def _publish(verbs: Verbs) -> None:
    parser = verbs.add(
        "publish",
        "publish all branches and tags of a repository",
        about="Makes one pack of what is new since the last time, signs a record that leads to\n"
        "it, and prints the name. As a post-receive hook of a bare repository it publishes\n"
        "every push. A running `dhtctl node` of the same --state serves it and keeps the name;\n"
        "else this command stays and does.",
        examples=(
            ("dhtctl git publish .", "sign it with your only key (one is made if you have none)"),
            ("dhtctl git publish tool.git --name me --salt tool", "as a hook does"),
        ),
    )
    completes(parser.add_argument("repository", metavar="REPO", help="which repository"), DIRECTORY)
    parser.add_argument("--name", metavar="KEY", help="sign with this key (see dhtctl key)")
    parser.add_argument(
        "--salt",
        metavar="TEXT",
        help="which of the key's names (default: what REPO is called, without .git)",
    )
    parser.add_argument(
        "--origin", metavar="URL", help="git can fetch it there, too: for when nobody else has it"
    )
    parser.add_argument(
        "--replicas",
        type=natural,
        default=1,
        metavar="N",
        help="how many mirrors there should be; they are counted in status (default: 1)",
    )
    add_passphrase(parser)
    parser.add_argument(
        "--upload-limit", type=rate, metavar="RATE", help="bytes a second, as in 500K or 2M"
    )


def _mirror(verbs: Verbs) -> None:
    parser = verbs.add(
        "mirror",
        "serve a repository to others, and keep its name, without its key",
        about="Fetches the packs that the name leads to, checks them against what was signed,\n"
        "and seeds them; when the name moves on, it fetches what is new. If the publisher\n"
        "goes, others still clone from here.",
        examples=(
            ("dhtctl git mirror k51qzi5uqu5d.../tool", "until Ctrl-C"),
            ("dhtctl git mirror k51qzi5uqu5d.../tool --once", "once; a running node serves it"),
        ),
    )
    add_address(parser, "NAME", "whose repository")
    parser.add_argument("--once", action="store_true", help="do not wait for newer versions")
    for flag in ("--upload-limit", "--download-limit"):
        parser.add_argument(flag, type=rate, metavar="RATE", help="bytes a second")
