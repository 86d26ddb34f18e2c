"""Request forgery: each of libtorrent's rules against real servers, by the address dialled."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import trio

from dht.mainline.compact import Scope, scope
from tests.web import LIMIT, PATIENT, Names, failing, get, server
from torrent.core import outgoing
from torrent.core.outgoing import Purpose
from torrent.io.http import HttpFailed, HttpSettings, Lane


@pytest.fixture
async def names() -> Names:
    resolver = Names("127.0.0.1")
    trio.socket.set_custom_hostname_resolver(resolver)
    return resolver


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.2 and what follows count as the Internet."""

    def pretended(host: str) -> Scope:
        far = host.startswith("127.") and host != "127.0.0.1"
        return Scope.WORLD if far else scope(host)

    monkeypatch.setattr(outgoing, "scope", pretended)


async def test_a_tracker_on_this_machine_is_only_asked_for_announce() -> None:
    reached = []
    with server(lambda handler: reached.append(handler.path) or handler.send(200, b"x")) as root:
        problem = await failing(f"{root}/api/reboot?sure=1")
        assert str(problem) == "a tracker on this machine is only asked for /announce"
        assert problem.final
        assert reached == []
        lax = HttpSettings(ssrf_mitigation=False)
        assert await get(f"{root}/api/reboot?sure=1", lax) == b"x"


async def test_the_rule_holds_for_what_a_name_resolves_to(names: Names) -> None:
    with server(lambda handler: handler.send(200, b"x")) as root:
        port = root.rpartition(":")[2]
        assert await get(f"http://tracker.example:{port}/announce") == b"x"
        problem = await failing(f"http://tracker.example:{port}/api")
        assert "only asked for /announce" in str(problem)
    assert names.asked == 2  # and the address that passed is the one dialled: no second look-up


async def test_of_several_addresses_the_forbidden_are_left_out(names: Names, world: None) -> None:
    names.addresses = ("127.0.0.1", "127.0.0.2")
    with server(lambda handler: handler.send(200, b"far"), "127.0.0.2") as root:
        port = root.rpartition(":")[2]
        assert await get(f"http://tracker.example:{port}/api") == b"far"


async def test_the_next_address_is_dialled_when_one_does_not_answer(names: Names) -> None:
    names.addresses = ("127.0.0.3", "127.0.0.1")
    with server(lambda handler: handler.send(200, b"x")) as root:
        port = root.rpartition(":")[2]
        assert await get(f"http://tracker.example:{port}/announce") == b"x"
        names.addresses = ("127.0.0.3",)
        assert "cannot be reached" in str(await failing(f"http://t.example:{port}/announce"))
        names.addresses = ()
        assert "has no address" in str(await failing(f"http://t.example:{port}/announce"))


async def test_a_connection_kept_alive_does_not_evade_the_rule() -> None:
    reached = []
    with server(lambda handler: reached.append(handler.path) or handler.send(200, b"x")) as root:
        async with Lane(Purpose.TRACKER, PATIENT) as lane:
            assert await lane.get(f"{root}/announce", limit=LIMIT) == b"x"
            with pytest.raises(HttpFailed, match="only asked for /announce"):
                await lane.get(f"{root}/api", limit=LIMIT)
            assert await lane.get(f"{root}/announce", limit=LIMIT) == b"x"
    assert reached == ["/announce", "/announce"]


async def test_a_web_seed_at_a_local_address_has_no_query() -> None:
    with server(lambda handler: handler.send(200, b"x")) as root:
        assert await get(f"{root}/file", purpose=Purpose.WEB_SEED) == b"x"
        problem = await failing(f"{root}/file?reboot=1", purpose=Purpose.WEB_SEED)
    assert str(problem) == "a web seed at a local address may not have a query"


async def test_a_global_web_seed_does_not_redirect_to_a_local_address(world: None) -> None:
    reached = []
    with server(lambda handler: reached.append(handler.path) or handler.send(200, b"x")) as near:

        def answer(handler: Any) -> None:
            place = {"/near": f"{near}/file", "/hop": "/near", "/far": "/here"}.get(handler.path)
            if place is None:
                handler.send(200, b"far")
            else:
                handler.send(302, b"", Location=place)

        with server(answer, "127.0.0.2") as far:
            web_seed = Purpose.WEB_SEED
            assert await get(f"{far}/far", purpose=web_seed) == b"far"
            for path in ("/near", "/hop"):
                problem = await failing(f"{far}{path}", purpose=web_seed)
                assert "may not redirect to a local address" in str(problem)
            assert reached == []
            lax = HttpSettings(ssrf_mitigation=False)
            assert await get(f"{far}/near", lax, web_seed) == b"x"


async def test_a_local_web_seed_may_redirect_to_a_local_address() -> None:
    def answer(handler: Any) -> None:
        if handler.path == "/a":
            handler.send(302, b"", Location="/b")
        else:
            handler.send(200, b"x")

    with server(answer) as root:
        assert await get(f"{root}/a", purpose=Purpose.WEB_SEED) == b"x"


async def test_internationalised_names_are_off_by_default(names: Names) -> None:
    with server(lambda handler: handler.send(200, b"x")) as root:
        url = f"http://bücher.example:{root.rpartition(':')[2]}/announce"
        assert "internationalised" in str(await failing(url))
        assert await get(url, HttpSettings(allow_idna=True)) == b"x"


async def test_a_name_that_does_not_exist() -> None:
    class Nobody(Names):
        async def getaddrinfo(self, *args: Any, **more: Any) -> list[Any]:
            raise socket.gaierror(-2, "Name or service not known")

    trio.socket.set_custom_hostname_resolver(Nobody())
    problem = await failing("http://nowhere.example/announce")
    assert "nowhere.example cannot be found" in str(problem)
    assert not problem.final  # it may be there again tomorrow
