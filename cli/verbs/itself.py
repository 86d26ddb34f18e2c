"""The words of ``config`` and ``completion``: what the program tells about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli.verbs import Verbs


def register(verbs: Verbs) -> None:
    """Declare them."""
    parser = verbs.add(
        "config",
        "show the settings in force",
        about="Defaults, then the configuration file (TOML), then DHTCTL_* in the environment,\n"
        "then flags; later ones win. The file is yours: the program never writes it.",
        examples=(
            ("dhtctl config show --origin", "every setting, and where it was set"),
            ("$EDITOR $(dhtctl config path)", "edit the configuration file"),
        ),
    )
    words = verbs.nest(parser)
    show = words.add(
        "show",
        "print every setting",
        examples=(
            ("dhtctl config show", "as TOML"),
            ("dhtctl config show --origin", "and where each was set"),
        ),
    )
    show.add_argument("--origin", action="store_true", help="say where each value was set")
    words.add(
        "path",
        "print where the configuration file is looked for",
        examples=(
            ("dhtctl config path", "the path, whether or not the file exists"),
            ("DHTCTL_CONFIG=my.toml dhtctl config path", "another file, for one command"),
        ),
    )
    completion = verbs.add(
        "completion",
        "print a script that completes commands in your shell",
        examples=(
            ("source <(dhtctl completion bash)", "in ~/.bashrc"),
            ("dhtctl completion fish > ~/.config/fish/completions/dhtctl.fish", "once, for fish"),
        ),
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")
