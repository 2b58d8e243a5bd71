"""What a message says of the bucket: which objects have arrived, and everything else by name. Nothing here raises.

S3's own events come in three envelopes: as they are, in a message of SNS, and in the form of EventBridge. Who may write
to a queue may write anything, so nothing that a message says is believed: it only says where to look.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from string import hexdigits
from urllib.parse import unquote_plus

from bookmarkai_assets.core.text import clean_line

_MAX_DETAIL_CHARACTERS = 200
_TEST_EVENT = "s3:TestEvent"
_CREATED = "ObjectCreated:"
_BRIDGE_CREATED = "Object Created"
_BRIDGE_SOURCE = "aws.s3"


class Unwanted(StrEnum):
    """Why a message, or one record in it, names no upload.

    `test_event`: what S3 sends once when events are turned on. `other_event`: something else happened than that an
    object arrived. `foreign_bucket` and `foreign_key`: it arrived where no uploads are. `malformed`: it cannot be read.
    """

    TEST_EVENT = "test_event"
    OTHER_EVENT = "other_event"
    FOREIGN_BUCKET = "foreign_bucket"
    FOREIGN_KEY = "foreign_key"
    MALFORMED = "malformed"


@dataclass(frozen=True)
class ArrivedObject:
    """An object that is said to have arrived under the prefix of uploads.

    `sequencer` orders the events of one key, see `is_outdated`. Not every server sends one.
    """

    key: str
    size_bytes: int | None = None
    sequencer: str | None = None


@dataclass(frozen=True)
class UnwantedRecord:
    """A message, or one record in it, that names no upload. `detail` is cleaned text for a log."""

    why: Unwanted
    detail: str


@dataclass(frozen=True)
class Notice:
    """What one message says, in its order. It may have several records, of different kinds."""

    arrived: tuple[ArrivedObject, ...] = ()
    unwanted: tuple[UnwantedRecord, ...] = ()

    @property
    def is_malformed(self) -> bool:
        """Whether some of it cannot be read, so that it may say something that is not known here."""
        return any(record.why is Unwanted.MALFORMED for record in self.unwanted)


def read_notice(body: str, *, bucket: str, prefix: str) -> Notice:
    """Read the body of a message, which may be any text. `bucket` and `prefix` are where uploads arrive."""
    records = [_place(record, bucket, prefix) for record in _records_of(body)]
    return Notice(
        arrived=tuple(record for record in records if isinstance(record, ArrivedObject)),
        unwanted=tuple(record for record in records if isinstance(record, UnwantedRecord)),
    )


def is_outdated(arrived: ArrivedObject, newest: Mapping[str, str]) -> bool:
    """Whether an event is not newer than one of its key that was dealt with. `newest` has those, by key.

    The shorter of two sequencers is padded with zeros on its right. The answer only saves work: what has become of an
    upload is in its row and in the bucket.
    """
    known = newest.get(arrived.key)
    if known is None or arrived.sequencer is None:
        return False
    width = max(len(known), len(arrived.sequencer))
    return arrived.sequencer.ljust(width, "0") <= known.ljust(width, "0")


@dataclass(frozen=True)
class _Created:
    """A record that an object was created, wherever."""

    bucket: str
    arrived: ArrivedObject


def _place(record: _Created | UnwantedRecord, bucket: str, prefix: str) -> ArrivedObject | UnwantedRecord:
    if isinstance(record, UnwantedRecord):
        return record
    if record.bucket != bucket:
        return _unwanted(Unwanted.FOREIGN_BUCKET, record.bucket)
    if not record.arrived.key.startswith(prefix):
        return _unwanted(Unwanted.FOREIGN_KEY, record.arrived.key)
    return record.arrived


def _records_of(body: str, *, is_wrapped: bool = False) -> Iterator[_Created | UnwantedRecord]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        yield _malformed("expected JSON", body)
        return
    match message:
        case {"Records": list(records)}:
            yield from (_record_of(record, body) for record in records)
        case {"Event": str(event)} if event == _TEST_EVENT:
            yield _unwanted(Unwanted.TEST_EVENT, str(message.get("Bucket", "")))
        case {"Type": "Notification", "Message": str(inner)} if not is_wrapped:
            yield from _records_of(inner, is_wrapped=True)
        case {"source": str(source), "detail-type": str(kind)} if source == _BRIDGE_SOURCE:
            yield _bridge_record_of(message, kind, body)
        case _:
            yield _malformed("expected an event of S3", body)


def _record_of(record: object, body: str) -> _Created | UnwantedRecord:
    match record:
        case {"eventName": str(name)} if not name.removeprefix("s3:").startswith(_CREATED):
            return _unwanted(Unwanted.OTHER_EVENT, name)
        case {
            "eventName": str(),
            "s3": {"bucket": {"name": str(bucket)}, "object": {"key": str(key), **details}},
        }:
            # Encoded as a form is: a space is a plus.
            return _Created(bucket, _arrived(unquote_plus(key), details))
        case _:
            return _malformed("expected records of S3", body)


def _bridge_record_of(message: Mapping[str, object], kind: str, body: str) -> _Created | UnwantedRecord:
    if kind != _BRIDGE_CREATED:
        return _unwanted(Unwanted.OTHER_EVENT, kind)
    match message:
        case {"detail": {"bucket": {"name": str(bucket)}, "object": {"key": str(key), **details}}}:
            return _Created(bucket, _arrived(key, details))
        case _:
            return _malformed("expected an event of EventBridge", body)


def _arrived(key: str, details: Mapping[object, object]) -> ArrivedObject:
    size, sequencer = details.get("size"), details.get("sequencer")
    return ArrivedObject(
        key,
        size_bytes=size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
        sequencer=sequencer.upper() if isinstance(sequencer, str) and _is_hex(sequencer) else None,
    )


def _is_hex(text: str) -> bool:
    return bool(text) and all(character in hexdigits for character in text)


def _malformed(expected: str, found: str) -> UnwantedRecord:
    return _unwanted(Unwanted.MALFORMED, f"{expected}, found {found}")


def _unwanted(why: Unwanted, detail: str) -> UnwantedRecord:
    return UnwantedRecord(why, clean_line(detail, max_characters=_MAX_DETAIL_CHARACTERS))
