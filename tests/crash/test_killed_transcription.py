"""A run that is really killed in the middle of a long sound: its finished chunks are not transcribed again."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from bookmarkai_assets.core.media.media import media_id_of
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk
from bookmarkai_assets.core.transcripts.ports import ChunkKey, ChunkTable
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from bookmarkai_assets.operations.transcripts.transcribed_share import TranscribedShare
from tests.plugins.vault import Vault
from tests.support import sounds
from tests.support.processes import wait_until
from tests.support.project import PROJECT
from tests.support.transcribing_child import engine, transcribe
from tests.support.wer import word_error_rate

SPOKEN = SHORT_SAMPLES[3]
TIMES = 6


@pytest.mark.usefixtures("tiny_en_model")
def test_finished_chunks_are_not_transcribed_again(
    vault: Vault, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a SIGKILL with two of six chunks kept, the next run transcribes only the rest, and no word is missing."""
    once = np.concatenate([sounds.speech(SPOKEN.path), sounds.silence(0.6)])
    sound = sounds.write_sound(tmp_path / "long.wav", np.tile(once, TIMES)).read_bytes()
    share_id = vault.share("lecture", audio=sound)
    vault.run(share_id, "fetch", "place")
    media = vault.media_of("lecture")
    assert media is not None
    assert media.audio is not None
    key = ChunkKey(
        media_id_of("https://example.com/lecture"), engine().recipe().fingerprint, media.audio.digest.sha256, None
    )

    command = [sys.executable, "-m", "tests.support.transcribing_child", str(vault.media_dir), sqlite_url, share_id]
    with subprocess.Popen(command, cwd=PROJECT) as child:
        try:
            wait_until(lambda: len(vault.catalog.chunks.kept(key)) >= 2 or child.poll() is not None)
        finally:
            child.kill()
    kept = vault.catalog.chunks.kept(key)
    assert 2 <= len(kept) < TIMES

    chunk_starts: list[float] = []
    table = type(vault.catalog.chunks)
    keep = table.keep

    def count(self: ChunkTable, key: ChunkKey, chunk: TranscriptChunk, *, owner: str, now: datetime) -> None:
        chunk_starts.append(chunk.start)
        keep(self, key, chunk, owner=owner, now=now)

    monkeypatch.setattr(table, "keep", count)
    vault.let_pass(hours=1)
    result = transcribe(vault.media_dir, vault.catalog, share_id, owner="next run", clock=vault.clock)

    assert isinstance(result, TranscribedShare)
    assert len(kept) + len(chunk_starts) == TIMES
    assert chunk_starts[0] == kept[-1].end
    first_segments = [segment for chunk in kept for segment in chunk.segments]
    assert list(result.transcript.segments[: len(first_segments)]) == first_segments
    assert word_error_rate(" ".join([SPOKEN.text] * TIMES), result.transcript.text) <= 0.15
    assert vault.catalog.chunks.kept(key) == []
