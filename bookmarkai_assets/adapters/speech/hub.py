"""Whether a server that has models answers at all: what the vendors wait for without end behind a silent firewall."""

import http.client
import urllib.error
import urllib.request


def answers(url: str, *, within_seconds: float) -> bool:
    """Tell whether there is any quick answer, an error's included: only silence is what the vendors handle badly."""
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the address is the vendor's own
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
