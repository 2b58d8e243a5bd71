"""The main job on one machine without a cloud account: sample videos, the loopback site with them, a real S3 server."""
