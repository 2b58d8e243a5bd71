"""What the egress guard lets out, and what it does not."""

import base64
import http.client
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

from bookmarkai_assets.adapters.downloader.egress_guard import (
    Account,
    Dial,
    DialResult,
    EgressGuard,
    Resolve,
    connect_with_system,
    resolve_with_system,
)
from bookmarkai_assets.adapters.downloader.upstream import Connect
from bookmarkai_assets.core.links.urls import HostPort
from tests.support.canary import canary
from tests.support.deadlines import HANG_SECONDS
from tests.support.hostile_site import Answer, HostileSite, hostile_site
from tests.support.processes import wait_until

PUBLIC = "93.184.215.14"


@contextmanager
def guarding(
    *opened: HostPort,
    resolve: Resolve = lambda host, _: [host],
    connect: Connect = connect_with_system,
    max_bytes: int = 10_000_000,
) -> Iterator[Account]:
    """Run a guard with some hosts opened, and open one account in it."""
    guard = EgressGuard(
        allowed_hosts=frozenset(opened), resolve=resolve, connect=connect, connect_timeout_seconds=HANG_SECONDS
    )
    try:
        with guard.account(max_bytes=max_bytes) as account:
            yield account
    finally:
        guard.close()


def ask(
    account: Account, url: str, *, method: str = "GET", body: bytes | None = None, token: str | None = None
) -> tuple[int, bytes]:
    """Request a URL through the guard as a client that uses proxies does, and return status and body."""
    proxy = urlsplit(account.proxy_url)
    assert proxy.hostname
    connection = http.client.HTTPConnection(proxy.hostname, proxy.port, timeout=HANG_SECONDS)
    try:
        connection.request(method, url, body, {"Proxy-Authorization": authorization(account, token)})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def authorization(account: Account, token: str | None = None) -> str:
    """Return the header that opens an account, or one with another token."""
    proxy = urlsplit(account.proxy_url)
    credentials = f"{proxy.username}:{proxy.password if token is None else token}"
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def send(account: Account, request: str, *headers: str) -> tuple[socket.socket, bytes]:
    """Send the head of a request to the guard verbatim, and return the connection and the first line of the answer."""
    proxy = urlsplit(account.proxy_url)
    assert proxy.port
    head = "\r\n".join([f"{request} HTTP/1.1", f"Proxy-Authorization: {authorization(account)}", *headers, "", ""])
    connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=HANG_SECONDS)
    connection.sendall(head.encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        received = connection.recv(1)
        if not received:
            break
        answer += received
    return connection, answer.partition(b"\r\n")[0]


def tunnel(account: Account, port: int) -> socket.socket:
    """CONNECT to a port of 127.0.0.1 through the guard."""
    connection, answer = send(account, f"CONNECT 127.0.0.1:{port}")
    assert answer == b"HTTP/1.1 200 Connection established"
    return connection


def refuses_to_connect(address: str, port: int, _: float) -> socket.socket:
    """Stand for a network to which nothing may connect."""
    raise AssertionError(f"connected to {address}, port {port}")


def test_an_opened_host_is_reached_over_http(site: HostileSite) -> None:
    """A request for a host and port that the operator opened arrives whole, and is recorded without its path."""
    url = site.file("/clip", b"x" * 200_000)
    with guarding(site.host_port) as account:
        assert ask(account, f"{url}?token=s3cret") == (200, b"x" * 200_000)
        assert account.dials == (Dial("127.0.0.1", site.port, DialResult.CONNECTED),)
        assert 200_000 < account.spent_bytes < 201_000
    assert site.asked[-1] == "/clip"


def test_a_tunnel_carries_bytes_both_ways(site: HostileSite) -> None:
    """CONNECT gives a bare connection, as https needs it."""
    site.file("/clip", b"inside")
    with guarding(site.host_port) as account, tunnel(account, site.port) as connection:
        connection.sendall(b"GET /clip HTTP/1.0\r\n\r\n")
        assert connection.makefile("rb").read().endswith(b"\r\n\r\ninside")


def test_a_body_is_sent_on(site: HostileSite) -> None:
    """A POST arrives at the host with its body; the site here answers that it does not know the method."""
    with guarding(site.host_port) as account:
        status, _ = ask(account, site.url("/form"), method="POST", body=b"name=value")
    assert status == 501


def test_an_answer_closes_its_connection_and_says_so(site: HostileSite) -> None:
    """Each answer tells the client to connect again for its next request, and a second request reaches nobody."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    url = site.serve("/lasting", Answer(is_raw=True, body=lambda: (head, b"ok")))
    with guarding(site.host_port) as account:
        connection, status = send(account, f"GET {url}", "\r\nGET /smuggled HTTP/1.1\r\n\r\n")
        with connection:
            assert status == b"HTTP/1.1 200 OK"
        client = http.client.HTTPConnection("127.0.0.1", urlsplit(account.proxy_url).port, timeout=HANG_SECONDS)
        client.request("GET", url, headers={"Proxy-Authorization": authorization(account)})
        answer = client.getresponse()
        assert (answer.headers["Connection"], answer.read()) == ("close", b"ok")
        assert client.sock is None, "the client has let go of the connection"
    assert "/smuggled" not in site.asked


@pytest.mark.parametrize("token", ["", "wrong"])
def test_nobody_gets_out_without_the_token(site: HostileSite, token: str) -> None:
    """A request without the download's token is answered 407 and reaches nothing."""
    url = site.page("/unseen", "secret")
    with guarding(site.host_port) as account:
        assert ask(account, url, token=token) == (407, b"")
        assert account.dials == ()
    assert "/unseen" not in site.asked


def test_a_token_ends_with_its_download(site: HostileSite) -> None:
    """Once an account is closed, its token opens nothing, and its open connections end."""
    guard = EgressGuard(allowed_hosts=frozenset({site.host_port}))
    try:
        with guard.account(max_bytes=1000) as account:
            connection = tunnel(account, site.port)
        with connection:
            assert connection.recv(1) == b""
        assert ask(account, site.url("/"))[0] == 407
    finally:
        guard.close()


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["fe80::1%eth0"],
        ["::ffff:127.0.0.1"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["64:ff9b:1::7f00:1"],
        ["2002:7f00:1::"],
        ["fd00:ec2::254"],
        ["168.63.129.16"],
        ["0.0.0.0"],  # noqa: S104 - an answer of DNS, bound to nowhere
        ["::"],
        [PUBLIC, "127.0.0.1"],
        [PUBLIC, "64:ff9b::7f00:1"],
        ["127.0.0.1", PUBLIC],
    ],
)
def test_a_name_with_any_address_that_is_not_public_is_refused(addresses: list[str]) -> None:
    """One private address among a name's addresses refuses the name, wherever it is, and nothing is connected to."""
    with guarding(resolve=lambda *_: addresses, connect=refuses_to_connect) as account:
        assert ask(account, "http://rebind.example/")[0] == 403
        assert account.dials == (Dial("rebind.example", 80, DialResult.ADDRESS_REFUSED),)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0", "localhost"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
        *("169.254.169.254", "2852039166", "0xa9fea9fe", "[fd00:ec2::254]", "[fe80::1]", "10.0.0.1", "192.168.1.1"),
    ],
)
def test_an_inward_address_is_refused_in_every_spelling_the_system_reads(host: str) -> None:
    """Decimal, hex, octal and short spellings are resolved as for a connection, and refused by the result."""
    with guarding(resolve=resolve_with_system, connect=refuses_to_connect) as account:
        status, _ = ask(account, f"http://{host}/latest/meta-data/?token=s3cret")
        assert status == 403
        assert [dial.result for dial in account.dials] == [DialResult.ADDRESS_REFUSED]
        connection, answer = send(account, f"CONNECT {host}:443")
        connection.close()
        assert answer.startswith(b"HTTP/1.1 403 ")


