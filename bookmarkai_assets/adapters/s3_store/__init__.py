"""Media in an S3 bucket: `MediaStore` over boto3, for Amazon S3 and for servers that speak its protocol.

`store` is the port's door; `upload`, `download`, `reader` and `source` move bytes, `looking` and `listing` ask what is
there, `metadata` says what objects carry, `errors` turns what boto3 raises into the pipeline's terms. Nothing here
decides where media goes.
"""

from bookmarkai_assets.adapters.s3_store.store import S3Store

__all__ = ["S3Store"]
