"""What must hold of the books: decisions, verifications, events with their totals, and incidents. None changes a media.

Nothing of the package is used. What the books should say is worked out from the rows and the bytes themselves.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from tests.crash.job_names import Job
from tests.crash.memory import Memory
from tests.crash.rollout_settings import EVENT_DAYS
from tests.crash.snapshot import Row, Snapshot, moment
from tests.crash.world import BUCKET

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPANS = (0, 300, 3600, 86_400)
"""In seconds. 0 is over all time, from the epoch."""

_SERIES = ("operation", "backend", "purpose", "kind", "error_class")
_DECIDING = frozenset({Job.DECIDE, Job.ASK_GATE})
_JOBS = frozenset(Job)


def position_in(found: Snapshot) -> int:
    """Return the id of the last event that the totals say they have."""
    return int(found.cursors.get("event_totals", 0))


def find_in_books(kind: str, before: Snapshot, after: Snapshot, memory: Memory, began: datetime) -> Iterator[str]:
    """Yield what a step of a kind has done to the books that it must not, in words."""
    if kind in _JOBS:
        yield from _touched(kind, before, after)
    yield from _decisions(kind, before, after, memory)
    yield from _placements(before, after, began)
    yield from _verifications(kind, before, after)
    yield from _events(kind, before, after, memory)
    yield from _totals(before, after, memory)
    yield from _incidents(before, after, memory)


def _touched(kind: str, before: Snapshot, after: Snapshot) -> Iterator[str]:
    one, two = before.comparable(), after.comparable()
    for name, content in one.items():
        if content != two[name]:
            yield f"{kind} changed {name}, which is not its own"


def _decisions(kind: str, before: Snapshot, after: Snapshot, memory: Memory) -> Iterator[str]:
    if after.decisions[: len(before.decisions)] != before.decisions:
        yield "a decision that was on record was changed or removed"
        return
    added = after.decisions[len(before.decisions) :]
    if len(added) > (1 if kind in _DECIDING else 0):
        yield f"{kind} recorded {len(added)} decisions"
    if lost := memory.decided - {row["id"] for row in after.decisions}:
        yield f"decisions that somebody was told of are not on record: {lost}"
    known = before.decisions
    for row in added:
        yield from _decision(row, known)
        known = (*known, row)


def _decision(row: Row, earlier: Sequence[Row]) -> Iterator[str]:
    """Find what is not whole about a decision, by the state that the earlier ones have left."""
    name = f"decision {row['id']} ({row['action']})"
    if row["previous_id"] != (earlier[-1]["id"] if earlier else 0):
        yield f"{name} does not follow the one before it"
    last = standing(earlier)
    stage, was_rolled_back = (last["stage"], bool(last["is_rolled_back"])) if last is not None else (None, False)
    is_to_be = {"rollback": True, "resume": False}.get(row["action"], was_rolled_back)
    if bool(row["is_rolled_back"]) is not is_to_be:
        yield f"{name} is on record by half: is_rolled_back is {row['is_rolled_back']}"
    if row["action"] in {"rollback", "resume", "advise"} and row["stage"] != stage:
        yield f"{name} changed the stage from {stage} to {row['stage']}"
    evidence = json.loads(row["evidence"])
    if missing := {"state", "plan", "limits", "configured", "figures", "rules"} - evidence.keys():
        yield f"{name} has no {', '.join(sorted(missing))} in its evidence"
    elif evidence["state"]["decision_id"] != (last["id"] if last is not None else None):
        yield f"{name} was taken in another state than stood"


def standing(decisions: Sequence[Row]) -> Row | None:
    """Return the newest decision that is not advice."""
    return next((row for row in reversed(decisions) if row["action"] != "advise"), None)


def _placements(before: Snapshot, after: Snapshot, began: datetime) -> Iterator[str]:
    """Find a media that was placed by another policy than the decisions on record left."""
    last = standing(before.decisions)
    for row in after.media.values():
        earlier = before.media.get(row["media_id"])
        is_new = earlier is None or earlier["video_url"] != row["video_url"] or earlier["state"] != row["state"]
        stored_at = moment(row["stored_at"])
        if not is_new or row["state"] != "stored" or stored_at is None or stored_at < began:
            continue
        if row["placement_decided_by"] not in {None, "policy"} or last is None:
            continue
        if last["is_rolled_back"] and row["placement_backend"] != "local":
            yield f"media {row['media_id']} went to {row['placement_backend']} under the rollback {last['id']}"
        is_staged = row["placement_mode"] == "hybrid" and last["stage"] is not None and not last["is_rolled_back"]
        if is_staged and f"{row['placement_percentage']}%" != last["stage"]:
            yield f"media {row['media_id']} was placed at {row['placement_percentage']}%, in stage {last['stage']}"


def _verifications(kind: str, before: Snapshot, after: Snapshot) -> Iterator[str]:
    if after.verifications[: len(before.verifications)] != before.verifications:
        yield "a verification that was on record was changed or removed"
    added = after.verifications[len(before.verifications) :]
    if len(added) > (kind == Job.VERIFY):
        yield f"{kind} recorded {len(added)} verifications"
    for row in added:
        missing, different, expired = _count_absent(after, moment(row["verified_at"]) or _EPOCH)
        counts = json.loads(row["counts"])
        if (row["missing"], counts["expired"]) != (missing, expired):
            yield f"a verification has {row['missing']} missing, {missing} are; {counts['expired']}, {expired} expired"
        if row["different"] < different or (row["is_good"] and missing + different):
            yield f"a verification has {row['different']} different and calls it {row['is_good']}; {different} are"


def _count_absent(found: Snapshot, now: datetime) -> tuple[int, int, int]:
    """Count the recorded parts that are missing, of other bytes, and removed by a rule."""
    missing = different = expired = 0
    for row in found.media.values():
        parts = [(row["video_url"], row["sha256"]), (row["audio_url"], row["audio_sha256"])]
        parts += [(file["url"], file["sha256"]) for file in row["transcript_files"]]
        for url, sha256 in parts:
            if row["state"] == "staged" or url is None:
                continue
            end = moment(row["expires_at"])
            is_gone = _is_gone(url, found)
            if row["state"] == "expired" or (is_gone and end is not None and end <= now):
                expired += 1
            elif is_gone:
                missing += 1
            elif not found.holds(url, sha256):
                different += 1
    return missing, different, expired


def _is_gone(url: str, found: Snapshot) -> bool:
    key = url.removeprefix(f"s3://{BUCKET}/")
    return key not in found.objects if key != url else url not in found.files


def _events(kind: str, before: Snapshot, after: Snapshot, memory: Memory) -> Iterator[str]:
    there = {row["id"]: row for row in after.events}
    removed = [row for row in before.events if row["id"] not in there]
    if removed and kind != Job.FORGET_EVENTS:
        yield f"{kind} removed {len(removed)} storage events"
    newest = max((row["id"] for row in before.events), default=0)
    for row in removed:
        if row["id"] > position_in(before):
            yield f"storage event {row['id']} was removed before it was counted"
        if row["id"] == newest:
            yield f"the newest storage event, {newest}, was removed: its id would be given again"
        happened = moment(row["occurred_at"]) or _EPOCH
        if memory.now - happened < timedelta(days=EVENT_DAYS):
            yield f"storage event {row['id']} was removed when it was {memory.now - happened} old"
    if any(memory.events[number] != row for number, row in there.items()):
        yield "a storage event on record was changed"


def _totals(before: Snapshot, after: Snapshot, memory: Memory) -> Iterator[str]:
    """Find totals that are not the sums of all events up to the recorded position, each counted once."""
    position = position_in(after)
    if position < position_in(before):
        yield f"the totals went back from event {position_in(before)} to {position}"
    if (position, after.totals) == (position_in(before), before.totals):
        return
    counted, size_bytes, timed = Counter[tuple[object, ...]](), Counter[tuple[object, ...]](), Counter[object]()
    for row in memory.events.values():
        if row["id"] > position:
            continue
        series = tuple(row[name] or "" for name in _SERIES)
        for span in _SPANS:
            of = (span, _floor(row["occurred_at"], span), *series)
            counted[of] += 1
            size_bytes[of] += 0 if row["error_class"] else row["size_bytes"]
            timed[of] += not row["error_class"]
    for row in after.totals:
        of = (row["span_seconds"], _floor(row["starts_at"], row["span_seconds"]), *(row[name] for name in _SERIES))
        in_bins = sum(json.loads(row["latency_bins"]).values())
        if (row["events"], row["size_bytes"], in_bins) != (counted[of], size_bytes[of], timed[of]):
            yield (
                f"the totals count {row['events']} events of {row['size_bytes']} bytes as {of}; up to event {position} "
                f"there were {counted[of]} of {size_bytes[of]}"
            )
        del counted[of]
    if counted:
        yield f"the totals lack {dict(counted)}, though they say that they go up to event {position}"


@lru_cache(maxsize=4096)
def _floor(text: str, span: int) -> datetime:
    if not span:
        return _EPOCH
    seconds = int((datetime.fromisoformat(text) - _EPOCH).total_seconds())
    return _EPOCH + timedelta(seconds=seconds - seconds % span)


def _incidents(before: Snapshot, after: Snapshot, memory: Memory) -> Iterator[str]:
    open_ = Counter(row["key"] for row in after.incidents if row["closed_at"] is None)
    if double := [key for key, count in open_.items() if count > 1]:
        yield f"incidents are open twice: {double}"
    if lost := {row["id"] for row in before.incidents} - {row["id"] for row in after.incidents}:
        yield f"incidents are no longer on record: {lost}"
    for row in after.incidents:
        opened_at = moment(row["opened_at"]) or _EPOCH
        sent = memory.alerts[f"{row['key']} {opened_at.isoformat()}"]
        if row["delivered_at"] is not None and not sent:
            yield f"incident {row['key']} is on record as told, and nobody was"
        if sent > 1 + memory.killed[Job.TELL]:
            yield f"incident {row['key']} was told {sent} times, after {memory.killed[Job.TELL]} kills"
