"""A transcript's files: beside their media wherever that is, moved and cleaned up with it, never recorded falsely."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pysubs2
import pytest

from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.media.placement import Backend, StorageMode
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.transcripts.formats import TranscriptFormat, render
from bookmarkai_assets.operations.media.placing import confirm_media
from bookmarkai_assets.operations.storage.moving import MoveOutcome
from bookmarkai_assets.operations.storage.verifying import Finding
from bookmarkai_assets.operations.transcripts.reads import shared_transcript
from bookmarkai_assets.operations.transcripts.storing import (
    Storing,
    StoringOutcome,
    media_without_files,
    store_transcript_files,
)
from tests.fakes.speech import FakeSpeechEngine, silence_bytes
from tests.plugins.vault import Vault
from tests.support.catalog import execute

KINDS = ["json", "srt", "txt", "vtt"]
TYPES = {
    "json": "application/json",
    "srt": "application/x-subrip",
    "txt": "text/plain; charset=utf-8",
    "vtt": "text/vtt",
}
MODES = pytest.mark.parametrize(
    ("mode", "percentage", "backend"),
    [
        (StorageMode.LOCAL, 100, Backend.LOCAL),
        (StorageMode.S3, 0, Backend.S3),
        (StorageMode.HYBRID, 0, Backend.LOCAL),
        (StorageMode.HYBRID, 100, Backend.S3),
    ],
)


@pytest.fixture
def seaweed_vault(vault: Vault, s3_store: S3Store, object_prefix: str) -> Vault:
    """Return an installation with a real server's bucket."""
    vault.stores[Backend.S3] = s3_store
    vault.rules = replace(vault.rules, video_prefix=f"temp/{object_prefix}")
    return vault


def store_and_transcribe(vault: Vault, name: str = "a", *, audio: bytes | None = b"") -> Media:
    """Share a video, and have it fetched, placed by the mode and transcribed."""
    share_id = vault.share(name, audio=audio)
    transcribed = vault.run(share_id, "fetch", "place", "transcribe")["transcribe"]
    assert not isinstance(transcribed, Failure), transcribed
    media = vault.media_of(name)
    assert media is not None
    assert transcribed.media == media, "the step passes on what it has recorded"
    return media


def puts_of_files(vault: Vault, share_id: str) -> list[StorageEvent]:
    """Return the transfers of transcripts' files for a share."""
    return [event for event in vault.catalog.events.for_share(share_id) if event.purpose == "document"]


def transcribe_again(vault: Vault, media: Media, *, model: str = "another-model") -> Media:
    """Transcribe a share again with another model, and return the media."""
    vault.speech = FakeSpeechEngine(model=model)
    assert not isinstance(vault.run(media.share_id, "transcribe")["transcribe"], Failure)
    return vault.media(media)


def run_store_command(vault: Vault, *media: Media) -> list[Storing]:
    """Do what `transcripts store` does for the first shares of these media, or by default for media without files."""
    wanted = {m.media_id: m.share_id for m in media} or dict(media_without_files(vault.catalog))
    return store_transcript_files(vault.work(), wanted)


@MODES
def test_a_transcript_has_its_files_beside_its_video(
    seaweed_vault: Vault, mode: StorageMode, percentage: int, backend: Backend
) -> None:
    """In every mode they are on the video's backend under its name, with the catalog's content, put and verified."""
    vault = seaweed_vault
    vault.use(mode, percentage)

    media = store_and_transcribe(vault)

    assert list(media.transcript_files) == KINDS
    stem = media.video.url.rpartition(".")[0]
    shared = shared_transcript(vault.catalog, media.share_id)
    for kind, blob in media.transcript_files.items():
        assert blob.url == f"{stem}.{kind}"
        found = vault.stores[backend].head(blob.url)
        assert (found.digest, found.content_type) == (blob.digest, TYPES[kind])
        assert found.tags["media-id"] == media.media_id
        with vault.stores[backend].open(blob.url) as reader:
            content = reader.read().decode()
        assert content == render(shared, TranscriptFormat(kind))
        if kind in {"srt", "vtt"}:
            [cue] = pysubs2.SSAFile.from_string(content, format_=kind)
            assert (cue.start, cue.text) == (0, "This is a")
    events = puts_of_files(vault, media.share_id)
    assert [(event.operation, event.backend, event.kind, event.error_class) for event in events] == [
        ("put", backend, kind, None) for kind in KINDS
    ]
    assert vault.verify(is_deep=True).is_good
    assert not list((vault.media_dir / ".staging").iterdir())