def test_the_host_header_changes_nothing(site: HostileSite) -> None:
    """The guard connects to the address that it vetted, whatever another header or a second request says."""
    site.file("/first", b"first")
    with canary() as inside, guarding(site.host_port) as account:
        second = f"GET http://{inside.address}/second HTTP/1.1\r\nHost: {inside.address}\r\n\r\n"
        connection, answer = send(account, f"GET {site.url('/first')}", f"Host: {inside.address}")
        with connection:
            assert answer.startswith(b"HTTP/1.0 200")
            connection.sendall(second.encode())
            connection.makefile("rb").read()
        assert inside.visits == 0
        assert {(dial.host, dial.port) for dial in account.dials} == {("127.0.0.1", site.port)}


def test_changing_addresses_are_vetted_each_time() -> None:
    """A name is resolved again for each connection, and refused once it leads to a private address."""
    answers = iter([[PUBLIC], ["169.254.169.254"], [PUBLIC, "10.0.0.1"], [PUBLIC]])
    connected: list[str] = []

    def connect(address: str, port: int, timeout_seconds: float) -> socket.socket:
        connected.append(address)
        raise TimeoutError(address, port, timeout_seconds)

    with guarding(resolve=lambda *_: next(answers), connect=connect) as account:
        assert [ask(account, "http://flip.example/")[0] for _ in range(4)] == [502, 403, 403, 502]
    assert connected == [PUBLIC, PUBLIC]


