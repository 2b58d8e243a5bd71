"""No secret is in what is logged, however it is written there."""

import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.redaction import MASK, make_redaction

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_characters="*"), min_size=4, max_size=30)
WORDS = st.text("abc \n", max_size=20)


@pytest.mark.parametrize(
    "form",
    [str, lambda text: quote(text, safe=""), quote, quote_plus, lambda text: repr(text)[1:-1]],
    ids=["as it is", "quoted", "quoted in a path", "quoted in a form", "as repr"],
)
def test_a_secret_is_found_in_every_form(form: object) -> None:
    """As in an exception's message, in a URL, and in what a debugger shows."""
    assert callable(form)

    @given(secret=SECRETS, before=WORDS, after=WORDS)
    def holds(secret: str, before: str, after: str) -> None:
        written = form(secret)
        redacted = make_redaction([secret, "another secret"])(f"{before}{written}{after}")
        assert written not in redacted
        assert MASK in redacted

    holds()


def test_a_secret_within_another_leaves_nothing_of_it() -> None:
    """The longer one is taken out first."""
    assert make_redaction(["pass", "password-of-mine"])("is password-of-mine, not pass") == f"is {MASK}, not {MASK}"


def test_urls_lose_user_and_query() -> None:
    """Also if none of it is a secret that is known."""
    line = "GET https://me:unknown@db.example.com:8443/a/b?token=x&y=1#z failed"
    assert make_redaction([])(line) == "GET https://db.example.com:8443/a/b failed"


def test_what_is_too_short_to_be_a_secret_is_left() -> None:
    """Else every word with it would be masked. Other text is not touched."""
    line = json.dumps({"storage": "S3", "a": [1, 2]})
    assert make_redaction(["a", "", "S3"])(line) == line
