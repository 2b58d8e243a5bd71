"""Check that a model server answers at all. Behind a firewall that drops packets, the vendors' code waits forever."""

import http.client
import urllib.error
import urllib.request


def is_responsive(url: str, *, within_seconds: float) -> bool:
    """Whether the server answers in time. An error counts as an answer: the vendors handle only silence badly."""
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the URL is the vendor's own
    try:
        with urllib.request.urlopen(request, timeout=within_seconds):  # noqa: S310 - as above
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except TimeoutError:
        return False
    except (OSError, http.client.HTTPException) as error:
        return not isinstance(getattr(error, "reason", None), TimeoutError)
