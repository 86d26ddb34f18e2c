"""A user's own file: run once, blamed by line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from simulations.errors import ConfigError, RunFailed, TraceError
from simulations.io.usercode import blamed, load
from simulations.registry import find

if TYPE_CHECKING:
    from pathlib import Path


def put(home: Path, text: str, name: str = "mine.py") -> Path:
    path = home / name
    path.write_text(text, encoding="utf-8")
    return path


def test_what_it_registers_is_found(tmp_path: Path) -> None:
    text = "from simulations.registry import register\n"
    text += "@register('adversary', 'mine')\nclass A: x = 1\n"
    load(put(tmp_path, text))
    assert find("adversary", "mine").x == 1


def test_it_is_run_once_and_again_only_if_it_changed(tmp_path: Path) -> None:
    path = put(tmp_path, "import sys\nsys.ran = getattr(sys, 'ran', 0) + 1\n")
    try:
        first, again = load(path), load(path)
        assert first == again
        assert sys.ran == 1  # type: ignore[attr-defined]
        put(tmp_path, "import sys\nsys.ran += 10\n")
        assert load(path) != first
        assert sys.ran == 11  # type: ignore[attr-defined]
    finally:
        del sys.ran  # type: ignore[attr-defined]


def test_dataclasses_in_it_know_their_names(tmp_path: Path) -> None:
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    load(put(tmp_path, text + "@dataclass\nclass D:\n    x: int = 3\nassert D().x == 3\n"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x = 1\ny = 1 / 0\n", "code fails: ZeroDivisionError: division by zero"),
        ("def f(:\n", "code fails: SyntaxError"),
        ("import no_such_module\n", "code fails: ModuleNotFoundError"),
        ("raise SystemError('x')\n", "code fails: SystemError: x"),
    ],
)
def test_what_fails_is_said_in_one_line(tmp_path: Path, text: str, fault: str) -> None:
    path = put(tmp_path, text)
    with pytest.raises(RunFailed, match=fault):
        load(path)
    with pytest.raises(RunFailed, match=fault):
        load(path)  # and again: nothing half-loaded stays


def test_the_line_is_named(tmp_path: Path) -> None:
    path = put(tmp_path, "def f():\n    return 1 / 0\n\nf()\n")
    with pytest.raises(RunFailed) as caught:
        load(path)
    assert caught.value.hint == f"see {path}, line 2"


def test_what_it_refuses_itself_stays_as_it_is(tmp_path: Path) -> None:
    text = "from simulations.errors import ConfigError\nraise ConfigError('mine', hint='h')\n"
    with pytest.raises(ConfigError, match=r"^mine$") as caught:
        load(put(tmp_path, text))
    assert caught.value.hint == "h"


def test_what_is_not_there_or_no_python(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"code: .*no\.py cannot be read: No such file"):
        load(tmp_path / "no.py")
    with pytest.raises(ConfigError, match=r"x\.txt is no Python file"):
        load(put(tmp_path, "", "x.txt"))


def test_where_the_user_has_no_code_an_error_is_ours() -> None:
    with pytest.raises(ZeroDivisionError), blamed("x", []):
        _ = 1 / 0


def test_errors_travel_between_processes(tmp_path: Path) -> None:
    import pickle

    for error in (TraceError("a", 3, "b", hint="c"), RunFailed("x", hint="y")):
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), again.hint, vars(again)) == (str(error), error.hint, vars(error))
