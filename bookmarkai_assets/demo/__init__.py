"""The pipeline on one machine without a cloud account: sample videos, a loopback site with them, a real S3 server."""
