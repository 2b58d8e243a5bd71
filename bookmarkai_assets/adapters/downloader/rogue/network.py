"""What the rogue tries on the network. Everything stays on loopback."""

import errno
import os
import socket
from collections.abc import Callable

from bookmarkai_assets.adapters.downloader.rogue.attempts import Attempt, Targets
from bookmarkai_assets.core.downloads.walls import Wall

_LOOPBACK, _LOOPBACK_6, _LOOPBACK_IN_6 = "127.0.0.1", "::1", "::ffff:127.0.0.1"
# Not all of these have a name in every Python.
_MPTCP, _SCTP, _UDP_LITE = 262, 132, 136
_AF_PACKET, _AF_NETLINK, _AF_ALG, _AF_VSOCK = 17, 16, 38, 40
_FASTOPEN_CONNECT = 30
_MSG_FASTOPEN = 0x20000000


def _open(family: int, kind: int, protocol: int = 0) -> Callable[[Targets], None]:
    """Open a socket of a kind that is no way to the egress guard."""
    return lambda _: socket.socket(family, kind, protocol).close()


def _connect(family: int, address: str, protocol: int = 0) -> Callable[[Targets], None]:
    def act(targets: Targets) -> None:
        with socket.socket(family, socket.SOCK_STREAM, protocol) as stream:
            stream.connect((address, targets.tcp_port))

    return act


def _send(family: int, address: str) -> Callable[[Targets], None]:
    def act(targets: Targets) -> None:
        with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(b"x", (address, targets.udp_port))

    return act


def _send_fast(targets: Targets) -> None:
    with socket.socket() as stream:
        stream.sendto(b"x", _MSG_FASTOPEN, (_LOOPBACK, targets.tcp_port))


def _send_message_fast(targets: Targets) -> None:
    with socket.socket() as stream:
        stream.sendmsg([b"x"], [], _MSG_FASTOPEN, (_LOOPBACK, targets.tcp_port))


def _connect_fast(targets: Targets) -> None:
    with socket.socket() as stream:
        stream.setsockopt(socket.IPPROTO_TCP, _FASTOPEN_CONNECT, 1)
        stream.connect((_LOOPBACK, targets.tcp_port))
        stream.send(b"x")


def _connect_to_path(targets: Targets) -> None:
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(targets.stream)


def _connect_to_abstract(targets: Targets) -> None:
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(f"\0{targets.abstract}")


def _send_to_path(targets: Targets) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(b"x", targets.datagram)


def _send_from_pair(targets: Targets) -> None:
    one, other = socket.socketpair(type=socket.SOCK_DGRAM)
    with one, other:
        one.sendto(b"x", targets.datagram)


def _bind(_: Targets) -> None:
    with socket.socket() as stream:
        stream.bind((_LOOPBACK, 0))


def _listen(_: Targets) -> None:
    with socket.socket() as stream:
        stream.listen()


def _ask_for_routes(_: Targets) -> None:
    if not os.listdir("/sys/class/net"):  # noqa: PTH208 - names are all it takes
        raise OSError(errno.ENODEV, "no network")


NETWORK = (
    Attempt("connect to a private port", Wall.CONNECTIONS, _connect(socket.AF_INET, _LOOPBACK)),
    Attempt("connect over IPv6", Wall.CONNECTIONS, _connect(socket.AF_INET6, _LOOPBACK_6), depends=True),
    Attempt("connect to IPv4 in IPv6", Wall.CONNECTIONS, _connect(socket.AF_INET6, _LOOPBACK_IN_6), depends=True),
    Attempt("connect by fast open", Wall.CALLS, _send_fast, depends=True),
    Attempt("connect by a message's fast open", Wall.CALLS, _send_message_fast, depends=True),
    Attempt("connect by the option of fast open", Wall.CALLS, _connect_fast, depends=True),
    Attempt("connect over MPTCP", Wall.CALLS, _connect(socket.AF_INET, _LOOPBACK, _MPTCP), depends=True),
    Attempt("connect to a unix socket", Wall.CALLS, _connect_to_path),
    Attempt("connect to an abstract unix socket", Wall.CALLS, _connect_to_abstract),
    Attempt("send to a unix socket", Wall.CALLS, _send_to_path),
    Attempt("send to a unix socket from a pair", Wall.CALLS, _send_from_pair),
    Attempt("send over UDP", Wall.CALLS, _send(socket.AF_INET, _LOOPBACK)),
    Attempt("send over UDP and IPv6", Wall.CALLS, _send(socket.AF_INET6, _LOOPBACK_6), depends=True),
    Attempt("open UDP-Lite", Wall.CALLS, _open(socket.AF_INET, socket.SOCK_DGRAM, _UDP_LITE), depends=True),
    Attempt("open SCTP", Wall.CALLS, _open(socket.AF_INET, socket.SOCK_STREAM, _SCTP), depends=True),
    Attempt("open a raw socket", Wall.CALLS, _open(socket.AF_INET, socket.SOCK_RAW, 1), depends=True),
    Attempt("open a socket for pings", Wall.CALLS, _open(socket.AF_INET, socket.SOCK_DGRAM, 1), depends=True),
    Attempt("open a packet socket", Wall.CALLS, _open(_AF_PACKET, socket.SOCK_RAW), depends=True),
    Attempt("open a netlink socket", Wall.CALLS, _open(_AF_NETLINK, socket.SOCK_RAW), depends=True),
    Attempt("open a socket to the host (vsock)", Wall.CALLS, _open(_AF_VSOCK, socket.SOCK_STREAM), depends=True),
    Attempt("open the kernel's cryptography", Wall.CALLS, _open(_AF_ALG, socket.SOCK_SEQPACKET), depends=True),
    Attempt("bind a port", Wall.CALLS, _bind),
    Attempt("listen on a port", Wall.CALLS, _listen),
    Attempt("list the machine's networks", Wall.FILES, _ask_for_routes, depends=True),
)
