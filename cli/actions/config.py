"""``dhtctl config``: the settings in force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cli.errors import ExitCode

if TYPE_CHECKING:
    from cli.context import Context

_UNITS = {"timeout": "timeout_s"}


def run(context: Context) -> ExitCode:
    """Show them, or where the file is."""
    return _path(context) if context.args.what == "path" else _show(context)


def _path(context: Context) -> ExitCode:
    path = context.settings.config
    context.out.result("config_path", str(path), path=str(path), exists=path.exists())
    return ExitCode.DONE


def _show(context: Context) -> ExitCode:
    """Print them as TOML, so that the output can become a file."""
    width = max(len(_line(setting.name, setting.value)) for setting in context.settings)
    for setting in context.settings:
        text = _line(setting.name, setting.value)
        if context.args.origin:
            text = f"{text:<{width}}  # {setting.origin}"
        context.out.result(
            "setting",
            text,
            name=_UNITS.get(setting.name, setting.name),
            value=setting.value,
            origin=setting.origin,
        )
    return ExitCode.DONE


def _line(name: str, value: Any) -> str:
    """A setting as TOML; what is unset has no TOML, so it becomes a comment."""
    if value is None:
        return f"# {name} is not set"
    # JSON's strings, numbers, lists and truth values are TOML's too, but for DEL.
    return f"{name} = {json.dumps(value, ensure_ascii=False)}"
