"""Which links are admitted, and under which canonical URL."""

import ipaddress
import string
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.links.platforms import Platform, platform_of_host
from bookmarkai_assets.core.links.urls import AdmittedLink, HostPort, RefusedLink, admit, is_public_address

OPENED = frozenset({HostPort("127.0.0.1", 8080)})


def canonical(text: str) -> str:
    """Admit a good link and return its canonical URL."""
    link = admit(text)
    assert isinstance(link, AdmittedLink), link
    return link.canonical_url


def refusal(text: str) -> str:
    """Refuse a bad link and return the reason."""
    link = admit(text)
    assert isinstance(link, RefusedLink), link
    return link.reason


# --- Refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "found nothing"),
        ("   \n ", "found nothing"),
        ("hello", "found no scheme"),
        ("www.tiktok.com/@user/video/1", "found no scheme"),
        ("hello world", "U+0020"),
        ("file:///etc/passwd", "found file:"),
        ("ftp://example.com/a.mp4", "found ftp:"),
        ("javascript:alert(1)", "found javascript:"),
        ("data:text/html,x", "found data:"),
        ("ytsearch:cats", "found ytsearch:"),
        ("https://", "found none"),
        ("https:///video", "found none"),
        ("https://user:hunter2@example.com/", "without a user name"),
        ("https://user@example.com/", "without a user name"),
        ("https://example.com:8443/", "found 8443"),
        ("https://example.com:0/", "found 0"),
        ("https://exa\x00mple.com/", "U+0000"),
        ("https://example.com/\u202e4pm.exe", "U+202E"),
        ("https://example.com/a\nb", "U+000A"),
        ("https://evil.example\\.good.example/", "U+005C"),
        ("https://example.com/\ud800", "U+D800"),
        ("https://intranet/", "names no domain"),
        ("https://localhost/", "this machine"),
        ("https://LOCALHOST./", "this machine"),
        ("https://printer.local/", "this machine"),
        ("https://metadata.google.internal/", "this machine"),
        ("https://localhost.localdomain/", "this machine"),
        ("https://localhost6.localdomain6.localdomain./", "this machine"),
        ("https://video.localhost/", "this machine"),
        ("https://nas.home.arpa/", "this machine"),
        ("https://localhost6.localdomain6/", "this machine"),
        ("https://localhost4.localdomain4./", "this machine"),
        ("https://nas.lan/", "this machine"),
        ("https://wiki.corp/", "this machine"),
        ("https://tv.HOME/", "this machine"),
        ("https://wiki.intranet/", "this machine"),
        ("https://a.private\uff0e/", "this machine"),
        ("https://\uff41.\uff4f\uff4e\uff49\uff4f\uff4e/", "Tor network"),
        ("https://a\u2024onion/", "Tor network"),
        ("https://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3\u3002/", "this machine"),
        ("https://ipv4only.arpa/", "not of a site"),
        ("https://%6c%6f%63%61%6c%68%6f%73%74/", "no readable host"),
        ("https://127%2e0%2e0%2e1/", "no readable host"),
        ("https://8_8.8.8.8/", "is no address"),
        ("https://0o10.8.8.8/", "is no address"),
        ("https://8.-1.8.8/", "is no address"),
        ("https://[2606:4700::1111].example.com/", "no readable host"),
        ("https://www.tiktok.com[2606:4700::1111]/@u/video/1", "no readable host"),
        ("https://[2606:4700::1111]./", "no readable host"),
        ("https://[v1.fe80::a]/", "no readable host"),
        ("https://[2606:4700::1111%25%65th0]/", "no readable host"),
        ("https://2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion/v", "Tor network"),
        ("https://www.ONION./", "Tor network"),
        ("https://api.test/", "for tests"),
        ("https://test/", "for tests"),
        ("https://a.invalid/", "never valid"),
        ("https://a.b.alt/", "another system than DNS"),
        ("http://1.0.168.192.in-addr.arpa/", "not of a site"),
        ("http://8.e.f.ip6.arpa/", "not of a site"),
        ("http://[2606:4700::1111%25eth0]/", "leave out the zone"),
        ("http://[2606:4700::1111%eth0]/", "leave out the zone"),
        ("http://[fe80::1%251]/", "not a public address"),
        ("http://[2606:4700::1111%25]/", "leave out the zone"),
        ("https://1.2.3.4.5/", "is no address"),
        ("https://1.2.3.999/", "is no address"),
        ("https://09.1.1.1/", "is no address"),
        ("https://example.com:port/", "no readable host"),
        ("https://[1::2::3]/", "no readable host"),
        ("https://a..b.example/", "no readable host"),
        ("https://exa%6dple.com/", "no readable host"),
        ("https://fa\u00df.example/", "no readable host"),
        (f"https://{'a' * 64}.example/", "no readable host"),
        (f"https://{'aaaa.' * 60}example/", "no readable host"),
    ],
)
def test_anything_but_a_link_to_a_public_site_is_refused(text: str, words: str) -> None:
    """A text that is no link, or does not lead to a public site over http(s), is refused with what was found."""
    assert words in refusal(text)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "\uff11\uff12\uff17.0.0.1",  # full-width digits
        "127\u30020\u30020\u30021",  # ideographic full stops
        "127.0.0.1.",
        "0x7f.1.",
        "0x.0x.0x.0x",
        "\u2460\u2461\u2466.0.0.1",  # circled digits
        "127\uff610\u20240\uff0e1",  # half-width, one-dot leader and full-width stops
        "0.0.0.0",  # noqa: S104 - refused here, bound to nowhere
        "0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",  # metadata of one cloud
        "169.254.169.254",  # metadata of most
        "0xa9fea9fe",
        "2852039166",
        "192.0.0.192",  # metadata of another
        "168.63.129.16",  # the agent of another
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:8.8.8.8]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
        "[2002:7f00:1::]",
        "[2001:0:1::1]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fec0::1]",
        "[ff02::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[5f00::1]",
    ],
)
def test_an_address_that_is_not_public_is_refused_however_it_is_written(host: str) -> None:
    """Loopback, private, link-local, metadata and reserved addresses are refused in every notation a browser reads."""
    assert "not a public address" in refusal(f"http://{host}/video.mp4")


