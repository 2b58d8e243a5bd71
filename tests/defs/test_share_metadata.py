"""What an analyst reads at a partition of a share: what matters first, in people's units, and nothing that is empty."""

from dataclasses import replace

import dagster as dg
import pytest

from bookmarkai_assets.core.transcripts.transcript import Segment, Transcript
from bookmarkai_assets.metadata.spoken_text import MAX_TEXT_BYTES, spoken_text
from tests.fakes.downloader import INFO
from tests.plugins.pipeline import ASSETS, Pipeline, link

SHARE = "c0ffee00-0000-4000-8000-000000000000"
ELSEWHERE = "https://example.com/video"


def said(*texts: str, seconds: float = 5.0) -> Transcript:
    """Return a transcript with a segment for each text, each some seconds after the one before."""
    segments = tuple(Segment(n * seconds, (n + 1) * seconds, text, -0.2, 0.01) for n, text in enumerate(texts))
    return Transcript("an engine", "a model", "en", 0.9, len(texts) * seconds, segments, 1.0)


def markdown(transcript: Transcript, url: str = ELSEWHERE) -> str:
    """Return a transcript's text as Dagster gets it."""
    shown = spoken_text(transcript, url, SHARE)
    assert isinstance(shown, dg.MarkdownMetadataValue)
    return str(shown.value)


@pytest.mark.parametrize("asset", ASSETS)
def test_a_partition_begins_with_what_people_look_for(pipeline: Pipeline, asset: str) -> None:
    """Title, link, author and length come first, then the place once there is one; hashes come last."""
    [share] = pipeline.share("pasta")
    pipeline.tick_and_run()
    shown = list(pipeline.metadata(asset, share))
    assert shown[:4] == ["title", "url", "author", "length"]
    assert (shown[4] == "storage_url") == (asset != "raw_video")
    assert shown[-1] == {"raw_video": "sha256", "stored_media": "sha256", "transcript": "recipe"}[asset]


@pytest.mark.parametrize("asset", ASSETS)
def test_nothing_empty_is_shown(pipeline: Pipeline, asset: str) -> None:
    """An entry without a value is left out, for it would take a line."""
    [share] = pipeline.share("pasta")
    pipeline.tick_and_run()
    assert None not in pipeline.metadata(asset, share).values()
    assert "" not in pipeline.metadata(asset, share).values()


def test_sizes_and_times_are_in_peoples_units_beside_the_raw_figure(pipeline: Pipeline) -> None:
    """Each raw figure follows the one that people read."""
    [share] = pipeline.share("pasta")
    pipeline.tick_and_run()
    pairs = {
        "raw_video": [("size", "size_bytes"), ("download", "download_seconds")],
        "stored_media": [("size", "size_bytes"), ("audio_size", "audio_size_bytes"), ("upload", "upload_seconds")],
        "transcript": [("transcription", "transcription_seconds")],
    }
    for asset, of_asset in pairs.items():
        shown = pipeline.metadata(asset, share)
        keys = list(shown)
        for words, raw in of_asset:
            assert keys.index(raw) == keys.index(words) + 1
            assert str(shown[words]).endswith((" s", " bytes", "B"))


def test_links_open_and_the_thumbnail_is_a_link(pipeline: Pipeline) -> None:
    """Link and thumbnail are links, and no page fetches anything from a server of a stranger by itself."""
    thumbnail = "https://cdn.example.com/thumb.jpg"
    pipeline.downloader.serve(link("pasta"), info=replace(INFO, thumbnail_url=thumbnail))
    [share] = pipeline.share_links(link("pasta"))
    pipeline.tick_and_run()
    records = pipeline.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey("raw_video"), asset_partitions=[share]), limit=1
    ).records
    materialization = records[0].asset_materialization
    assert materialization is not None
    for key in ("url", "thumbnail"):
        assert isinstance(materialization.metadata[key], dg.UrlMetadataValue)
    assert not any(isinstance(value, dg.MarkdownMetadataValue) for value in materialization.metadata.values())


def test_the_text_has_a_time_for_each_segment() -> None:
    """A segment is a paragraph that begins with its moment in the video."""
    assert markdown(said("One.", " Two. ", seconds=70)) == "`0:00:00` One.\n\n`0:01:10` Two."


def test_times_link_into_the_video_where_the_platform_can() -> None:
    """On YouTube each time is a link that starts the video there."""
    watch = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
    assert markdown(said("One.", "Two.", seconds=70), watch).splitlines()[-1] == (
        "[0:01:10](https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=70s) Two."
    )


def test_what_is_said_is_never_markup() -> None:
    """Text that looks like a picture, a link, HTML or code is shown as it was said."""
    text = markdown(said("![x](https://evil.example/x.png) <img src=x> [a](b) `c` *d* _e_ &lt;"))
    assert text == (
        "`0:00:00` \\!\\[x\\](https://evil.example/x.png) \\<img src=x\\> \\[a\\](b) \\`c\\` \\*d\\* \\_e\\_ \\&lt;"
    )


@pytest.mark.parametrize("text", ["a few words of it", "ein paar Wörter", "いくつかの言葉"])
def test_a_long_text_is_cut_at_a_segment(text: str) -> None:
    """At most 8 kB are kept, in whole segments, and the end says which command prints all of it."""
    shown = markdown(said(*[text] * 2_000))
    assert MAX_TEXT_BYTES - 200 < len(shown.encode()) <= MAX_TEXT_BYTES
    *paragraphs, rest = shown.split("\n\n")
    assert all(paragraph.endswith(text) for paragraph in paragraphs)
    assert f"`bookmarkai transcripts show {SHARE}`" in rest


def test_silence_has_no_text() -> None:
    """A video in which nobody speaks has no entry for its text."""
    assert spoken_text(said(), ELSEWHERE, SHARE) is None


def test_every_partition_leads_to_its_shares_page_where_there_is_a_door(pipeline: Pipeline) -> None:
    """The video's own link is there from `stored_media` on. Both follow the outcome."""
    pipeline.configure(door_url="https://videos.example.com/bookmarkai/")
    [share] = pipeline.share("pasta")
    pipeline.tick_and_run()

    for asset in ASSETS:
        shown = pipeline.metadata(asset, share)
        assert shown["share_page"] == f"https://videos.example.com/bookmarkai/shares/{share}"
        assert shown.get("media_link") == (
            None if asset == "raw_video" else f"https://videos.example.com/bookmarkai/media/{share}"
        )
        keys = list(shown)
        assert keys.index("share_page") == keys.index("outcome") + 1
