"""The HTTP door against a real server that obeys, lies, stalls and redirects; each SSRF rule."""

from __future__ import annotations

import gzip
import socket
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio

from dht.mainline.compact import Scope, scope
from tests.tracker_server import Swarms, http_tracker
from torrent.core import urls
from torrent.core.urls import Purpose
from torrent.io.http import HttpFailed, HttpSettings, Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = 1000
FAST = HttpSettings(connect_timeout_s=0.5, read_timeout_s=0.2, total_timeout_s=1.0)


@contextmanager
def server(answer: Callable[[Any], None], host: str = "127.0.0.1") -> Iterator[str]:
    """A server whose every answer is made by ``answer``; its root."""
    swarms = Swarms()
    swarms.answer = answer
    with http_tracker(swarms, host) as url:
        yield url.removesuffix("/announce")


async def get(
    url: str,
    settings: HttpSettings = FAST,
    purpose: Purpose = Purpose.TRACKER,
    limit: int = LIMIT,
) -> bytes:
    async with Lane(purpose, settings) as lane:
        return await lane.get(url, limit=limit)


async def failing(url: str, settings: HttpSettings = FAST, **more: Any) -> HttpFailed:
    with pytest.raises(HttpFailed) as caught:
        await get(url, settings, **more)
    return caught.value


