"""The downloads' own program, for tests: unchanged, but trusting one certificate more.

`python -m tests.support.trusting_child CERTIFICATE EXTRACTORS`. The program of production takes no such argument and
reads no such variable, so nothing there can extend what it trusts.
"""

import os
import sys

import certifi


def main() -> None:
    """Trust the certificate in every client that yt-dlp may use, then run the program."""
    certificate = sys.argv.pop(1)
    os.environ["SSL_CERT_FILE"] = certificate  # read by curl_cffi
    certifi.where = lambda: certificate  # read by yt-dlp for its other clients
    from bookmarkai_assets.adapters.downloader import child  # noqa: PLC0415 - it loads what reads the lines above

    child.main()


if __name__ == "__main__":
    main()
