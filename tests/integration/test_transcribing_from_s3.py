"""What a worker far from the bucket fetches to transcribe, counted on the wire between it and a real S3 server."""

import os
from dataclasses import replace

import pytest

from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.media.placement import Backend, StorageMode
from bookmarkai_assets.operations.transcripts.transcribed_share import TranscribedShare
from tests.fakes.speech import speech_bytes
from tests.plugins.vault import Vault
from tests.support.fault_proxy import FaultProxy

VIDEO_BYTES = 2_000_000


@pytest.mark.parametrize("is_track_lost", [False, True], ids=["as stored", "track lost"])
def test_only_the_sound_track_is_fetched_and_every_byte_is_counted(
    vault: Vault,
    s3_store_behind_proxy: S3Store,
    s3_fault_proxy: FaultProxy,
    object_prefix: str,
    is_track_lost: bool,
) -> None:
    """The server sends the track's bytes, or the video's if the track is gone, and `storage_events` has each byte."""
    vault.rules = replace(vault.rules, video_prefix=object_prefix)
    vault.stores[Backend.S3] = s3_store_behind_proxy
    vault.use(StorageMode.S3)
    share_id = vault.share("talk")
    sound = speech_bytes("This is a talk")
    video = sound if is_track_lost else os.urandom(VIDEO_BYTES)
    vault.downloader.serve("https://example.com/talk", video=video, audio=sound)
    vault.run(share_id, "fetch", "place")
    media = vault.media_of("talk")
    assert media is not None
    assert media.audio is not None
    if is_track_lost:
        s3_store_behind_proxy.delete(media.audio.url)
    s3_fault_proxy.pass_through()
    transcribed = vault.run(share_id, "transcribe")["transcribe"]
    sent_bytes = s3_fault_proxy.answered_bytes["GET"]
    assert isinstance(transcribed, TranscribedShare)
    assert transcribed.transcript.text == "This is a talk"
    gets = [event for event in vault.catalog.events.for_share(share_id) if event.operation == "get"]
    assert {(event.purpose, event.backend) for event in gets} == {("transcribe", "s3")}
    good = [(event.kind, event.size_bytes) for event in gets if event.error_class is None]
    if is_track_lost:
        assert good == [("video", len(video))]
    else:
        assert good == [("audio", media.audio.digest.size_bytes)]
        assert sent_bytes == media.audio.digest.size_bytes < 0.001 * VIDEO_BYTES
