"""The bucket as a media store over a failing network: each fault ends in the right bytes or in a typed error.

Every method meets every fault, once and permanently. What no client can notice is marked with its reason.
"""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from tests.fakes.stores import digest_of_bytes
from tests.support.fault_proxy import ALWAYS, Fault
from tests.support.s3_bench import ATTEMPTS, LARGE, PARTS, RANGES, SMALL, Bench

TOMORROW = datetime.now(UTC) + timedelta(days=1)

# --- The methods ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Method:
    """A method of the port: the requests that break, how many of them it makes, and how many in all.

    `has_answer` is whether the answers to these requests have a body that can be damaged, `is_sent` whether the
    requests have. `prepare` runs before the fault; `use` makes the call and asserts its result.
    """

    request: str
    query: str
    requests: int
    all_requests: int
    use: Callable[[Bench], None]
    prepare: Callable[[Bench], object] = lambda _: None
    has_answer: bool = True
    is_sent: bool = False


def put(data: bytes, *, may_replace: bool = False) -> Callable[[Bench], None]:
    """Return a function that puts the data and checks that the object is there."""

    def use(bench: Bench) -> None:
        assert bench.put(data, may_replace=may_replace).digest == digest_of_bytes(data)
        assert bench.stored() == data

    return use


def get(*, in_ranges: bool) -> Callable[[Bench], None]:
    """Return a function that gets the object and checks that the file is whole."""

    def use(bench: Bench) -> None:
        assert bench.get(SMALL, in_ranges=in_ranges) == SMALL

    return use


def read(*, in_ranges: bool) -> Callable[[Bench], None]:
    """Return a function that reads the object to its end and checks it."""

    def use(bench: Bench) -> None:
        assert bench.read(in_ranges=in_ranges) == SMALL

    return use


def head(bench: Bench) -> None:
    """Read the object's head."""
    assert bench.store.head(bench.url).digest == digest_of_bytes(SMALL)


def list_one(bench: Bench) -> None:
    """List the one object below the test's prefix."""
    [listed] = bench.store.list(bench.key)
    assert (listed.key, listed.url, listed.size_bytes) == (bench.key, bench.url, len(SMALL))


def delete(bench: Bench) -> None:
    """Delete the object."""
    bench.store.delete(bench.url)
    assert bench.stored() is None


def leftovers(bench: Bench) -> None:
    """List the one upload below the test's prefix."""
    [leftover] = bench.store.leftovers(bench.key, begun_before=TOMORROW)
    assert leftover.name.startswith(f"{bench.url}#")


def remove_leftover(bench: Bench) -> None:
    """Abort the upload."""
    for leftover in bench.store.leftovers(bench.key, begun_before=TOMORROW):
        bench.store.remove_leftover(leftover)
    assert bench.open_uploads() == []


def stored(bench: Bench) -> None:
    """Put the object there before anything breaks."""
    bench.put(SMALL)


UPLOAD_REQUESTS = 2 + 2 + PARTS + 1
"""A multipart upload's requests: two HEADs, its beginning and completion, the parts, and the abort of a lost upload."""

METHODS = {
    "put": Method("PUT", "", 1, 2, put(SMALL, may_replace=True), has_answer=False, is_sent=True),
    "put, not replacing": Method("PUT", "", 1, 3, put(SMALL), has_answer=False, is_sent=True),
    "put, its parts": Method("PUT", "", PARTS, UPLOAD_REQUESTS, put(LARGE), has_answer=False, is_sent=True),
    "put, its beginning": Method("POST", "uploads", 1, UPLOAD_REQUESTS, put(LARGE)),
    "put, its completion": Method("POST", "uploadId=", 1, UPLOAD_REQUESTS, put(LARGE)),
    "get": Method("GET", "", 1, 2, get(in_ranges=False), stored),
    "get, several ranges": Method("GET", "", RANGES, 1 + RANGES, get(in_ranges=True), stored),
    "open": Method("GET", "", 1, 2, read(in_ranges=False), stored),
    "open, several ranges": Method("GET", "", RANGES, 1 + RANGES, read(in_ranges=True), stored),
    "head": Method("HEAD", "", 1, 1, head, stored, has_answer=False),
    "list": Method("GET", "list-type", 1, 1, list_one, stored),
    "delete": Method("DELETE", "", 1, 1, delete, stored, has_answer=False),
    "leftovers": Method("GET", "uploads", 1, 1, leftovers, Bench.begin_upload),
    "remove_leftover": Method("DELETE", "", 1, 2, remove_leftover, Bench.begin_upload, has_answer=False),
}
FETCHING = {"get", "get, several ranges", "open", "open, several ranges"}

