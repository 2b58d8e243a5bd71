"""`bookmarkai transcripts store`: storing the missing files of transcripts, its output, and its exit code."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.plugins.command_line import BookmarkAI
from tests.plugins.vault import Vault
from tests.support.catalog import execute
from tests.support.share_partitions import make_partitions

STORE = ("transcripts", "store")


@dataclass(frozen=True)
class Before:
    """An installation with transcripts from before transcripts had files, and the command."""

    vault: Vault
    run: BookmarkAI

    def store_without_files(self, *names: str) -> list[Media]:
        """Store and transcribe videos, remove their transcripts' files, and return the media as they were before."""
        media = [self.vault.store(name) for name in names]
        execute(self.vault.catalog, "DELETE FROM transcript_files")
        for one in media:
            for blob in one.transcript_files.values():
                self.vault.local.delete(blob.url)
        return media

    def outcomes(self, *arguments: str, code: int = 0) -> dict[str, int]:
        """Run the command, check its exit code, and return its counts by outcome."""
        ended = self.run(*STORE, *arguments, "--json")
        assert ended.code == code, ended
        return {outcome: count for outcome, count in ended.json["counts"].items() if count}


@pytest.fixture
def before(
    tmp_path: Path, bookmarkai: BookmarkAI, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Before]:
    """Return an installation whose settings the command reads from the environment."""
    monkeypatch.setenv("YTDLP_DOWNLOAD_DIR", str(tmp_path / "media"))
    with open_catalog(sqlite_url) as catalog:
        yield Before(Vault(tmp_path, catalog, make_rules(load_settings(env_file=None))), bookmarkai)


def test_every_transcript_without_files_gets_them(before: Before) -> None:
    """A dry run only reports; then the files are there, as if made with their transcript; then none is left to do."""
    media = before.store_without_files("a", "b")
    untranscribed = before.vault.store("c", is_transcribed=False)

    dry = before.run(*STORE, "--dry-run")
    assert (dry.code, dry.out.splitlines()[0].partition(" (")[0]) == (0, "Files of 2 transcripts would be stored")
    assert [before.vault.media(one).transcript_files for one in media] == [{}, {}]

    ended = before.run(*STORE)
    assert (ended.code, ended.out.partition(" (")[0]) == (0, "Files of 2 transcripts stored")
    assert [before.vault.media(one) for one in media] == media
    assert before.vault.verify(is_deep=True).is_good
    assert before.vault.media(untranscribed).transcript_files == {}

    assert before.outcomes() == {}


def test_named_transcripts_are_checked(before: Before) -> None:
    """A good file is left alone, and a missing or damaged one is made again; JSON has a line for each."""
    [media, *_] = before.store_without_files("a", "b")
    assert before.outcomes(media.share_id) == {"stored": 1}
    assert before.outcomes(media.share_id) == {"already_there": 1}
    Path(media.transcript_files[PartKind.TXT].url).write_bytes(b"damaged")

    assert before.outcomes(media.share_id, "--dry-run") == {"stored": 1}
    assert before.vault.bytes_at(media.transcript_files[PartKind.TXT].url) == b"damaged"
    report: dict[str, Any] = before.run(*STORE, media.share_id, "--json").json

    assert before.vault.bytes_at(media.transcript_files[PartKind.TXT].url) == b"This is a\n"
    [line] = report["transcripts"]
    assert (line["share_id"], line["outcome"], line["detail"]) == (media.share_id, "stored", None)
    assert line["size_bytes"] == report["bytes"] == sum(b.digest.size_bytes for b in media.transcript_files.values())


def test_a_transcript_that_cannot_be_stored_stops_no_other_and_is_named(before: Before) -> None:
    """The exit code is 1; a leased media is left for another time, and a missing transcript says what to do."""
    media, leased = before.store_without_files("a", "b")
    untranscribed = before.vault.store("c", is_transcribed=False)
    before.vault.lease(leased)

    ended = before.run(*STORE, leased.share_id, untranscribed.share_id, media.share_id)

    assert ended.code == 1
    assert ended.out.splitlines()[1:] == ["1 leased", "1 failed"]
    assert before.vault.media(media) == media
    report = before.run(*STORE, untranscribed.share_id, "--json").json
    assert f"expected a transcript of share {untranscribed.share_id}, found none" in report["transcripts"][0]["detail"]


def test_a_terminal_shows_the_progress(before: Before, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error has the number done and the failures, and no bar in a pipe or with JSON."""
    before.store_without_files("a")
    untranscribed = before.vault.store("c", is_transcribed=False)
    assert before.run(*STORE, "--dry-run").err == ""
    terminal = Console(stderr=True, force_terminal=True, width=200)
    monkeypatch.setattr("bookmarkai_assets.cli.transcripts.store.err", terminal)

    assert "1/1" in before.run(*STORE).err
    failed = before.run(*STORE, untranscribed.share_id)
    assert failed.code == 1
    assert f"failed  {untranscribed.share_id}  expected a transcript" in failed.err
    assert "1/1" not in before.run(*STORE, untranscribed.share_id, "--json").err


def test_a_share_without_media_is_refused(before: Before) -> None:
    """A share without media is wrong use, which is not the same as a failure."""
    share_id = before.vault.share("a")
    ended = before.run(*STORE, share_id)
    assert ended.code == 2
    assert "expected a share with media" in ended.err


def test_a_share_is_shown_with_its_files(before: Before) -> None:
    """A share's files are in the table and in the JSON."""
    media = before.vault.store("a")
    urls = {kind: blob.url for kind, blob in media.transcript_files.items()}

    assert before.run("shares", "show", media.share_id, "--json").json["media"]["transcript_files"] == urls
    assert "media.transcript_files.srt" in before.run("shares", "show", media.share_id).out


def test_the_shares_can_be_opened_as_partitions(
    before: Before, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--partitions` prints them instead of the counts, and the files are stored all the same."""
    (media,) = before.store_without_files("a")
    make_partitions(tmp_path / "home", media.share_id or "")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    assert before.run(*STORE, "--partitions", "--json").json["partitions"] == media.share_id
    assert before.outcomes() == {}
