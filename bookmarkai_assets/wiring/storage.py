"""Make the media stores, their inspectors and the link reader."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, TypedDict

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import DeliveryNetwork, MediaStore, StoreInspector
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.settings.emptied_places import read_emptied_places
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.rules import STAGING

if TYPE_CHECKING:
    from bookmarkai_assets.core.uploads.ports import UploadBucket
    from bookmarkai_assets.operations.storage.checking import LinkReader


def make_stores(settings: Settings) -> Stores:
    """Make the local store, and the bucket's if one is configured, whatever today's storage mode is."""
    from bookmarkai_assets.adapters.local_store import LocalStore  # noqa: PLC0415 - adapters load when used
    from bookmarkai_assets.adapters.s3_store import S3Store  # noqa: PLC0415 - as above

    stores: dict[Backend, MediaStore] = {Backend.LOCAL: LocalStore(settings.ytdlp_download_dir)}
    if settings.s3_media_bucket:
        stores[Backend.S3] = S3Store(settings.s3_media_bucket, **connection_of(settings))
    return Stores(stores)


def make_inspectors(settings: Settings) -> list[StoreInspector]:
    """Make an inspector for each configured backend, in the order of `make_stores`."""
    from bookmarkai_assets.adapters.local_store.inspector import LocalInspector  # noqa: PLC0415 - adapters load when used
    from bookmarkai_assets.adapters.s3_store.inspector import S3Inspector  # noqa: PLC0415 - as above

    inspectors: list[StoreInspector] = [
        LocalInspector(
            settings.ytdlp_download_dir,
            staging=settings.ytdlp_download_dir / STAGING,
            kept=settings.kept_paths(),
            places=read_emptied_places(),
        )
    ]
    if settings.s3_media_bucket:
        inspectors.append(
            S3Inspector(
                settings.s3_media_bucket,
                video_prefix=settings.s3_video_prefix,
                expiry_days=settings.s3_expiry_days,
                **connection_of(settings),
            )
        )
    return inspectors


def make_uploads(settings: Settings) -> "UploadBucket | None":
    """Make what signs links for uploads and looks after the objects that arrive; None without a bucket."""
    from bookmarkai_assets.adapters.s3_store.uploads import S3Uploads  # noqa: PLC0415 - adapters load when used

    if not settings.s3_media_bucket:
        return None
    return S3Uploads(settings.s3_media_bucket, settings.s3_upload_prefix, **connection_of(settings))


def make_delivery_network(settings: Settings) -> DeliveryNetwork:
    """Make what signs links to the network in front of the bucket. Raises `ConfigurationError` if there is none."""
    from bookmarkai_assets.adapters.cloudfront import CloudFront  # noqa: PLC0415 - adapters load when used

    if not (settings.cdn_url and settings.cdn_key_id and settings.cdn_private_key):
        raise ConfigurationError(
            "expected CDN_URL, CDN_KEY_ID and CDN_PRIVATE_KEY for a link to CloudFront, found none; docs/storage.md "
            "says where each comes from"
        )
    if find_spec("cryptography") is None:
        raise ConfigurationError(
            "expected the package cryptography for links to CloudFront, found none; "
            "pip install 'bookmarkai-assets[cdn]'"
        )
    return CloudFront(settings.cdn_url, settings.cdn_key_id, settings.cdn_private_key.get_secret_value())


def make_link_reader() -> "LinkReader":
    """Make the function that reads a presigned link as its receiver would."""
    from bookmarkai_assets.adapters.link_reader import read_link  # noqa: PLC0415 - adapters load when used

    return read_link


class Connection(TypedDict):
    """How to reach AWS, or a server that speaks S3."""

    region: str | None
    endpoint: str | None
    access_key: str | None
    secret_key: str | None
    use_path_style: bool
    use_accelerate: bool


def connection_of(settings: Settings) -> Connection:
    """Return the configured connection."""
    return Connection(
        region=settings.aws_region,
        endpoint=settings.s3_endpoint,
        access_key=settings.s3_access_key.get_secret_value() if settings.s3_access_key else None,
        secret_key=settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else None,
        use_path_style=settings.s3_use_path_style,
        use_accelerate=settings.s3_use_accelerate,
    )
