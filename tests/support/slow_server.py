"""A server on loopback that is slow or silent, for clients that have to tell the one from the other.

It takes one request per connection. It reads a body in small steps, and sends its answer in small steps.
"""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_SMALL_BUFFER = 1 << 16


@dataclass
class SlowServer:
    """Listens on a free loopback port while entered. `connections` counts those that came.

    Before each read of `read_bytes` and each byte of the answer's body it waits for `step_seconds`. One that
    `is_silent` reads the request and never answers. `tls` makes it a server with TLS.
    """

    answer: bytes = b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
    read_bytes: int = 1 << 20
    step_seconds: float = 0.0
    is_silent: bool = False
    tls: ssl.SSLContext | None = None
    connections: int = 0
    _open: list[socket.socket] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._listening = socket.socket()
        # What the system takes in for a slow reader is what the other side takes for progress.
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen()
        threading.Thread(target=self._accept, name="slow-server", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over.set()
        for connected in (self._listening, *self._open):
            connected.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connected, _ = self._listening.accept()
                self.connections += 1
                self._open.append(connected)
                threading.Thread(target=self._serve, args=(connected,), daemon=True).start()

    def _serve(self, connected: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.tls is not None:
                connected = self.tls.wrap_socket(connected, server_side=True)
                self._open.append(connected)
            head, _, body = self._read_head(connected).partition(b"\r\n\r\n")
            lines = head.decode().lower().split("\r\n")
            left = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0) - len(
                body
            )
            if any(line.startswith("expect:") for line in lines) and not self.is_silent:
                connected.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            while left > 0 and not self.is_silent:
                self._is_over.wait(self.step_seconds)
                step = min(left, self.read_bytes)
                left -= step
                while step > 0:  # TLS gives no more than 16 kB at a time
                    step -= len(connected.recv(step))
            if self.is_silent:
                self._is_over.wait()
                return
            head, separator, body = self.answer.partition(b"\r\n\r\n")
            connected.sendall(head + separator)
            for offset in range(len(body)):
                self._is_over.wait(self.step_seconds)
                connected.sendall(body[offset : offset + 1])
            connected.close()

    def _read_head(self, connected: socket.socket) -> bytes:
        read = b""
        while b"\r\n\r\n" not in read:
            read += connected.recv(1 << 16)
        return read


def make_tls(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate for 127.0.0.1. Return a server's context with it, and the file that a client has to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "slow server")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = directory / "certificate.pem", directory / "key.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, secret)
    return tls, certificate
