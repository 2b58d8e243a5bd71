"""Reading a presigned link: the bytes, or a typed refusal that does not repeat the link."""

from collections.abc import Iterator

import pytest

from bookmarkai_assets.adapters.link_reader import read_link
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from tests.support.http_stub import Answer, HttpStub, s3_error, unanswered_url

SECRET = "X-Amz-Signature=0123456789abcdef"


@pytest.fixture
def stub() -> Iterator[HttpStub]:
    """Return a server that answers as a test sets it."""
    with HttpStub() as server:
        yield server


def test_the_bytes_of_the_link_are_read(stub: HttpStub) -> None:
    """What the server sends is what is returned."""
    stub.answer = Answer(body=b"video bytes")
    assert read_link(f"{stub.url}/video.mp4?{SECRET}", max_bytes=100) == b"video bytes"


def test_no_more_is_read_than_asked_for(stub: HttpStub) -> None:
    """A server that sends more than was stored cannot fill the memory."""
    stub.answer = Answer(body=b"x" * 1000)
    assert read_link(stub.url, max_bytes=100) == b"x" * 100


@pytest.mark.parametrize(
    ("answer", "error_class", "words"),
    [
        (s3_error(403, "AccessDenied"), StoreErrorClass.ACCESS_DENIED, "403 AccessDenied; allow s3:GetObject"),
        (s3_error(404, "NoSuchKey"), StoreErrorClass.NOT_FOUND, "404 NoSuchKey; check S3_ENDPOINT"),
        (Answer(500, b"<html>" + SECRET.encode()), StoreErrorClass.OTHER, "answered 500; check S3_ENDPOINT"),
    ],
)
def test_a_refusal_names_its_code_and_not_the_link(
    stub: HttpStub, answer: Answer, error_class: StoreErrorClass, words: str
) -> None:
    """The message has the server's code and what to do, and nothing of the link or of the rest of the answer."""
    stub.answer = answer
    with pytest.raises(StoreError) as caught:
        read_link(f"{stub.url}/video.mp4?{SECRET}", max_bytes=100)
    assert caught.value.error_class is error_class
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_silence_is_unavailable_and_does_not_show_the_link() -> None:
    """Where nobody listens, the message names the setting and not the link."""
    with unanswered_url() as url, pytest.raises(StoreError) as caught:
        read_link(f"{url}/video.mp4?{SECRET}", max_bytes=100)
    assert caught.value.error_class is StoreErrorClass.UNAVAILABLE
    assert "S3_ENDPOINT" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_only_http_is_read() -> None:
    """A link to a file of this machine is refused."""
    with pytest.raises(StoreError, match="expected an http"):
        read_link("file:///etc/hostname", max_bytes=100)
