"""Bugs that the machine must find: each plants one mistake in the code that runs in this process, and nothing else.

They are what somebody might write in good faith. No production code knows about them.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, update
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import event_totals, leases, media_shares, selection
from bookmarkai_assets.adapters.catalog.cursors import SqlCursors
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.event_totals import SqlEventTotals
from bookmarkai_assets.adapters.catalog.events import rows_after
from bookmarkai_assets.adapters.catalog.lease_ledger import SqlLeaseLedger
from bookmarkai_assets.adapters.catalog.media import SqlMediaLedger
from bookmarkai_assets.adapters.catalog.rollout_ledger import SqlRolloutLedger
from bookmarkai_assets.adapters.catalog.tables.media import storage_events
from bookmarkai_assets.adapters.catalog.tables.rollout import rollout_decisions
from bookmarkai_assets.adapters.catalog.tables.work import share_work
from bookmarkai_assets.adapters.catalog.tombstones import SqlTombstoneTable
from bookmarkai_assets.adapters.catalog.transcripts import SqlTranscriptTable
from bookmarkai_assets.adapters.catalog.work import SqlWorkLedger
from bookmarkai_assets.adapters.local_store import listing as local_listing
from bookmarkai_assets.adapters.local_store import store as local_store
from bookmarkai_assets.adapters.local_store import transfers as local_transfers
from bookmarkai_assets.adapters.local_store.sidecars import sidecar_of, write_sidecar
from bookmarkai_assets.adapters.s3_store import store as s3_store
from bookmarkai_assets.adapters.s3_store import upload as s3_upload
from bookmarkai_assets.adapters.s3_store.client import LazyClient
from bookmarkai_assets.adapters.s3_store.head import ObjectHead
from bookmarkai_assets.core.alerts.messages import messages
from bookmarkai_assets.core.alerts.ports import AlertReceiver
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Digest, Media, MediaState, Part
from bookmarkai_assets.core.media.placement import Backend, Placement
from bookmarkai_assets.core.media.ports import Tombstone
from bookmarkai_assets.core.media.retention import Evidence, RetentionPolicy
from bookmarkai_assets.core.rollout.ports import RollUpProgress
from bookmarkai_assets.core.rollout.stages import Decision
from bookmarkai_assets.operations.media import placing, relocating
from bookmarkai_assets.operations.media.transfers import MediaTransfers
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.intake import add_shares
from bookmarkai_assets.operations.storage import clean_up, moving
from bookmarkai_assets.operations.storage.sweeping import sweep_leftovers
from bookmarkai_assets.operations.transcripts import transcribing
from bookmarkai_assets.operations.transcripts.files import put_transcript_files
from tests.crash import jobs, world
from tests.crash.runner import NEVER, Kill


@dataclass(frozen=True)
class Bug:
    """A mistake that `plant` makes. In the state `beginning` it shows soon, and from other states sooner or later.

    `finding` matches what the judge says about the mistake itself. About a consequence it would say something else.
    `kill` is what befalls the first operation. Without one it is drawn. It is given where chance seldom shows the
    mistake.
    """

    plant: Callable[[], None]
    beginning: str
    finding: str
    kill: Kill | None = None


def _put(owner: object, name: str, planted: object) -> None:
    setattr(owner, name, planted)


class _Careless(Hold):
    """A worker that treats every media as its own."""

    @contextmanager
    @override
    def lease(self, media_id: str) -> Iterator[bool]:
        yield True


def _careless(hold: Hold) -> Hold:
    return _Careless(hold.catalog, hold.rules, hold.stores, hold.owner, hold.clock)


def _acknowledges_before_the_commit() -> None:
    """The user is answered while the transaction is still open."""
    writing = Database.writing

    @contextmanager
    def left_open(self: Database) -> Iterator[Any]:
        connection = self._writer.connect()
        transaction = connection.begin()
        yield connection
        # The connection too, because an unreferenced one is closed and rolled back.
        pending.append((connection, transaction))

    pending: list[Any] = []

    def add(*arguments: Any, **options: Any) -> Iterator[Any]:
        _put(Database, "writing", left_open)
        yield from add_shares(*arguments, **options)
        while pending:
            pending.pop()[1].commit()
        _put(Database, "writing", writing)

    _put(world, "add_shares", add)


def _flips_the_pointer_before_the_copy() -> None:
    """A move records the new location, then copies."""
    relocate = relocating.relocate

    def flipped(transfers: MediaTransfers, placement: Placement, **options: Any) -> Media:
        hold, media = transfers.hold, transfers.media
        store = hold.stores[placement.backend]
        parts = {kind: replace(part, url=store.url_of(part.key)) for kind, part in media.parts.items()}
        there = replace(media, video=parts[PartKind.VIDEO], audio=parts.get(PartKind.AUDIO), placement=placement)
        hold.catalog.media.record_stored(there, owner=hold.owner, now=hold.clock())
        return relocate(transfers, placement, **options)

    _put(moving, "relocate", flipped)
    _put(placing, "relocate", flipped)


def _uploads_without_a_checksum() -> None:
    """The server does not learn what it should receive, and its own checksum is not compared."""
    client_of = LazyClient.__call__

    class Unchecked:
        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            call = getattr(self._client, name)
            return lambda **request: call(**{k: v for k, v in request.items() if k != "ChecksumCRC64NVME"})

    _put(LazyClient, "__call__", lambda self: Unchecked(client_of(self)))
    _put(ObjectHead, "is_copy_of", lambda self, source: self.has_digest(source.digest))
    _put(ObjectHead, "_is_rewritten", property(lambda _: False))


def _writes_in_place() -> None:
    """A local file is written under its final name."""

    def written(source: Path, target: Path, sidecar: Any, **options: Any) -> None:
        with source.open("rb", buffering=0) as file, target.open("w+b", buffering=0) as there:
            local_transfers.copy_verified(
                file.fileno(), there.fileno(), sidecar.digest, source, before_block=options["before_block"]
            )
        write_sidecar(sidecar_of(target), sidecar)
        source.unlink()

    _put(local_store, "move_in", written)


def _consumes_the_source_of_a_move() -> None:
    """An upload removes its source file, as a rename does."""
    put = s3_store.S3Store.put

    def consuming(self: s3_store.S3Store, source: Path, key: str, **options: Any) -> Any:
        stored = put(self, source, key, **options)
        source.unlink(missing_ok=True)
        return stored

    _put(s3_store.S3Store, "put", consuming)


def _deletes_the_source_before_the_target_is_there() -> None:
    """A move out of the bucket deletes the object once its bytes are in staging."""
    get = s3_store.S3Store.get

    def taking(self: s3_store.S3Store, url: str, destination: Path, **options: Any) -> None:
        get(self, url, destination, **options)
        self.delete(url)

    _put(s3_store.S3Store, "get", taking)


def _leaves_the_audio_track_behind() -> None:
    """A move records the new location of the video alone."""
    as_placed = relocating.as_placed

    def without_audio(media: Media, placement: Placement, objects: Mapping[PartKind, Any], **options: Any) -> Media:
        return as_placed(media, placement, {PartKind.VIDEO: objects[PartKind.VIDEO]}, **options)

    _put(relocating, "as_placed", without_audio)


def _loses_the_content_type() -> None:
    """Everything is stored without a content type."""
    put = s3_store.S3Store.put

    def untyped(self: s3_store.S3Store, source: Path, key: str, **options: Any) -> Any:
        return put(self, source, key, **{**options, "content_type": "application/octet-stream"})

    _put(s3_store.S3Store, "put", untyped)


def _leaves_media_url_behind() -> None:
    """`shares.media_url` is written when a share is done and never again."""
    _put(media_shares, "point_done_shares", lambda *_arguments, **_options: None)


def _trusts_the_catalog() -> None:
    """Clean-up takes the record as proof of the copy."""

    def trusted(_work: Hold, _media: Media, part: Part) -> tuple[Evidence, Mapping[str, Any]]:
        return Evidence.SAME, {"url": part.url}

    _put(clean_up, "_check_in_s3", trusted)


def _compares_sizes_only() -> None:
    """Clean-up takes an object of the right size for the right one."""
    check_in_s3 = clean_up._check_in_s3

    def sized(hold: Hold, media: Media, part: Part) -> tuple[Evidence, Mapping[str, Any]]:
        evidence, answer = check_in_s3(hold, media, part)
        return (Evidence.SAME if answer.get("size_bytes") == part.size_bytes else evidence), answer

    _put(clean_up, "_check_in_s3", sized)
    _put(ObjectHead, "_is_rewritten", property(lambda _: False))


def _cleans_up_without_leases() -> None:
    """Clean-up does not check whether the media is in use."""
    removed = clean_up._remove

    def careless(hold: Hold, *arguments: Any) -> Any:
        return removed(_careless(hold), *arguments)

    _put(clean_up, "_remove", careless)
    _put(SqlLeaseLedger, "holds", lambda *_arguments: True)


def _cleans_up_without_grace() -> None:
    """Clean-up treats what was stored just now as old enough."""
    _put(RetentionPolicy, "grace", property(lambda _: timedelta()))


def _expires_what_is_not_transcribed() -> None:
    """Retention counts days and nothing else."""
    _put(SqlMediaLedger, "is_settled", lambda *_arguments: True)
    _put(clean_up, "_wanted_media", lambda _work: frozenset())


def _removes_before_the_tombstone() -> None:
    """The file is deleted first, and its tombstone is written afterwards."""
    tombstones = clean_up._tombstones

    def late(hold: Hold, media: Media, files: Mapping[PartKind, Any], *others: Any) -> Sequence[Tombstone]:
        for file in files.values():
            hold.stores[Backend.LOCAL].delete(file.url)
        return tombstones(hold, media, files, *others)

    _put(clean_up, "_tombstones", late)


def _removes_before_it_is_expired() -> None:
    """The last copy is deleted, with its tombstone, while the media is recorded as stored."""
    record_expired = SqlMediaLedger.record_expired

    def late(self: SqlMediaLedger, media_id: str, tombstones: Sequence[Tombstone], **options: Any) -> None:
        SqlTombstoneTable(self._database).write(tombstones)
        for tombstone in tombstones:
            Path(tombstone.url).unlink(missing_ok=True)
        record_expired(self, media_id, tombstones, **options)

    _put(SqlMediaLedger, "record_expired", late)


def _follows_links() -> None:
    """A linked directory is treated like any other."""

    def entries(directory: str, key: str) -> list[tuple[str, Any]]:
        found = [(f"{key}{e.name}/" if e.is_dir() else f"{key}{e.name}", e) for e in os.scandir(directory)]
        return sorted(found, key=lambda entry: entry[0], reverse=True)

    _put(local_listing, "_entries", entries)
    _put(local_store.LocalStore, "_path_of", lambda _self, url: Path(url))


def _takes_absence_for_expiry() -> None:
    """An object that is gone is taken for expired."""
    _put(clean_up, "_may_have_expired", lambda _work, media: media.state is MediaState.STORED)


def _forgets_when_objects_expire() -> None:
    """The record of a media in the bucket has no expiry."""
    as_placed = relocating.as_placed

    def endless(*arguments: Any, **options: Any) -> Media:
        return replace(as_placed(*arguments, **options), expires_at=None)

    _put(relocating, "as_placed", endless)
    _put(placing, "as_placed", endless)


def _leaves_uploads_open() -> None:
    """A failed upload is not aborted, and uploads that a kill has left are not searched for."""
    _put(s3_upload, "_abort", lambda *_arguments: None)
    _put(s3_store.S3Store, "leftovers", lambda *_arguments, **_options: ())


def _leaves_staging() -> None:
    """What a kill has left in staging is not searched for."""
    _put(clean_up, "sweep_staging", lambda *_arguments, **_options: iter(()))


def _moves_without_a_lease() -> None:
    """A mover does not check whether the media is in use."""
    move_one = moving._move_one

    def careless(hold: Hold, *arguments: Any) -> Any:
        return move_one(_careless(hold), *arguments)

    _put(moving, "_move_one", careless)
    _put(leases, "require", lambda *_arguments: None)


def _cleans_up_on_an_empty_listing() -> None:
    """An empty store is taken for one without files."""
    _put(SqlMediaLedger, "stored_count", lambda *_arguments, **_options: 0)


def _forgets_claims() -> None:
    """A claim whose run was never launched is forgotten."""
    known = selection._known

    def begun_only(**options: Any) -> Any:
        return known(**options).where(share_work.c.state != "claimed")

    _put(selection, "_known", begun_only)


def _recovers_again_each_time() -> None:
    """Clean-up writes tombstones for an expired media again and again."""

    def burying(hold: Hold, *, is_dry_run: bool) -> Iterator[Any]:
        for media in hold.catalog.media.page(limit=100):
            if media.state is MediaState.EXPIRED:
                url, now = media.video.url, hold.clock()
                stone = Tombstone(url, "video", media.media_id, None, None, None, "expired", {"again": True}, now)
                hold.catalog.tombstones.write([stone])
                hold.catalog.tombstones.confirm([url], now=now)
        yield from sweep_leftovers(hold, is_dry_run=is_dry_run)

    _put(clean_up, "sweep_leftovers", burying)


def _downloads_without_a_check() -> None:
    """Bytes from the bucket are not compared with what was asked for, and neither are bytes that are put."""

    def unchecked(self: s3_store.S3Store, url: str, destination: Path, *, expected: Digest, **_options: Any) -> None:
        with self.open(url, size_bytes=expected.size_bytes - 1) as reader, destination.open("wb") as file:
            shutil.copyfileobj(reader, file)
        with self.open(url, offset=expected.size_bytes - 1) as reader, destination.open("ab") as file:
            shutil.copyfileobj(reader, file)

    _put(s3_store.S3Store, "get", unchecked)


def _is_done_before_its_transcript() -> None:
    """The share is marked done, then its transcript is written."""
    put, finish = SqlTranscriptTable.put, SqlWorkLedger.finish
    waiting: list[Callable[[], None]] = []

    def later(self: SqlTranscriptTable, *arguments: Any, **options: Any) -> None:
        waiting.append(lambda: put(self, *arguments, **options))

    def first(self: SqlWorkLedger, *arguments: Any, **options: Any) -> None:
        finish(self, *arguments, **options)
        waiting.pop()()

    _put(SqlTranscriptTable, "put", later)
    _put(SqlWorkLedger, "finish", first)


def _records_files_before_their_transcript() -> None:
    """The files are recorded as soon as they are stored, before the transcript that they belong to."""

    def hasty(hold: Hold, media: Media, *arguments: Any) -> Media:
        there = put_transcript_files(hold, media, *arguments)
        hold.catalog.media.record_transcript_files(there, owner=hold.owner, now=hold.clock())
        return there

    _put(transcribing, "put_transcript_files", hasty)


def _counts_before_it_moves_its_position() -> None:
    """The sums are written in one transaction, and the position up to which events are counted in the next one."""

    def counting(self: SqlEventTotals, *, limit: int = 10_000) -> RollUpProgress:
        position = int(self._position() or 0)
        rows = rows_after(self._database, position, event_totals._COUNTED, limit=limit)
        if rows:
            batch, tallies = event_totals._batch_of(rows)
            with self._database.writing() as connection:
                event_totals._add(connection, {**tallies, **event_totals._over_all_time(tallies)})
            SqlCursors(self._database).set(event_totals.CURSOR, str(batch[-1].id))
        return RollUpProgress(position=rows[-1].id if rows else position, events=len(rows), is_complete=not rows)

    _put(SqlEventTotals, "roll_up", counting)


def _forgets_events_by_age_alone() -> None:
    """Retention removes old events, whether or not they were counted."""

    def forgetting(self: SqlEventTotals, *, before: datetime, limit: int = 2_000) -> int:
        old = select(storage_events.c.id).where(storage_events.c.occurred_at < before).limit(limit)
        with self._database.writing() as connection:
            return connection.execute(delete(storage_events).where(storage_events.c.id.in_(old))).rowcount

    _put(SqlEventTotals, "remove_counted", forgetting)


def _rolls_back_in_two_steps() -> None:
    """A rollback is recorded first, and put in force afterwards."""
    append = SqlRolloutLedger.append

    def halved(self: SqlRolloutLedger, decision: Decision) -> Decision:
        kept = append(self, replace(decision, is_rolled_back=False))
        with self._database.writing() as connection:
            row = rollout_decisions.c.id == kept.decision_id
            connection.execute(update(rollout_decisions).where(row).values(is_rolled_back=decision.is_rolled_back))
        return replace(kept, is_rolled_back=decision.is_rolled_back)

    _put(SqlRolloutLedger, "append", halved)


def _places_by_the_settings() -> None:
    """A worker goes by its settings, whatever was decided since."""
    _put(placing, "current_policy", lambda _catalog, rules: rules.storage)


def _marks_alerts_before_it_sends_them() -> None:
    """An incident is on record as delivered, and then the message is sent."""

    def early(catalog: Catalog, receivers: Sequence[AlertReceiver], *, log: Any, now: datetime) -> None:
        waiting = catalog.incidents.undelivered()
        for incident in waiting:
            catalog.incidents.mark_delivered(incident, now=now)
        for message in messages(waiting):
            log(message.text)
            for receiver in receivers:
                receiver.send(message)

    _put(jobs, "deliver", early)


_GONE = "is lost: its|, where its .* is not"

BUGS: Mapping[str, Bug] = {
    function.__name__.removeprefix("_"): Bug(function, *rest)
    for function, *rest in (
        (_acknowledges_before_the_commit, "nothing", "acknowledged shares are not in the catalog"),
        (_flips_the_pointer_before_the_copy, "stored", _GONE),
        (_uploads_without_a_checksum, "stored", _GONE, NEVER),
        (_writes_in_place, "to the directory", "wrong bytes at the final name"),
        (_consumes_the_source_of_a_move, "stored", _GONE),
        (_deletes_the_source_before_the_target_is_there, "in the bucket", _GONE),
        (_leaves_the_audio_track_behind, "stored", "and its audio track at", NEVER),
        (_loses_the_content_type, "stored", "has the content type application/octet-stream", NEVER),
        (_leaves_media_url_behind, "stored", "points at", NEVER),
        (_trusts_the_catalog, "damaged", _GONE, NEVER),
        (_compares_sizes_only, "damaged", _GONE, NEVER),
        (_cleans_up_without_leases, "leased", "touched under another run's lease"),
        (_cleans_up_without_grace, "just moved", "was deleted within", NEVER),
        (_expires_what_is_not_transcribed, "untranscribed", "needs it: fetched"),
        (_removes_before_the_tombstone, "moved", "was deleted without a tombstone"),
        (_removes_before_it_is_expired, "long ago", _GONE),
        (_follows_links, "linked out", "outside the media directory was touched", NEVER),
        (_takes_absence_for_expiry, "damaged", "expired before its time"),
        (_forgets_when_objects_expire, "halfway", _GONE),
        (_leaves_uploads_open, "littered", "open multipart uploads after recovery", NEVER),
        (_leaves_staging, "left in staging", "staging or temporary files after recovery", NEVER),
        (_moves_without_a_lease, "leased", "changed under another run's lease", NEVER),
        (_cleans_up_on_an_empty_listing, "littered", "went on with an empty listing", NEVER),
        (_forgets_claims, "claimed", "after recovery", NEVER),
        (_recovers_again_each_time, "expired", "a second recovery changed tombstones", NEVER),
        (_downloads_without_a_check, "to the bucket", "transcripts of what no sound said", NEVER),
        (
            _is_done_before_its_transcript,
            "to the directory",
            "is done without a transcript",
            Kill("named", name="commit after in SqlWorkLedger.finish"),
        ),
        (
            _records_files_before_their_transcript,
            "to the directory",
            "with words that no transcript of it has",
            Kill("named", name="commit before in SqlTranscriptTable.put"),
        ),
        (
            _counts_before_it_moves_its_position,
            "passed by the gate",
            "the totals count",
            Kill("named", name="commit after in reach_events"),
        ),
        (_forgets_events_by_age_alone, "counted long ago", "was removed before it was counted", NEVER),
        (
            _rolls_back_in_two_steps,
            "half the media to the bucket",
            "is on record by half",
            Kill("named", name="commit after in SqlRolloutLedger.append"),
        ),
        (_places_by_the_settings, "half the media to the bucket", "under the rollback", NEVER),
        (
            _marks_alerts_before_it_sends_them,
            "lost in a stage",
            "is on record as told, and nobody was",
            Kill("named", name="send before"),
        ),
    )
}
