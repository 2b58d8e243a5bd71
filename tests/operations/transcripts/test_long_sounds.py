"""Long sounds: interrupted work keeps its chunks, continues there, reports progress, and ends when asked to."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bookmarkai_assets.core.errors import CatalogUnavailableError, TranscriptionError
from bookmarkai_assets.core.media.media import Media, media_id_of
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk
from bookmarkai_assets.core.transcripts.ports import ChunkKey
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.storage.sweeping import CHUNKS_STALE_AFTER
from bookmarkai_assets.operations.transcripts.transcribed_share import TranscribedShare
from bookmarkai_assets.operations.transcripts.transcribing import transcribe_share
from tests.fakes.speech import FakeSpeechEngine, speech_bytes
from tests.plugins.vault import Vault

NAME = "lecture"
SENTENCES = tuple(f"Sentence number {number} of five words." for number in range(6))
SENTENCE_SECONDS = 2.4
SOUND = speech_bytes(" ".join(SENTENCES))
MEDIA_ID = media_id_of(f"https://example.com/{NAME}")


@pytest.fixture
def share_id(vault: Vault) -> str:
    """Store a video in which six sentences are said, and set an engine that divides it into as many chunks."""
    vault.speech = FakeSpeechEngine(chunk_seconds=SENTENCE_SECONDS + 0.6)
    share_id = vault.share(NAME, audio=SOUND)
    vault.run(share_id, "fetch", "place")
    return share_id


def transcribe(
    vault: Vault, share_id: str, *, owner: str = "run", stopping: bool = False
) -> TranscribedShare | Failure:
    """Transcribe as one run does, and free its leases. With `stopping` it is interrupted after two sentences."""
    hold = Hold(vault.catalog, vault.rules, vault.stores, owner, vault.clock, jitter=lambda: 0.5)
    if stopping:
        at_sentence(vault, 2, hold.stopping.set)
    media = vault.media_of(NAME)
    assert media is not None
    result = run_step(
        hold,
        {share_id: media},
        lambda leased, media: transcribe_share(hold, leased, media, engine=vault.speech),
    )[share_id]
    hold.release()
    return result


def at_sentence(vault: Vault, number: int, act: Callable[[], object]) -> None:
    """Call a function once, after a sentence has been transcribed, counted from 1."""

    def act_at(seconds: float) -> None:
        if seconds == pytest.approx(number * SENTENCE_SECONDS):
            vault.speech.on_sentence = lambda _: None
            act()

    vault.speech.on_sentence = act_at


def kept_chunks(vault: Vault, engine: FakeSpeechEngine | None = None) -> list[TranscriptChunk]:
    """Read the video's kept chunks, for an engine."""
    media = vault.media_of(NAME)
    assert media is not None
    assert media.audio is not None
    recipe = (engine or vault.speech).recipe()
    return list(vault.catalog.chunks.kept(ChunkKey(MEDIA_ID, recipe.fingerprint, media.audio.digest.sha256, None)))


def fail() -> None:
    """Stand for an engine that breaks."""
    raise TranscriptionError("it broke")


def test_interrupted_work_continues_where_it_was(vault: Vault, share_id: str) -> None:
    """With two chunks done, the next run transcribes the other four, and the transcript is as if never interrupted."""
    at_sentence(vault, 3, fail)
    assert isinstance(transcribe(vault, share_id), Failure)
    assert [chunk.segments[0].text.strip() for chunk in kept_chunks(vault)] == list(SENTENCES[:2])
    vault.let_pass(hours=1)
    before = vault.speech.heard_seconds

    result = transcribe(vault, share_id, owner="next run")

    assert isinstance(result, TranscribedShare)
    assert vault.speech.heard_seconds - before == pytest.approx(4 * SENTENCE_SECONDS + 0.5, abs=0.01)
    alone = FakeSpeechEngine().transcribe(_audio_path(vault), language=None)
    assert result.transcript.text == alone.text
    assert [segment.start for segment in result.transcript.segments] == [segment.start for segment in alone.segments]


def test_the_engine_gets_the_names_in_the_post(vault: Vault, share_id: str) -> None:
    """Those of the media's own post, so that all shares of the video have the same."""
    assert isinstance(transcribe(vault, share_id), TranscribedShare)
    assert [call.names for call in vault.speech.calls] == [("Somebody",)]


def test_chunks_are_dropped_with_the_transcript(vault: Vault, share_id: str) -> None:
    """A recorded transcript keeps no chunks."""
    assert isinstance(transcribe(vault, share_id), TranscribedShare)
    assert kept_chunks(vault) == []


