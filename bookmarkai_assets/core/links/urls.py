"""Which links are admitted, and which addresses are public. Their canonical URLs are made in `canonical_urls`."""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from bookmarkai_assets.core.links.canonical_urls import DEFAULT_PORTS, canonical_url
from bookmarkai_assets.core.links.platforms import Platform, platform_of_host

MAX_URL_CHARACTERS = 2048
"""Longer than any share link seen. Browsers and proxies begin to truncate not far above."""

_MAX_PORT = 65535
_MAX_HOST_CHARACTERS = 253  # RFC 1035
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
# IDNA 2003, which Python implements, maps these to other letters, but browsers keep them. Two readings of a host may
# belong to two owners.
_AMBIGUOUS_LETTERS = frozenset("ßς")
_BRACKETS = frozenset("[]")
_BRACKETED = re.compile(r"\[[^\[\]]*\](:[0-9]*)?")
_OCTETS = 4
_OCTET_SIZE = 256
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCAL_NAMES = (
    "localhost",  # RFC 6761
    "localdomain",  # what many systems append to the names of their own network
    "localdomain4",  # Red Hat's names of the loopback addresses
    "localdomain6",
    "local",  # RFC 6762: asked of the neighbours, not of DNS
    "internal",  # reserved by ICANN for private networks
    "home.arpa",  # RFC 8375
)
# RFC 6762, appendix G: the domains that private networks use. The public DNS has none of them.
_PRIVATE_DOMAINS = ("intranet", "private", "corp", "home", "lan")
# No server of the public DNS knows names below these. `example` is not among them: RFC 6761 has it resolved as usual.
_NAMES_KEPT_FROM_DNS = {
    "onion": "a name of the Tor network",  # RFC 7686
    "test": "a name for tests",  # RFC 6761
    "invalid": "a name that is never valid",  # RFC 6761
    "alt": "a name of another system than DNS",  # RFC 9476
    "arpa": "a name of the network's own, not of a site",  # RFC 6761 and 6762 keep its private reverse zones from DNS
}
# RFC 4291: the only range that is assigned. NAT64, mapped, site-local and multicast addresses are outside it.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NOT_PUBLIC = (
    ipaddress.ip_network("3fff::/20"),  # RFC 9637, documentation; newer than some Pythons' tables
    ipaddress.ip_network("192.0.0.0/24"),  # RFC 6890; older Pythons know only a part. A cloud's metadata is in it
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's agent inside each of its machines, on a public address
)


@dataclass(frozen=True)
class HostPort:
    """One host and port that the operator has opened, in `EGRESS_ALLOWED_HOSTS`."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "HostPort":
        """Parse `host:port`. Raises a `ValueError` that says what is expected."""
        host, _, port = text.strip().rpartition(":")
        host = host.strip("[]").lower()
        if not host or not port.isdecimal() or not 0 < int(port) <= _MAX_PORT:
            raise ValueError(f"expected host:port, such as 127.0.0.1:8080, not {text!r}")
        return cls(host, int(port))


@dataclass(frozen=True)
class AdmittedLink:
    """A link the pipeline may fetch. `canonical_url` names the video and is fetched; `url` is what was shared."""

    url: str
    canonical_url: str
    platform: Platform


@dataclass(frozen=True)
class RefusedLink:
    """A link the pipeline will not fetch. `reason` says why and what is expected, and repeats no secret of the link."""

    reason: str


def is_public_address(address: str) -> bool:
    """Whether an IP address is on the public internet. Raises `ValueError` if it is not an address.

    IPv4 inside IPv6 (mapped, 6to4, Teredo, NAT64) counts as not public, because nobody shares such links in good faith.
    Sources: the IANA special-purpose registries as `ipaddress` has them, and `_NOT_PUBLIC`.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (ip not in _GLOBAL_UNICAST or ip.sixtofour or ip.teredo):
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)


def admit(text: str, *, allowed_hosts: frozenset[HostPort] = frozenset()) -> AdmittedLink | RefusedLink:
    """Decide whether a shared text is a link that may be fetched. Resolves no names; the egress guard does that."""
    refusal = _refusal_of_text(text)
    if refusal:
        return RefusedLink(refusal)
    url = text.strip()
    try:
        parts = urlsplit(url)
        port = parts.port
        _require_whole_brackets(parts.netloc)
        host = _ascii_host(parts.hostname or "")
    except ValueError:  # its message repeats the link, maybe with a password
        return RefusedLink(
            "expected a link such as https://www.tiktok.com/@user/video/1, found no readable host and port"
        )
    refusal = _refusal_of_parts(parts, host=host, port=port, allowed_hosts=allowed_hosts)
    if refusal:
        return RefusedLink(refusal)
    # An opened host stays as the operator wrote it. Any other address has one spelling, which all programs read alike.
    is_opened = HostPort(host, port if port is not None else DEFAULT_PORTS[parts.scheme]) in allowed_hosts
    written = None if is_opened else _literal_address(host)
    canonical = canonical_url(parts, host=written or host, port=port)
    if len(canonical) > MAX_URL_CHARACTERS:
        return RefusedLink(
            f"expected a link of at most {MAX_URL_CHARACTERS} characters, found {len(canonical)} once written in ASCII"
        )
    return AdmittedLink(url=url, canonical_url=canonical, platform=platform_of_host(host))


