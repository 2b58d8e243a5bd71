"""What a message says of the bucket: what arrived, and everything else by name."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bookmarkai_assets.core.uploads.events import ArrivedObject, Notice, Unwanted, is_outdated, read_notice
from tests.support.s3_events import BUCKET, TEST_EVENT, bridge_event, in_sns, s3_event, s3_record
from tests.support.uploads import PREFIX

KEY = f"{PREFIX}11111111-1111-4111-8111-111111111111/file"


def read(body: str) -> Notice:
    """Read a body as this installation does."""
    return read_notice(body, bucket=BUCKET, prefix=PREFIX)


def reasons(body: str) -> list[Unwanted]:
    """Return why the records of a body are unwanted."""
    return [record.why for record in read(body).unwanted]


@pytest.mark.parametrize(
    "event", ["ObjectCreated:Put", "ObjectCreated:Post", "s3:ObjectCreated:CompleteMultipartUpload"]
)
def test_an_object_that_was_created_has_arrived(event: str) -> None:
    """By whatever request; some servers put `s3:` before the event's name."""
    body = s3_event(KEY, event=event, sequencer="0a1b", size=7)
    assert read(body) == Notice(arrived=(ArrivedObject(KEY, size_bytes=7, sequencer="0A1B"),))


def test_all_records_of_a_message_are_read() -> None:
    """In their order, wanted and unwanted apart."""
    records = [s3_record(f"{PREFIX}a"), s3_record("temp/videos/b"), s3_record(f"{PREFIX}c")]
    notice = read(json.dumps({"Records": records}))
    assert [one.key for one in notice.arrived] == [f"{PREFIX}a", f"{PREFIX}c"]
    assert [one.why for one in notice.unwanted] == [Unwanted.FOREIGN_KEY]


@pytest.mark.parametrize("name", ["red flower.jpg", "a+b%2F.mp4", "ü/ß.mp4", "日本\u200d.mp4"])
def test_keys_are_decoded_as_forms_are(name: str) -> None:
    """A space is a plus in S3's events, and everything else is encoded by percent."""
    [arrived] = read(s3_event(PREFIX + name)).arrived
    assert arrived.key == PREFIX + name


def test_keys_of_event_bridge_are_as_they_are() -> None:
    """EventBridge does not encode them."""
    [arrived] = read(bridge_event(f"{PREFIX}a+b%20c")).arrived
    assert arrived == ArrivedObject(f"{PREFIX}a+b%20c", size_bytes=20, sequencer="0A")


@pytest.mark.parametrize("body", [s3_event(KEY, sequencer="0A"), bridge_event(KEY)])
def test_a_message_of_sns_is_read_by_what_it_passes_on(body: str) -> None:
    """One envelope deep."""
    assert read(in_sns(body)) == read(body)
    assert reasons(in_sns(in_sns(body))) == [Unwanted.MALFORMED]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (TEST_EVENT, Unwanted.TEST_EVENT),
        (in_sns(TEST_EVENT), Unwanted.TEST_EVENT),
        (s3_event(KEY, event="ObjectRemoved:Delete"), Unwanted.OTHER_EVENT),
        (s3_event(KEY, event="s3:ObjectTagging:Put"), Unwanted.OTHER_EVENT),
        (bridge_event(KEY, kind="Object Deleted"), Unwanted.OTHER_EVENT),
        (s3_event(KEY, bucket="another"), Unwanted.FOREIGN_BUCKET),
        (bridge_event(KEY, bucket="another"), Unwanted.FOREIGN_BUCKET),
        (s3_event("temp/videos/a.mp4"), Unwanted.FOREIGN_KEY),
        (s3_event(PREFIX[:-1]), Unwanted.FOREIGN_KEY),
        (s3_event(f"/{KEY}"), Unwanted.FOREIGN_KEY),
        ("", Unwanted.MALFORMED),
        ("{", Unwanted.MALFORMED),
        ("null", Unwanted.MALFORMED),
        ("[" * 100_000, Unwanted.MALFORMED),
        ("1" * 10_000, Unwanted.MALFORMED),
        ("{}", Unwanted.MALFORMED),
        ('{"Records": {}}', Unwanted.MALFORMED),
        ('{"Records": [1]}', Unwanted.MALFORMED),
        ('{"Records": [{"eventName": "ObjectCreated:Put"}]}', Unwanted.MALFORMED),
        ('{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {}, "object": {}}}]}', Unwanted.MALFORMED),
        ('{"Event": "another"}', Unwanted.MALFORMED),
        ('{"Type": "Notification", "Message": 1}', Unwanted.MALFORMED),
        ('{"source": "aws.s3", "detail-type": "Object Created", "detail": []}', Unwanted.MALFORMED),
        ('{"source": "aws.ec2", "detail-type": "Object Created"}', Unwanted.MALFORMED),
    ],
)
def test_everything_else_has_a_name(body: str, why: Unwanted) -> None:
    """Only what cannot be read is malformed: it may say something that is not known here."""
    notice = read(body)
    assert [record.why for record in notice.unwanted] == [why]
    assert notice.arrived == ()
    assert notice.is_malformed is (why is Unwanted.MALFORMED)


