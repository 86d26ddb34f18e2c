"""What is remembered of names outlives the process, and never becomes less."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.node.disk import StateError
from dht.node.state import State
from tests.naming import KEY, NAME, record
from torrent.cdn import memory as module
from torrent.cdn.memory import Memory, Shelved, Site, Volunteer
from torrent.cdn.name import Name

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory.open(tmp_path)


def test_nothing_is_known_at_first(memory: Memory) -> None:
    assert memory.seen(NAME) is None


def test_a_version_outlives_the_process(tmp_path: Path) -> None:
    with Memory.open(tmp_path) as first:
        first.saw(NAME, record(3), 1.0)
    with Memory.open(tmp_path) as second:
        assert second.seen(NAME) == record(3)
        assert second.seen(Name(NAME.public, b"other")) is None


def test_an_older_version_is_answered_with_the_newer(tmp_path: Path) -> None:
    with Memory.open(tmp_path) as one, Memory.open(tmp_path) as other:
        assert one.saw(NAME, record(3), 1.0) == record(3)
        assert other.saw(NAME, record(2), 2.0) == record(3)
        assert other.saw(NAME, record(4), 3.0) == record(4)
        assert one.seen(NAME) == record(4)


@given(seqs=st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20))
def test_the_highest_of_any_order_stands(
    seqs: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Memory.open(tmp_path_factory.mktemp("state")) as memory:
        highest = -1
        for seq in seqs:
            highest = max(highest, seq)
            assert memory.saw(NAME, record(seq), 1.0).seq == highest


def test_two_values_of_one_number_are_settled_the_same_way_by_all(memory: Memory) -> None:
    """The key's owner broke the rules; whoever asks in whatever order must agree."""
    low, high = record(1, b"\1" * 20), record(1, b"\2" * 20)
    assert memory.saw(NAME, high, 1.0) == high
    assert memory.saw(NAME, low, 1.0) == high


def test_of_too_many_those_seen_last_stay(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SEEN", 2)
    names = [Name(NAME.public, bytes([n])) for n in range(4)]
    for at, name in enumerate(names):
        memory.saw(name, record(1, salt=name.salt), float(at))
    assert [memory.seen(name) is not None for name in names] == [False, False, True, True]


def test_a_database_of_a_release_that_knew_no_names_is_taken(tmp_path: Path) -> None:
    State.open(tmp_path).close()
    with Memory.open(tmp_path) as memory:
        memory.saw(NAME, record(1), 1.0)
    with State.open(tmp_path) as state:  # And that release can still use it.
        assert state.statistics().promises == 0


def test_what_is_here_is_remembered_and_the_database_is_whole(tmp_path: Path) -> None:
    one, two = (Shelved(n, bytes([n]) * 20, tmp_path / f"{n}") for n in (1, 2))
    site = Site(NAME, tmp_path / "www", 3)
    volunteer = Volunteer("127.0.0.1", 9, 5.0, 5.0, 0)
    with Memory.open(tmp_path) as memory:
        memory.saw(NAME, record(1), 1.0)
        for version in (one, two, one):
            memory.shelve(NAME, version)
        memory.publishes(site)
        memory.challenged(NAME, volunteer)
        memory.challenged(NAME, replace(volunteer, port=8, passed=None))
        memory._database.check()
    with Memory.open(tmp_path, readonly=True) as memory:
        assert memory.shelved(NAME) == [two, one]
        assert memory.sites() == [site]
        assert memory.volunteers(NAME) == [volunteer]
    with Memory.open(tmp_path) as memory:
        memory.unshelve(NAME, two)
        assert memory.shelved(NAME) == [one]


def test_who_went_long_ago_is_missed_no_more(memory: Memory) -> None:
    gone = Volunteer("127.0.0.1", 9, module.MISSED + 6.0, 5.0, 1, "it does not answer")
    memory.challenged(NAME, replace(gone, asked=module.MISSED + 4.0))
    assert len(memory.volunteers(NAME)) == 1
    memory.challenged(NAME, gone)
    assert memory.volunteers(NAME) == []


def test_no_state_has_no_sites(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "none", readonly=True) as memory:
        assert memory.sites() == []


def test_a_database_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    with Memory.open(tmp_path) as memory, memory._database.write(durable=True) as connection:
        connection.execute("UPDATE meta SET value = 99 WHERE name = 'version of names'")
    with pytest.raises(StateError, match="newer release"):
        Memory.open(tmp_path)


def test_the_key_is_what_signs() -> None:
    assert KEY.public_key().public_bytes_raw() == NAME.public
