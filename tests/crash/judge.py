"""What must hold after every step and after recovery, judged by what is really there, not by what code reports."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path

from bookmarkai_assets.core.media.media import media_id_of
from tests.crash.books import find_in_books, position_in
from tests.crash.memory import Memory
from tests.crash.snapshot import LocalFile, Row, Snapshot, moment, proof_of
from tests.crash.world import (
    BUCKET,
    GRACE,
    LOCAL_DAYS,
    NAMES,
    VIDEO_PREFIX,
    audio_bytes,
    link_of,
    sha256,
    video_bytes,
    words_of,
)

_KEY = re.compile(re.escape(VIDEO_PREFIX) + r"\d{4}/\d\d/\d\d/([0-9a-f]{16})_\d+(\.audio)?\.(mp4|m4a|json|txt|srt|vtt)")
_TYPES = {
    "video": "video/mp4",
    "audio": "audio/mp4",
    "json": "application/json",
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
}
_DOCUMENTS = _TYPES.keys() - {"video", "audio"}
_MEDIA = {name: media_id_of(link_of(name)) for name in NAMES}
_NAMES_BY_HASH = {media_id[:16]: name for name, media_id in _MEDIA.items()}


class Violation(BaseException):
    """Something that must hold does not. Not an `Exception`, so that no code in between catches it as its own."""


def media_id(name: str) -> str:
    """Return the id of the media behind one of the site's links."""
    return _MEDIA[name]


def is_present(row: Row, now: datetime) -> bool:
    """Whether a media must have its bytes: it is stored, and no rule may have taken them."""
    end = moment(row["expires_at"])
    return row["state"] == "stored" and (end is None or now < end)


def has_expired_beside(url: str, found: Snapshot, memory: Memory) -> bool:
    """Whether a video's other part is missing everywhere, because the bucket's rule deleted it before a move could.

    A move goes on with the video, which still contains the sound, and a transcript's files can be made again.
    """
    key = _key(url)
    if _kind(key) == "video" or key not in memory.expired:
        return False
    # Other bytes under its key, such as an older copy's, are not the recorded ones.
    wanted = {digest for row in found.media.values() for _, recorded, digest, _ in _blobs(row) if recorded == url}
    places = [url, *(path for path in found.files if path.endswith(key))]
    return not any(found.holds(place, sha256) for place in places for sha256 in wanted)


def check_step(kind: str, before: Snapshot, after: Snapshot, memory: Memory, *, began: datetime) -> None:
    """Judge one step of a kind by the snapshots before and after it. Raise `Violation`."""
    for finding in chain(_findings(before, after, memory, began), find_in_books(kind, before, after, memory, began)):
        raise Violation(finding)


def check_recovered(found: Snapshot) -> None:
    """Judge what a recovery has left. Raise `Violation`."""
    for share in found.shares:
        if share["status"] != "done":
            work = found.work.get(share["id"], {})
            raise Violation(
                f"share {share['id']} is {share['status']} ({work.get('state')}, {work.get('outcome')}: "
                f"{work.get('reason')}) after recovery"
            )
    for row in found.media.values():
        if row["state"] == "staged":
            raise Violation(f"media {row['media_id']} is staged after recovery")
        if row["state"] == "stored" and {file["kind"] for file in row["transcript_files"]} != _DOCUMENTS:
            raise Violation(f"media {row['media_id']} has no transcript's files after recovery")
    if uncounted := [row["id"] for row in found.events if row["id"] > position_in(found)]:
        raise Violation(f"storage events {uncounted} are in no totals after recovery")
    sidecars = {str(Path(path).with_name(f".{Path(path).name}.json")) for path in found.files}
    left = {path for path in found.hidden if not path.endswith("/.staging")} - sidecars
    if left:
        raise Violation(f"staging or temporary files after recovery: {sorted(left)}")
    if found.uploads:
        raise Violation(f"open multipart uploads after recovery: {found.uploads}")


def check_unchanged(first: Snapshot, second: Snapshot) -> None:
    """Judge a second recovery by what the first has left. Raise `Violation`."""
    one, two = first.comparable(), second.comparable()
    for name, content in one.items():
        if content != two[name]:
            raise Violation(f"a second recovery changed {name}: {_difference(content, two[name])}")


def check_refusal(before: Snapshot, after: Snapshot) -> None:
    """Check that a clean-up which saw an empty store, where media are expected, has done nothing."""
    for name in ("media", "tombstones", "files", "hidden", "objects", "uploads"):
        if getattr(before, name) != getattr(after, name):
            raise Violation(f"clean-up went on with an empty listing: {name} changed")


