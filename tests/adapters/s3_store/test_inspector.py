"""Checking how a bucket is set up: on a real server, one that enforces policies, and stubs that answer nonsense."""

import json
import shlex
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from bookmarkai_assets.adapters.s3_store.inspector import S3Inspector
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.support.guarded_s3 import GuardedS3
from tests.support.http_stub import Answer, HttpStub, s3_error, unanswered_url

PASS, WARN, FAIL = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL
ABORT = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
DAYS = 7
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@pytest.fixture
def stub() -> Iterator[HttpStub]:
    """Return a server that answers as a test sets it."""
    with HttpStub() as server:
        yield server


@pytest.fixture
def own_bucket(s3_client: Any) -> Iterator[str]:
    """Return a bucket whose settings belong to this test alone."""
    name = f"check-{uuid.uuid4().hex[:12]}"
    s3_client.create_bucket(Bucket=name)
    yield name
    s3_client.delete_bucket(Bucket=name)


@pytest.fixture
def own_inspector(seaweed: SeaweedServer, own_bucket: str) -> S3Inspector:
    """Return an inspector of that bucket."""
    return inspector_of(seaweed, bucket=own_bucket)


def inspector_of(seaweed: SeaweedServer, **changes: Any) -> S3Inspector:
    """Return an inspector as it is wired for the test server."""
    return make_inspector(
        **(
            {
                "bucket": seaweed.bucket,
                "region": seaweed.region,
                "endpoint": seaweed.endpoint,
                "access_key": seaweed.access_key,
                "secret_key": seaweed.secret_key,
            }
            | changes
        )
    )


def make_inspector(**options: Any) -> S3Inspector:
    """Return an inspector with these settings, the rest as usual."""
    usual: dict[str, Any] = {
        "region": "us-east-1",
        "access_key": "AKIAIOSFODNN7EXAMPLE",
        "secret_key": "secret",
        "use_path_style": True,
        "video_prefix": "temp/videos/",
        "expiry_days": DAYS,
    }
    return S3Inspector(options.pop("bucket", "media"), **(usual | options))


def set_rules(client: Any, bucket: str, *rules: dict[str, Any]) -> None:
    """Set a bucket's lifecycle rules."""
    numbered = [{"ID": f"rule-{number}", "Status": "Enabled"} | rule for number, rule in enumerate(rules)]
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": numbered})


def follow(result: CheckResult, client: Any, endpoint: str | None = None) -> list[dict[str, Any]]:
    """Run a result's command as a shell would parse it, and return the rules that it sets."""
    command = shlex.split(result.command or "")
    assert command[:3] == ["aws", "s3api", "put-bucket-lifecycle-configuration"]
    options = dict(zip(command[3::2], command[4::2], strict=True))
    assert options.get("--endpoint-url") == (endpoint or client.meta.endpoint_url)
    configuration = json.loads(options["--lifecycle-configuration"])
    client.put_bucket_lifecycle_configuration(Bucket=options["--bucket"], LifecycleConfiguration=configuration)
    rules: list[dict[str, Any]] = configuration["Rules"]
    return rules


# --- A good configuration ---------------------------------------------------------------------------------------------