BREAKS = [Fault.THROTTLED, Fault.INTERNAL_ERROR, Fault.RESET, Fault.LOST_ANSWER]
DAMAGES = [Fault.TRUNCATED, Fault.SHORT, Fault.FLIPPED]

UNNOTICEABLE = {
    ("list", Fault.FLIPPED): "a listing has no checksum: against wrong bits in it there is TLS",
    ("leftovers", Fault.FLIPPED): "as a listing",
}
"""Cases that may have any result, except an error that is not typed."""


def outcome_of(name: str, fault: Fault, times: int) -> StoreErrorClass | None:
    """Return the error class of a method that meets a fault so many times, or None if it succeeds anyway."""
    method = METHODS[name]
    match fault:
        case Fault.FLIPPED if method.is_sent or name in FETCHING:
            return StoreErrorClass.CHECKSUM
        case Fault.FLIPPED:
            return None  # no body, or a wrong bit where nothing reads it: in the bucket's name
        case Fault.SHORT if name == "head":
            return StoreErrorClass.CHECKSUM  # half the object's size, which contradicts the recorded size
        case Fault.TRUNCATED | Fault.SHORT if not method.has_answer:
            return None  # no body to cut
        case Fault.TRUNCATED | Fault.SHORT if name == "put, its completion":
            return None  # the second try is answered that the upload is gone, and the object is found complete
    if times == 1:
        return None
    if fault is Fault.THROTTLED:
        return StoreErrorClass.THROTTLED
    return StoreErrorClass.CHECKSUM if fault is Fault.SHORT and name in FETCHING else StoreErrorClass.UNAVAILABLE


def lost_uploads(bench: Bench, name: str, fault: Fault) -> int:
    """Count the uploads that the server began but whose ids never arrived: only `leftovers` can find these."""
    is_begun = name == "put, its beginning" and fault in {Fault.TRUNCATED, Fault.SHORT, Fault.LOST_ANSWER}
    return bench.proxy.faults if is_begun else 0


@pytest.mark.parametrize("times", [1, ALWAYS], ids=["once", "always"])
@pytest.mark.parametrize("fault", BREAKS + DAMAGES)
@pytest.mark.parametrize("name", METHODS)
def test_each_method_survives_a_fault_or_fails_typed(bench: Bench, name: str, fault: Fault, times: int) -> None:
    """Whatever breaks, a method succeeds or raises a typed error after a set number of requests; nothing is partial."""
    method = METHODS[name]
    method.prepare(bench)
    before = bench.stored()
    broken = Fault.FLIPPED_REQUEST if fault is Fault.FLIPPED and method.is_sent else fault
    bench.proxy.break_next(broken, method.request, times=times, query=method.query)
    found: StoreErrorClass | None = None
    found_words = ""

    with suppress(AssertionError) if (name, fault) in UNNOTICEABLE else nullcontext():
        try:
            method.use(bench)
        except StoreError as error:
            found = error.error_class
            found_words = str(error)

    if (name, fault) not in UNNOTICEABLE:
        assert found == outcome_of(name, fault, times)
    assert 1 <= bench.proxy.faults <= min(times, ATTEMPTS * method.requests)
    assert sum(bench.proxy.requests.values()) <= method.all_requests + bench.proxy.faults
    if name.startswith("put"):
        assert len(bench.open_uploads()) == lost_uploads(bench, name, fault)
    if found is not None:
        assert bench.url in found_words
        assert bench.fetched_files() == []
        if fault is not Fault.LOST_ANSWER:
            assert bench.stored() == before
        bench.proxy.pass_through()
        method.use(bench)


def test_an_upload_that_cannot_be_aborted_is_named(bench: Bench) -> None:
    """When the abort fails too, the first failure is raised, with a note about the upload left behind."""
    bench.proxy.break_next(Fault.INTERNAL_ERROR, "PUT", "DELETE")

    with pytest.raises(StoreError) as caught:
        bench.put(LARGE)

    cause = caught.value.__cause__
    [left] = bench.open_uploads()
    assert caught.value.error_class is StoreErrorClass.UNAVAILABLE
    assert cause is not None
    assert any(left in note for note in cause.__notes__)
