"""Signed links to a CloudFront distribution in front of the bucket, made on this machine without a request."""

from datetime import datetime
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typing_extensions import override

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.media.ports import DeliveryNetwork

_MIN_BITS = 2048
"""The shortest key that CloudFront takes, and the only length of RSA that it takes for signed links."""


class CloudFront(DeliveryNetwork):
    """The distribution at `url`, whose key group has the public key `key_id` that goes with `private_key` (PEM)."""

    def __init__(self, url: str, key_id: str, private_key: str) -> None:
        """Read the key. Raises `ConfigurationError` if it is none that CloudFront takes."""
        self._url = url
        self._key_id = key_id
        self._key = _read_key(private_key)

    @override
    def sign(self, key: str, *, until: datetime) -> str:
        from botocore.signers import CloudFrontSigner

        link: str = CloudFrontSigner(self._key_id, self._sign).generate_presigned_url(
            f"{self._url}/{quote(key)}", date_less_than=until
        )
        return link

    def _sign(self, message: bytes) -> bytes:
        # CloudFront takes no other hash with RSA. The message is a policy of ours, which nobody else chooses.
        return self._key.sign(message, PKCS1v15(), SHA1())  # noqa: S303 - see above


def _read_key(private_key: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError):
        raise ConfigurationError(
            "CDN_PRIVATE_KEY: expected an RSA private key in PEM without a password, found something else; "
            "`openssl genrsa 2048` makes one"
        ) from None  # the error may hold parts of the key
    if not isinstance(key, RSAPrivateKey) or key.key_size != _MIN_BITS:
        raise ConfigurationError(
            f"CDN_PRIVATE_KEY: expected an RSA key of {_MIN_BITS} bits, as CloudFront takes for signed links, found "
            "another; `openssl genrsa 2048` makes one"
        )
    return key