def test_a_good_bucket_passes_every_check(own_inspector: S3Inspector, own_bucket: str, s3_client: Any) -> None:
    """A bucket with default encryption and the right rule passes, and the checks come in the order of their names."""
    set_rules(s3_client, own_bucket, {"Filter": {"Prefix": "temp/"}, "Expiration": {"Days": DAYS}, **ABORT})
    s3_client.put_bucket_encryption(
        Bucket=own_bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    results = {name: own_inspector.run_check(name) for name in own_inspector.checks}
    assert own_inspector.backend is Backend.S3
    assert list(results) == [
        "endpoint",
        "credentials",
        "bucket",
        "region",
        "encryption",
        "lifecycle",
        "clock",
    ]
    assert [result.status for result in results.values()] == [PASS] * len(results), results
    assert results["encryption"].found == "AES256"


# --- Credentials ------------------------------------------------------------------------------------------------------


def test_the_access_key_is_shown_by_its_end_alone(seaweed: SeaweedServer) -> None:
    """An access key is shown by its last four characters and where it came from, and no secret is shown."""
    result = inspector_of(seaweed).run_check("credentials")
    assert result.status is PASS
    assert f"…{seaweed.access_key[-4:]} from S3_ACCESS_KEY" in result.found
    assert seaweed.access_key not in result.found
    assert seaweed.secret_key not in result.found


@pytest.mark.parametrize(("wrong", "setting"), [("access_key", "S3_ACCESS_KEY"), ("secret_key", "S3_SECRET_KEY")])
def test_wrong_credentials_name_the_setting(seaweed: SeaweedServer, wrong: str, setting: str) -> None:
    """An unknown access key and a wrong secret are distinguished."""
    result = inspector_of(seaweed, **{wrong: "wrong-wrong-wrong"}).run_check("credentials")
    assert result.status is FAIL
    assert (result.remedy or "").endswith(f"correct {setting}")


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Leave AWS's own chain nothing to find."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("no_credentials")
def test_missing_credentials_are_a_failure(seaweed: SeaweedServer) -> None:
    """Without the settings, and with nothing in AWS's own chain, both ways to set credentials are named."""
    result = inspector_of(seaweed, access_key=None, secret_key=None).run_check("credentials")
    assert result.status is FAIL
    assert "found none" in result.found
    assert "S3_ACCESS_KEY" in (result.remedy or "")
    assert "role" in (result.remedy or "")


@pytest.mark.usefixtures("no_credentials")
def test_credentials_of_the_chain_are_named_by_their_origin(
    seaweed: SeaweedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials from AWS's own variables are named as such, also when they are wrong."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweed.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweed.secret_key)
    good = inspector_of(seaweed, access_key=None, secret_key=None).run_check("credentials")
    assert good.status is PASS
    assert "AWS's own chain (env)" in good.found
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    bad = inspector_of(seaweed, access_key=None, secret_key=None).run_check("credentials")
    assert bad.status is FAIL
    assert "the secret key in AWS's own chain (env)" in (bad.remedy or "")


@pytest.mark.usefixtures("no_credentials")
def test_half_a_pair_of_credentials_is_a_failure(seaweed: SeaweedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair of credentials with one half missing is a result, not a traceback."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweed.access_key)
    result = inspector_of(seaweed, access_key=None, secret_key=None).run_check("credentials")
    assert result.status is FAIL
    assert "PartialCredentialsError" in result.found


def test_a_refused_clock_is_reported_as_the_clock(stub: HttpStub) -> None:
    """Credentials that the server rejects because of the time are not called wrong."""
    stub.answer = s3_error(403, "RequestTimeTooSkewed")
    result = make_inspector(endpoint=stub.url).run_check("credentials")
    assert result.status is FAIL
    assert "set this machine's clock" in (result.remedy or "")


# --- Reaching the bucket ----------------------------------------------------------------------------------------------


def test_an_endpoint_that_does_not_answer_is_a_failure() -> None:
    """The first check says so, without a word about credentials, and none of the others raises."""
    with unanswered_url() as url:
        inspector = make_inspector(endpoint=url)
        results = {name: inspector.run_check(name) for name in inspector.checks}
    endpoint = results["endpoint"]
    assert endpoint.status is FAIL
    assert f"at {url}, found nobody who takes the connection" in endpoint.found
    assert "S3_ENDPOINT" in (endpoint.remedy or "")
    assert "redential" not in f"{endpoint}"
    assert results["credentials"].status is FAIL
    assert results["bucket"].status is FAIL
    assert results["clock"].status is WARN


@pytest.mark.parametrize("page", [b"<html><body>Welcome!</body></html>", b"<html><p>Welcome!"])
def test_an_endpoint_that_is_no_s3_server_is_a_failure(stub: HttpStub, page: bytes) -> None:
    """A web page is not taken for an S3 answer, whether or not it parses as one."""
    stub.answer = Answer(body=page, headers={"Content-Type": "text/html"})
    inspector = make_inspector(endpoint=stub.url)
    for name in ("endpoint", "credentials", "bucket"):
        result = inspector.run_check(name)
        assert result.status is FAIL
        assert "S3_ENDPOINT" in f"{result}"


def test_a_name_that_does_not_resolve_is_named() -> None:
    """An unknown host is named; `.invalid` is a domain that never resolves (RFC 2606)."""
    result = make_inspector(endpoint="http://storage.invalid:9000").run_check("endpoint")
    assert result.status is FAIL
    assert "the name storage.invalid does not resolve" in result.found
    assert "S3_ENDPOINT" in (result.remedy or "")


@pytest.mark.usefixtures("no_credentials")
def test_the_endpoint_is_asked_without_credentials(seaweed: SeaweedServer) -> None:
    """An S3 server is found whether credentials are wrong or missing."""
    for keys in ({"access_key": None, "secret_key": None}, {"access_key": "wrong", "secret_key": "wrong"}):
        result = inspector_of(seaweed, **keys).run_check("endpoint")
        assert result == CheckResult(PASS, f"an S3 server answers at {seaweed.endpoint}")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (s3_error(403, "AccessDenied"), PASS),
        (s3_error(503, "SlowDown"), PASS),
        (Answer(403, b"", {"x-amz-request-id": "1"}), PASS),
        (Answer(404, b"<html>nothing here</html>", {"Content-Type": "text/html"}), FAIL),
        (Answer(404), FAIL),
        (Answer(502, b"Bad Gateway"), FAIL),
        (Answer(200, b"{}"), FAIL),
    ],
)
def test_only_s3_answers_like_s3(stub: HttpStub, answer: Answer, status: CheckStatus) -> None:
    """A refusal with one of S3's codes is S3's. A web server's own page is not, and the remedy says where to check."""
    stub.answer = answer
    result = make_inspector(endpoint=stub.url).run_check("endpoint")
    assert result.status is status, result
    assert ("S3_ENDPOINT" in (result.remedy or "")) is (status is FAIL)


def test_a_server_without_tls_names_the_scheme(stub: HttpStub) -> None:
    """https:// to a server that speaks http names the scheme, not the credentials."""
    result = make_inspector(endpoint=stub.url.replace("http:", "https:")).run_check("endpoint")
    assert result.status is FAIL
    assert "http or https?" in (result.remedy or "")


def test_an_endpoint_that_is_no_url_is_a_failure() -> None:
    """An endpoint that boto3 cannot even parse is a result as well."""
    result = make_inspector(endpoint="not a url").run_check("bucket")
    assert result.status is FAIL
    assert "S3_ENDPOINT" in result.found


def test_a_missing_bucket_is_a_failure(seaweed: SeaweedServer) -> None:
    """Where the credentials are good and the bucket is missing, the bucket is named."""
    inspector = inspector_of(seaweed, bucket="no-such-bucket")
    assert inspector.run_check("credentials").status is PASS
    result = inspector.run_check("bucket")
    assert result.status is FAIL
    assert "no-such-bucket" in result.found
    assert "S3_MEDIA_BUCKET" in result.found


def test_a_bucket_that_may_not_be_listed_names_the_permission(guarded_s3: GuardedS3) -> None:
    """Credentials without a permission are accepted, and the missing permission is named with the bucket's ARN."""
    inspector = make_inspector(bucket=guarded_s3.bucket, **guarded_s3.connection_of("s3:GetObject"))
    assert inspector.run_check("credentials").status is PASS
    result = inspector.run_check("bucket")
    assert result.status is FAIL
    assert f"allow s3:ListBucket on arn:aws:s3:::{guarded_s3.bucket}" in (result.remedy or "")


# --- Region -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("region", "status"), [("eu-west-1", PASS), ("us-east-1", FAIL)])
def test_the_region_is_the_buckets(guarded_s3: GuardedS3, region: str, status: CheckStatus) -> None:
    """A region other than the bucket's fails, and the result says which to set."""
    options = guarded_s3.connection_of("s3:*") | {"region": region}
    result = make_inspector(bucket=guarded_s3.bucket, **options).run_check("region")
    assert result.status is status
    assert result.found.startswith("the bucket is in eu-west-1")
    assert (result.remedy is not None and "AWS_REGION=eu-west-1" in result.remedy) is (status is FAIL)


def test_a_region_that_may_not_be_asked_for_names_the_permission(stub: HttpStub) -> None:
    """Where no header tells the region and asking for the location is denied, that is a warning."""
    stub.answer = s3_error(403, "AccessDenied")
    result = make_inspector(endpoint=stub.url).run_check("region")
    assert result.status is WARN
    assert "s3:GetBucketLocation" in (result.remedy or "")


@pytest.mark.parametrize(("constraint", "region"), [("EU", "eu-west-1"), ("eu-north-1", "eu-north-1")])
def test_the_location_is_read_where_no_header_tells(stub: HttpStub, constraint: str, region: str) -> None:
    """The old name for Ireland is understood."""
    stub.answer = Answer(
        body=f'<LocationConstraint xmlns="{NAMESPACE}">{constraint}</LocationConstraint>'.encode(),
    )
    assert make_inspector(endpoint=stub.url, region=region).run_check("region").status is PASS
    assert make_inspector(endpoint=stub.url, region="us-west-2").run_check("region").status is FAIL


# --- Encryption -------------------------------------------------------------------------------------------------------


def test_a_bucket_without_default_encryption_is_a_warning(own_inspector: S3Inspector, own_bucket: str) -> None:
    """The warning has the command that sets default encryption."""
    result = own_inspector.run_check("encryption")
    assert result.status is WARN
    assert f"put-bucket-encryption --bucket {own_bucket}" in (result.command or "")


@pytest.mark.parametrize(
    ("name", "permission"),
    [("encryption", "s3:GetEncryptionConfiguration"), ("lifecycle", "s3:GetLifecycleConfiguration")],
)
def test_a_check_that_is_denied_is_a_warning(stub: HttpStub, name: str, permission: str) -> None:
    """The work does not need this permission, so its lack is only a warning that names it."""
    stub.answer = s3_error(403, "AccessDenied")
    result = make_inspector(endpoint=stub.url).run_check(name)
    assert result.status is WARN
    assert f"allow {permission} on arn:aws:s3:::media" in (result.remedy or "")


@pytest.mark.parametrize("name", ["encryption", "lifecycle"])
def test_a_server_without_such_a_setting_is_a_warning(stub: HttpStub, name: str) -> None:
    """Servers other than Amazon's may not have such a setting, so that is a warning."""
    stub.answer = s3_error(501, "NotImplemented")
    result = make_inspector(endpoint=stub.url).run_check(name)
    assert result.status is WARN
    assert "no such setting" in result.found


def test_a_server_that_fails_at_a_check_is_a_failure(stub: HttpStub) -> None:
    """An internal error is not taken for a missing setting."""
    stub.answer = s3_error(500, "InternalError")
    assert make_inspector(endpoint=stub.url).run_check("encryption").status is FAIL


# --- Lifecycle --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([], "no enabled rule expires everything under temp/videos/; no enabled rule aborts"),
        ([{"Filter": {"Prefix": ""}, "Expiration": {"Days": DAYS}, **ABORT}], None),
        ([{"Filter": {"Prefix": "temp/"}, "Expiration": {"Days": DAYS}}], "no enabled rule aborts"),
        (
            [{"Filter": {"Prefix": "temp/"}, "Expiration": {"Days": DAYS}}, {"Filter": {"Prefix": "temp/"}, **ABORT}],
            None,
        ),
        (
            [{"Filter": {"Prefix": "temp/"}, "Expiration": {"Days": DAYS}, **ABORT, "Status": "Disabled"}],
            "no enabled rule expires everything",
        ),
        ([{"Filter": {"Prefix": "temp/"}, "Expiration": {"Days": 30}, **ABORT}], "expire after 30 days, not after"),
        ([{"Filter": {"Prefix": "temp/"}, "Expiration": {"Days": 3}, **ABORT}], "'rule-0' deletes objects after 3"),
        (
            [
                {"Filter": {"Prefix": "temp/"}, "Expiration": {"Days": DAYS}, **ABORT},
                {"Filter": {"Prefix": "temp/videos/2026/"}, "Expiration": {"Days": 2}},
            ],
            "'rule-1' deletes objects after 2",
        ),
        (
            [
                {"Filter": {"Prefix": "temp/"}, "Expiration": {"Days": DAYS}, **ABORT},
                {"Filter": {"Prefix": "other/"}, "Expiration": {"Days": 1}},
            ],
            None,
        ),
        (
            [
                {"Filter": {"Prefix": "temp/"}, **ABORT},
                {
                    "Filter": {"And": {"Prefix": "temp/", "Tags": [{"Key": "kind", "Value": "video"}]}},
                    "Expiration": {"Days": DAYS},
                },
            ],
            "no enabled rule expires everything",
        ),
    ],
    ids=[
        "none",
        "whole bucket",
        "no abort",
        "two rules",
        "disabled",
        "too late",
        "too early",
        "too early for a part",
        "elsewhere",
        "only some tags",
    ],
)
def test_lifecycle_rules_are_compared_with_the_settings(
    own_inspector: S3Inspector, own_bucket: str, s3_client: Any, rules: list[dict[str, Any]], words: str | None
) -> None:
    """A missing or different rule is a warning, and the rule that the command sets fixes it."""
    if rules:
        set_rules(s3_client, own_bucket, *rules)
    result = own_inspector.run_check("lifecycle")
    if words is None:
        assert result.status is PASS, result
        return
    assert result.status is WARN
    assert words in result.found
    follow(result, s3_client)
    assert own_inspector.run_check("lifecycle").status is PASS