def _notations(address: ipaddress.IPv4Address) -> list[str]:
    """Write an address in the notations that a browser reads: one number, fewer parts, hex, octal, wide digits."""
    a, b, c, d = address.packed
    number = int(address)
    return [
        str(address),
        f"{address}.",
        str(number),
        f"{number:#x}",
        f"0{number:o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        f"{a:#x}.{b:#x}.{c:#X}.{d:#x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a:#x}.0{b:o}.{number & 0xFFFF}",
        str(address).translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"}),
    ]


@given(
    st.one_of(
        st.ip_addresses(v=4), st.ip_addresses(v=4, network="10.0.0.0/8"), st.ip_addresses(v=4, network="127.0.0.0/8")
    )
)
def test_every_notation_of_an_address_is_treated_alike(address: ipaddress.IPv4Address) -> None:
    """However an address is written, the link is admitted if the address is public and refused if it is not."""
    expected = AdmittedLink if is_public_address(str(address)) else RefusedLink
    for host in _notations(address):
        assert isinstance(admit(f"http://{host}/v"), expected), host


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_is_treated_as_by_the_guard(address: ipaddress.IPv6Address) -> None:
    """A literal is admitted exactly if the guard would connect to it, spelled out or short, in either case."""
    expected = AdmittedLink if is_public_address(str(address)) else RefusedLink
    for host in (str(address), address.exploded, address.exploded.upper()):
        assert isinstance(admit(f"https://[{host}]/v"), expected), host


@given(st.text(max_size=60))
def test_an_opened_host_opens_no_other(text: str) -> None:
    """Whatever surrounds it, the opened host's entry admits a link only if it leads to that host and port."""
    for link in (f"http://127.0.0.1:8080{text}", f"http://{text}127.0.0.1:8080/", f"http://127.0.0.1{text}:8080/"):
        admitted = admit(link, allowed_hosts=OPENED)
        if isinstance(admitted, AdmittedLink) and not isinstance(admit(link), AdmittedLink):
            parts = urlsplit(admitted.canonical_url)
            assert (parts.hostname, parts.port) == ("127.0.0.1", 8080)


def test_five_megabytes_of_text_are_refused_without_being_repeated() -> None:
    """A text of megabytes is refused by its length, in a one-line message."""
    reason = refusal("https://example.com/" + "a" * 5_000_000)
    assert "5000020" in reason
    assert len(reason) < 200


@pytest.mark.parametrize(
    "text", ["https://user:hunter2", "https://user:hunter2@[::1", "https://a:hunter2\u2100b@c.example/"]
)
def test_a_refusal_never_repeats_a_password(text: str) -> None:
    """What a person typed as a password is in no reason, even where the link cannot be parsed at all."""
    assert "hunter2" not in refusal(text)


@given(st.text(max_size=300))
def test_any_text_is_either_admitted_or_refused(text: str) -> None:
    """No text makes admission crash, and a refused one has a short reason in one line."""
    link = admit(text)
    if isinstance(link, RefusedLink):
        assert 0 < len(link.reason) < 500
        assert link.reason.isprintable()


# --- Admission ------------------------------------------------------------------------------------------------------


def test_the_link_is_kept_as_shared_beside_its_canonical_form() -> None:
    """A good link keeps its spelling for fetching and gets a canonical URL for its identity."""
    assert admit(" https://WWW.TikTok.com:443/@User/video/7?is_from_webapp=1#top ") == AdmittedLink(
        url="https://WWW.TikTok.com:443/@User/video/7?is_from_webapp=1#top",
        canonical_url="https://www.tiktok.com/@_/video/7",
        platform=Platform.TIKTOK,
    )


def test_only_the_opened_host_and_port_is_admitted() -> None:
    """A host that the operator has opened is admitted on that port, and its neighbours stay closed."""
    assert isinstance(admit("http://127.0.0.1:8080/clip.mp4", allowed_hosts=OPENED), AdmittedLink)
    for other in ("http://127.0.0.1/", "http://127.0.0.1:8081/", "http://127.0.0.2:8080/", "http://2130706433:8080/"):
        assert isinstance(admit(other, allowed_hosts=OPENED), RefusedLink)
    assert isinstance(admit("ftp://127.0.0.1:8080/", allowed_hosts=OPENED), RefusedLink)
    assert isinstance(admit("http://a:b@127.0.0.1:8080/", allowed_hosts=OPENED), RefusedLink)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com", "https://EXAMPLE.com:443/"),
        ("https://example.com./v", "https://example.com/v"),
        ("https://example.com/v?id=1&utm_source=x&utm_medium=y", "https://example.com/v?id=1"),
        ("https://example.com/v?fbclid=9#t=30", "https://example.com/v"),
        ("https://www.youtube.com/watch?v=abc&si=tracker", "https://www.youtube.com/watch?v=abc"),
        ("https://x.com/u?s=20&t=zz", "https://x.com/u"),
        ("https://example.com/%7Euser/%c3%a9", "https://example.com/~user/\u00e9"),
        ("https://[2606:4700:4700:0::1111]/v", "https://[2606:4700:4700::1111]/v"),
        ("https://[2606:4700:4700::0.0.17.17]:443/v", "https://[2606:4700:4700::1111]/v"),
        ("https://010.8.8.8/v", "https://8.8.8.8/v"),
        ("https://0x8.526344/v", "https://8.8.8.8/v"),
        ("https://\uff18\uff0e\uff18\u30028.8\uff61/v", "https://8.8.8.8/v"),
        ("https://b\u00fccher.example/\u00e9", "https://xn--bcher-kva.example/%C3%A9"),
    ],
)
def test_links_that_differ_in_trimmings_have_one_canonical_url(one: str, other: str) -> None:
    """Case of the host, default port, fragment, tracking and ways to write a letter do not make another video."""
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/v?id=1", "https://example.com/v?id=2"),
        ("https://example.com/v?id=%ff", "https://example.com/v?id=%fe"),
        ("https://example.com/v?share_id=1", "https://example.com/v?share_id=2"),
        ("https://example.com/Clip", "https://example.com/clip"),
        ("https://example.com/#/video/1", "https://example.com/#/video/2"),
        ("https://example.com/v", "http://example.com/v"),
        ("https://example.com/v", "https://www.example.com/v"),
        ("https://www.youtube.com/watch?v=abc", "https://www.youtube.com/watch?v=abd"),
    ],
)
def test_links_that_may_be_two_videos_have_two_canonical_urls(one: str, other: str) -> None:
    """Anything that may choose another video stays in the URL: joining two videos would show one user the other's."""
    assert canonical(one) != canonical(other)