def test_an_event_without_records_says_nothing() -> None:
    """It is read, and there is nothing to do."""
    assert read('{"Records": []}') == Notice()


def test_what_is_said_of_a_stranger_can_be_logged() -> None:
    """One line, without control characters, of some length at most."""
    [record] = read(s3_event("evil\n\x1b[31m\u202e" + "x" * 5000)).unwanted
    assert record.detail.isprintable()
    assert len(record.detail) <= 200


@pytest.mark.parametrize("size", ["20", -1, 1.5, True, None, [1]])
@pytest.mark.parametrize("sequencer", ["", "xyz", 17, None, "0A "])
def test_odd_details_are_left_out(size: object, sequencer: object) -> None:
    """Nothing depends on them, so the object has arrived all the same."""
    record: dict[str, Any] = s3_record(KEY)
    record["s3"]["object"] |= {"size": size, "sequencer": sequencer}
    assert read(json.dumps({"Records": [record]})).arrived == (ArrivedObject(KEY),)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Records", "s3", "object", "bucket", "key", "name", "eventName", "Type", "Message", "detail"]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.text() | _JSON.map(json.dumps))
@example(s3_event("key").replace('"key"', '"\\ud800"'))
def test_no_body_raises(body: str) -> None:
    """Whoever may send to the queue may send anything."""
    read(body)


_SEQUENCERS = st.text("0123456789ABCDEF", min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("sequencer", "known", "expected"),
    [
        ("0A", None, False),
        (None, "0A", False),
        ("0A", "0A", True),
        ("0A", "0A00", True),
        ("0A00", "0A", True),
        ("0A01", "0A", False),
        ("0A", "0A01", True),
        ("0B", "0AFFFF", False),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6", True),
        ("0055AED6DCD90281E6", "0055AED6DCD90281E5", False),
    ],
)
def test_the_order_of_one_keys_events(sequencer: str | None, known: str | None, expected: object) -> None:
    """By the sequencer, the shorter of two padded on the right. An event without one is always news."""
    newest = {} if known is None else {KEY: known}
    assert is_outdated(ArrivedObject(KEY, sequencer=sequencer), newest) is expected


@given(_SEQUENCERS, _SEQUENCERS)
def test_of_two_events_at_least_one_is_outdated_by_the_other(first: str, second: str) -> None:
    """The order is total, and events of other keys do not count."""
    is_first = is_outdated(ArrivedObject(KEY, sequencer=first), {KEY: second})
    is_second = is_outdated(ArrivedObject(KEY, sequencer=second), {KEY: first})
    assert is_first or is_second
    assert not is_outdated(ArrivedObject(KEY, sequencer=first), {f"{KEY}2": second})
