"""Media in an S3 bucket: `MediaStore` over boto3, for Amazon S3 and for servers that speak its protocol.

`store` implements the port. `upload`, `download`, `reader` and `source` transfer bytes. `head` and `listing` read what
is stored, `metadata` defines what objects carry, and `errors` turns what boto3 raises into the pipeline's errors.
Nothing here decides where media go.
"""

from bookmarkai_assets.adapters.s3_store.store import S3Store

__all__ = ["S3Store"]