def test_the_command_for_the_rule_keeps_the_other_rules(
    own_inspector: S3Inspector, own_bucket: str, s3_client: Any
) -> None:
    """The command sets all rules at once: others' rules stay, those that delete too early go and are named.

    The check itself sets nothing.
    """
    others = {"Filter": {"Prefix": "logs/it's/"}, "Expiration": {"Days": 30}}
    set_rules(s3_client, own_bucket, others, {"Filter": {"Prefix": "temp/"}, "Expiration": {"Days": 2}, **ABORT})

    result = own_inspector.run_check("lifecycle")

    assert "beside the 1 kept and without rule 'rule-1' (too early)" in (result.remedy or "")
    assert own_inspector.run_check("lifecycle") == result, "checking has changed nothing"
    rules = follow(result, s3_client)
    assert [rule["ID"] for rule in rules] == ["rule-0", "bookmarkai-media"]
    assert rules[0]["Filter"] == others["Filter"]
    assert own_inspector.run_check("lifecycle").status is PASS


def test_kept_objects_need_only_the_abort_rule(seaweed: SeaweedServer, own_bucket: str, s3_client: Any) -> None:
    """Outside of temp/ no expiry rule is asked for."""
    inspector = inspector_of(seaweed, bucket=own_bucket, video_prefix="keep/videos/")
    result = inspector.run_check("lifecycle")
    assert result.status is WARN
    [rule] = follow(result, s3_client)
    assert "Expiration" not in rule
    assert inspector.run_check("lifecycle").status is PASS


