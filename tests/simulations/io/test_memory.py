"""Whether it fits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from simulations.errors import TooBig
from simulations.io import memory

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1 << 30


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with 8 GiB available, in a container that may use 4 and uses 1."""
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 8388608 kB\n")
    (tmp_path / "memory.max").write_text(f"{4 * GIB}\n")
    (tmp_path / "memory.current").write_text(f"{GIB}\n")
    return tmp_path


def test_what_is_left_is_the_least_of_machine_and_container(machine: Path) -> None:
    assert memory.available(machine / "meminfo", machine) == 3 * GIB


def test_a_container_without_a_limit_leaves_the_machine(machine: Path) -> None:
    (machine / "memory.max").write_text("max\n")
    assert memory.available(machine / "meminfo", machine) == 8 * GIB


def test_a_container_that_is_over_leaves_nothing(machine: Path) -> None:
    (machine / "memory.current").write_text(f"{5 * GIB}\n")
    assert memory.available(machine / "meminfo", machine) == 0


@pytest.mark.parametrize("text", ["", "MemAvailable: many kB\n"])
def test_without_meminfo_free_pages_are_counted(machine: Path, text: str) -> None:
    (machine / "meminfo").write_text(text)
    (machine / "memory.max").write_text("max\n")
    found = memory.available(machine / "meminfo", machine)
    assert found is not None
    assert 0 < found <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_where_nobody_knows_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", unknown)
    assert memory.available(tmp_path / "no", tmp_path / "no") is None
    memory.check([10**18], 1, None)


def test_this_machine_has_some() -> None:
    assert (memory.available() or 0) > 0


def test_the_largest_runs_at_once_must_fit() -> None:
    memory.check([GIB, GIB, 3 * GIB], 2, 4 * GIB)
    with pytest.raises(TooBig, match=r"needs about 5\.0 GiB of memory, but 4\.0 GiB") as caught:
        memory.check([GIB, GIB, 3 * GIB], 3, 4 * GIB)
    assert caught.value.hint.startswith("fewer --workers")


def test_a_single_run_that_is_too_big_is_not_helped_by_fewer_workers() -> None:
    with pytest.raises(TooBig) as caught:
        memory.check([5 * GIB], 1, 4 * GIB)
    assert caught.value.hint == "fewer network.nodes, or another fidelity"