def test_chunks_stay_until_the_transcript_is_recorded(
    vault: Vault, share_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the catalog fails at the very end, all chunks are there, and the next run transcribes nothing again."""

    def refuse(*_: object, **__: object) -> None:
        raise CatalogUnavailableError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(type(vault.catalog.transcripts), "put", refuse)
        assert isinstance(transcribe(vault, share_id), Failure)
    heard = vault.speech.heard_seconds
    vault.let_pass(hours=1)
    assert isinstance(transcribe(vault, share_id, owner="next run"), TranscribedShare)
    assert vault.speech.heard_seconds == heard


def test_another_recipe_uses_no_old_chunks(vault: Vault, share_id: str) -> None:
    """After a change of the beam size everything is transcribed, and the earlier chunks are removed."""
    at_sentence(vault, 3, fail)
    transcribe(vault, share_id)
    first, vault.speech = vault.speech, FakeSpeechEngine(beam_size=2, chunk_seconds=3)
    vault.let_pass(hours=1)
    assert isinstance(transcribe(vault, share_id, owner="next run"), TranscribedShare)
    assert vault.speech.heard_seconds == pytest.approx(6 * SENTENCE_SECONDS + 0.5)
    assert kept_chunks(vault, first) == []


def test_an_interrupted_run_stops_soon(vault: Vault, share_id: str) -> None:
    """It ends at the next report of progress with its kept chunks, without an attempt, and the share is due at once."""
    result = transcribe(vault, share_id, stopping=True)
    assert isinstance(result, Failure)
    assert result.outcome is Outcome.POSTPONED
    assert len(kept_chunks(vault)) == 1
    assert vault.speech.heard_seconds == pytest.approx(SENTENCE_SECONDS)
    assert share_id in {due.share_id for due in vault.catalog.work.due(now=vault.clock(), limit=10)}


@pytest.mark.parametrize(("seconds", "heard"), [(20, 2), (40, 1)], ids=["when it is kept", "on the way"])
def test_a_late_chunk_is_not_kept(vault: Vault, share_id: str, seconds: int, heard: int) -> None:
    """When another run has the lease by then, this one ends and writes nothing more; it checks every half minute."""
    vault.rules = replace(vault.rules, lease_seconds=10)

    def lose() -> None:
        vault.let_pass(seconds=seconds)
        vault.lease(_media(vault))

    at_sentence(vault, 2, lose)
    result = transcribe(vault, share_id)
    assert isinstance(result, Failure)
    assert result.outcome is Outcome.SUPERSEDED
    assert len(kept_chunks(vault)) == 1
    assert vault.speech.heard_seconds == pytest.approx(heard * SENTENCE_SECONDS)


def test_the_log_says_how_far_it_is(vault: Vault, share_id: str, caplog: pytest.LogCaptureFixture) -> None:
    """There is a line every half minute, and one where work continues; a short sound has none."""
    caplog.set_level(logging.INFO, logger="bookmarkai_assets")
    at_sentence(vault, 2, lambda: vault.let_pass(seconds=31))
    vault.rules = replace(vault.rules, lease_seconds=600)
    transcribe(vault, share_id)
    assert [line for line in caplog.messages if share_id in line] == [
        f"share {share_id}: transcribed 0:00:04 of 0:00:14 (32%)"
    ]


def test_the_log_says_where_work_continues(vault: Vault, share_id: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever watches the run sees that it does not begin again."""
    at_sentence(vault, 5, fail)
    transcribe(vault, share_id)
    caplog.set_level(logging.INFO, logger="bookmarkai_assets")
    vault.let_pass(hours=1)
    transcribe(vault, share_id, owner="next run")
    assert f"share {share_id}: goes on at 0:00:09, done before" in caplog.messages


def test_abandoned_chunks_are_cleaned_up(vault: Vault, share_id: str) -> None:
    """After two weeks they are removed, not an hour before, and the report says so; a dry run only reports it."""
    at_sentence(vault, 3, fail)
    transcribe(vault, share_id)
    vault.offset += CHUNKS_STALE_AFTER - timedelta(hours=1)
    assert "parts of the transcript" not in str(vault.clean_up().as_dict())

    vault.let_pass(hours=2)
    dry = vault.clean_up(is_dry_run=True)
    assert len(kept_chunks(vault)) == 2
    done = vault.clean_up()
    assert kept_chunks(vault) == []
    for report in (dry, done):
        assert f"parts of the transcript of {MEDIA_ID}" in {considered.name for considered in report.removed}


def test_chunks_of_a_leased_media_stay(vault: Vault, share_id: str) -> None:
    """Whoever has leased the media may be about to continue with them."""
    at_sentence(vault, 3, fail)
    transcribe(vault, share_id)
    vault.offset += CHUNKS_STALE_AFTER + timedelta(hours=1)
    vault.lease(_media(vault))
    for is_dry_run in (True, False):
        vault.clean_up(is_dry_run=is_dry_run)
        assert len(kept_chunks(vault)) == 2


def test_two_threads_keep_chunks_in_parallel(vault: Vault) -> None:
    """Each share's chunks are its own media's."""
    vault.speech = FakeSpeechEngine(chunk_seconds=3)
    shares = [vault.share(name, audio=speech_bytes(" ".join(SENTENCES) + f" And {name}.")) for name in ("one", "two")]
    for share in shares:
        vault.run(share, "fetch", "place")
    threads = [
        threading.Thread(target=vault.run, args=(share, "transcribe"), kwargs={"owner": share}) for share in shares
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = [transcript.text for share in shares if (transcript := vault.catalog.transcripts.get(share))]
    assert [text.split()[-1] for text in texts] == ["one.", "two."]


def _media(vault: Vault) -> Media:
    media = vault.media_of(NAME)
    assert media is not None
    return media


def _audio_path(vault: Vault) -> Path:
    audio = _media(vault).audio
    assert audio is not None
    return Path(audio.url)