def _difference(one: object, two: object) -> str:
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        changed = {key: (one.get(key), two.get(key)) for key in {*one, *two} if one.get(key) != two.get(key)}
        return str(changed)
    if isinstance(one, Collection) and isinstance(two, Collection):
        return f"{[x for x in one if x not in two]} became {[x for x in two if x not in one]}"
    return f"{one} became {two}"


def _findings(before: Snapshot, after: Snapshot, memory: Memory, began: datetime) -> Iterator[str]:
    yield from _shares(before, after, memory)
    yield from _recorded_media(before, after, memory)
    yield from _final_names(after, memory)
    yield from _leased(before, after, memory)
    yield from _deletions(before, after, memory, began)
    if after.outside != memory.outside:
        yield f"something outside the media directory was touched: {_difference(memory.outside, after.outside)}"


def _shares(before: Snapshot, after: Snapshot, memory: Memory) -> Iterator[str]:
    ids = {share["id"] for share in after.shares}
    if lost := memory.acknowledged - ids:
        yield f"acknowledged shares are not in the catalog: {lost}"
    if lost := before.transcripts.keys() - after.transcripts.keys():
        yield f"transcripts have gone: {lost}"
    said = {words for name in NAMES for words in _said(name, memory)}
    if wrong := set(after.transcripts.values()) - said:
        yield f"transcripts of what no sound said: {wrong}"
    for share in after.shares:
        row = after.media.get(after.work.get(share["id"], {}).get("media_id", ""))
        if share["status"] != "done":
            continue
        if share["id"] not in after.transcripts:
            yield f"share {share['id']} is done without a transcript"
        if row is None:
            yield f"share {share['id']} is done without a media"
        elif row["state"] == "stored" and share["media_url"] != row["video_url"]:
            yield f"share {share['id']} points at {share['media_url']}, its media is at {row['video_url']}"
        elif row["state"] == "expired" and share["media_url"] is not None:
            yield f"share {share['id']} points at {share['media_url']}, its media has expired"


def _recorded_media(before: Snapshot, after: Snapshot, memory: Memory) -> Iterator[str]:
    for row in after.media.values():
        earlier = before.media.get(row["media_id"])
        was = earlier["state"] if earlier is not None else None
        if row["state"] == "expired" and earlier is not None and was == "stored":
            yield from _expiry(earlier, before, memory.now)
        if row["state"] == "expired" and was not in {"stored", "expired"}:
            yield f"media {_name(row)} expired without ever being stored"
        if is_present(row, memory.now):
            yield from _presence(row, after, memory)


def _presence(row: Row, found: Snapshot, memory: Memory) -> Iterator[str]:
    """Find what a media lacks that must have its bytes: at its recorded location, of the right kind, all parts."""
    name = _name(row)
    if row["audio_url"] is None:
        yield f"media {name} is stored without its audio track"
        return
    is_silent = has_expired_beside(row["audio_url"], found, memory)
    if _backend(row["audio_url"]) != _backend(row["video_url"]) and not is_silent:
        yield f"media {name} has its video at {row['video_url']} and its audio track at {row['audio_url']}"
    for kind, url, digest, content_type in _blobs(row):
        if content_type != _TYPES[kind]:
            yield f"the {kind} of media {name} is recorded as {content_type}"
        if kind not in _DOCUMENTS and digest not in _served(name, kind, memory):
            yield f"the {kind} of media {name} is recorded with a SHA-256 that the site never served"
        if not found.holds(url, digest):
            if not has_expired_beside(url, found, memory):
                yield from _absence(name, kind, url, digest, found, memory)
        elif kind in _DOCUMENTS:
            yield from _document(row, kind, url, found)


def _document(row: Row, kind: str, url: str, found: Snapshot) -> Iterator[str]:
    """Find a recorded file that belongs to no recorded transcript, or is not beside its video."""
    name = _name(row)
    if _backend(url) != _backend(row["video_url"]):
        yield f"media {name} has its video at {row['video_url']} and its transcript's {kind} at {url}"
    said = _words_in(kind, found.data_at(url))
    of = {share for share, work in found.work.items() if work["media_id"] == row["media_id"]}
    if said not in {found.transcripts.get(share) for share in of}:
        yield f"the {kind} of media {name} is on record with words that no transcript of it has: {said}"


def _absence(name: str, kind: str, url: str, digest: str, found: Snapshot, memory: Memory) -> Iterator[str]:
    places = sorted(_both_places(url, found))
    if not any(found.holds(place, digest) for place in places):
        yield f"media {name} is lost: its {kind} is in none of {places}"
    elif _key(url) not in memory.damaged:
        yield f"media {name} is recorded at {url}, where its {kind} is not"