@pytest.mark.parametrize("prefix", ["", "keep/", "keep/videos/2026/"])
def test_a_rule_that_deletes_kept_objects_is_a_failure(
    seaweed: SeaweedServer, own_bucket: str, s3_client: Any, prefix: str
) -> None:
    """The catalog counts on objects outside of temp/, so a rule that deletes them is a failure."""
    set_rules(s3_client, own_bucket, {"Filter": {"Prefix": prefix}, "Expiration": {"Days": 365}, **ABORT})
    result = inspector_of(seaweed, bucket=own_bucket, video_prefix="keep/videos/").run_check("lifecycle")
    assert result.status is FAIL
    assert "'rule-0' deletes objects after 365 days" in result.found


def test_a_rule_with_a_date_is_named_by_its_date(stub: HttpStub) -> None:
    """A rule that deletes everything on a date is a warning that names the date."""
    stub.answer = Answer(
        body=f'<LifecycleConfiguration xmlns="{NAMESPACE}"><Rule><ID>purge</ID><Status>Enabled</Status>'
        "<Prefix>temp/</Prefix><Expiration><Date>2030-01-02T00:00:00Z</Date></Expiration></Rule>"
        "</LifecycleConfiguration>".encode()
    )
    result = make_inspector(endpoint=stub.url).run_check("lifecycle")
    assert result.status is WARN
    assert "'purge' deletes objects on 2030-01-02" in result.found
    assert "without rule 'purge'" in (result.remedy or "")


