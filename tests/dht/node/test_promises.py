"""Promises: one per name, never an older version, ended under their own number."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dht.core.keys import Key
from dht.core.messages import Provider, Record
from dht.node.promises import REMEMBER_ENDED, Keeping, StalePromiseError
from dht.node.state import State
from tests.dht.node.samples import NETWORK, SPAWN, immutable, named, provider, raw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dht.node.promises import StoredPromise

NAME = Key(77)
NOW = 1_800_000_000.0


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path) as state:
        yield state


def only(state: State) -> StoredPromise:
    [promise] = state.promises()
    return promise


def test_a_promise_is_kept_as_it_was_made(state: State) -> None:
    record = named(NAME, 2**70, b"100:" + b"x" * 100)
    number = state.promise(NETWORK, NAME, record, NOW)
    promise = only(state)
    assert promise.id == number
    assert promise.what == record
    assert (promise.network, promise.key) == (NETWORK, NAME)
    assert (promise.created, promise.due, promise.withdrawn) == (NOW, NOW, None)
    assert promise.keepings == ()


def test_it_may_be_due_later(state: State) -> None:
    state.promise(NETWORK, NAME, immutable(NAME), NOW, due=NOW + 60)
    assert only(state).due_in("ipv4") == NOW + 60


def test_promising_again_changes_nothing(state: State) -> None:
    first = state.promise(NETWORK, NAME, named(NAME, 1), NOW)
    state.kept(first, "ipv4", NOW, copies=8, due=NOW + 3600)
    before = only(state)
    resigned = replace(named(NAME, 1), signature=b"another signature of the same")  # type: ignore[type-var]
    for again in (named(NAME, 1), resigned):
        assert state.promise(NETWORK, NAME, again, NOW + 9) == first
    assert only(state) == before


def test_a_newer_version_takes_the_place_under_a_new_number(state: State) -> None:
    old = state.promise(NETWORK, NAME, named(NAME, 9), NOW)
    state.kept(old, "ipv4", NOW, copies=8, due=NOW + 3600)
    new = state.promise(NETWORK, NAME, named(NAME, 10), NOW + 1)
    assert new > old
    promise = only(state)
    assert promise.id == new
    assert promise.what == named(NAME, 10)
    assert promise.copies == 0
    # The renewal of the old version that was under way counts for nothing.
    assert not state.kept(old, "ipv4", NOW + 2, copies=8, due=NOW + 3600)
    assert only(state).copies == 0


@pytest.mark.parametrize(
    ("held", "offered"),
    [
        (named(NAME, 10), named(NAME, 9)),  # as text, 9 is the greater
        (named(NAME, 2), named(NAME, 2, b"5:other")),
        (named(NAME, 2), immutable(NAME)),
        (immutable(NAME), immutable(NAME, b"5:other")),
        (named(NAME, 2**70), named(NAME, 2**69)),
    ],
)
def test_nothing_takes_the_place_of_a_version_as_new(
    state: State, held: Record, offered: Record
) -> None:
    state.promise(NETWORK, NAME, held, NOW)
    with pytest.raises(StalePromiseError, match="publish a higher version") as caught:
        state.promise(NETWORK, NAME, offered, NOW)
    assert (caught.value.held, caught.value.offered) == (held.seq, offered.seq)
    assert only(state).what == held


def test_a_version_takes_the_place_of_none(state: State) -> None:
    state.promise(NETWORK, NAME, immutable(NAME), NOW)
    state.promise(NETWORK, NAME, named(NAME, 0), NOW)
    assert only(state).what == named(NAME, 0)


def test_a_record_is_promised_under_its_own_key(state: State) -> None:
    with pytest.raises(ValueError, match="cannot be promised under"):
        state.promise(NETWORK, Key(1), immutable(2), NOW)
    assert state.promises() == []


def test_providers_of_one_key_are_told_apart_by_endpoint(state: State) -> None:
    numbers = [
        state.promise(NETWORK, NAME, what, NOW)
        for what in (provider(1), provider(2), provider(1, "::1"), provider(1), immutable(NAME))
    ]
    assert numbers[3] == numbers[0]
    assert len(set(numbers)) == 4
    assert [promise.what for promise in state.promises()] == [
        provider(1),
        provider(2),
        provider(1, "::1"),
        immutable(NAME),
    ]


def test_becoming_a_seed_replaces_the_promise(state: State) -> None:
    leech = state.promise(NETWORK, NAME, provider(), NOW)
    seed = state.promise(NETWORK, NAME, provider(seed=True), NOW)
    assert seed != leech
    assert only(state).what == provider(seed=True)


def test_networks_do_not_mix(state: State) -> None:
    here = state.promise(NETWORK, NAME, named(NAME, 5), NOW)
    there = state.promise("amino", NAME, named(NAME, 1), NOW)
    assert [promise.id for promise in state.promises()] == [here, there]
    assert [promise.id for promise in state.promises("amino")] == [there]
    assert state.last_seq("amino", NAME) == 1
    assert state.withdraw("amino", NAME, NOW) == (there,)
    assert only(state).id == here


def test_withdrawing_ends_everything_under_the_key(state: State) -> None:
    record = state.promise(NETWORK, NAME, named(NAME, 1), NOW)
    pointer = state.promise(NETWORK, NAME, provider(), NOW)
    other = state.promise(NETWORK, Key(1), provider(), NOW)
    assert state.withdraw(NETWORK, NAME, NOW) == (record, pointer)
    assert state.withdraw(NETWORK, NAME, NOW) == ()
    assert only(state).id == other
    assert not state.kept(record, "ipv4", NOW, copies=1, due=NOW)


def test_it_may_be_promised_again_after_that(state: State) -> None:
    first = state.promise(NETWORK, NAME, named(NAME, 3), NOW)
    state.withdraw(NETWORK, NAME, NOW)
    second = state.promise(NETWORK, NAME, named(NAME, 3), NOW)
    assert second != first
    assert only(state).what == named(NAME, 3)


def test_the_highest_version_is_remembered_forever(state: State) -> None:
    assert state.last_seq(NETWORK, NAME) is None
    state.promise(NETWORK, NAME, named(NAME, 10), NOW)
    state.withdraw(NETWORK, NAME, NOW)
    state.promise(NETWORK, NAME, named(NAME, 9), NOW + 2 * REMEMBER_ENDED)
    assert state.last_seq(NETWORK, NAME) == 10
    state.promise(NETWORK, Key(1), immutable(1), NOW)
    assert state.last_seq(NETWORK, Key(1)) is None


def test_what_ended_is_emptied_and_dropped_in_time(state: State, tmp_path: Path) -> None:
    connection = raw(tmp_path)
    state.promise(NETWORK, NAME, named(NAME, 1, b"x" * 900), NOW)
    state.kept(1, "ipv4", NOW, copies=1, due=NOW)
    state.promise(NETWORK, NAME, named(NAME, 2), NOW)
    lengths = "SELECT id, length(value) FROM promises ORDER BY id"
    assert connection.execute(lengths).fetchall() == [(1, 0), (2, 5)]
    state.promise(NETWORK, NAME, named(NAME, 3), NOW + REMEMBER_ENDED + 1)
    assert connection.execute(lengths).fetchall() == [(2, 0), (3, 5)]
    assert connection.execute("SELECT count(*) FROM keepings").fetchone() == (0,)
    connection.close()


def test_a_number_is_never_given_out_again(state: State, tmp_path: Path) -> None:
    state.promise(NETWORK, NAME, named(NAME, 1), NOW)
    connection = raw(tmp_path)
    connection.execute("DELETE FROM promises")
    connection.close()
    assert state.promise(NETWORK, NAME, named(NAME, 1), NOW) == 2


# How it fares.


def test_each_family_is_kept_for_itself(state: State) -> None:
    number = state.promise(NETWORK, NAME, immutable(NAME), NOW)
    assert only(state).succeeded is None
    assert state.kept(number, "ipv4", NOW + 1, copies=8, due=NOW + 3601)
    assert state.kept(number, "ipv6", NOW + 2, copies=3, due=NOW + 3602)
    promise = only(state)
    assert promise.copies == 11
    assert promise.succeeded == NOW + 2
    assert promise.due_in("ipv4") == NOW + 3601
    assert promise.due_in("ipv6") == NOW + 3602
    assert promise.due_in("onion") == NOW


def test_a_failed_renewal_keeps_the_last_success(state: State) -> None:
    number = state.promise(NETWORK, NAME, immutable(NAME), NOW)
    state.kept(number, "ipv4", NOW + 1, copies=8, due=NOW + 3600)
    state.kept(number, "ipv4", NOW + 3600, copies=0, due=NOW + 3660)
    assert only(state).keepings == (Keeping("ipv4", NOW + 3600, NOW + 1, 8, NOW + 3660),)
    state.kept(number, "ipv4", NOW + 3660, copies=2, due=NOW + 7260)
    assert only(state).keepings == (Keeping("ipv4", NOW + 3660, NOW + 3660, 2, NOW + 7260),)


def test_a_first_renewal_that_fails_has_no_success(state: State) -> None:
    number = state.promise(NETWORK, NAME, immutable(NAME), NOW)
    state.kept(number, "ipv4", NOW + 1, copies=0, due=NOW + 61)
    assert only(state).keepings == (Keeping("ipv4", NOW + 1, None, 0, NOW + 61),)
    assert only(state).succeeded is None


# News for a running node.


def test_what_others_promise_and_end_is_news(tmp_path: Path) -> None:
    with State.open(tmp_path) as node, State.open(tmp_path) as verb:
        token, news = node.changes_since(NETWORK, -1)
        assert news == []
        number = verb.promise(NETWORK, NAME, named(NAME, 1), NOW)
        token, news = node.changes_since(NETWORK, token)
        assert [(p.id, p.what) for p in news] == [(number, named(NAME, 1))]
        assert node.changes_since(NETWORK, token) == (token, [])
        newer = verb.promise(NETWORK, NAME, named(NAME, 2), NOW)
        token, news = node.changes_since(NETWORK, token)
        assert [(p.id, p.withdrawn, p.what) for p in news] == [
            (number, NOW, None),
            (newer, None, named(NAME, 2)),
        ]
        verb.withdraw(NETWORK, NAME, NOW + 5)
        token, news = node.changes_since(NETWORK, token)
        assert [(p.id, p.withdrawn) for p in news] == [(newer, NOW + 5)]


def test_renewals_and_other_networks_are_no_news(state: State) -> None:
    number = state.promise(NETWORK, NAME, immutable(NAME), NOW)
    token, _ = state.changes_since(NETWORK, -1)
    state.kept(number, "ipv4", NOW, copies=8, due=NOW)
    state.promise("amino", NAME, immutable(NAME), NOW)
    assert state.changes_since(NETWORK, token) == (token, [])


def promise_names(home: Path, base: int, count: int) -> None:
    with State.open(home) as state:
        for number in range(count):
            state.promise(NETWORK, Key(base + number), immutable(base + number), NOW)


def test_news_misses_nothing_of_many_processes(tmp_path: Path) -> None:
    """Polled while two processes write: each promise comes exactly once."""
    with State.open(tmp_path) as node:
        writers = [SPAWN.Process(target=promise_names, args=(tmp_path, n, 25)) for n in (0, 1000)]
        for writer in writers:
            writer.start()
        token, seen = -1, list[int]()
        while any(writer.is_alive() for writer in writers):
            token, news = node.changes_since(NETWORK, token)
            seen += [promise.key for promise in news]
            writers[0].join(0.01)  # leaves them the processor
        for writer in writers:
            writer.join()
        seen += [promise.key for promise in node.changes_since(NETWORK, token)[1]]
        assert sorted(seen) == [*range(25), *range(1000, 1025)]


# Against the stupid correct answer.

KEYS = st.integers(0, 2).map(Key)
WHATS = st.one_of(
    st.tuples(st.just("record"), st.none() | st.integers(0, 4), st.sampled_from([b"a", b"b"])),
    st.tuples(st.just("provider"), st.integers(1, 2), st.booleans()),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("promise"), KEYS, WHATS),
        st.tuples(st.just("withdraw"), KEYS, st.none()),
        st.tuples(st.just("poll"), st.none(), st.none()),
    ),
    max_size=25,
)
Place = tuple[str, int, int]


class Model:
    """A dictionary of what stands, by the name it stands under."""

    def __init__(self) -> None:
        self.standing: dict[Place, Record | Provider] = {}
        self.highest: dict[int, int] = {}

    def promise(self, key: Key, what: Record | Provider) -> bool:
        if isinstance(what, Provider):
            self.standing["provider", key, what.endpoint[1]] = what  # type: ignore[index]
            return True
        held = self.standing.get(("record", key, 0))
        if isinstance(held, Record) and (held.value, held.seq) != (what.value, what.seq):
            order = -1 if what.seq is None else what.seq
            if order <= (-1 if held.seq is None else held.seq):
                return False
        self.standing["record", key, 0] = what
        if what.seq is not None:
            self.highest[key] = max(what.seq, self.highest.get(key, 0))
        return True

    def withdraw(self, key: Key) -> int:
        ended = [place for place in self.standing if place[1] == key]
        for place in ended:
            del self.standing[place]
        return len(ended)


def built(key: Key, what: tuple[str, int | None, object]) -> Record | Provider:
    kind, number, rest = what
    if kind == "provider":
        return Provider(("h", number), seed=bool(rest))
    assert isinstance(rest, bytes)
    return Record(key, rest, number)


def try_promise(state: State, key: Key, what: Record | Provider) -> bool:
    try:
        state.promise(NETWORK, key, what, NOW)
    except StalePromiseError:
        return False
    return True


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    with State.open(tmp_path_factory.mktemp("model")) as state:
        yield state


# Each step waits for the disk, so fewer examples than usual.
@settings(max_examples=60)
@given(steps=STEPS)
def test_promises_equal_a_dictionary(shared: State, steps: list[tuple[str, Key, object]]) -> None:
    for key in range(3):
        shared.withdraw(NETWORK, Key(key), NOW)
    with shared._database.write(durable=False) as connection:
        connection.execute("DELETE FROM sequences")
    model, followed = Model(), dict[int, Record | Provider]()
    token = shared.changes_since(NETWORK, -1)[0]
    for verb, key, what in [*steps, ("poll", Key(0), None)]:
        if verb == "promise":
            assert isinstance(what, tuple)
            content = built(key, what)
            assert try_promise(shared, key, content) == model.promise(key, content)
        elif verb == "withdraw":
            assert len(shared.withdraw(NETWORK, key, NOW)) == model.withdraw(key)
        else:
            token, news = shared.changes_since(NETWORK, token)
            for promise in news:
                followed.pop(promise.id, None)
                if promise.what is not None:
                    followed[promise.id] = promise.what
    expected = sorted(map(repr, model.standing.values()))
    assert sorted(repr(promise.what) for promise in shared.promises()) == expected
    # A node that only ever followed the news ends with the same.
    assert sorted(map(repr, followed.values())) == expected
    for key in range(3):
        assert shared.last_seq(NETWORK, Key(key)) == model.highest.get(key)