def _expiry(row: Row, before: Snapshot, now: datetime) -> Iterator[str]:
    """Find a stored media that was declared expired too early."""
    name = _name(row)
    in_s3 = _backend(row["video_url"]) == "s3"
    if in_s3:
        end = moment(row["expires_at"])
        if end is None or now < end:
            yield f"media {name} expired before its time: it is in S3 until {end}"
    files = [before.files[path] for path in _local_paths(row, before) if path in before.files]
    if not files and not in_s3:
        yield f"media {name} expired, though it was to be in the local directory"
    if files:
        age = _age(row, files, now)
        if age < timedelta(days=LOCAL_DAYS):
            yield f"media {name} expired when its local copy was {age} old"
        for share in before.shares:
            is_of = before.work.get(share["id"], {}).get("media_id") == row["media_id"]
            if is_of and (share["status"] != "done" or share["id"] not in before.transcripts):
                yield f"media {name} expired while share {share['id']} needs it: {share['status']}"


_PROBE = "store-probe-"
"""What a process that was killed while it tried a store leaves. Clean-up removes it after a day."""


def _final_names(after: Snapshot, memory: Memory) -> Iterator[str]:
    for path, file in after.files.items():
        if _PROBE not in path:
            yield from _final_name(path, file.data, memory)
    for key, found in after.objects.items():
        if key in memory.damaged or _PROBE in key:
            continue
        digest = sha256(found.body)
        yield from _final_name(key, found.body, memory)
        kind = _kind(key)
        if found.content_type != _TYPES[kind]:
            yield f"the {kind} at {key} has the content type {found.content_type}"
        if found.metadata.get("sha256") != digest or found.metadata.get("size") != str(len(found.body)):
            yield f"the object at {key} says another digest of itself"
        if found.metadata.get("media-id", "")[:16] not in key or "share-id" not in found.metadata:
            yield f"the object at {key} does not say which media it is of"


def _final_name(name: str, data: bytes, memory: Memory) -> Iterator[str]:
    match = _KEY.search(name)
    if match is None or match[1] not in _NAMES_BY_HASH:
        yield f"a name of nobody's: {name}"
        return
    kind, of = _kind(name), _NAMES_BY_HASH[match[1]]
    if kind in _DOCUMENTS:
        is_right = _words_in(kind, data) in _said(of, memory)
    else:
        is_right = sha256(data) in _served(of, kind, memory)
    if not is_right:
        yield f"wrong bytes at the final name {name}"


def _words_in(kind: str, data: bytes) -> str:
    """Return the words in a transcript's file, or none if the file is not whole."""
    text = data.decode()
    if kind == "json":
        try:
            text = json.loads(text)["text"]
        except ValueError:
            return ""
    elif kind != "txt":
        cues = [block.partition("\n") for block in text.split("\n\n") if "-->" in block]
        text = " ".join(rest if "-->" in first else rest.partition("\n")[2] for first, _, rest in cues)
    return " ".join(text.split())


def _leased(before: Snapshot, after: Snapshot, memory: Memory) -> Iterator[str]:
    for leased, until in memory.leased.items():
        row = before.media.get(leased)
        if until <= memory.now or row is None:
            continue
        name = _NAMES_BY_HASH[leased[:16]]
        now = after.media[leased]
        watched = ("state", "video_url", "audio_url", "stored_at", "transcript_files")
        if any(row[column] != now[column] for column in watched):
            yield f"media {name} was changed under another run's lease"
        for path, file in before.files.items():
            if leased[:16] in path and after.files.get(path) != file:
                yield f"{path} was touched under another run's lease"


def _deletions(before: Snapshot, after: Snapshot, memory: Memory, began: datetime) -> Iterator[str]:
    acknowledged = {
        url: digest
        for row in before.media.values()
        if row["state"] == "stored"
        for kind, url, digest, _ in _blobs(row)
        # A new transcript's files take the names of the old one's, which are no longer recorded by then.
        if kind not in _DOCUMENTS
    }
    there = _everything(after)
    for url, file in _everything(before).items():
        now = there.get(url)
        if now is None and not _is_put_again(url, before, after):
            yield from _deletion(url, file, before, after, memory, began)
        elif now is not None and now.sha256 != file.sha256 and acknowledged.get(url) == file.sha256:
            yield f"acknowledged bytes at {url} were replaced"


