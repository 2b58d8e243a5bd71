"""Media in an S3 bucket: `MediaStore` over boto3, for Amazon S3 and for servers that speak its protocol.

`store` implements the port. `upload`, `download`, `reader` and `source` transfer bytes. `head`, `proof` and `listing`
read what is stored, `metadata` defines what objects carry, and `errors` turns what boto3 raises into the pipeline's
errors, with `refused_headers` for what a server does not take.
Nothing here decides where media go.
"""

from bookmarkai_assets.adapters.s3_store.store import S3Store

__all__ = ["S3Store"]