def test_files_move_with_their_media_there_and_back(seaweed_vault: Vault) -> None:
    """A move brings them along, clean-up removes them here once they are proven there, and a move brings them back."""
    vault = seaweed_vault
    media = store_and_transcribe(vault)
    before = {kind: vault.bytes_at(blob.url) for kind, blob in media.transcript_files.items()}

    assert [move.outcome for move in vault.move(media, to=Backend.S3)] == [MoveOutcome.MOVED]
    there = vault.media(media)
    assert {blob.url.startswith("s3://") for blob in there.parts.values()} == {True}
    vault.let_pass(hours=25)
    assert vault.clean_up().removed_bytes == media.size_bytes
    assert [path for path in vault.files() if not Path(path).name.startswith(".")] == []
    stones = {t.kind: t for t in vault.catalog.tombstones.list(media_id=media.media_id)}
    assert stones["srt"].proof["objects"]["srt"]["url"] == there.transcript_files[PartKind.SRT].url

    assert [move.outcome for move in vault.move(media, to=Backend.LOCAL)] == [MoveOutcome.MOVED]
    back = vault.media(media)
    assert back.transcript_files == media.transcript_files
    assert {kind: vault.bytes_at(blob.url) for kind, blob in back.transcript_files.items()} == before
    assert vault.verify(is_deep=True).is_good


def test_a_new_transcript_replaces_the_old_ones_files(vault: Vault) -> None:
    """The names are the same, and the new bytes are recorded."""
    media = store_and_transcribe(vault)

    after = transcribe_again(vault, media)

    assert [blob.url for blob in after.transcript_files.values()] == [
        blob.url for blob in media.transcript_files.values()
    ]
    assert after.transcript_files[PartKind.JSON].digest != media.transcript_files[PartKind.JSON].digest
    assert b"another-model" in (vault.bytes_at(after.transcript_files[PartKind.JSON].url) or b"")
    assert vault.verify(is_deep=True).is_good


def test_recorded_files_are_not_put_again(vault: Vault) -> None:
    """A second transcription with the very same result transfers nothing."""
    media = store_and_transcribe(vault)

    vault.run(media.share_id, "transcribe")

    assert vault.media(media) == media
    assert len(puts_of_files(vault, media.share_id)) == 4


def test_shares_of_one_video_have_one_set_of_files(vault: Vault) -> None:
    """A share that reuses another's transcript leaves the files alone, or makes them if there are none."""
    media = store_and_transcribe(vault)
    second, third = _share_again(vault, "a", 2), _share_again(vault, "a", 3)

    vault.run(second, "fetch", "place", "transcribe")
    assert vault.media(media) == media
    assert puts_of_files(vault, second) == []

    execute(vault.catalog, "DELETE FROM transcript_files")
    vault.run(third, "fetch", "place", "transcribe")
    assert list(vault.media(media).transcript_files) == KINDS
    assert third.encode() in (vault.bytes_at(media.transcript_files[PartKind.JSON].url) or b"")


def _share_again(vault: Vault, name: str, user: int) -> str:
    added = vault.catalog.shares.add(
        url=f"https://example.com/{name}",
        user_id=f"{user}" * 8 + "-1111-4111-8111-111111111111",
        platform="generic",
        now=vault.clock(),
    )
    return added.share.share_id


@pytest.mark.parametrize("backend", list(Backend))
def test_a_store_that_fails_fails_the_share(vault: Vault, monkeypatch: pytest.MonkeyPatch, backend: Backend) -> None:
    """Nothing is half done: no transcript and no file is recorded, and the next attempt does everything."""
    vault.place_on(backend)
    share_id = vault.share("a")
    vault.run(share_id, "fetch", "place")
    store = vault.stores[backend]
    with monkeypatch.context() as patch:
        patch.setattr(store, "put", _failing_from(store.put, call=3))
        failed = vault.run(share_id, "transcribe")["transcribe"]

    assert isinstance(failed, Failure)
    assert failed.outcome is Outcome.STORAGE_FAILED
    assert "SlowDown" in failed.reason
    media = vault.media_of("a")
    assert media is not None
    assert media.transcript_files == {}
    assert vault.catalog.transcripts.get(share_id) is None
    assert [event.error_class for event in puts_of_files(vault, share_id)] == [None, None, "throttled"]

    vault.let_pass(hours=1)
    vault.run(share_id, "transcribe")
    assert vault.catalog.shares.get(share_id).status == "done"
    assert list(vault.media(media).transcript_files) == KINDS
    assert vault.verify(is_deep=True).is_good