HOSTS = st.lists(
    st.text(alphabet=string.ascii_letters + string.digits + "-_\u00e4\u00f8\u4e2d", min_size=1, max_size=12),
    min_size=1,
    max_size=4,
).map(lambda labels: ".".join([*labels, "example"]))
TAILS = st.text(alphabet=string.printable.strip() + "\u00e9\u4e2d\U0001f35d", max_size=60)


@given(
    scheme=st.sampled_from(["http", "https", "HTTPS"]),
    host=HOSTS,
    port=st.sampled_from(["", ":80", ":443"]),
    tail=TAILS,
)
def test_canonicalization_is_idempotent_and_keeps_the_owner(scheme: str, host: str, port: str, tail: str) -> None:
    """A canonical link is admitted, is its own canonical URL, is ASCII, and keeps the original's host and scheme."""
    link = admit(f"{scheme}://{host}{port}/{tail}")
    if isinstance(link, RefusedLink):
        return
    again = admit(link.canonical_url)
    assert isinstance(again, AdmittedLink)
    assert again.canonical_url == link.canonical_url
    assert link.canonical_url.isascii()
    parts = urlsplit(link.canonical_url)
    assert parts.scheme == scheme.lower()
    assert parts.hostname == host.lower().encode("idna").decode()
    assert "@" not in parts.netloc