def test_a_name_is_resolved_once_and_that_answer_is_used(site: HostileSite) -> None:
    """A name is resolved once for a connection, so a second, private answer is never used."""
    site.file("/clip", b"public")
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    connected: list[tuple[str, int]] = []

    def connect(address: str, port: int, timeout_seconds: float) -> socket.socket:
        connected.append((address, port))
        return socket.create_connection(("127.0.0.1", site.port), timeout_seconds)

    with guarding(resolve=lambda *_: next(answers), connect=connect) as account:
        assert ask(account, "http://rebind.example/clip") == (200, b"public")
        assert connected == [(PUBLIC, 80)]
        assert ask(account, "http://rebind.example/clip")[0] == 403
        assert connected == [(PUBLIC, 80)]


def test_the_next_address_is_tried_when_one_does_not_answer(site: HostileSite) -> None:
    """A site whose first address is dead is reached at the next one."""
    site.file("/clip", b"alive")

    def connect(address: str, port: int, timeout_seconds: float) -> socket.socket:
        if address != PUBLIC:
            raise TimeoutError(address, port)
        return socket.create_connection(("127.0.0.1", site.port), timeout_seconds)

    with guarding(resolve=lambda *_: ["2606:4700::1111", PUBLIC], connect=connect) as account:
        assert ask(account, "http://two.example/clip") == (200, b"alive")


@pytest.mark.parametrize("port", [0, 22, 8080, 65535])
def test_only_the_ports_of_the_web_are_reached(port: int) -> None:
    """Whatever the address, only ports 80 and 443 are reached, unless another was opened."""
    with guarding(resolve=lambda *_: [PUBLIC]) as account:
        assert ask(account, f"http://example.com:{port}/")[0] == 403
        assert account.dials == (Dial("example.com", port, DialResult.PORT_REFUSED),)


def test_an_opened_host_opens_neither_its_neighbours_nor_its_other_ports(site: HostileSite) -> None:
    """The operator opens one name and one port, not the address behind it."""
    with guarding(site.host_port, resolve=lambda *_: ["127.0.0.1"]) as account:
        assert ask(account, f"http://127.0.0.1:{site.port + 1}/")[0] == 403
        assert ask(account, f"http://localhost:{site.port}/")[0] == 403
        assert ask(account, "http://127.0.0.1/")[0] == 403


def test_an_unknown_name_is_a_bad_gateway() -> None:
    """A name that DNS does not know, or for which it returns nothing, differs from a refusal."""

    def resolve(host: str, _: int) -> list[str]:
        if host == "empty.example":
            return []
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with guarding(resolve=resolve) as account:
        assert ask(account, "http://nowhere.example/")[0] == 502
        assert ask(account, "http://empty.example/")[0] == 502
        assert {dial.result for dial in account.dials} == {DialResult.NAME_UNKNOWN}


