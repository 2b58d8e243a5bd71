"""The contract of `MediaLedger`, over SQLite and PostgreSQL."""

from dataclasses import replace

import pytest
from sqlalchemy import event, text

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import LeaseLostError
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Digest, Media, MediaState, Part, VideoInfo
from bookmarkai_assets.core.media.object_keys import transcript_key
from bookmarkai_assets.core.media.placement import Backend, Decider
from bookmarkai_assets.core.media.ports import InventoryLine
from tests.support.catalog import (
    PLACEMENT,
    add_share,
    at,
    begin,
    execute,
    put_transcript,
    staged_media,
    store,
    stored_media,
    transcript_of,
)


@pytest.fixture
def share_id(each_catalog: OpenCatalog) -> str:
    """Return a share that the run `run` is working on, with the lease on media `m`."""
    share = add_share(each_catalog)
    begin(each_catalog, share, "m", "run")
    return share


def test_an_unknown_media_is_none(each_catalog: OpenCatalog) -> None:
    """Nothing is recorded for a video before its download."""
    assert each_catalog.media.get("m") is None


def test_a_staged_media_comes_back_whole(each_catalog: OpenCatalog, share_id: str) -> None:
    """Every field of a finished download is kept: sizes beyond 32 bits, emoji, right-to-left titles, line breaks."""
    media = staged_media("m", share_id)

    each_catalog.media.record_staged(media, owner="run", now=at(1))

    assert each_catalog.media.get("m") == media


def test_a_stored_media_comes_back_with_its_placement(each_catalog: OpenCatalog, share_id: str) -> None:
    """Once the bytes are stored, the record has their URLs and the reason for their placement."""
    each_catalog.media.record_staged(staged_media("m", share_id), owner="run", now=at(1))
    stored = stored_media("m", share_id)

    each_catalog.media.record_stored(stored, owner="run", now=at(2))

    found = each_catalog.media.get("m")
    assert found == stored
    assert found is not None
    assert found.backend is Backend.S3
    with each_catalog.database.engine.connect() as connection:
        created, kept = connection.execute(text("SELECT created_at, stored_at FROM media")).one()
    assert created < kept


def test_a_media_is_stored_since_the_given_moment(each_catalog: OpenCatalog, share_id: str) -> None:
    """The caller gives the moment at which the bytes were stored; the default is now."""
    since, never = stored_media("m", share_id), replace(stored_media("m", share_id), stored_at=None, expires_at=None)

    each_catalog.media.record_stored(since, owner="run", now=at(99))
    assert each_catalog.media.get("m") == since

    each_catalog.media.record_stored(never, owner="run", now=at(99))
    assert each_catalog.media.get("m") == replace(never, stored_at=at(99))


@pytest.mark.parametrize("decider", list(Decider))
def test_the_decider_of_a_placement_is_kept(each_catalog: OpenCatalog, share_id: str, decider: Decider) -> None:
    """A media that a person moved, or that a rebuild found, differs from one that the policy placed."""
    media = replace(stored_media("m", share_id), placement=replace(PLACEMENT, decided_by=decider))

    each_catalog.media.record_stored(media, owner="run", now=at(2))

    assert each_catalog.media.get("m") == media
    with each_catalog.database.engine.connect() as connection:
        assert connection.execute(text("SELECT placement_decided_by FROM media")).scalar_one() == decider


def test_a_placement_from_before_deciders_were_kept_is_the_policys(each_catalog: OpenCatalog, share_id: str) -> None:
    """Where no decider is recorded, it was the policy."""
    each_catalog.media.record_stored(stored_media("m", share_id), owner="run", now=at(2))

    execute(each_catalog, "UPDATE media SET placement_decided_by = NULL")

    assert each_catalog.media.get("m") == stored_media("m", share_id)


def test_a_media_without_sound_or_details_comes_back_unchanged(each_catalog: OpenCatalog, share_id: str) -> None:
    """What a site does not say stays empty, and a video without sound has no audio track."""
    whole = staged_media("m", share_id)
    info = VideoInfo("A title", None, None, None, "Generic", duration_seconds=1.5, width=None, height=None)
    media = replace(whole, info=info, audio=None)

    each_catalog.media.record_staged(media, owner="run", now=at(1))

    assert each_catalog.media.get("m") == media


def test_a_new_download_replaces_the_record(each_catalog: OpenCatalog, share_id: str) -> None:
    """Fetching a video again starts its record again: staged, without a placement."""
    each_catalog.media.record_staged(staged_media("m", share_id), owner="run", now=at(1))
    each_catalog.media.record_stored(stored_media("m", share_id), owner="run", now=at(2))
    again = staged_media("m", share_id, url="/staging/again.mp4")

    each_catalog.media.record_staged(again, owner="run", now=at(3))

    assert each_catalog.media.get("m") == again
    assert not each_catalog.media.acknowledges("s3://media/video.mp4")


