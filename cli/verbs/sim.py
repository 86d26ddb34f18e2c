"""The words of ``sim``: the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.verbs import DIRECTORY, FILE, completes, natural, positive

if TYPE_CHECKING:
    from cli.parser import Parser
    from cli.verbs import Verbs


def register(verbs: Verbs) -> None:
    """Declare them."""
    parser = verbs.add(
        "sim",
        "simulate networks of thousands to millions of nodes",
        about="Experiments on the code that ships in the node, or on compiled engines that are\n"
        "held equal to it. Needs the extra: pip install 'dhtctl[sim]'. No network is touched.",
        examples=(
            ("dhtctl sim run churn", "figures with intervals, a plot, and a digest"),
            ("dhtctl sim validate", "the engines against closed forms"),
        ),
    )
    words = verbs.nest(parser)
    _looking(words)
    _run(words)
    _sweep(words)
    _plot(words)
    _validate(words)
    _compare(words)


def _looking(words: Verbs) -> None:
    words.add(
        "list",
        "list the experiments",
        examples=(
            ("dhtctl sim list", "names, and what each shows"),
            ("dhtctl sim list --json", "with the fidelities each runs at"),
        ),
    )
    show = words.add(
        "show",
        "explain an experiment, and print its configuration",
        about="What it prints is TOML: change it, and run the file.",
        examples=(
            ("dhtctl sim show churn", "what it asks, and all that can be set"),
            ("dhtctl sim show churn > mine.toml", "a beginning for your own"),
        ),
    )
    _add_what(show)


def _run(words: Verbs) -> None:
    parser = words.add(
        "run",
        "run an experiment, and print its figures",
        about="One run a seed, each written when it is done, in DIR. What is there already is not\n"
        "run again: after Ctrl-C, the same command goes on. The same seeds give the same digest.",
        examples=(
            ("dhtctl sim run churn --seeds 3", "three runs, figures with 95 % intervals, a plot"),
            ("dhtctl sim run mine.toml --set network.nodes=5000 --out big", "a file of yours"),
        ),
    )
    _add_what(parser)
    _add_running(parser)


def _sweep(words: Verbs) -> None:
    parser = words.add(
        "sweep",
        "run an experiment at every combination of some values",
        about="As `run`, with the combinations of all KEY=V1,V2,... instead of a [sweep] table.\n"
        "All of them see the same chance where they can, so differences show with few seeds.",
        examples=(
            ("dhtctl sim sweep churn rules.alpha=1,3,5", "three points, with each seed"),
            (
                "dhtctl sim sweep churn 'churn.session.mean=10 min,1 h' --seeds 20",
                "two points, twenty seeds",
            ),
        ),
    )
    _add_what(parser)
    parser.add_argument(
        "sweep", metavar="KEY=V1,V2", nargs="+", help="a key, and the values that it takes"
    )
    _add_running(parser)


def _plot(words: Verbs) -> None:
    parser = words.add(
        "plot",
        "draw the plot of results again, as PNG and SVG",
        examples=(
            ("dhtctl sim plot out/churn", "out/churn/churn.png and .svg"),
            ("dhtctl sim plot out/churn -o figure3", "figure3.png and figure3.svg"),
        ),
    )
    _add_results(parser, "results", "RESULTS")
    parser.add_argument(
        "-o", "--output", metavar="STEM", help="name of the files, without .png and .svg"
    )


def _validate(words: Verbs) -> None:
    parser = words.add(
        "validate",
        "compare the engines with theory",
        about="For each closed form and published figure: what is expected, what we obtain, how\n"
        "far off it may be, and the verdict. Ends with 1 if one fails.",
        examples=(
            ("dhtctl sim validate", "all of them"),
            ("dhtctl sim validate laws --seed 7", "one subject, with other chance"),
        ),
    )
    parser.add_argument(
        "subjects", metavar="SUBJECT", nargs="*", help="what to check (default: all)"
    )
    parser.add_argument(
        "--seed", type=natural, default=1, metavar="N", help="the root of all chance (default: 1)"
    )


def _compare(words: Verbs) -> None:
    parser = words.add(
        "compare",
        "compare two results, figure by figure",
        about="Differences with 95 % intervals: over pairs of equal seeds, if both have the same.\n"
        "An interval without 0 is marked. Last, how far the distributions are apart.",
        examples=(
            ("dhtctl sim compare out/before out/after", "a table"),
            ("dhtctl sim compare out/a out/b --json", "one object per figure"),
        ),
    )
    _add_results(parser, "one", "A")
    _add_results(parser, "other", "B")


def _add_what(parser: Parser) -> None:
    completes(
        parser.add_argument("name", metavar="NAME|FILE", help="an experiment, or a TOML file"), FILE
    )


def _add_results(parser: Parser, name: str, metavar: str) -> None:
    completes(
        parser.add_argument(name, metavar=metavar, help="a directory of results, or one file"),
        DIRECTORY,
    )


def _add_running(parser: Parser) -> None:
    """Take what ``run`` and ``sweep`` have in common."""
    parser.add_argument(
        "--set",
        dest="sets",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set a value of the configuration: network.nodes=5000",
    )
    parser.add_argument(
        "--seeds", type=positive, metavar="N", help="how many runs of each point (default: TOML's)"
    )
    parser.add_argument("--seed", type=natural, metavar="N", help="the root of all chance")
    parser.add_argument(
        "--fidelity",
        choices=("protocol", "message", "lookup"),
        help="which engine: the node's own code, or compiled rules",
    )
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="processes (default: one a processor)"
    )
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="run on a Dask cluster that sees the same files"
    )
    completes(
        parser.add_argument("--out", metavar="DIR", help="where results go (default: out/NAME)"),
        DIRECTORY,
    )
    parser.add_argument(
        "--format",
        choices=("parquet", "npz", "csv"),
        help="of the rows (default: parquet, or npz without pyarrow)",
    )
