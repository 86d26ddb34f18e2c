from typing import Any

from cli import evidence
from dht.core.effects import Evidence
from dht.core.keys import Key
from dht.core.messages import Contact, Refusal

NODES = tuple(Contact(Key(number), ("127.0.0.1", number)) for number in range(8))


def made(**changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "asked": 37,
        "answered": 31,
        "silent": 0,
        "requests": 45,
        "closest": NODES,
        "holders": NODES[:3],
        "refusals": (),
        "complete": True,
        "started": 100.0,
        "ended": 100.4249,
    }
    return Evidence(**(values | changes))


def test_sentences() -> None:
    assert evidence.sentence(made()) == "asked 37 nodes, 31 answered, in 0.42 s"
    refusals = ((NODES[0], Refusal(302, "old")),)
    told = evidence.sentence(made(asked=1, answered=0, silent=1, refusals=refusals))
    assert told == "asked 1 node, 0 answered, 1 silent, 1 refused, in 0.42 s"


def test_absence_is_claimed_only_when_it_is_known() -> None:
    assert evidence.absence(made()).endswith("; all 8 closest answered, none had it")
    assert evidence.absence(made(complete=False)).endswith(
        "; too few of the closest answered to be sure"
    )


def test_facts_have_units() -> None:
    assert evidence.facts(made()) == {
        "asked": 37,
        "answered": 31,
        "silent": 0,
        "refused": 0,
        "holders": 3,
        "requests": 45,
        "complete": True,
        "elapsed_s": 0.425,
    }