def with_files(media: Media, *kinds: PartKind, folder: str = "s3://media/") -> Media:
    """Return a media with its transcript's files, some of which have more bytes than 32 bits count."""
    files = {
        kind: Part(
            kind,
            transcript_key(media.video.key, kind),
            f"{folder}{media.media_id}.{kind}",
            Digest(5_000_000_000, "c" * 64),
            "text/x",
        )
        for kind in kinds
    }
    return replace(media, transcript_files=files)


def test_a_transcripts_files_are_recorded_beside_their_media(each_catalog: OpenCatalog, share_id: str) -> None:
    """The files are returned with the media, replace earlier ones, and change only its expiry."""
    stored = stored_media("m", share_id)
    each_catalog.media.record_stored(stored, owner="run", now=at(2))
    sooner = replace(
        with_files(stored, PartKind.JSON, PartKind.SRT), expires_at=at(50), info=replace(stored.info, title="not this")
    )

    each_catalog.media.record_transcript_files(sooner, owner="run", now=at(3))
    assert each_catalog.media.get("m") == replace(sooner, info=stored.info)

    each_catalog.media.record_transcript_files(with_files(stored, PartKind.TXT), owner="run", now=at(4))
    assert each_catalog.media.get("m") == with_files(stored, PartKind.TXT)

    each_catalog.media.record_transcript_files(stored, owner="run", now=at(5))
    assert each_catalog.media.get("m") == stored


def test_a_page_has_each_medias_files(each_catalog: OpenCatalog, share_id: str) -> None:
    """Media are listed with their own files only, with one more statement for the whole page."""
    first, last = stored_media("m1", share_id), stored_media("m9", share_id)
    media = [
        with_files(first, PartKind.JSON, PartKind.VTT),
        stored_media("m5", share_id),
        with_files(last, PartKind.TXT),
    ]
    for one in media:
        store(each_catalog, one)

    asked: list[str] = []
    event.listen(each_catalog.database.engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))

    assert each_catalog.media.page(limit=9) == media
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 2
    assert each_catalog.media.page(after="m1", limit=1) == media[1:2]


def test_some_media_are_read_at_once(each_catalog: OpenCatalog, share_id: str) -> None:
    """Each comes with its own files. What is not on record is left out, and two statements read them all."""
    media = {
        "m1": with_files(stored_media("m1", share_id), PartKind.JSON, PartKind.VTT),
        "m5": with_files(stored_media("m5", share_id), PartKind.TXT),
        "m9": stored_media("m9", share_id),
    }
    for one in media.values():
        store(each_catalog, one)

    asked: list[str] = []
    event.listen(each_catalog.database.engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))

    wanted = {"m1": media["m1"], "m9": media["m9"]}
    assert each_catalog.media.get_all(["m9", "m1", "unknown"]) == wanted
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 2
    assert each_catalog.media.get_all([]) == {}


def test_files_follow_their_media(each_catalog: OpenCatalog, share_id: str) -> None:
    """A move records the files' new location, an expiry keeps the old one, and a new download begins without files."""
    there = with_files(stored_media("m", share_id), PartKind.JSON, PartKind.SRT)
    each_catalog.media.record_stored(there, owner="run", now=at(2))
    here = with_files(stored_media("m", share_id, url="/media/video.mp4"), PartKind.JSON, folder="/media/")

    each_catalog.media.record_stored(here, owner="run", now=at(3))
    assert each_catalog.media.get("m") == here

    each_catalog.media.record_expired("m", [], owner="run", now=at(4))
    assert each_catalog.media.get("m") == replace(here, state=MediaState.EXPIRED)

    each_catalog.media.record_staged(staged_media("m", share_id), owner="run", now=at(5))
    assert each_catalog.media.get("m") == staged_media("m", share_id)


def test_a_restored_media_brings_its_files(each_catalog: OpenCatalog, share_id: str) -> None:
    """The files are restored as they were found, and only where the media was not recorded."""
    found = with_files(stored_media("m", share_id), PartKind.JSON)

    assert each_catalog.media.restore(found, now=at(2))
    assert not each_catalog.media.restore(with_files(found, PartKind.VTT), now=at(3))

    assert each_catalog.media.get("m") == found