def test_a_label_that_the_resolver_rejects_is_an_unknown_name() -> None:
    """A host that the system's resolver rejects outright counts as unknown."""
    guard = EgressGuard(allowed_hosts=frozenset())
    try:
        with guard.account(max_bytes=1000) as account:
            assert ask(account, f"http://{'a' * 70}.example/")[0] == 502
            assert [dial.result for dial in account.dials] == [DialResult.NAME_UNKNOWN]
    finally:
        guard.close()


def test_a_host_that_refuses_connections_is_a_bad_gateway() -> None:
    """A closed port of an opened host is unreachable, not refused."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        with guarding(HostPort("127.0.0.1", port)) as account:
            assert ask(account, f"http://127.0.0.1:{port}/")[0] == 502
            assert account.dials == (Dial("127.0.0.1", port, DialResult.UNREACHABLE),)


def test_the_bytes_of_a_download_are_capped(site: HostileSite) -> None:
    """An endless answer is cut near the limit, and nothing more passes afterwards."""
    url = site.endless("/endless", head=b"")
    with guarding(site.host_port, max_bytes=1_000_000) as account:
        status, body = ask(account, url)
        assert status == 200
        assert 800_000 < len(body) <= 1_000_000
        assert account.is_spent
        assert ask(account, url)[0] == 403
        assert account.dials[-1].result is DialResult.BYTES_SPENT


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "https://example.com/", "/relative", "http://:80/", "http://h:port/"]
)
def test_anything_but_an_http_url_is_a_bad_request(url: str) -> None:
    """A plain request for anything but an absolute http URL reaches nothing."""
    with guarding() as account:
        assert ask(account, url)[0] == 400
        assert account.dials == ()


@pytest.mark.parametrize("header", ["Transfer-Encoding: chunked", "Content-Length: -1", "Content-Length: many"])
def test_a_body_of_unknown_length_is_a_bad_request(site: HostileSite, header: str) -> None:
    """A request body whose end is ambiguous is not sent on."""
    with guarding(site.host_port) as account:
        connection, answer = send(account, f"POST {site.url('/')}", header)
        connection.close()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert account.dials == ()


def test_neither_paths_nor_queries_nor_tokens_are_logged(site: HostileSite, caplog: pytest.LogCaptureFixture) -> None:
    """The guard's log contains hosts, ports and results only."""
    with caplog.at_level(logging.DEBUG), guarding(site.host_port) as account:
        ask(account, site.url("/private/path?key=s3cret"))
        ask(account, "http://10.0.0.1/private/path?key=s3cret")
        token = urlsplit(account.proxy_url).password
    assert "10.0.0.1:80" in caplog.text
    assert token
    for secret in ("private", "s3cret", token):
        assert secret not in caplog.text


def test_closing_a_guard_leaves_no_thread_behind() -> None:
    """A guard that is closed during downloads, one unread and one silent, leaves no thread."""
    before = set(threading.enumerate())
    with hostile_site() as site, ExitStack() as connections:
        guard = EgressGuard(allowed_hosts=frozenset({site.host_port}))
        with guard.account(max_bytes=100_000_000) as account:
            for url in (site.endless("/endless", head=b""), site.silent("/silent")):
                connection = connections.enter_context(tunnel(account, site.port))
                connection.sendall(f"GET {urlsplit(url).path} HTTP/1.0\r\n\r\n".encode())
            wait_until(lambda: account.spent_bytes > 100_000 and "/silent" in site.asked)
            of_guard_and_site = set(threading.enumerate()) - before
            guard.close()
        assert len(of_guard_and_site) == 6  # each has one that listens and two that serve
        site.is_closing.set()
    wait_until(lambda: not any(thread.is_alive() for thread in of_guard_and_site))
