"""The keys of uploaded objects: `{prefix}{upload id}/file`. Nothing in a key comes from the file's owner."""

from bookmarkai_assets.core.links.upload_urls import upload_id_of, upload_url

_NAME = "file"


def upload_key(prefix: str, upload_id: str) -> str:
    """Return the key of an upload's object. `prefix` ends in a slash."""
    return f"{prefix}{upload_id}/{_NAME}"


def upload_id_of_key(prefix: str, key: str) -> str | None:
    """Return the id of the upload whose key this is; None for a key that is not one of ours."""
    if not (key.startswith(prefix) and key.endswith(f"/{_NAME}")):
        return None
    return upload_id_of(upload_url(key.removeprefix(prefix).removesuffix(f"/{_NAME}")))