def test_files_are_acknowledged_while_their_media_is_stored(each_catalog: OpenCatalog, share_id: str) -> None:
    """Recorded files may not be replaced; files that a new transcript or an expiry took off the record may be."""
    stored = with_files(stored_media("m", share_id), PartKind.JSON, PartKind.SRT)
    each_catalog.media.record_stored(stored, owner="run", now=at(2))
    assert each_catalog.media.acknowledges("s3://media/m.srt")
    assert not each_catalog.media.acknowledges("s3://media/m.txt")

    each_catalog.media.record_transcript_files(with_files(stored, PartKind.JSON), owner="run", now=at(3))
    assert not each_catalog.media.acknowledges("s3://media/m.srt")

    each_catalog.media.record_expired("m", [], owner="run", now=at(4))
    assert not each_catalog.media.acknowledges("s3://media/m.json")


def test_only_the_owner_of_the_lease_records_files(each_catalog: OpenCatalog, share_id: str) -> None:
    """A run that lost its media may not record files for it, and nobody may for staged bytes."""
    staged = staged_media("m", share_id)
    each_catalog.media.record_staged(staged, owner="run", now=at(1))
    with pytest.raises(ValueError, match="expected media m to be stored"):
        each_catalog.media.record_transcript_files(with_files(staged, PartKind.JSON), owner="run", now=at(2))
    stored = stored_media("m", share_id)
    each_catalog.media.record_stored(stored, owner="run", now=at(3))

    with pytest.raises(LeaseLostError):
        each_catalog.media.record_transcript_files(with_files(stored, PartKind.JSON), owner="another", now=at(4))

    assert each_catalog.media.get("m") == stored


def test_the_share_with_the_latest_transcript_of_a_media_is_returned(each_catalog: OpenCatalog, share_id: str) -> None:
    """Of all its shares, the one whose transcript was written last is returned, and None before there is any."""
    second = add_share(each_catalog)
    begin(each_catalog, second, "m", "run")
    assert each_catalog.transcripts.latest_of_media("m") is None

    put_transcript(each_catalog, share_id, transcript_of("one"), now=at(1))
    put_transcript(each_catalog, second, transcript_of("two"), now=at(2))
    assert each_catalog.transcripts.latest_of_media("m") == second

    put_transcript(each_catalog, share_id, transcript_of("three"), now=at(3))
    assert each_catalog.transcripts.latest_of_media("m") == share_id
    assert each_catalog.transcripts.latest_of_media("another") is None


def test_a_title_that_no_database_can_store_is_cleaned(each_catalog: OpenCatalog, share_id: str) -> None:
    """NUL and lone surrogates in a title become replacement characters instead of failing the share."""
    media = staged_media("m", share_id)
    hostile = replace(media, info=replace(media.info, title="a\x00b\udc80c"))

    each_catalog.media.record_staged(hostile, owner="run", now=at(1))

    found = each_catalog.media.get("m")
    assert found is not None
    assert found.info.title == "a\ufffdb\ufffdc"


def test_only_stored_media_acknowledge_a_url(each_catalog: OpenCatalog, share_id: str) -> None:
    """A URL is acknowledged once stored bytes, video or audio, are recorded there; staged files may be replaced."""
    staged, stored = staged_media("m", share_id), stored_media("m", share_id)
    each_catalog.media.record_staged(staged, owner="run", now=at(1))
    assert not each_catalog.media.acknowledges(staged.video.url)

    each_catalog.media.record_stored(stored, owner="run", now=at(2))

    assert each_catalog.media.acknowledges("s3://media/video.mp4")
    assert each_catalog.media.acknowledges("s3://media/video.mp4.m4a")
    assert not each_catalog.media.acknowledges("s3://media/video")


def test_recording_needs_the_lease(each_catalog: OpenCatalog, share_id: str) -> None:
    """Without the lease on the video nothing is recorded, and what is there stays."""
    media = staged_media("m", share_id)
    each_catalog.media.record_staged(media, owner="run", now=at(1))

    with pytest.raises(LeaseLostError):
        each_catalog.media.record_stored(stored_media("m", share_id), owner="other", now=at(2))
    with pytest.raises(LeaseLostError):
        each_catalog.media.record_staged(staged_media("free", share_id), owner="run", now=at(2))

    assert each_catalog.media.get("m") == media
    assert each_catalog.media.get("free") is None


def test_a_found_media_is_restored_once(each_catalog: OpenCatalog, share_id: str) -> None:
    """What a store holds is recorded as stored, without a lease, unless the catalog knows the media already."""
    found = replace(stored_media("m", share_id), placement=replace(PLACEMENT, decided_by=Decider.FOUND))

    assert each_catalog.media.restore(found, now=at(9))
    assert not each_catalog.media.restore(stored_media("m", share_id, url="/other"), now=at(10))

    assert each_catalog.media.get("m") == found
    assert each_catalog.media.acknowledges(found.video.url)