class Names(trio.abc.HostnameResolver):
    """A name server of our own, whose every name is one address."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        self.asked += 1
        kind = socket.SOCK_STREAM
        return [(socket.AF_INET, kind, 6, "", (address, port)) for address in self.addresses]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


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

    monkeypatch.setattr(urls, "scope", pretended)


async def test_a_body_and_what_we_say_of_ourselves() -> None:
    heard: dict[str, str] = {}

    def answer(handler: Any) -> None:
        heard.update(handler.headers)
        handler.send(200, b"hello")

    with server(answer) as root:
        address = root.removeprefix("http://")
        assert await get(f"http://me:pass@{address}/announce?x=1") == b"hello"
    assert heard == {
        "Host": address,
        "User-Agent": "dhtctl",
        "Accept": "*/*",
        "Accept-Encoding": "gzip",
        "Authorization": "Basic bWU6cGFzcw==",
    }


async def test_a_server_of_ipv6() -> None:
    with server(lambda handler: handler.send(200, handler.headers["Host"].encode()), "::1") as root:
        assert await get(f"{root}/announce") == root.removeprefix("http://").encode()


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
async def test_compressed_bodies_are_read(kind: str) -> None:
    pack = gzip.compress if kind == "gzip" else zlib.compress
    body = pack(b"d1:a1:be")
    with server(lambda handler: handler.send(200, body, Content_Encoding=kind)) as root:
        assert await get(f"{root}/announce") == b"d1:a1:be"


async def test_a_bomb_costs_what_it_sends() -> None:
    body = gzip.compress(bytes(50 << 20))  # 50 kB of it
    with server(lambda handler: handler.send(200, body, Content_Encoding="gzip")) as root:
        problem = await failing(f"{root}/announce")
    assert str(problem) == "the server's answer is longer than 1000 bytes"


async def test_what_is_not_compressed_though_it_says_so() -> None:
    with server(lambda handler: handler.send(200, b"plain", Content_Encoding="gzip")) as root:
        assert "cannot be decompressed" in str(await failing(f"{root}/announce"))


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
async def test_bodies_are_bounded(size: int) -> None:
    with server(lambda handler: handler.send(200, bytes(size))) as root:
        if size == LIMIT:
            assert len(await get(f"{root}/announce")) == LIMIT
        else:
            assert "longer than 1000 bytes" in str(await failing(f"{root}/announce"))


async def test_a_status_is_a_failure_unless_the_body_is_a_dictionary() -> None:
    with server(lambda handler: handler.send(404, b"<html>")) as root:
        problem = await failing(f"{root}/announce")
    assert str(problem) == "the server at 127.0.0.1 answers with status 404"
    assert problem.final
    with server(lambda handler: handler.send(400, b"d14:failure reason1:xe")) as root:
        assert await get(f"{root}/announce") == b"d14:failure reason1:xe"


@pytest.mark.parametrize(
    ("status", "after", "final", "seconds"),
    [
        (503, "120", False, 120.0),
        (429, "5", False, 5.0),
        (503, "Fri, 31 Dec 1999 23:59:59 GMT", False, None),
        (503, "99999999", False, None),
        (410, "", True, None),
    ],
)
async def test_when_to_come_again(
    status: int,
    after: str,
    final: bool,  # noqa: FBT001
    seconds: float | None,
) -> None:
    with server(lambda handler: handler.send(status, b"", Retry_After=after)) as root:
        problem = await failing(f"{root}/announce")
    assert (problem.final, problem.retry_after) == (final, seconds)


def stalling(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "10")
    handler.end_headers()
    handler.wfile.write(b"12345")
    handler.rfile.read(1)  # until the client leaves


async def test_a_server_that_stalls() -> None:
    with server(stalling) as root:
        assert str(await failing(f"{root}/announce")) == "the server did not answer in time"
    with server(lambda handler: handler.rfile.read(1)) as root:
        assert str(await failing(f"{root}/announce")) == "the server did not answer in time"


def trickling(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.connection.settimeout(0.02)
    with suppress(OSError):
        while True:
            handler.wfile.write(b"x")
            with suppress(TimeoutError):
                if not handler.connection.recv(1):
                    return


async def test_a_server_that_trickles_is_given_no_longer() -> None:
    settings = HttpSettings(read_timeout_s=0.5, total_timeout_s=0.5)
    with server(trickling) as root:
        problem = await failing(f"{root}/announce", settings)
    assert str(problem) == "the server did not answer in time"


async def test_a_server_that_hangs_up() -> None:
    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        handler.close_connection = True

    with server(answer) as root:
        assert "the server broke off" in str(await failing(f"{root}/announce"))


async def test_a_server_that_speaks_something_else() -> None:
    def answer(handler: Any) -> None:
        handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        handler.close_connection = True

    with server(answer) as root:
        assert "the server broke off" in str(await failing(f"{root}/announce"))


async def test_redirects_are_followed_a_few_times() -> None:
    def answer(handler: Any) -> None:
        left = int(handler.path.rpartition("/")[2])
        if left:
            handler.send(302, b"", Location=f"/announce/{left - 1}")
        else:
            handler.send(200, b"there")

    with server(answer) as root:
        assert await get(f"{root}/announce/5") == b"there"
        problem = await failing(f"{root}/announce/6")
    assert str(problem) == "the server redirects more than 5 times"
    assert problem.final


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("file:///etc/passwd", "scheme 'file'"),
        ("udp://127.0.0.1:5/announce", "not an HTTP URL"),
        ("http://[x/", "no URL"),
        ("http://a b/", "blanks"),
        ("/evil", "only asked for /announce"),
    ],
)
async def test_where_no_redirect_leads(location: str, why: str) -> None:
    with server(lambda handler: handler.send(302, b"", Location=location)) as root:
        problem = await failing(f"{root}/announce")
    assert why in str(problem)
    assert problem.final


async def test_a_redirect_to_nowhere_is_an_answer() -> None:
    with server(lambda handler: handler.send(302, b"d1:a1:be")) as root:
        assert await get(f"{root}/announce") == b"d1:a1:be"


async def test_a_certificate_that_nobody_signed(tmp_path: Any) -> None:
    with tls_server(tmp_path) as root:
        problem = await failing(f"{root}/announce")
        assert "certificate verify failed" in str(problem)
        trusting = HttpSettings(verify_tls=False)
        assert await get(f"{root}/announce", trusting) == b"secret"


@contextmanager
def tls_server(tmp_path: Any) -> Iterator[str]:
    import ssl
    import threading
    from http.server import HTTPServer

    from tests.tracker_server import HttpTracker

    certificate = self_signed(tmp_path)
    swarms = Swarms()
    swarms.answer = lambda handler: handler.send(200, b"secret")  # type: ignore[attr-defined]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Quiet(HTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # the client that does not trust us

    with Quiet(("127.0.0.1", 0), type("Handler", (HttpTracker,), {"swarms": swarms})) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


def self_signed(tmp_path: Any) -> Any:
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tracker")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "server.pem"
    path.write_bytes(private + certificate.public_bytes(encoding))
    return path


# --- request forgery: the rules look at what is dialled -------------------------------------------


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
        async with Lane(Purpose.TRACKER, FAST) as lane:
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
