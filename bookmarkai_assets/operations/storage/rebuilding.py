"""Restore media records from what is in the bucket and on the disk, for a catalog that has lost them.

The metadata of the stored objects is enough (`core.media.object_tags`). Records that exist are never changed.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.links.short_links import video_behind
from bookmarkai_assets.core.links.urls import AdmittedLink, RefusedLink
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Media, MediaState, Part, media_id_of
from bookmarkai_assets.core.media.object_keys import HASH_LENGTH, ParsedKey, audio_key, parse_key, transcript_key
from bookmarkai_assets.core.media.object_tags import TaggedMedia, read_tags
from bookmarkai_assets.core.media.placement import Backend, Decider, StoragePolicy, place, placed_by
from bookmarkai_assets.core.media.ports import ListedObject, MediaStore, StoredObject
from bookmarkai_assets.core.media.retention import RetentionPolicy
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.operations.media.relocating import as_placed
from bookmarkai_assets.operations.rollout.current_policy import current_policy
from bookmarkai_assets.operations.shares.intake import known_link
from bookmarkai_assets.operations.stores import Stores


@dataclass(frozen=True)
class Unrestorable:
    """A video in a store for which no record can be made, and why."""

    url: str
    reason: str


@dataclass
class RebuildReport:
    """What was restored (or would be), what was on record already, and what could not be restored.

    `without_share` counts restored media that have no share in this catalog.
    """

    is_dry_run: bool
    restored: list[Media] = field(default_factory=list)
    known: int = 0
    without_share: int = 0
    unrestorable: list[Unrestorable] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "dry_run": self.is_dry_run,
            "restored": [
                {"media_id": m.media_id, "share_id": m.share_id, "url": m.video.url, "size_bytes": m.size_bytes}
                for m in self.restored
            ],
            "known": self.known,
            "without_share": self.without_share,
            "unrestorable": [{"url": u.url, "reason": u.reason} for u in self.unrestorable],
        }


@dataclass(frozen=True)
class _FoundVideo:
    """A video with its audio track and its transcript's files on one backend."""

    backend: Backend
    object_key: str
    tagged: TaggedMedia
    video: StoredObject
    audio: StoredObject | None
    files: Mapping[PartKind, StoredObject]


def rebuild_catalog(
    catalog: Catalog, stores: Stores, rules: PipelineRules, *, now: datetime, is_dry_run: bool
) -> RebuildReport:
    """Record every video that is in a store and not in the catalog.

    A video that is on both backends is recorded where the policy in force places it. That policy is the settings and
    the decision in force in this catalog, if it has one (ADR 22). Shares and transcripts are in the gateway's tables
    and not in the stores. Shares that are there and done are tied to their media again. So is the short link of the
    share that a video was first fetched for. Raises `StoreError` when a store cannot be listed.
    """
    report = RebuildReport(is_dry_run)
    shares = _KnownShares(catalog, rules)
    found: dict[str, dict[Backend, _FoundVideo]] = {}
    for backend, store in stores.items():
        for result in _videos_in(store, rules.prefix_on(backend), shares):
            if isinstance(result, Unrestorable):
                report.unrestorable.append(result)
            else:
                by_backend = found.setdefault(result.tagged.media_id, {})
                # A video can be under two keys, if the prefix changed or a catalog was lost before. The newer one wins.
                newest = max(by_backend.get(backend, result), result, key=lambda each: each.video.modified_at)
                by_backend[backend] = newest
    for each in (one for by_backend in found.values() for one in by_backend.values()):
        short = shares.learn_short_link(each.tagged)
        if short is not None and not is_dry_run:
            catalog.links.record(short, each.tagged.canonical_url, now=now)
    for media_id, by_backend in found.items():
        # The policy is read for each media. Listing takes long, and a rollback counts from the next record on.
        media = _media_of(by_backend, current_policy(catalog, rules), rules.retention, now)
        is_new = catalog.media.get(media_id) is None if is_dry_run else catalog.media.restore(media, now=now)
        if not is_dry_run:
            for share_id in shares.ids_of(media_id):
                catalog.work.adopt(share_id, media_id, media_url=media.video.url, now=now)
        if is_new:
            report.restored.append(media)
            report.without_share += not shares.ids_of(media_id)
        else:
            report.known += 1
    return report


class _KnownShares:
    """The shares in the gateway's table, by the video behind their link."""

    def __init__(self, catalog: Catalog, rules: PipelineRules) -> None:
        self._catalog = catalog
        self._rules = rules
        self._names: dict[str, str] = {}

    def learn_short_link(self, tagged: TaggedMedia) -> str | None:
        """Learn from a video's tags what its first share's link stands for. Returns that link if it is a short one."""
        short = self._links.get(tagged.share_id, "")
        if video_behind(short, tagged.canonical_url) is None:
            return None
        self._names[short] = tagged.canonical_url
        return short

    def canonical_url(self, parsed: ParsedKey) -> str | None:
        """Return the canonical URL behind a key's hash, for an object whose tags had no room for it."""
        return self._urls.get(parsed.url_hash)

    def ids_of(self, media_id: str) -> Sequence[str]:
        """Return the ids of one video's shares."""
        return self._ids.get(media_id, ())

    @cached_property
    def _links(self) -> Mapping[str, str]:
        links = [(share.share_id, self._link_of(share)) for share in self._catalog.shares.list()]
        return {share_id: link.canonical_url for share_id, link in links if isinstance(link, AdmittedLink)}

    def _link_of(self, share: Share) -> AdmittedLink | RefusedLink:
        return known_link(share.url, self._catalog, self._rules.allowed_hosts)

    @cached_property
    def _urls(self) -> Mapping[str, str]:
        return {media_id_of(url)[:HASH_LENGTH]: url for url in self._links.values()}

    @cached_property
    def _ids(self) -> Mapping[str, Sequence[str]]:
        ids: dict[str, list[str]] = {}
        for share_id, url in self._links.items():
            ids.setdefault(media_id_of(self._names.get(url, url)), []).append(share_id)
        return ids