def test_a_rule_with_a_date_elsewhere_is_kept_with_its_date(stub: HttpStub) -> None:
    """Dates are written into the command as AWS's command line reads them."""
    stub.answer = Answer(
        body=f'<LifecycleConfiguration xmlns="{NAMESPACE}"><Rule><ID>purge</ID><Status>Enabled</Status>'
        "<Prefix>logs/</Prefix><Expiration><Date>2030-01-02T00:00:00Z</Date></Expiration></Rule>"
        "</LifecycleConfiguration>".encode()
    )
    command = make_inspector(endpoint=stub.url).run_check("lifecycle").command or ""
    assert '"Date": "2030-01-02T00:00:00+00:00"' in command


# --- Clock ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead_seconds", "status", "words"),
    [
        (0, PASS, "0 s between"),
        (59, PASS, "59 s between"),
        (-59, PASS, "59 s between"),
        (61, WARN, "61 s between this machine's clock and the server's: this machine is ahead"),
        (-61, WARN, "this machine is behind"),
        (299, WARN, "ahead"),
        (301, FAIL, "301 s between this machine's clock and the server's: this machine is ahead"),
        (-301, FAIL, "behind"),
    ],
)
def test_the_clock_is_compared_with_the_servers(
    stub: HttpStub, ahead_seconds: int, status: CheckStatus, words: str
) -> None:
    """A skew over one minute warns and over five fails, either way, and refusals tell the server's time as well."""
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    stub.answer = s3_error(403, "RequestTimeTooSkewed", Date=format_datetime(now, usegmt=True))
    result = make_inspector(endpoint=stub.url, clock=lambda: now + timedelta(seconds=ahead_seconds)).run_check("clock")
    assert result.status is status
    assert words in result.found
    assert ("clock" in (result.remedy or "")) is (status is not PASS)


def test_a_slow_answer_is_no_skew(stub: HttpStub) -> None:
    """A server whose time lies between request and answer has the same clock."""
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    times = iter([now - timedelta(minutes=10), now + timedelta(minutes=10)])
    stub.answer = Answer(headers={"Date": format_datetime(now, usegmt=True)})
    assert make_inspector(endpoint=stub.url, clock=lambda: next(times)).run_check("clock").status is PASS


@pytest.mark.parametrize("headers", [{}, {"Date": "noon"}, {"Date": "Thu, 01 Jan 2026 12:00:00 -0000"}])
def test_a_server_that_does_not_tell_its_time_is_a_warning(stub: HttpStub, headers: dict[str, str]) -> None:
    """With no date, a malformed one or one without a zone, the clock cannot be compared, which is a warning."""
    stub.answer = Answer(headers=headers)
    result = make_inspector(endpoint=stub.url).run_check("clock")
    assert result.status is WARN
    assert "not compared" in result.found