@pytest.mark.parametrize("state", ["staged", "stored"])
def test_restoring_never_changes_a_record(each_catalog: OpenCatalog, share_id: str, state: str) -> None:
    """A recorded media in any state does not change."""
    if state == "staged":
        each_catalog.media.record_staged(staged_media("m", share_id), owner="run", now=at(1))
    else:
        each_catalog.media.record_stored(stored_media("m", share_id), owner="run", now=at(1))
    before = each_catalog.media.get("m")

    assert not each_catalog.media.restore(stored_media("m", share_id, url="/found"), now=at(9))

    assert each_catalog.media.get("m") == before


def test_media_are_read_page_by_page(each_catalog: OpenCatalog, share_id: str) -> None:
    """Pages follow each other by id without gaps or repetition, including staged media, and end with none."""
    ids = [f"{number:064x}" for number in (255, 3, 16, 4095, 10)]
    for media_id in ids:
        store(each_catalog, stored_media(media_id, share_id))
    each_catalog.media.record_staged(staged_media("m", share_id), owner="run", now=at(1))

    pages, after = [], ""
    while page := each_catalog.media.page(after=after, limit=2):
        pages.append(page)
        after = page[-1].media_id

    assert [len(page) for page in pages] == [2, 2, 2]
    assert [media.media_id for page in pages for media in page] == [*sorted(ids), "m"]
    assert pages[0][0] == stored_media(min(ids), share_id)


def test_only_stored_media_that_have_not_expired_are_counted(each_catalog: OpenCatalog, share_id: str) -> None:
    """A backend's count leaves out media that are staged, elsewhere, recorded as expired, or past their expiry."""
    here = stored_media("m1", share_id)
    there = replace(PLACEMENT, backend=Backend.LOCAL)
    for media in (
        replace(here, expires_at=None),
        replace(here, media_id="m2", expires_at=at(100)),
        replace(here, media_id="m3", expires_at=at(100.000001)),
        replace(here, media_id="m4", placement=there, expires_at=None),
        replace(here, media_id="m5", expires_at=None),
    ):
        store(each_catalog, media)
    execute(each_catalog, "UPDATE media SET state = 'expired' WHERE media_id = 'm5'")
    each_catalog.media.record_staged(staged_media("m", share_id), owner="run", now=at(1))

    def count(backend: Backend, seconds: float) -> int:
        return each_catalog.media.stored_count(backend, unexpired_at=at(seconds))

    assert [count(Backend.S3, seconds) for seconds in (99, 100, 101)] == [3, 2, 1]
    assert count(Backend.LOCAL, 100) == 1


def test_the_decision_behind_a_placement_is_kept(each_catalog: OpenCatalog, share_id: str) -> None:
    """A media has the id of the rollout decision under which it was placed, or none."""
    under = replace(stored_media("m1", share_id), placement=replace(PLACEMENT, decision_id=5_000_000_000))
    store(each_catalog, under)
    store(each_catalog, stored_media("m2", share_id))

    assert each_catalog.media.page(limit=9) == [under, stored_media("m2", share_id)]


def test_the_inventory_counts_what_is_stored(each_catalog: OpenCatalog, share_id: str) -> None:
    """The inventory counts by backend, bucket and decider, with audio tracks and without staged or expired media."""
    one = stored_media("m1", share_id)
    moved = replace(PLACEMENT, backend=Backend.LOCAL, decided_by=Decider.OPERATOR)
    for media in (
        one,
        replace(one, media_id="m2", audio=None),
        replace(one, media_id="m3", placement=replace(PLACEMENT, bucket=8)),
        replace(one, media_id="m4", placement=moved),
        replace(one, media_id="m5", placement=moved),
        replace(one, media_id="m6"),
    ):
        store(each_catalog, media)
    execute(each_catalog, "UPDATE media SET state = 'expired' WHERE media_id = 'm6'")
    execute(each_catalog, "UPDATE media SET placement_decided_by = NULL WHERE media_id = 'm1'")
    execute(each_catalog, "UPDATE media SET placement_bucket = NULL WHERE media_id = 'm5'")
    each_catalog.media.record_staged(staged_media("m", share_id), owner="run", now=at(1))

    video, audio = one.video.digest.size_bytes, 480_000
    assert set(each_catalog.media.inventory()) == {
        InventoryLine(Backend.S3, 7, Decider.POLICY, 2, 2 * video + audio),
        InventoryLine(Backend.S3, 8, Decider.POLICY, 1, video + audio),
        InventoryLine(Backend.LOCAL, 7, Decider.OPERATOR, 1, video + audio),
        InventoryLine(Backend.LOCAL, None, Decider.OPERATOR, 1, video + audio),
    }


def test_an_empty_catalog_has_an_empty_inventory(each_catalog: OpenCatalog) -> None:
    """Nothing is stored, so there is no line."""
    assert each_catalog.media.inventory() == []
