"""Completion scripts for bash (from 3.2, which macOS has), zsh and fish, made from the grammar.

All three work the same way. Walking over the words typed so far, the script finds the command they
name (skipping the values of options that take one); then it offers what that command can be
followed by: its words, its options, the choices or the kind of path that an option or argument
takes. The global options are offered everywhere. The scripts contain tables, not logic about
``dhtctl``, so nothing here changes when a verb does, and the shell never starts the program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli import grammar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cli.grammar import Command, Word

_BASH: Final = """\
# bash completion for dhtctl; use it with: source <(dhtctl completion bash)
_dhtctl() {
    local current="${COMP_WORDS[COMP_CWORD]}" path="" word takes="" index
    for ((index = 1; index < COMP_CWORD; index++)); do
        word="${COMP_WORDS[index]}"
        if [[ $word == "=" ]]; then
            continue
        elif [[ -n $takes ]]; then
            takes=""
        elif [[ $word == -* ]]; then
            takes="$(_dhtctl_takes "$path" "$word")"
        elif [[ " $(_dhtctl_commands "$path") " == *" $word "* ]]; then
            path="${path:+$path }$word"
        fi
    done
    [[ $current == "=" ]] && current=""
    local offered="$takes"
    if [[ -z $offered && $current == -* ]]; then
        offered="$(_dhtctl_options "$path") $(_dhtctl_options "")"
    elif [[ -z $offered ]]; then
        offered="$(_dhtctl_commands "$path") $(_dhtctl_arguments "$path")"
    fi
    COMPREPLY=()
    local IFS=$'\n' rest=""
    for word in ${offered// /$IFS}; do
        case "$word" in
            @file) compopt -o filenames 2>/dev/null
                COMPREPLY+=($(compgen -f -- "$current")) ;;
            @directory) compopt -o filenames 2>/dev/null
                COMPREPLY+=($(compgen -d -- "$current")) ;;
            @*) ;;
            *) rest="$rest$word$IFS" ;;
        esac
    done
    COMPREPLY+=($(compgen -W "$rest" -- "$current"))
}
_dhtctl_commands() {
    case "$1" in
%(commands)s
    esac
}
_dhtctl_options() {
    case "$1" in
%(options)s
    esac
}
_dhtctl_arguments() {
    case "$1" in
%(arguments)s
    esac
}
# What the option takes: choices, a kind of path, or @anything; nothing if it takes no value.
_dhtctl_takes() {
    case "$1 $2" in
%(takes)s
    esac
    case "$2" in
%(takes_anywhere)s
    esac
}
complete -F _dhtctl dhtctl
"""

_ZSH: Final = """\
#compdef dhtctl
# zsh completion for dhtctl: put it as _dhtctl in a directory of $fpath.
_dhtctl() {
    local context="" word takes=""
    local -a offered
    local -i index
    for ((index = 2; index < CURRENT; index++)); do
        word="${words[index]}"
        if [[ -n $takes ]]; then
            takes=""
        elif [[ $word == -* ]]; then
            _dhtctl_takes "$context" "$word"
        else
            _dhtctl_commands "$context"
            if (( ${offered[(I)${word}:*]} )); then
                context="${context:+$context }$word"
            fi
        fi
    done
    if [[ $takes == @file ]]; then
        _files
    elif [[ $takes == @directory ]]; then
        _files -/
    elif [[ $takes == @* ]]; then
        _message value
    elif [[ -n $takes ]]; then
        compadd -- ${=takes}
    elif [[ ${words[CURRENT]} == -* ]]; then
        _dhtctl_options "$context"
        _describe option offered -o
        _dhtctl_options ""
        _describe option offered -o
    else
        _dhtctl_commands "$context"
        (( $#offered )) && _describe command offered
        _dhtctl_arguments "$context"
    fi
}
_dhtctl_commands() {
    offered=()
    case "$1" in
%(commands)s
    esac
}
_dhtctl_options() {
    offered=()
    case "$1" in
%(options)s
    esac
}
_dhtctl_arguments() {
    case "$1" in
%(arguments)s
    esac
}
_dhtctl_takes() {
    takes=""
    case "$1 $2" in
%(takes)s
    esac
    case "$2" in
%(takes_anywhere)s
    esac
}
if [[ ${funcstack[1]} == _dhtctl ]]; then
    _dhtctl "$@"
else
    compdef _dhtctl dhtctl
fi
"""


_FISH: Final = """\
# fish completion for dhtctl: put it as ~/.config/fish/completions/dhtctl.fish.
function __dhtctl_at --description 'whether the words so far name this command'
    set -l words (commandline -opc)
    set -l path ''
    set -l value no
    for word in $words[2..-1]
        if test $value = yes
            set value no
        else if string match -q -- '-*' $word
            if contains -- (string trim "$path $word") $__dhtctl_valued
                or contains -- $word $__dhtctl_valued
                set value yes
            end
        else if contains -- (string trim "$path $word") $__dhtctl_paths
            set path (string trim "$path $word")
        end
    end
    test "$path" = "$argv"
end
set -g __dhtctl_valued %(valued)s
set -g __dhtctl_paths %(paths)s
complete -c dhtctl -f
"""


def script(shell: str) -> str:
    """The completion script of a shell: ``bash``, ``zsh`` or ``fish``."""
    return _SHELLS[shell](grammar.commands())


def _bash(top: Command) -> str:
    return _BASH % {
        "commands": _cases(
            (
                _key(command),
                f"printf '%s ' {_quoted(' '.join(below.path[-1] for below in command.commands))}",
            )
            for command in grammar.walk(top)
            if command.commands
        ),
        "options": _cases(
            (_key(command), f"printf '%s ' {_quoted(' '.join(_flags(command)))}")
            for command in grammar.walk(top)
        ),
        "arguments": _cases(
            (_key(command), f"printf '%s ' {_quoted(_offers(word))}")
            for command in grammar.walk(top)
            for word in command.arguments
            if _offers(word)
        ),
        **_takes(top, "printf %s {}; return"),
    }


def _zsh(top: Command) -> str:
    return _ZSH % {
        "commands": _cases(
            (_key(command), f"offered=({' '.join(map(_described, command.commands))})")
            for command in grammar.walk(top)
            if command.commands
        ),
        "options": _cases(
            (_key(command), f"offered=({' '.join(_described_flags(command))})")
            for command in grammar.walk(top)
        ),
        "arguments": _cases(
            (_key(command), _zsh_argument(word))
            for command in grammar.walk(top)
            for word in command.arguments
            if _offers(word)
        ),
        **_takes(top, "takes={}; return"),
    }


def _fish(top: Command) -> str:
    valued = [flag for word in top.options if word.metavar for flag in word.flags]
    valued += [
        f"{_key(command)} {flag}"
        for command in grammar.walk(top)
        for word in command.options
        if command.path and word.metavar
        for flag in word.flags
    ]
    paths = [_key(command) for command in grammar.walk(top) if command.path]
    head = _FISH % {
        "valued": " ".join(map(_quoted, valued)),
        "paths": " ".join(map(_quoted, paths)),
    }
    return head + "".join(f"complete -c dhtctl{line}\n" for line in _fish_lines(top))


def _fish_lines(top: Command) -> Iterator[str]:
    for command in grammar.walk(top):
        here = f" -n {_quoted(f'__dhtctl_at {_key(command)}'.strip())}"
        for below in command.commands:
            yield f"{here} -a {below.path[-1]} -d {_quoted(below.summary)}"
        for word in command.arguments:
            if _offers(word):
                yield f"{here} {_fish_values(word)} -d {_quoted(word.help)}"
        for word in command.options:
            yield f"{here if command.path else ''} {_fish_flags(word)} -d {_quoted(word.help)}"


_SHELLS: Final[Mapping[str, Callable[[Command], str]]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
SHELLS: Final = tuple(_SHELLS)


def _takes(top: Command, action: str) -> dict[str, str]:
    """The table of options that take a value: those of one command, and the global ones."""
    return {
        "takes": _cases(
            (f"{_key(command)} {flag}", action.format(_quoted(_offers(word) or "@anything")))
            for command in grammar.walk(top)
            if command.path
            for word in command.options
            if word.metavar
            for flag in word.flags
        ),
        "takes_anywhere": _cases(
            (flag, action.format(_quoted(_offers(word) or "@anything")))
            for word in top.options
            if word.metavar
            for flag in word.flags
        ),
    }


def _cases(pairs: Iterator[tuple[str, str]]) -> str:
    """The branches of a shell's ``case``."""
    return "\n".join(f"        {_quoted(pattern)}) {action} ;;" for pattern, action in pairs)


def _key(command: Command) -> str:
    return " ".join(command.path)


def _flags(command: Command) -> Iterator[str]:
    for word in command.options:
        yield from word.flags


def _offers(word: Word) -> str:
    """What can be offered for a value: its choices, or the kind of path it is."""
    return " ".join(word.choices) or (f"@{word.path}" if word.path else "")


def _described(command: Command) -> str:
    return _quoted(f"{command.path[-1]}:{command.summary}")


def _described_flags(command: Command) -> Iterator[str]:
    for word in command.options:
        for flag in word.flags:
            yield _quoted(f"{flag}:{word.help}")


def _zsh_argument(word: Word) -> str:
    if word.path:
        return "_files -/" if word.path == "directory" else "_files"
    return f"compadd -- {' '.join(word.choices)}"


def _fish_flags(word: Word) -> str:
    shown = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in word.flags]
    return " ".join([*shown, _fish_values(word)]) if word.metavar else " ".join(shown)


def _fish_values(word: Word) -> str:
    if word.path:
        return "-rF" if word.path == "file" else "-xa '(__fish_complete_directories)'"
    return f"-xa {_quoted(' '.join(word.choices))}" if word.choices else "-x"


def _quoted(text: str) -> str:
    """Quote for any of the shells: none of our texts holds a backslash."""
    return "'" + text.replace("'", "'\"'\"'") + "'"
