"""Take secrets out of text that is about to be logged: those that are known, and those that URLs carry."""

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

from bookmarkai_assets.core.text import without_secrets

MASK = "********"

MIN_CHARACTERS = 4
"""A shorter secret is not looked for: it would be found in half of all words."""


def make_redaction(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that masks these secrets in a text, and cuts URLs down to scheme, host and path.

    A secret is also found as a URL has it, with escapes, and as `repr` shows it.
    """
    forms = {
        form
        for secret in secrets
        if len(secret) >= MIN_CHARACTERS
        for form in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret), repr(secret)[1:-1])
    }
    if not forms:
        return without_secrets
    # The longest first, so that one secret within another leaves nothing of it.
    known = re.compile("|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form))))
    return lambda text: without_secrets(known.sub(MASK, text))