def _refusal_of_text(text: str) -> str | None:
    if len(text) > MAX_URL_CHARACTERS:
        return f"expected a link of at most {MAX_URL_CHARACTERS} characters, found {len(text)}"
    if not text.strip():
        return "expected a link, found nothing"
    # Cc and Cf contain NUL, line breaks and the right-to-left marks that make a link look like another. Programs
    # disagree on whether a backslash ends the host.
    odd = next(
        (c for c in text.strip() if c.isspace() or c == "\\" or unicodedata.category(c) in {"Cc", "Cf", "Cs"}), None
    )
    if odd is not None:
        return f"expected a link without spaces, backslashes or invisible characters, found U+{ord(odd):04X}"
    return None


def _require_whole_brackets(netloc: str) -> None:
    """Raise `ValueError` for an address in brackets with more around it, which `urlsplit` drops and others read."""
    bracketed = netloc.rpartition("@")[2]
    if not _BRACKETS.isdisjoint(bracketed) and not _BRACKETED.fullmatch(bracketed):
        raise ValueError("more than an address and a port")


def _ascii_host(host: str) -> str:
    """Return a host in ASCII, as it is sent. Raises `ValueError` if it is not a host or has two readings."""
    if ":" in host:
        ipaddress.IPv6Address(host.partition("%")[0])
        return host
    if not _AMBIGUOUS_LETTERS.isdisjoint(host):
        raise ValueError("an internationalized name with two readings")
    ascii_host = host.encode("idna").decode("ascii").lower().removesuffix(".")
    if ascii_host and (len(ascii_host) > _MAX_HOST_CHARACTERS or not _HOST_NAME.fullmatch(ascii_host)):
        raise ValueError("no host name")
    return ascii_host


def _refusal_of_parts(
    parts: SplitResult, *, host: str, port: int | None, allowed_hosts: frozenset[HostPort]
) -> str | None:
    if parts.scheme not in DEFAULT_PORTS:
        return f"expected http:// or https://, found {parts.scheme[:20] + ':' if parts.scheme else 'no scheme'}"
    if not host:
        return "expected a host name after http(s)://, found none"
    if "@" in parts.netloc:
        return "expected a link without a user name or password in it; share it without them"
    effective_port = port if port is not None else DEFAULT_PORTS[parts.scheme]
    if HostPort(host, effective_port) in allowed_hosts:
        return None
    if effective_port not in DEFAULT_PORTS.values():
        return f"expected port 80 or 443, found {effective_port}"
    return _refusal_of_host(host)


def _refusal_of_host(host: str) -> str | None:
    is_private = host.endswith(tuple(f".{domain}" for domain in _PRIVATE_DOMAINS))
    if is_private or any(_is_below(host, name) for name in _LOCAL_NAMES):
        return f"expected a public site, found {host}, which names this machine or network"
    for name, meaning in _NAMES_KEPT_FROM_DNS.items():
        if _is_below(host, name):
            return f"expected a public site, found {host}, {meaning}"
    try:
        address = _literal_address(host)
    except ValueError:
        return f"expected a host name, found {host}, which ends in a number but is no address"
    if address is not None and not is_public_address(address):
        return f"expected a public site, found {host}, which is not a public address"
    if "%" in host:
        # RFC 4007: a zone names one of a machine's own networks, and means nothing to another machine.
        return f"expected a public site, found [{host}], an address on one network of one machine; leave out the zone"
    if address is None and "." not in host:
        return f"expected a public site, found {host}, which names no domain"
    return None


def _is_below(host: str, name: str) -> bool:
    return host == name or host.endswith("." + name)


def _literal_address(host: str) -> str | None:
    """Return the address that a browser would read a host as: dotted, decimal, hex, octal or IPv6. None for a name.

    Source: the WHATWG URL standard, IPv4 parser. Raises `ValueError` if the host ends in a number but is no address.
    """
    if ":" in host:
        return str(ipaddress.IPv6Address(host.partition("%")[0]))
    labels = host.split(".")
    if not labels[-1].isdecimal() and not labels[-1].startswith("0x"):
        return None
    numbers = [_number(label) for label in labels]
    *leading, last = numbers
    if (
        len(leading) >= _OCTETS
        or any(n >= _OCTET_SIZE for n in leading)
        or last >= _OCTET_SIZE ** (_OCTETS - len(leading))
    ):
        raise ValueError(host)
    return str(ipaddress.IPv4Address(sum(n << (24 - 8 * i) for i, n in enumerate(leading)) + last))


def _number(label: str) -> int:
    """Parse one part of an IPv4 address in decimal, `0x` hex or `0` octal. Raises `ValueError` for anything else."""
    # `int` reads more than browsers do: signs, underscores, and `0o` before an octal number.
    if not _NUMBER.fullmatch(label):
        raise ValueError(label)
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    is_octal = len(label) > 1 and label.startswith("0")
    return int(label, 8 if is_octal else 10)
