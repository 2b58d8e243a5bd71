"""Good ends without text, and transcripts with doubts, over SQLite and PostgreSQL."""

from dataclasses import replace

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.share import ShareProgress
from bookmarkai_assets.core.transcripts.doubts import Doubt, DoubtKind, Severity
from bookmarkai_assets.core.transcripts.ports import DoubtfulTranscript
from tests.support.catalog import (
    add_share,
    at,
    begin,
    columns_of,
    due_ids,
    execute,
    finish,
    put_transcript,
    status_of,
    store,
    stored_media,
    transcript_of,
)
from tests.support.transcripts import RECIPE

LOOP = Doubt(DoubtKind.REPETITION_LOOP, Severity.ERROR, 12.0, 10.0, "6 times in a row: “and then”")
UNSURE = Doubt(DoubtKind.LOW_CONFIDENCE, Severity.WARN, 0.31, 0.5, "the language may not be cy")
SILENT = Doubt(DoubtKind.NO_SPEECH, Severity.WARN, 0.0, None, "nobody speaks: \x00 was dropped")


def end_without_words(catalog: OpenCatalog, media_id: str = "m") -> str:
    """Finish a share at second 5 with a stored video in which nobody speaks."""
    share_id = add_share(catalog)
    begin(catalog, share_id, media_id, "fetching")
    catalog.work.release("fetching", now=at(1))
    store(catalog, stored_media(media_id, share_id))
    begin(catalog, share_id, media_id, "run", 4)
    put_transcript(catalog, share_id, replace(transcript_of(), doubts=(SILENT,)), now=at(5))
    finish(catalog, share_id, "run", 5, outcome=Outcome.NO_SPEECH)
    return share_id


def test_a_share_without_speech_is_done(each_catalog: OpenCatalog) -> None:
    """The gateway sees it done, with its video; nothing is due, retried, parked or owed, and the media is settled."""
    share_id = end_without_words(each_catalog)

    assert columns_of(each_catalog, share_id, "status", "media_url") == ("done", "s3://media/video.mp4")
    assert each_catalog.work.progress(share_id) == ShareProgress(2, "no_speech", None, None, "m", at(5))
    assert due_ids(each_catalog, 10_000) == []
    assert list(each_catalog.work.retry([share_id], now=at(6))) == []
    assert each_catalog.work.failed_share_ids() == []
    assert list(each_catalog.failures.standing()) == []
    assert each_catalog.media.is_settled("m")


def test_an_empty_transcript_is_written_for_the_gateway(each_catalog: OpenCatalog) -> None:
    """Its row has an empty text and no segments, and comes back with the doubt that says so."""
    share_id = end_without_words(each_catalog)

    found = each_catalog.transcripts.get(share_id)

    assert found is not None
    assert (found.text, found.segments) == ("", ())
    assert found.doubts == (replace(SILENT, words="nobody speaks: \ufffd was dropped"),)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([Outcome.NO_SPEECH], {"silent"}),
        ([Outcome.DONE], {"spoken"}),
        ([Outcome.NO_SPEECH, Outcome.GONE], {"silent"}),
        ([Outcome.GONE], set()),
    ],
)
def test_shares_without_speech_are_listed_as_such(
    each_catalog: OpenCatalog, outcomes: list[Outcome], expected: set[str]
) -> None:
    """Shares without speech are listed apart from those whose transcript has text."""
    names = {end_without_words(each_catalog): "silent"}
    spoken = add_share(each_catalog)
    begin(each_catalog, spoken, "n", "run", 6)
    finish(each_catalog, spoken, "run", 7)
    names[spoken] = "spoken"

    assert {names[share.share_id] for share in each_catalog.shares.list(outcomes=outcomes)} == expected


def test_a_share_cannot_finish_with_a_failure(each_catalog: OpenCatalog) -> None:
    """A caller that finishes with a failure's outcome gets an error, and nothing is changed."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run")

    with pytest.raises(ValueError, match="expected a good end, done or no_speech, found gone; use `fail`"):
        finish(each_catalog, share_id, "run", outcome=Outcome.GONE)

    assert status_of(each_catalog, share_id) == "processing"


def test_an_adopted_share_stays_without_speech(each_catalog: OpenCatalog) -> None:
    """A rebuild knows a done share only by its transcript: an empty one means a video without speech."""
    shares = {"": add_share(each_catalog), "words": add_share(each_catalog)}
    for said, share_id in shares.items():
        put_transcript(each_catalog, share_id, transcript_of(*filter(None, [said])), now=at(1))
        execute(each_catalog, "UPDATE shares SET status = 'done' WHERE id = :id", id=share_id)
        assert each_catalog.work.adopt(share_id, f"m{said}", media_url="/m", now=at(2))

    outcomes = {said: each_catalog.work.progress(share_id).outcome for said, share_id in shares.items()}
    assert outcomes == {"": "no_speech", "words": "done"}


def test_doubts_are_kept_with_their_transcript(each_catalog: OpenCatalog) -> None:
    """Doubts come back unchanged from every way to read a transcript, and go when it is made again without any."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run")
    doubted = replace(transcript_of("and then"), recipe=RECIPE, doubts=(LOOP, UNSURE), speech_seconds=12.5)
    put_transcript(each_catalog, share_id, doubted, now=at(1))

    assert each_catalog.transcripts.get(share_id) == doubted
    assert each_catalog.transcripts.find_for_media("m", recipe=RECIPE.fingerprint, language="en") == doubted

    put_transcript(each_catalog, share_id, transcript_of("better"), now=at(2))
    assert each_catalog.transcripts.get(share_id) == transcript_of("better")
    assert each_catalog.transcripts.doubtful(limit=9) == []


def test_doubtful_transcripts_are_listed_by_kind(each_catalog: OpenCatalog) -> None:
    """The newest come first, each with all its doubts, and transcripts without doubts are left out."""
    made = [(LOOP,), (), (UNSURE,), (LOOP, UNSURE), (UNSURE,)]
    shares = [add_share(each_catalog) for _ in made]
    for number, (share_id, doubts) in enumerate(zip(shares, made, strict=True)):
        put_transcript(each_catalog, share_id, replace(transcript_of("words"), doubts=doubts), now=at(number))
    lines = [DoubtfulTranscript(shares[n], at(n), made[n]) for n in (4, 3, 2, 0)]
    doubtful = each_catalog.transcripts.doubtful

    assert doubtful(limit=9) == lines
    assert doubtful(limit=2) == lines[:2]
    assert doubtful(kinds=[DoubtKind.REPETITION_LOOP], limit=9) == [lines[1], lines[3]]
    assert doubtful(kinds=[DoubtKind.REPETITION_LOOP], limit=1) == [lines[1]]
    assert doubtful(kinds=[DoubtKind.NO_SPEECH, DoubtKind.NOT_COVERED], limit=9) == []
    assert doubtful(kinds=[DoubtKind.NO_SPEECH, DoubtKind.LOW_CONFIDENCE], limit=9) == lines[:3]