def _videos_in(store: MediaStore, prefix: str, shares: _KnownShares) -> Iterator[_FoundVideo | Unrestorable]:
    """Yield every video in a store whose key is one of ours."""
    parsed = {listed.key: (listed, key) for listed in store.list(prefix) if (key := parse_key(listed.key)) is not None}
    beside: dict[_Stem, dict[PartKind, ListedObject]] = defaultdict(dict)
    for listed, key in parsed.values():
        beside[_stem(key)][key.kind] = listed
    for listed, key in parsed.values():
        if key.kind is PartKind.VIDEO:
            yield _video_at(store, listed, key, beside[_stem(key)], shares)


_Stem = tuple[str, str, datetime]


def _stem(key: ParsedKey) -> _Stem:
    return key.prefix, key.url_hash, key.created_at


def _video_at(
    store: MediaStore,
    listed: ListedObject,
    key: ParsedKey,
    beside: Mapping[PartKind, ListedObject],
    shares: _KnownShares,
) -> _FoundVideo | Unrestorable:
    try:
        video = store.head(listed.url)
        track = store.head(beside[PartKind.AUDIO].url) if PartKind.AUDIO in beside else None
        files = {
            kind: found
            for kind, beside_it in beside.items()
            if kind.is_transcript and (found := _file_at(store, beside_it.url))
        }
    except ObjectNotFoundError:
        return Unrestorable(listed.url, "expected what the listing had, found it gone; run it again")
    except StoreError as error:
        return Unrestorable(listed.url, str(error))
    tagged = read_tags(video.tags)
    if tagged is None:
        tagged = read_tags(video.tags, canonical_url=shares.canonical_url(key))
    if tagged is None:
        return Unrestorable(
            listed.url,
            "expected tags that say which share and link it is of, found none that fit; share the link again",
        )
    return _FoundVideo(store.backend, listed.key, tagged, video, track, files)


def _file_at(store: MediaStore, url: str) -> StoredObject | None:
    """Return a transcript's file; None if it is gone or damaged, because it can be made again."""
    try:
        return store.head(url)
    except StoreError as error:
        if isinstance(error, ObjectNotFoundError) or error.error_class is StoreErrorClass.CHECKSUM:
            return None
        raise


def _media_of(
    by_backend: Mapping[Backend, _FoundVideo], policy: StoragePolicy, retention: RetentionPolicy, now: datetime
) -> Media:
    any_found = next(iter(by_backend.values()))
    wanted = place(policy, any_found.tagged.share_id).backend
    found = by_backend.get(wanted, any_found)
    tagged = found.tagged
    media = Media(
        media_id=tagged.media_id,
        canonical_url=tagged.canonical_url,
        platform=tagged.platform,
        share_id=tagged.share_id,
        state=MediaState.STORED,
        info=tagged.info,
        video=_part(PartKind.VIDEO, found.object_key, found.video),
        audio=_audio_of(found, by_backend),
        download_seconds=tagged.download_seconds,
        # Only the files beside this video. Those on another backend may be of an older transcript.
        transcript_files={
            kind: _part(kind, transcript_key(found.object_key, kind), file) for kind, file in found.files.items()
        },
    )
    audio = {PartKind.AUDIO: found.audio} if found.audio else {}
    objects = {PartKind.VIDEO: found.video, **audio, **found.files}
    placement = placed_by(Decider.FOUND, policy, tagged.share_id, found.backend)
    return as_placed(media, placement, objects, now=now, policy=retention)


def _audio_of(found: _FoundVideo, by_backend: Mapping[Backend, _FoundVideo]) -> Part | None:
    """Return the audio track beside the video, else one elsewhere, else where the lost one was; None without sound.

    A lost track is recorded too. Transcription then reads the video, and a move brings the track along if it is found.
    """
    tracks = [each.audio for each in (found, *by_backend.values()) if each.audio is not None]
    if tracks:
        track = tracks[0]
        return _part(PartKind.AUDIO, audio_key(found.object_key, track.url.rpartition(".")[2]), track)
    tagged = found.tagged
    if tagged.audio is None:
        return None
    folder = found.video.url.removesuffix(found.object_key)
    key = audio_key(found.object_key, tagged.audio_extension)
    return Part(PartKind.AUDIO, key, folder + key, tagged.audio, tagged.audio_content_type)


def _part(kind: PartKind, key: str, stored: StoredObject) -> Part:
    return Part(kind, key, stored.url, stored.digest, stored.content_type)
