"""An object's tags are enough to write its media's record again."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import media_id_of
from bookmarkai_assets.core.media.object_tags import read_tags, tags_of
from bookmarkai_assets.core.media.tag_safety import check_tags
from tests.support.catalog import stored_media

URL = "https://www.tiktok.com/@user/video/1"
MEDIA = replace(stored_media(media_id_of(URL), "6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11"), canonical_url=URL)


@given(st.text(max_size=3000), st.text(max_size=300), st.sampled_from([PartKind.VIDEO, PartKind.AUDIO, PartKind.SRT]))
def test_tags_come_back_as_the_record_they_were_made_from(title: str, author: str, kind: PartKind) -> None:
    """Ids, link, platform and duration are read back whatever the title, and the tags fit in a bucket's limit."""
    media = replace(MEDIA, info=replace(MEDIA.info, title=title, author=author))
    tags = tags_of(media, kind)
    tagged = read_tags(tags)
    assert tagged is not None
    assert (tagged.kind, tagged.media_id, tagged.share_id) == (kind, media.media_id, media.share_id)
    assert tagged.canonical_url == URL
    assert tagged.platform == media.platform
    assert tagged.info.duration_seconds == media.info.duration_seconds
    assert title.startswith(tagged.info.title)
    check_tags(tags)


def test_a_very_long_link_is_left_out_and_can_be_given_again() -> None:
    """Without room for the link the ids still fit, and a caller that knows the link gets the record."""
    url = "https://example.com/" + "é" * 1500
    media = replace(MEDIA, media_id=media_id_of(url), canonical_url=url)
    tags = tags_of(media, PartKind.VIDEO)
    assert "canonical-url" not in tags
    assert read_tags(tags) is None
    assert read_tags(tags, canonical_url=URL) is None, "another link is no help"
    tagged = read_tags(tags, canonical_url=url)
    assert tagged is not None
    assert tagged.canonical_url == url


@given(st.integers(1, 2100))
def test_every_length_of_link_leaves_a_record_that_can_be_read(length: int) -> None:
    """Whatever room the link takes or leaves, the rest can be read, with the link given again where it did not fit."""
    url = "https://example.com/" + "x" * length
    media = replace(MEDIA, media_id=media_id_of(url), canonical_url=url)
    tags = tags_of(media, PartKind.VIDEO)
    check_tags(tags)
    tagged = read_tags(tags, canonical_url=url)
    assert tagged is not None
    assert tagged.canonical_url == url
    assert media.audio is not None
    assert tagged.audio == media.audio.digest


@given(st.dictionaries(st.sampled_from([*tags_of(MEDIA, PartKind.VIDEO), "other"]), st.text(max_size=20)))
def test_foreign_tags_are_no_record(tags: dict[str, str]) -> None:
    """Tags that are not ours, or contradict each other, give None instead of an error."""
    assert read_tags(tags) is None
