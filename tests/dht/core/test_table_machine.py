"""The whole table against a stupid model, under any sequence of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dht.core.messages import Contact
from dht.core.table import RoutingTable
from tests.strategies import AMINO, MAINLINE, Network, brute_closest, contacts, keys, keys_near
from tests.tables import bucket_of, check_limits

if TYPE_CHECKING:
    from dht.core.effects import Changed
    from dht.core.keys import Key


class TableMachine(RuleBasedStateMachine):
    """A table and a model that keeps every contact's state in plain dictionaries.

    The model does not know where places are: from who is held it works out, by the rules in
    the words of the class's docstring, whether a newcomer deserves one.
    """

    network: ClassVar[Network] = MAINLINE

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.held: dict[Key, Contact] = {}
        self.failures: dict[Key, int] = {}
        self.heard: dict[Key, float] = {}
        self.answers: dict[tuple[Key, object], float] = {}

    @initialize(own=keys_near(MAINLINE.policy.space, 0))
    def start(self, own: Key) -> None:
        self.policy = self.network.policy
        self.table = RoutingTable(own, self.policy)

    # The model.

    def bad(self, key: Key) -> bool:
        return self.failures[key] >= self.policy.max_failures

    def questionable(self, key: Key) -> bool:
        return self.heard[key] + self.policy.questionable_after <= self.now

    def good(self) -> list[Contact]:
        return [it for it in self.held.values() if not self.bad(it.key)]

    def prefix(self, key: Key) -> int:
        return self.policy.space.prefix_length(self.table.own, key)

    def deserves(self, it: Contact) -> bool:
        """Whether ``it``, not held at this endpoint, gets a place if it answers now."""
        rules, old = self.policy.contacts, self.held.get(it.key)
        if it.key == self.table.own or not rules.acceptable(it) or rules.foreign(it):
            return False
        good = [other for other in self.good() if other is not old]
        index = bucket_of(self.table, it.key)
        mates = [other for other in good if bucket_of(self.table, other.key) == index]
        if old is not None:
            if not (self.bad(old.key) or self.questionable(old.key)):
                return False
        elif len(mates) == self.policy.k:
            last = index == len(self.table.statistics().buckets) - 1
            if not (last and any(self.prefix(o.key) != self.prefix(it.key) for o in mates)):
                weak = [other for other in mates if not rules.preferred(other)]
                victim = min(weak, key=lambda o: self.heard[o.key], default=None)
                if victim is None or not self.questionable(victim.key) or not rules.preferred(it):
                    return False
                good.remove(victim)
                mates.remove(victim)
        return self.within_limits(it, mates, good)

    def within_limits(self, it: Contact, mates: list[Contact], good: list[Contact]) -> bool:
        rules = self.policy.contacts
        address, subnet = rules.address(it.endpoint), rules.subnet(it.endpoint)
        if any(rules.address(other.endpoint) == address for other in good):
            return False
        crowds = ((mates, self.policy.per_subnet_bucket), (good, self.policy.per_subnet_table))
        return subnet is None or all(
            sum(rules.subnet(other.endpoint) == subnet for other in crowd) < most
            for crowd, most in crowds
        )

    def ask(self, it: Contact) -> None:
        """``it`` answers; what the table does must be what it deserves."""
        old, rules = self.held.get(it.key), self.policy.contacts
        fate = {key: (self.bad(key), self.questionable(key)) for key in self.held}
        self.answers[it.key, it.endpoint] = self.now
        if old is not None and old.endpoint == it.endpoint:
            assert self.table.room(it, self.now) == self.bad(it.key)
            assert self.table.answered(it, 0.1, self.now) == ()
            self.failures[it.key], self.heard[it.key] = 0, self.now
            return
        deserved = self.deserves(it)
        assert self.table.room(it, self.now) == deserved
        lost = self.follow(self.table.answered(it, 0.1, self.now))
        assert (self.held.get(it.key) == it) == deserved
        for gone in lost:
            bad, questionable = fate[gone.key]
            outranked = rules.preferred(it) and not rules.preferred(gone)
            assert bad or (questionable and (gone.key == it.key or outranked))

    def follow(self, changes: tuple[Changed, ...]) -> list[Contact]:
        """Do to the model what the table says it did; return who was lost."""
        for change in changes:
            it = change.contact
            if change.added:
                assert it.key not in self.held
                self.held[it.key], self.failures[it.key] = it, 0
                self.heard[it.key] = self.answers[it.key, it.endpoint]
            else:
                assert self.held.pop(it.key) == it
                # Who has to wait after a rekey is remembered as last heard of, in a request too.
                self.answers[it.key, it.endpoint] = self.heard[it.key]
        return [change.contact for change in changes if not change.added]

    def spares(self, key: Key) -> list[Contact]:
        bucket = self.table._buckets[bucket_of(self.table, key)]
        return [self.table._waiting.contacts[slot] for slot in bucket.spares]

    def member(self, data: st.DataObject) -> Contact:
        return data.draw(st.sampled_from(list(self.held.values())))

    # Events.

    @rule(seconds=st.sampled_from([1.0, 60.0, 500.0, 900.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        self.ask(data.draw(contacts(self.network, own=self.table.own)))

    @rule(count=st.integers(1, 40), data=st.data())
    def crowd_answers(self, count: int, data: st.DataObject) -> None:
        """Many at once, of all subnets, mostly in the first buckets: they fill and split."""
        rng = data.draw(st.randoms(use_true_random=False))
        for _ in range(count):
            depth = rng.choice([0, 0, 0, 1, 1, 2, 3, 150])
            key = self.policy.space.draw_sharing(self.table.own, depth, rng)
            self.ask(self.network.spread(key, rng.randrange(2000)))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), port=st.integers(1, 3), near=st.booleans())
    def member_moves(self, *, data: st.DataObject, port: int, near: bool) -> None:
        old = self.member(data)
        number = data.draw(st.integers(80 << 24, (80 << 24) + 12))
        where = self.network.endpoint(number, port)
        self.ask(Contact(old.key, old.endpoint if near else where))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), elsewhere=st.booleans())
    def request(self, *, data: st.DataObject, elsewhere: bool) -> None:
        it = self.member(data)
        endpoint = self.network.endpoint(1) if elsewhere else it.endpoint
        known = not elsewhere and not self.bad(it.key)
        assert self.table.heard(it.key, endpoint, self.now) == known
        if known:
            self.heard[it.key] = self.now

    @precondition(lambda self: self.held)
    @rule(data=st.data(), times=st.integers(1, 3))
    def member_fails(self, data: st.DataObject, times: int) -> None:
        it = self.member(data)
        for _ in range(times):
            self.fail(it)

    @rule()
    def everybody_fails(self) -> None:
        """We are offline."""
        for it in list(self.held.values()) * 2:
            self.fail(it)
        assert len(self.table.closest(self.table.own, 1)) == min(1, len(self.held))

    def fail(self, it: Contact) -> None:
        before = len(self.table)
        if it.key in self.held:
            self.failures[it.key] += 1
        lost_bad = {key for key in self.held if self.bad(key)}
        lost = self.follow(self.table.failed(it.key, self.now))
        assert {gone.key for gone in lost} <= lost_bad
        assert len(self.table) >= 1 or before == 0
        if it.key in self.held and self.bad(it.key):
            # It stays as a last resort: no spare would keep the limits.
            index, good = bucket_of(self.table, it.key), self.good()
            mates = [other for other in good if bucket_of(self.table, other.key) == index]
            assert not any(self.within_limits(o, mates, good) for o in self.spares(it.key))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def contradict(self, data: st.DataObject) -> None:
        it = self.member(data)
        bad = {key for key in self.held if self.bad(key)}
        lost = {gone.key for gone in self.follow(self.table.contradicted(it))}
        assert it.key in lost
        assert lost - {it.key} <= bad

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def rekey(self, data: st.DataObject) -> None:
        before = dict(self.held)
        bad = {key for key in before if self.bad(key)}
        own = data.draw(keys_near(self.policy.space, self.table.own))
        lost = self.follow(self.table.rekey(own, self.now))
        assert self.table.own == own
        self.check_rekeyed([it for it in lost if it.key not in bad])

    def check_rekeyed(self, lost: list[Contact]) -> None:
        now, self.now = self.now, -1e9  # nobody is questionable: as rekey sees it
        assert not any(self.deserves(it) for it in lost)
        self.now = now

    # What must hold at all times.

    @invariant()
    def same_contacts(self) -> None:
        assert {it.key: it for it in self.table.contacts()} == self.held
        assert self.table.own not in self.table
        statistics = self.table.statistics()
        assert statistics.contacts - statistics.bad == sum(statistics.buckets) == len(self.good())

    @invariant()
    def limits_are_kept(self) -> None:
        check_limits(self.table, self.network)

    @invariant()
    def questionable_are_all_the_silent(self) -> None:
        silent = [it for it in self.good() if self.questionable(it.key)]
        found = self.table.questionable(self.now)
        assert {it.key for it in found} == {it.key for it in silent}
        times = [self.heard[it.key] for it in found]
        assert times == sorted(times)

    @rule(data=st.data(), n=st.integers(0, 45))
    def closest_equals_brute_force(self, data: st.DataObject, n: int) -> None:
        space = self.policy.space
        target = data.draw(st.one_of(keys(space), keys_near(space, self.table.own)))
        oracle = brute_closest(self.good() or self.held.values(), target, n)
        for _ in range(2):  # the second time from whatever the first has cached
            found = self.table.closest(target, n)
            assert len(found) == len(oracle)
            assert set(map(id, found)) == {id(self.held[it.key]) for it in oracle}


class AminoMachine(TableMachine):
    network = AMINO


class CrampedMachine(TableMachine):
    """Small buckets, small limits: every rule meets every other soon."""

    network = MAINLINE.adjusted(k=2, per_subnet_bucket=1, per_subnet_table=2)


class LooseMachine(TableMachine):
    network = AMINO.adjusted(k=3, per_subnet_bucket=2, per_subnet_table=4, max_failures=1)


FEW = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestMainline = TableMachine.TestCase
TestAmino = AminoMachine.TestCase
TestCramped = CrampedMachine.TestCase
TestLoose = LooseMachine.TestCase
for _case in (TestMainline, TestAmino, TestCramped, TestLoose):
    _case.settings = FEW
del _case