def _failing_from(put: Any, *, call: int) -> Any:
    calls: list[object] = []

    def failing(source: Path, key: str, **options: Any) -> Any:
        if "store-probe" in key:
            return put(source, key, **options)  # the store works, only not for these files
        calls.append(key)
        if len(calls) >= call:
            raise StoreError(StoreErrorClass.THROTTLED, "SlowDown")
        return put(source, key, **options)

    return failing


def test_a_new_transcript_that_cannot_be_stored_leaves_no_old_files_recorded(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of the new files has replaced the old one by then, while the transcript itself is still the old one."""
    media = store_and_transcribe(vault)
    words = vault.catalog.transcripts.get(media.share_id)
    with monkeypatch.context() as patch:
        patch.setattr(vault.local, "put", _failing_from(vault.local.put, call=2))
        vault.speech = FakeSpeechEngine(model="another-model")
        assert isinstance(vault.run(media.share_id, "transcribe")["transcribe"], Failure)

    assert vault.media(media).transcript_files == {}
    assert vault.catalog.transcripts.get(media.share_id) == words
    assert vault.verify().is_good, "what no record claims is no loss"

    assert [done.outcome for done in run_store_command(vault)] == [StoringOutcome.STORED]
    assert vault.media(media) == media
    assert vault.verify(is_deep=True).is_good


def test_a_disk_that_takes_no_files_fails_the_share_and_says_where(vault: Vault) -> None:
    """The message names the directory in which they were to be written."""
    media = store_and_transcribe(vault)
    vault.speech = FakeSpeechEngine(model="another-model")
    (vault.directory / "a file").write_bytes(b"")
    vault.rules = replace(vault.rules, staging_dir=vault.directory / "a file")

    failed = vault.run(media.share_id, "transcribe")["transcribe"]

    assert isinstance(failed, Failure)
    assert failed.outcome is Outcome.STORAGE_FAILED
    assert "a file" in failed.reason


def test_no_speech_makes_empty_files(vault: Vault) -> None:
    """A silent video has all four: subtitles without a cue, a text without a word, and the JSON that says so."""
    media = store_and_transcribe(vault, audio=silence_bytes())

    content = {kind: vault.bytes_at(blob.url) for kind, blob in media.transcript_files.items()}

    assert (content[PartKind.SRT], content[PartKind.TXT], content[PartKind.VTT]) == (b"", b"", b"WEBVTT\n\n")
    assert vault.verify(is_deep=True).is_good
    assert [move.outcome for move in vault.move(media, to=Backend.S3)] == [MoveOutcome.MOVED]
    assert vault.verify(is_deep=True).is_good


def stale_copies(vault: Vault) -> Media:
    """Move a media to S3 and transcribe it again, so that the local copies are of the old transcript."""
    media = store_and_transcribe(vault)
    vault.move(media, to=Backend.S3)
    return transcribe_again(vault, media)


def test_an_outdated_copy_elsewhere_is_no_loss(vault: Vault) -> None:
    """What a move left of the earlier transcript is a second copy, which clean-up removes."""
    media = stale_copies(vault)
    local = Path(vault.local.url_of(media.video.key)).with_suffix(".json")

    report = vault.verify(is_deep=True)

    assert report.is_good, list(report.lines)
    assert report.counts == {Finding.SAME: 6, Finding.IN_BOTH_PLACES: 6}
    vault.let_pass(hours=25)
    assert local.exists()
    assert vault.clean_up().removed_by_reason() == {"in_s3": 1}
    assert not local.exists()
    [stone] = [t for t in vault.catalog.tombstones.list(media_id=media.media_id) if t.kind == "json"]
    assert stone.sha256 is None, "nobody has read what the old file was"


def test_an_outdated_copy_is_replaced_by_a_move_back(vault: Vault) -> None:
    """The recorded bytes come back and replace the older ones of the same name."""
    media = stale_copies(vault)

    assert [move.outcome for move in vault.move(media, to=Backend.LOCAL)] == [MoveOutcome.MOVED]

    back = vault.media(media)
    assert b"another-model" in (vault.bytes_at(back.transcript_files[PartKind.JSON].url) or b"")
    assert vault.verify(is_deep=True).is_good


@pytest.mark.parametrize("backend", list(Backend))
def test_a_lost_file_is_noticed_and_made_again(vault: Vault, backend: Backend) -> None:
    """Verification fails and names the command that makes it, and that command puts the very same bytes back."""
    vault.place_on(backend)
    media, other = store_and_transcribe(vault), store_and_transcribe(vault, "b")
    lost, damaged = media.transcript_files[PartKind.SRT].url, other.transcript_files[PartKind.JSON].url
    vault.stores[backend].delete(lost)
    _damage(vault, damaged)

    report = vault.verify()

    assert not report.is_good
    assert {(line.finding, line.url, line.remedy) for line in report.lines} == {
        (Finding.MISSING, lost, f"bookmarkai transcripts store {media.share_id} makes it again"),
        (Finding.DIFFERENT, damaged, f"bookmarkai transcripts store {other.share_id} makes it again"),
    }
    assert [done.outcome for done in run_store_command(vault, media, other)] == [StoringOutcome.STORED] * 2
    assert (vault.media(media), vault.media(other)) == (media, other)
    assert vault.verify(is_deep=True).is_good
    assert [done.outcome for done in run_store_command(vault, media, other)] == [StoringOutcome.THERE] * 2


def _damage(vault: Vault, url: str) -> None:
    if (bucket := vault.buckets.get(Backend.of_url(url))) is not None:
        bucket.objects[url] = replace(bucket.objects[url], data=b"short", recorded=None)
    else:
        Path(url).write_bytes(b"short")


@pytest.mark.parametrize("source", list(Backend))
def test_a_lost_file_fails_neither_a_move_nor_a_read_of_the_media(vault: Vault, source: Backend) -> None:
    """It stays recorded where it was lost, is named, and is made again beside its video."""
    vault.place_on(source)
    media = store_and_transcribe(vault)
    vault.stores[source].delete(media.transcript_files[PartKind.VTT].url)
    assert [part.kind for part in confirm_media(vault.stores, media)] == [PartKind.VTT]
    target = next(backend for backend in Backend if backend is not source)

    assert [move.outcome for move in vault.move(media, to=target)] == [MoveOutcome.MOVED]

    after = vault.media(media)
    assert after.transcript_files[PartKind.VTT] == media.transcript_files[PartKind.VTT]
    assert [line.url for line in vault.verify().lines if line.finding is Finding.MISSING] == [
        media.transcript_files[PartKind.VTT].url
    ]
    assert [done.outcome for done in run_store_command(vault, media)] == [StoringOutcome.STORED]
    assert len({blob.url.rpartition(".")[0] for blob in vault.media(media).transcript_files.values()}) == 1
    assert vault.verify(is_deep=True).is_good


def test_a_file_that_is_lost_in_s3_keeps_no_video_here(vault: Vault) -> None:
    """Of a transcript's files only those are checked of which there is a copy to remove."""
    media = store_and_transcribe(vault)
    vault.move(media, to=Backend.S3)
    there = vault.media(media)
    vault.s3.delete(there.transcript_files[PartKind.TXT].url)
    vault.local.delete(media.transcript_files[PartKind.TXT].url)
    vault.let_pass(hours=25)

    assert vault.clean_up().removed_by_reason() == {"in_s3": 1}
    assert not Path(media.video.url).exists()


def test_a_local_file_that_is_not_proven_in_s3_stays(vault: Vault) -> None:
    """The whole media stays, because the file is checked at that moment, like the video."""
    media = store_and_transcribe(vault)
    vault.move(media, to=Backend.S3)
    vault.s3.delete(vault.media(media).transcript_files[PartKind.TXT].url)
    vault.let_pass(hours=25)

    assert vault.clean_up().kept == {"not_in_s3": 1}
    assert [move.outcome for move in vault.move(media, to=Backend.S3)] == [MoveOutcome.MOVED], "put back from here"
    assert vault.verify(is_deep=True).counts == {Finding.SAME: 6, Finding.IN_BOTH_PLACES: 6}


def test_files_go_with_their_expired_video(vault: Vault) -> None:
    """They are removed with their video, each with a tombstone, and the record keeps their location and the text."""
    media = store_and_transcribe(vault)
    vault.let_pass(days=8)

    assert vault.clean_up().removed_by_reason() == {"past_retention": 1}

    after = vault.media(media)
    assert after.state is MediaState.EXPIRED
    assert after.transcript_files == media.transcript_files
    assert not any(Path(blob.url).exists() for blob in media.parts.values())
    assert {stone.kind for stone in vault.catalog.tombstones.list(media_id=media.media_id)} == set(media.parts)
    assert vault.catalog.transcripts.get(media.share_id) is not None
    report = vault.verify()
    assert report.is_good
    assert report.counts == {Finding.EXPIRED: 6}
    assert [done.outcome for done in run_store_command(vault, media)] == [StoringOutcome.EXPIRED]


def test_files_that_outlive_their_video_do_no_harm(vault: Vault) -> None:
    """A file that was put later lives longer, and is neither a loss nor orphaned when the video has expired."""
    vault.use(StorageMode.S3)
    media = store_and_transcribe(vault)
    execute(vault.catalog, "DELETE FROM transcript_files")
    vault.let_pass(days=3)
    assert [done.outcome for done in run_store_command(vault)] == [StoringOutcome.STORED]
    assert vault.media(media).expires_at == media.expires_at
    vault.let_pass(days=6)
    for url in (media.video.url, media.audio.url if media.audio else ""):
        vault.s3.delete(url)
    vault.clean_up()

    assert vault.media(media).state is MediaState.EXPIRED
    assert {stone.kind for stone in vault.catalog.tombstones.list(media_id=media.media_id)} == {"video", "audio"}
    report = vault.verify()
    assert report.is_good
    assert report.counts == {Finding.EXPIRED: 6}
    assert {line.detail for line in report.lines if line.kind == "srt"} == {"the bucket's rule deletes it in its time"}


def test_files_older_than_their_video_shorten_its_expiry(vault: Vault) -> None:
    """Bytes that are there already keep the age from which the bucket counts, so the record has the earlier expiry."""
    vault.use(StorageMode.S3)
    media = store_and_transcribe(vault)
    execute(vault.catalog, "DELETE FROM transcript_files")
    assert media.expires_at is not None
    later = media.expires_at.replace(year=media.expires_at.year + 1)
    execute(vault.catalog, "UPDATE media SET expires_at = :later", later=later.isoformat(timespec="microseconds"))

    run_store_command(vault)

    assert vault.media(media) == media


def test_a_video_that_is_fetched_again_has_no_files_until_it_is_transcribed(vault: Vault) -> None:
    """The old files are no longer recorded, and are replaced by those of the new transcript."""
    media = store_and_transcribe(vault)
    vault.let_pass(days=8)
    vault.clean_up()

    vault.run(media.share_id, "fetch", "place")
    assert vault.media(media).transcript_files == {}
    vault.run(media.share_id, "transcribe")

    assert list(vault.media(media).transcript_files) == KINDS
    assert vault.verify(is_deep=True).is_good


def test_clean_up_uses_the_files_recorded_under_the_lease(vault: Vault) -> None:
    """A file that was recorded when media were listed, and is no longer, is left to whoever writes it."""
    media = store_and_transcribe(vault)
    vault.move(media, to=Backend.S3)
    vault.let_pass(hours=25)
    ledger = vault.catalog.media
    seen = ledger.page(limit=10)
    execute(vault.catalog, "DELETE FROM transcript_files")

    class Stale:
        """A ledger whose pages are from before a new transcript."""

        def __getattr__(self, name: str) -> object:
            return getattr(ledger, name)

        def page(self, *, after: str = "", limit: int) -> object:
            return seen if after == "" else ledger.page(after=after, limit=limit)

    vault.catalog = replace(vault.catalog, media=Stale())  # type: ignore[arg-type]

    report = vault.clean_up()

    assert not report.failed
    assert report.removed_by_reason() == {"in_s3": 1}
    left = [path for path in vault.files() if not Path(path).name.startswith(".")]
    assert [Path(path).suffix for path in left] == [".json", ".srt", ".txt", ".vtt"]


def test_without_times_there_are_no_subtitles(vault: Vault) -> None:
    """The gateway's plain text becomes JSON and plain text."""
    media = store_and_transcribe(vault)
    execute(vault.catalog, "DELETE FROM transcript_files")
    execute(vault.catalog, "DELETE FROM transcript_provenance")
    execute(vault.catalog, "UPDATE transcripts SET full_text = 'One text.', segments = '{}'")

    assert [done.outcome for done in run_store_command(vault)] == [StoringOutcome.STORED]

    after = vault.media(media)
    assert list(after.transcript_files) == ["json", "txt"]
    assert vault.bytes_at(after.transcript_files[PartKind.TXT].url) == b"One text.\n"
    assert [done.outcome for done in run_store_command(vault, media)] == [StoringOutcome.THERE]


def test_leased_media_are_left_alone(vault: Vault) -> None:
    """A run or a mover has leased the media, and the command can be repeated."""
    media = store_and_transcribe(vault)
    vault.lease(media)

    assert [done.outcome for done in run_store_command(vault, media)] == [StoringOutcome.LEASED]
