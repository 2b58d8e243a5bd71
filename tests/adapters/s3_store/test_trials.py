"""The storage check on a server that lacks something: each thing is named, as a warning or a failure."""

from collections.abc import Mapping
from typing import Any

import pytest

from bookmarkai_assets.adapters.s3_store.inspector import S3Inspector
from bookmarkai_assets.adapters.s3_store.trials import Trials
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.support.fault_proxy import Fault, Lacking, Refusal
from tests.support.guarded_s3 import GuardedS3
from tests.support.lacking_s3 import CHECKSUMS, CONDITIONS, ENCRYPTION, ignoring, refusing, signer_for
from tests.support.s3_bench import Bench

PASS, WARN, FAIL = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL
UNNAMED = Refusal(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
ALL = ("conditions", "checksums", "sse-s3")


def inspector_of(seaweed: SeaweedServer, endpoint: str) -> S3Inspector:
    """Return an inspector of the test server through another endpoint."""
    return S3Inspector(
        seaweed.bucket,
        region=seaweed.region,
        endpoint=endpoint,
        access_key=seaweed.access_key,
        secret_key=seaweed.secret_key,
        use_path_style=True,
        video_prefix="temp/videos/",
        expiry_days=7,
    )


@pytest.fixture
def run_trials(bench: Bench, seaweed: SeaweedServer) -> Any:
    """Return a function that runs all trials on a server that lacks something."""

    def run(lacking: Lacking | None = None) -> Mapping[str, CheckResult]:
        bench.proxy.lacking = lacking
        trials = inspector_of(seaweed, bench.proxy.url).trials(bench.key)
        return {name: trial() for name, trial in trials.items()}

    return run


def statuses(results: Mapping[str, CheckResult]) -> dict[str, CheckStatus]:
    """Return each trial's status."""
    return {name: result.status for name, result in results.items()}


def test_a_server_that_does_all_of_it_passes(bench: Bench, run_trials: Any) -> None:
    """SeaweedFS respects conditions, verifies checksums and encrypts, and no multipart upload is left behind."""
    results = run_trials()

    assert statuses(results) == dict.fromkeys(ALL, PASS)
    assert "AES256" in results["sse-s3"].found
    assert bench.open_uploads() == []


PUT, COMPLETE, GET = "PutObject", "CompleteMultipartUpload", "GetObject"


@pytest.mark.parametrize(
    ("headers", "only", "ignored", "status"),
    [
        (CONDITIONS, "", [f"If-None-Match on {PUT}", f"If-None-Match on {COMPLETE}", f"If-Match on {PUT}"], FAIL),
        ({"if-none-match"}, "", [f"If-None-Match on {PUT}, If-None-Match on {COMPLETE}"], FAIL),
        ({"if-none-match"}, "PUT ", [f"ignores If-None-Match on {PUT}"], FAIL),
        ({"if-none-match"}, "POST ", [f"ignores If-None-Match on {COMPLETE}"], FAIL),
        ({"if-match"}, "", [f"ignores If-Match on {PUT}, If-Match on {COMPLETE}, If-Match on {GET}"], WARN),
        ({"if-match"}, "GET ", [f"ignores If-Match on {GET}"], WARN),
    ],
)
def test_an_ignored_condition_is_named(
    bench: Bench,
    seaweed: SeaweedServer,
    run_trials: Any,
    headers: set[str],
    only: str,
    ignored: list[str],
    status: CheckStatus,
) -> None:
    """An ignored If-None-Match fails, for a single put and for a multipart upload; an ignored If-Match is a warning."""
    results = run_trials(ignoring(seaweed, frozenset(headers), only=only))

    assert statuses(results) == dict.fromkeys(ALL, PASS) | {"conditions": status}
    assert all(name in results["conditions"].found for name in ignored)
    assert "What a server must do" in (results["conditions"].remedy or "")
    assert bench.open_uploads() == []


@pytest.mark.parametrize(
    ("headers", "failed", "words"),
    [
        (CONDITIONS, "conditions", f"refuses If-None-Match on {PUT}"),
        (CHECKSUMS, "checksums", "refuses x-amz-checksum-crc64nvme"),
        (ENCRYPTION, "sse-s3", f"refuses x-amz-server-side-encryption: AES256 on {PUT}"),
    ],
)
@pytest.mark.parametrize("refusal", [UNNAMED, Refusal(501), Refusal(400), Refusal(400, "InvalidArgument", "no")])
def test_a_refused_header_is_named_by_its_trial(
    bench: Bench,
    seaweed: SeaweedServer,
    run_trials: Any,
    headers: frozenset[str],
    failed: str,
    words: str,
    refusal: Refusal,
) -> None:
    """However a server refuses a header, that header's trial fails, and no other."""
    results = run_trials(refusing(seaweed, headers, refusal))

    assert statuses(results) == dict.fromkeys(ALL, PASS) | {failed: FAIL}
    assert words in results[failed].found
    assert str(refusal.status) in results[failed].found
    assert "What a server must do" in (results[failed].remedy or "")
    assert bench.open_uploads() == []


@pytest.mark.parametrize(
    ("headers", "failed", "words"),
    [
        (CHECKSUMS, "checksums", "refuses x-amz-checksum-algorithm: CRC64NVME"),
        (ENCRYPTION, "sse-s3", "refuses x-amz-server-side-encryption: AES256 on CreateMultipartUpload"),
    ],
)
def test_a_header_that_is_refused_in_parts_alone_is_named(
    seaweed: SeaweedServer, run_trials: Any, headers: frozenset[str], failed: str, words: str
) -> None:
    """A server may accept a header with a single put and refuse it with a multipart upload."""
    results = run_trials(refusing(seaweed, headers, UNNAMED, only="?uploads"))

    assert statuses(results) == dict.fromkeys(ALL, PASS) | {failed: FAIL}
    assert words in results[failed].found


def test_checksums_that_are_ignored_are_a_warning(seaweed: SeaweedServer, run_trials: Any) -> None:
    """A server that accepts a checksum and ignores it has its uploads read back, which costs."""
    results = run_trials(ignoring(seaweed, CHECKSUMS))

    assert statuses(results) == dict.fromkeys(ALL, PASS) | {"checksums": WARN}
    assert "does not verify" in results["checksums"].found
    assert "does not say" in results["checksums"].found
    assert "verify --deep" in (results["checksums"].remedy or "")


def test_a_checksum_that_is_verified_and_forgotten_is_a_warning(seaweed: SeaweedServer, run_trials: Any) -> None:
    """From outside, nothing shows that such a server has verified anything."""
    results = run_trials(Lacking(signer_for(seaweed), forgotten=frozenset({"x-amz-checksum-crc64nvme"})))

    assert statuses(results) == dict.fromkeys(ALL, PASS) | {"checksums": WARN}
    assert "does not verify" not in results["checksums"].found


def test_a_server_that_does_not_say_that_it_encrypts_is_a_warning(seaweed: SeaweedServer, run_trials: Any) -> None:
    """Accepting the header does not promise encryption."""
    results = run_trials(ignoring(seaweed, ENCRYPTION))

    assert statuses(results) == dict.fromkeys(ALL, PASS) | {"sse-s3": WARN}


def test_a_checksum_that_is_kept_unverified_fails(bench: Bench) -> None:
    """Where the server keeps any checksum that it is given, nothing shows that bytes changed on the way."""
    given: list[str] = []

    def keep_checksum(params: dict[str, Any], **_: object) -> None:
        given[:] = [params["headers"].pop("x-amz-checksum-crc64nvme", "")]

    def return_checksum(response_dict: dict[str, Any], **_: object) -> None:
        response_dict["headers"]["x-amz-checksum-crc64nvme"] = given[0]

    bench.client.meta.events.register("before-call.s3.PutObject", keep_checksum, "keep")
    bench.client.meta.events.register("before-parse.s3.HeadObject", return_checksum, "return")
    try:
        result = Trials(lambda: bench.client, bench.bucket, bench.key).by_name()["checksums"]()
    finally:
        bench.client.meta.events.unregister("before-call.s3.PutObject", unique_id="keep")
        bench.client.meta.events.unregister("before-parse.s3.HeadObject", unique_id="return")

    assert result.status is FAIL
    assert "bytes that change on the way are not noticed" in result.found


def test_a_server_that_keeps_a_checksum_of_its_own_passes(guarded_s3: GuardedS3) -> None:
    """Moto accepts bytes with a wrong checksum and reports the real one, which a put notices when it checks."""
    rights = ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    inspector = S3Inspector(
        guarded_s3.bucket, video_prefix="temp/videos/", expiry_days=7, **guarded_s3.connection_of(*rights)
    )

    results = {name: trial() for name, trial in inspector.trials("trial.bin").items()}

    assert statuses(results) == dict.fromkeys(ALL, PASS) | {"conditions": WARN}
    assert "ignores If-Match on CompleteMultipartUpload" in results["conditions"].found


@pytest.mark.parametrize(
    ("fault", "error_class"),
    [
        (Fault.DENIED, StoreErrorClass.ACCESS_DENIED),
        (Fault.THROTTLED, StoreErrorClass.THROTTLED),
        (Fault.INTERNAL_ERROR, StoreErrorClass.UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("name", ALL)
def test_an_error_about_no_header_is_reported_unchanged(
    bench: Bench, seaweed: SeaweedServer, name: str, fault: Fault, error_class: StoreErrorClass
) -> None:
    """A trial that could not be made says nothing about the header."""
    bench.proxy.break_next(fault, "POST", "PUT")
    trial = inspector_of(seaweed, bench.proxy.url).trials(bench.key)[name]

    with pytest.raises(StoreError) as caught:
        trial()

    assert caught.value.error_class is error_class