@pytest.mark.parametrize(
    ("host", "platform"),
    [
        ("vm.tiktok.com", Platform.TIKTOK),
        ("youtu.be", Platform.YOUTUBE),
        ("x.com", Platform.X),
        ("nettix.com", Platform.GENERIC),
        ("tiktok.com.evil.example", Platform.GENERIC),
    ],
)
def test_a_platform_is_its_domain_and_subdomains(host: str, platform: Platform) -> None:
    """A platform owns its domain and subdomains, not names that merely begin or end alike."""
    assert platform_of_host(host) is platform


# --- Addresses and opened hosts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e"])
def test_addresses_of_public_sites_are_public(address: str) -> None:
    """Addresses of the public internet are admitted."""
    assert is_public_address(address)


@given(st.ip_addresses(v=4))
def test_ipv4_inside_ipv6_is_never_public(address: object) -> None:
    """Wrapping an IPv4 address into IPv6 opens nothing."""
    assert not is_public_address(f"::ffff:{address}")
    assert not is_public_address(f"64:ff9b::{address}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", HostPort("127.0.0.1", 8080)),
        (" Example.COM:80 ", HostPort("example.com", 80)),
        ("[::1]:9000", HostPort("::1", 9000)),
    ],
)
def test_an_opened_host_is_read(text: str, expected: HostPort) -> None:
    """`host:port` is read with the host in lower case and without brackets."""
    assert HostPort.parse(text) == expected


@pytest.mark.parametrize("text", ["", "localhost", ":80", "[]:80", "host:", "host:0", "host:65536", "host:http"])
def test_an_opened_host_without_a_host_or_a_port_is_an_error(text: str) -> None:
    """Anything but host:port is refused with an example."""
    with pytest.raises(ValueError, match="expected host:port"):
        HostPort.parse(text)
