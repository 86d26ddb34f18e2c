"""``lookup`` and ``ping``; and what is common to all verbs on the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.failures import translated
from dht import errors
from dht.core.messages import Refusal
from dht.node.disk import StateError
from tests.cli.test_evidence import NODES, made

if TYPE_CHECKING:
    from tests.dhtctl import Dhtctl

NOBODY = "127.0.0.1:9"


def test_lookup_lists_the_closest_first(online: Dhtctl) -> None:
    done = online("lookup", "00" * 20, "--json")
    told = done.objects
    assert len(told) == 8
    keys = [int(each["id"], 16) for each in told]
    assert keys == sorted(keys)
    assert all(each["shared_bits"] == 160 - int(each["id"], 16).bit_length() for each in told)
    lines = online("lookup", "00" * 20, "--paths", "2").out.splitlines()
    assert lines == [f"{each['id']} {each['host']}:{each['port']}" for each in told]


def test_lookup_without_a_network(inside: Dhtctl) -> None:
    done = inside("lookup", "00" * 20, DHTCTL_BOOTSTRAP=NOBODY, DHTCTL_PATIENCE="0.3")
    assert (done.code, done.out) == (4, "")


@pytest.mark.parametrize("nonsense", ["soon", "nan", "inf", "-inf", "-1", "0"])
def test_patience_that_is_none(inside: Dhtctl, nonsense: str) -> None:
    done = inside("ping", NOBODY, DHTCTL_PATIENCE=nonsense)
    assert (done.code, done.out) == (2, "")
    assert f"DHTCTL_PATIENCE: {nonsense!r} is not a number of seconds above 0" in done.err


def test_ping(online: Dhtctl, doors: str) -> None:
    door = doors.partition(",")[0]
    done = online("ping", door)
    key, where, rtt, unit = done.out.split()
    assert (len(key), where, unit) == (40, door, "ms")
    assert float(rtt) < 1000
    thrice = online("ping", door, "-n", "3", "--json")
    assert [each["id"] for each in thrice.objects] == [key] * 3
    assert "3 of 3 requests answered" in thrice.complaints[-1]["message"]


def test_ping_nobody(inside: Dhtctl) -> None:
    done = inside("ping", NOBODY, "-n", "2")
    assert (done.code, done.out) == (4, "")
    assert done.err.count("did not answer") == 2
    assert inside("ping", "here:x").code == 2


def test_a_port_that_is_taken(inside: Dhtctl, doors: str) -> None:
    taken = doors.partition(",")[0]
    done = inside("ping", taken, "--listen", taken)
    assert done.code == 1
    assert "cannot listen" in done.err


def test_a_state_that_cannot_be(inside: Dhtctl, doors: str) -> None:
    done = inside("get", "00" * 20, "--state", "/dev/null/here", DHTCTL_BOOTSTRAP=doors)
    assert done.code == 1
    assert "/dev/null" in done.err


def test_errors_of_the_dht_have_their_codes() -> None:
    assert translated(errors.NoNetwork(())).code == 4
    assert translated(errors.NoNetwork([str(n) for n in range(5)])).achieved.endswith("and 2 more")
    assert translated(errors.NotFound("x", made())).code == 3
    assert translated(errors.NotFound("x", made(complete=False))).code == 4
    assert translated(errors.NotFound("x", made(forged=1))).code == 6
    assert translated(errors.NoAnswer("x", made())).code == 4
    assert translated(errors.Unpublishable(Refusal(205, "too big"))).facts == {"bep_code": 205}
    refused = translated(errors.Refused(made(refusals=((NODES[0], Refusal(202, "busy")),))))
    assert (refused.code, refused.hint) == (1, "try again later")
    assert translated(StateError("the disk is full")).message == "the disk is full"
