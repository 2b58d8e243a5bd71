"""S3 servers that lack something: the test server behind a proxy that drops headers, or refuses them."""

from collections.abc import Callable, Mapping
from typing import Any

from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.support.fault_proxy import Lacking, Refusal

CONDITIONS = frozenset({"if-none-match", "if-match"})
CHECKSUMS = frozenset({"x-amz-checksum-*"})
ENCRYPTION = frozenset({"x-amz-server-side-encryption"})


def ignoring(server: SeaweedServer, headers: frozenset[str], *, only: str = "") -> Lacking:
    """Return a server that accepts these headers and ignores them."""
    return Lacking(signer_for(server), ignored=headers, only=only)


def refusing(server: SeaweedServer, headers: frozenset[str], refusal: Refusal, *, only: str = "") -> Lacking:
    """Return a server that gives this answer when it sees one of these headers."""
    return Lacking(signer_for(server), refused=dict.fromkeys(headers, refusal), only=only)


def signer_for(server: SeaweedServer) -> Callable[[str, str, dict[str, str], bytes], dict[str, str]]:
    """Return a function that signs a request again, as a client would that never had the dropped headers."""

    def sign(method: str, path: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        unsigned = {name: value for name, value in headers.items() if name.lower() not in _SIGNATURE}
        url = f"http://{_host_of(headers)}{path}"
        request: Any = AWSRequest(method, url, headers=unsigned, data=body)
        S3SigV4Auth(Credentials(server.access_key, server.secret_key), "s3", server.region).add_auth(request)
        return dict(request.headers.items())

    return sign


_SIGNATURE = frozenset({"authorization", "x-amz-date", "x-amz-content-sha256"})


def _host_of(headers: Mapping[str, str]) -> str:
    return next(value for name, value in headers.items() if name.lower() == "host")
