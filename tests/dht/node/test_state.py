"""What a node remembers: records, providers, contacts; its promises are in test_promises."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.effects import Erased, Held, Hosted, Unhosted
from dht.core.keys import Key
from dht.core.messages import Contact, Provider, Record
from dht.node import state as state_module
from dht.node.disk import StateError
from dht.node.state import Clock, State, Statistics
from tests.dht.node.samples import NETWORK, contact, immutable, named, provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dht.core.effects import Change

CLOCK = Clock(now=500.0, wall=1_800_000_000.0)
HERE: tuple[str, str] = (NETWORK, "ipv4")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path) as state:
        yield state


def same(at: float) -> float:
    return at


# Clocks.


@given(st.floats(-1e6, 1e6), st.floats(0, 2e9), st.floats(-1e6, 1e6))
def test_clocks_convert_there_and_back(now: float, wall: float, at: float) -> None:
    clock = Clock(now, wall)
    assert clock.to_monotonic(clock.to_wall(at)) == pytest.approx(at, abs=1e-5)
    assert clock.to_wall(now) == wall
    assert clock.to_monotonic(wall) == now


def test_an_age_survives_a_new_life() -> None:
    """Received 100 s before the end of one life, 50 s before the next begins: 150 s old."""
    first = Clock(now=9000.0, wall=2_000.0)
    second = Clock(now=3.0, wall=2_050.0)
    assert second.past(first.to_wall(8900.0)) == 3.0 - 150.0


def test_the_past_is_never_in_the_future() -> None:
    assert CLOCK.past(CLOCK.wall + 86400) == CLOCK.now
    assert CLOCK.past(CLOCK.wall - 7) == CLOCK.now - 7


def test_a_period_is_never_longer_than_itself() -> None:
    due = CLOCK.within(3600)
    assert due(CLOCK.wall + 10) == CLOCK.now + 10
    assert due(CLOCK.wall - 10) == CLOCK.now - 10
    assert due(CLOCK.wall + 10**9) == CLOCK.now + 3600


# Opening.


def test_a_state_is_made_where_it_is_asked_for(tmp_path: Path) -> None:
    with State.open(str(tmp_path / "deep" / "er")) as state:
        assert state.path.parent == tmp_path / "deep" / "er"
        assert state.path.exists()
        state.check()


def test_an_awkward_path_is_only_a_path(tmp_path: Path) -> None:
    """SQLite is given a URI: what means something there must not be taken for it."""
    home = tmp_path / "a b?mode=memory#x%41 é"
    with State.open(home) as state:
        state.promise(NETWORK, Key(1), immutable(1), 1.0)
    assert state.path.exists()
    with State.open(home, readonly=True) as state:
        assert len(state.promises()) == 1


def test_a_relative_path_is_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with State.open("here") as state:
        assert state.promises() == []
    assert (tmp_path / "here").is_dir()


def test_an_error_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="choose another directory"):
        State.open(tmp_path / "file")


# What is held for others.


def test_changes_come_back_after_a_restart(tmp_path: Path) -> None:
    changes: list[Change] = [
        Held(named(1, 2), 490.0),
        Hosted(Key(5), provider(seed=True), 495.0),
        Held(immutable(2), 480.0),
    ]
    with State.open(tmp_path) as state:
        state.apply(*HERE, changes, CLOCK.to_wall)
    later = Clock(now=7.0, wall=CLOCK.wall + 60)
    with State.open(tmp_path) as state:
        assert state.load_records(*HERE, later.past) == [
            Held(immutable(2), 7.0 - 80),
            Held(named(1, 2), 7.0 - 70),
        ]
        assert state.load_providers(*HERE, later.past) == [
            Hosted(Key(5), provider(seed=True), 7.0 - 65)
        ]


def test_a_newer_record_of_a_key_replaces_the_older(state: State) -> None:
    state.apply(*HERE, [Held(named(1, 1), 1.0), Held(named(1, 2), 2.0)], same)
    assert state.load_records(*HERE, same) == [Held(named(1, 2), 2.0)]


def test_an_announcement_repeated_moves_its_age(state: State) -> None:
    state.apply(*HERE, [Hosted(Key(1), provider(), 1.0)], same)
    state.apply(*HERE, [Hosted(Key(1), provider(seed=True), 2.0)], same)
    assert state.load_providers(*HERE, same) == [Hosted(Key(1), provider(seed=True), 2.0)]


def test_engines_do_not_see_each_other(state: State) -> None:
    engines = [(NETWORK, "ipv4"), (NETWORK, "ipv6"), ("amino", "ipv4")]
    for at, engine in enumerate(engines):
        state.apply(*engine, [Held(immutable(1), at), Hosted(Key(1), provider(), at)], same)
    state.apply(*HERE, [Erased(Key(1)), Unhosted(Key(1), provider())], same)
    assert [len(state.load_records(*engine, same)) for engine in engines] == [0, 1, 1]
    assert [len(state.load_providers(*engine, same)) for engine in engines] == [0, 1, 1]


def test_a_batch_is_all_or_nothing(state: State) -> None:
    """An endpoint no table has columns for is our own mistake; what came before is undone."""
    broken: list[Change] = [Held(immutable(1), 1.0), Hosted(Key(1), Provider("a multiaddr"), 1.0)]
    with pytest.raises(TypeError, match="multiaddr"):
        state.apply(*HERE, broken, same)
    assert state.load_records(*HERE, same) == []


def test_what_expired_while_nobody_ran_is_pruned(state: State) -> None:
    for at in (1.0, 2.0, 3.0):
        number = int(at)
        state.apply(*HERE, [Held(immutable(number), at)], same)
        state.apply(*HERE, [Hosted(Key(1), provider(number), at)], same)
    state.apply(NETWORK, "ipv6", [Held(immutable(9), 1.0)], same)
    assert state.prune(*HERE, records=2.0, providers=3.0) == 3
    assert [held.at for held in state.load_records(*HERE, same)] == [2.0, 3.0]
    assert [hosted.at for hosted in state.load_providers(*HERE, same)] == [3.0]
    assert len(state.load_records(NETWORK, "ipv6", same)) == 1


SMALL = st.integers(0, 3).map(Key)
CHANGES = st.one_of(
    st.builds(
        Held,
        st.builds(Record, SMALL, st.binary(max_size=3), st.none() | st.integers()),
        st.floats(0, 1e9),
    ),
    st.builds(
        Hosted,
        SMALL,
        st.builds(Provider, st.tuples(st.just("h"), st.integers(1, 2)), st.booleans()),
        st.floats(0, 1e9),
    ),
    st.builds(Erased, SMALL),
    st.builds(Unhosted, SMALL, st.builds(Provider, st.tuples(st.just("h"), st.integers(1, 2)))),
)
Model: TypeAlias = dict[Any, Any]


def modelled(batches: list[list[Change]]) -> Model:
    """The stupid correct answer: a dictionary."""
    model: Model = {}
    for change in [change for batch in batches for change in batch]:
        match change:
            case Held(record, _):
                model[record.key] = change
            case Hosted(key, who, _):
                model[key, who.endpoint] = change
            case Erased(key):
                model.pop(key, None)
            case Unhosted(key, who):
                model.pop((key, who.endpoint), None)
    return model


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    with State.open(tmp_path_factory.mktemp("model")) as state:
        yield state


@given(batches=st.lists(st.lists(CHANGES, max_size=8), max_size=4))
def test_any_changes_equal_a_dictionary(shared: State, batches: list[list[Change]]) -> None:
    shared.prune(*HERE, records=1e10, providers=1e10)
    for batch in batches:
        shared.apply(*HERE, batch, same)
    found = [*shared.load_records(*HERE, same), *shared.load_providers(*HERE, same)]
    assert sorted(map(repr, found)) == sorted(map(repr, modelled(batches).values()))


# Contacts.


def test_contacts_come_back_latest_first(state: State) -> None:
    state.save_contacts(*HERE, [(contact(1), 10.0), (contact(2), 30.0), (contact(3), 20.0)])
    assert state.load_contacts(*HERE) == [
        (contact(2), 30.0),
        (contact(3), 20.0),
        (contact(1), 10.0),
    ]


def test_saving_replaces_what_was_saved_by_this_engine(state: State) -> None:
    sixth = [(Contact(Key(9), ("2001:db8::9", 1)), 5.0)]
    state.save_contacts(NETWORK, "ipv6", sixth)
    state.save_contacts(*HERE, [(contact(1), 10.0)])
    state.save_contacts(*HERE, [(contact(2), 11.0)])
    assert state.load_contacts(*HERE) == [(contact(2), 11.0)]
    assert state.load_contacts(NETWORK, "ipv6") == sixth
    state.save_contacts(*HERE, [])
    assert state.load_contacts(*HERE) == []


def test_of_one_key_twice_the_one_seen_last_stays(state: State) -> None:
    state.save_contacts(*HERE, [(contact(1, 2), 20.0), (contact(1, 1), 10.0)])
    assert state.load_contacts(*HERE) == [(contact(1, 2), 20.0)]


def test_of_too_many_the_latest_stay(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "MAX_CONTACTS", 5)
    state.save_contacts(*HERE, [(contact(n), float(n)) for n in range(12)])
    assert [seen for _, seen in state.load_contacts(*HERE)] == [11.0, 10.0, 9.0, 8.0, 7.0]


# The whole.


def test_statistics_count_what_is_there(state: State) -> None:
    empty = state.statistics()
    assert empty == Statistics(0, 0, 0, 0, empty.size)
    state.apply(*HERE, [Held(immutable(n), 1.0) for n in range(3)], same)
    state.apply(*HERE, [Hosted(Key(1), provider(n), 1.0) for n in range(1, 3)], same)
    state.save_contacts(*HERE, [(contact(1), 1.0)])
    state.promise(NETWORK, Key(1), immutable(1, b"x" * 9000), 1.0)
    state.promise(NETWORK, Key(2), immutable(2), 1.0)
    state.withdraw(NETWORK, Key(2), 1.0)
    full = state.statistics()
    assert (full.records, full.providers, full.contacts, full.promises) == (3, 2, 1, 1)
    assert full.size > empty.size


def test_a_reader_may_look_at_all_and_change_nothing(tmp_path: Path) -> None:
    with State.open(tmp_path) as writer:
        writer.promise(NETWORK, Key(1), immutable(1), 1.0)
        writer.apply(*HERE, [Held(immutable(1), 1.0)], same)
        with State.open(tmp_path, readonly=True) as reader:
            assert len(reader.promises()) == 1
            assert len(reader.load_records(*HERE, same)) == 1
            assert reader.statistics().promises == 1
            reader.check()
            for change in (
                lambda: reader.promise(NETWORK, Key(2), immutable(2), 1.0),
                lambda: reader.withdraw(NETWORK, Key(1), 1.0),
                lambda: reader.apply(*HERE, [Erased(Key(1))], same),
                lambda: reader.save_contacts(*HERE, []),
            ):
                with pytest.raises(StateError, match="read-only"):
                    change()
        assert len(writer.promises()) == 1


def test_threads_of_one_process_may_share_it(state: State) -> None:
    """A worker thread each for the running node and for a verb, as trio hands them out."""

    def work(base: int) -> None:
        for n in range(base, base + 20):
            state.apply(*HERE, [Held(immutable(n), 1.0)], same)
            state.promise(NETWORK, Key(n), immutable(n), 1.0)
            state.changes_since(NETWORK, 0)

    threads = [threading.Thread(target=work, args=(base,)) for base in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(state.promises()) == len(state.load_records(*HERE, same)) == 60


@pytest.mark.parametrize("readonly", [True, False])
def test_a_directory_that_is_none_is_explained(tmp_path: Path, readonly: bool) -> None:  # noqa: FBT001
    (tmp_path / "file").write_text("not a directory")
    for path in (tmp_path / "file", tmp_path / "file" / "x", tmp_path / ("n" * 300)):
        with pytest.raises(StateError):
            State.open(path, readonly=readonly).check()