def _everything(found: Snapshot) -> dict[str, LocalFile]:
    """Return all files and objects by URL. An object has no age here, because the bucket deletes by age itself."""
    objects = {
        f"s3://{BUCKET}/{key}": LocalFile(sha256(there.body), len(there.body), 0.0)
        for key, there in found.objects.items()
    }
    return {**found.files, **objects}


def _is_put_again(url: str, before: Snapshot, after: Snapshot) -> bool:
    """Whether a move removed an object that was about to expire, to put the recorded local bytes there again."""
    key = _key(url)
    return _backend(url) == "s3" and any(
        _key(recorded) == key and _backend(recorded) == "local" and after.holds(recorded, digest)
        for row in before.media.values()
        for _, recorded, digest, _ in _blobs(row)
        if row["state"] == "stored"
    )


def _deletion(
    url: str, file: LocalFile, before: Snapshot, after: Snapshot, memory: Memory, began: datetime
) -> Iterator[str]:
    # A deletion that was decided by an earlier process, which died before it was done, keeps its tombstone.
    open_before = {row["id"] for row in before.tombstones if row["removed_at"] is None}
    written = [
        row
        for row in after.tombstones
        if row["url"] == url and (row["id"] in open_before or (moment(row["written_at"]) or began) >= began)
    ]
    if not written:
        yield f"{url} was deleted without a tombstone"
        return
    stone = written[-1]
    if not proof_of(stone):
        yield f"the tombstone of {url} has no proof"
    # Known: the tombstone's digest is the one that the catalog records, also for a copy from before that record.
    row = before.media.get(stone["media_id"] or "")
    recorded: set[str | None] = {digest for _, _, digest, _ in _blobs(row)} if row is not None else set()
    if _kind(url) in _DOCUMENTS:
        recorded.add(None)  # an older transcript's, of another size
    if stone["size_bytes"] != file.size_bytes or stone["sha256"] not in {file.sha256, *recorded}:
        yield f"the tombstone of {url} says {stone['sha256']}, deleted were {file.size_bytes} bytes of {file.sha256}"
    if file.modified_at and memory.now.timestamp() - file.modified_at < GRACE.total_seconds():
        yield f"{url} was deleted within its grace"
    if row is not None:
        stored_at = moment(row["stored_at"])
        if stored_at is not None and row["state"] == "stored" and memory.now - stored_at < GRACE:
            yield f"{url} was deleted within the grace of its media's record"
        if stone["reason"] == "in_s3":
            proven = {k: (u, d) for k, u, d, _ in _blobs(row)}[_kind(url)]
            if not before.holds(*proven) or _backend(proven[0]) != "s3":
                yield f"{url} was deleted for a copy in S3 that was not there"


def _age(row: Row, files: Collection[LocalFile], now: datetime) -> timedelta:
    ages = [timedelta(seconds=now.timestamp() - file.modified_at) for file in files]
    stored_at = moment(row["stored_at"])
    return min([*ages, *([now - stored_at] if stored_at else [])])


def _blobs(row: Row) -> list[tuple[str, str, str, str]]:
    blobs = [("video", row["video_url"], row["sha256"], row["content_type"])]
    if row["audio_url"] is not None:
        blobs.append(("audio", row["audio_url"], row["audio_sha256"], row["audio_content_type"]))
    blobs += [(file["kind"], file["url"], file["sha256"], file["content_type"]) for file in row["transcript_files"]]
    return blobs


def _both_places(url: str, found: Snapshot) -> set[str]:
    key = _key(url)
    return {f"s3://{BUCKET}/{key}", *(path for path in found.files if path.endswith(key)), url}


def _local_paths(row: Row, found: Snapshot) -> list[str]:
    return [path for _, url, _, _ in _blobs(row) for path in found.files if path.endswith(_key(url))]


def _name(row: Row) -> str:
    return _NAMES_BY_HASH[row["media_id"][:16]]


def _key(url: str) -> str:
    match = _KEY.search(url)
    return match[0] if match else url


def _kind(name: str) -> str:
    if ".audio." in name:
        return "audio"
    extension = name.rpartition(".")[2]
    return extension if extension in _DOCUMENTS else "video"


def _backend(url: str) -> str:
    return "s3" if url.startswith("s3://") else "local"


def _said(name: str, memory: Memory) -> set[str]:
    return {words for version in range(1, memory.versions[name] + 1) for words in words_of(name, version)}


def _served(name: str, kind: str, memory: Memory) -> set[str]:
    make = video_bytes if kind == "video" else audio_bytes
    return {sha256(make(name, version)) for version in range(1, memory.versions[name] + 1)}
