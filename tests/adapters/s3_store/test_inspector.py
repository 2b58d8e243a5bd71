"""Looking at how a bucket is set up: over a real server, one that enforces policies, and ones that answer nonsense."""

import json
import shlex
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from bookmarkai_assets.adapters.s3_store.inspector import S3Inspector
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import Inspection, InspectionStatus
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.support.guarded_s3 import GuardedS3
from tests.support.http_stub import Answer, HttpStub, s3_error, unanswered_url

OK, WARNING, FAILED = InspectionStatus.OK, InspectionStatus.WARNING, InspectionStatus.FAILED
ABORT = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
DAYS = 7
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@pytest.fixture
def stub() -> Iterator[HttpStub]:
    """Give a server that answers as it is told."""
    with HttpStub() as server:
        yield server


@pytest.fixture
def own_bucket(s3_client: Any) -> Iterator[str]:
    """Give a bucket whose settings are this test's alone."""
    name = f"check-{uuid.uuid4().hex[:12]}"
    s3_client.create_bucket(Bucket=name)
    yield name
    s3_client.delete_bucket(Bucket=name)


@pytest.fixture
def own_inspector(seaweed: SeaweedServer, own_bucket: str) -> S3Inspector:
    """Give an inspector of that bucket."""
    return inspector_of(seaweed, bucket=own_bucket)


def inspector_of(seaweed: SeaweedServer, **changes: Any) -> S3Inspector:
    """Give an inspector as it is wired for the test server."""
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
    """Give an inspector; what is not said is as usual."""
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


def follow(finding: Inspection, client: Any, endpoint: str | None = None) -> list[dict[str, Any]]:
    """Do what the command that a remedy gives would do, as a shell would read it; give the rules that it sets."""
    command = shlex.split((finding.remedy or "").splitlines()[-1])
    assert command[:3] == ["aws", "s3api", "put-bucket-lifecycle-configuration"]
    options = dict(zip(command[3::2], command[4::2], strict=True))
    assert options.get("--endpoint-url") == (endpoint or client.meta.endpoint_url)
    configuration = json.loads(options["--lifecycle-configuration"])
    client.put_bucket_lifecycle_configuration(Bucket=options["--bucket"], LifecycleConfiguration=configuration)
    rules: list[dict[str, Any]] = configuration["Rules"]
    return rules


# --- A good configuration ---------------------------------------------------------------------------------------------


def test_a_good_bucket_has_no_findings(own_inspector: S3Inspector, own_bucket: str, s3_client: Any) -> None:
    """Every look at a bucket with encryption and the right lifecycle rule is ok, in the order of the names."""
    set_rules(s3_client, own_bucket, {"Filter": {"Prefix": "temp/"}, "Expiration": {"Days": DAYS}, **ABORT})
    s3_client.put_bucket_encryption(
        Bucket=own_bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    findings = [own_inspector.inspect(name) for name in own_inspector.looks]
    assert own_inspector.backend is Backend.S3
    assert [finding.name for finding in findings] == [
        "endpoint",
        "credentials",
        "bucket",
        "region",
        "encryption",
        "lifecycle",
        "clock",
    ]
    assert [finding.status for finding in findings] == [OK] * len(findings), findings
    assert findings[4].found == "AES256"


# --- Credentials ------------------------------------------------------------------------------------------------------


def test_the_access_key_is_shown_by_its_end_alone(seaweed: SeaweedServer) -> None:
    """Whose key it is can be told from four characters, and where it came from is named; no secret is."""
    finding = inspector_of(seaweed).inspect("credentials")
    assert finding.status is OK
    assert f"…{seaweed.access_key[-4:]} from S3_ACCESS_KEY" in finding.found
    assert seaweed.access_key not in finding.found
    assert seaweed.secret_key not in finding.found


@pytest.mark.parametrize(("wrong", "setting"), [("access_key", "S3_ACCESS_KEY"), ("secret_key", "S3_SECRET_KEY")])
def test_wrong_credentials_name_the_setting(seaweed: SeaweedServer, wrong: str, setting: str) -> None:
    """An unknown access key and a wrong secret are told apart."""
    finding = inspector_of(seaweed, **{wrong: "wrong-wrong-wrong"}).inspect("credentials")
    assert finding.status is FAILED
    assert (finding.remedy or "").endswith(f"correct {setting}")


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
    """Without the settings and without anything in AWS's own chain, both ways are named."""
    finding = inspector_of(seaweed, access_key=None, secret_key=None).inspect("credentials")
    assert finding.status is FAILED
    assert "found none" in finding.found
    assert "S3_ACCESS_KEY" in (finding.remedy or "")
    assert "role" in (finding.remedy or "")


@pytest.mark.usefixtures("no_credentials")
def test_credentials_of_the_chain_are_named_by_their_origin(
    seaweed: SeaweedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials from AWS's own variables say so, also when they are wrong."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweed.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweed.secret_key)
    good = inspector_of(seaweed, access_key=None, secret_key=None).inspect("credentials")
    assert good.status is OK
    assert "AWS's own chain (env)" in good.found
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    bad = inspector_of(seaweed, access_key=None, secret_key=None).inspect("credentials")
    assert bad.status is FAILED
    assert "the secret key in AWS's own chain (env)" in (bad.remedy or "")


@pytest.mark.usefixtures("no_credentials")
def test_half_a_pair_of_credentials_is_a_failure(seaweed: SeaweedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the chain cannot make sense of is a finding and no traceback."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweed.access_key)
    finding = inspector_of(seaweed, access_key=None, secret_key=None).inspect("credentials")
    assert finding.status is FAILED
    assert "PartialCredentialsError" in finding.found


def test_a_refused_clock_sends_the_reader_to_the_clock(stub: HttpStub) -> None:
    """Credentials that fail because of the time are not called wrong."""
    stub.answer = s3_error(403, "RequestTimeTooSkewed")
    finding = make_inspector(endpoint=stub.url).inspect("credentials")
    assert finding.status is FAILED
    assert "set this machine's clock" in (finding.remedy or "")


# --- Reaching the bucket ----------------------------------------------------------------------------------------------


def test_an_endpoint_that_does_not_answer_is_a_failure() -> None:
    """It is told at the first look, without a word of credentials, and nothing raises at the others."""
    with unanswered_url() as url:
        inspector = make_inspector(endpoint=url)
        findings = {name: inspector.inspect(name) for name in inspector.looks}
    endpoint = findings["endpoint"]
    assert endpoint.status is FAILED
    assert f"at {url}, found nobody who takes the connection" in endpoint.found
    assert "S3_ENDPOINT" in (endpoint.remedy or "")
    assert "redential" not in f"{endpoint}"
    assert findings["credentials"].status is FAILED
    assert findings["bucket"].status is FAILED
    assert findings["clock"].status is WARNING


@pytest.mark.parametrize("page", [b"<html><body>Welcome!</body></html>", b"<html><p>Welcome!"])
def test_an_endpoint_that_is_no_s3_server_is_a_failure(stub: HttpStub, page: bytes) -> None:
    """A web page is not taken for an S3 answer, whether or not it can be parsed as one."""
    stub.answer = Answer(body=page, headers={"Content-Type": "text/html"})
    inspector = make_inspector(endpoint=stub.url)
    for name in ("endpoint", "credentials", "bucket"):
        finding = inspector.inspect(name)
        assert finding.status is FAILED
        assert "S3_ENDPOINT" in f"{finding}"


def test_a_name_that_does_not_resolve_is_told() -> None:
    """The host is named; `.invalid` is a name that nobody has (RFC 2606)."""
    finding = make_inspector(endpoint="http://storage.invalid:9000").inspect("endpoint")
    assert finding.status is FAILED
    assert "the name storage.invalid does not resolve" in finding.found
    assert "S3_ENDPOINT" in (finding.remedy or "")


@pytest.mark.usefixtures("no_credentials")
def test_the_endpoint_is_asked_without_credentials(seaweed: SeaweedServer) -> None:
    """Neither wrong credentials nor their absence keep an S3 server from being found."""
    for keys in ({"access_key": None, "secret_key": None}, {"access_key": "wrong", "secret_key": "wrong"}):
        finding = inspector_of(seaweed, **keys).inspect("endpoint")
        assert finding == Inspection("endpoint", OK, f"an S3 server answers at {seaweed.endpoint}")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (s3_error(403, "AccessDenied"), OK),
        (s3_error(503, "SlowDown"), OK),
        (Answer(403, b"", {"x-amz-request-id": "1"}), OK),
        (Answer(404, b"<html>nothing here</html>", {"Content-Type": "text/html"}), FAILED),
        (Answer(404), FAILED),
        (Answer(502, b"Bad Gateway"), FAILED),
        (Answer(200, b"{}"), FAILED),
    ],
)
def test_only_s3_answers_like_s3(stub: HttpStub, answer: Answer, status: InspectionStatus) -> None:
    """A refusal with one of S3's codes is S3's; a web server's own pages are not, and the remedy says where to look."""
    stub.answer = answer
    finding = make_inspector(endpoint=stub.url).inspect("endpoint")
    assert finding.status is status, finding
    assert ("S3_ENDPOINT" in (finding.remedy or "")) is (status is FAILED)


def test_tls_that_is_none_names_the_scheme(stub: HttpStub) -> None:
    """https:// to a server that speaks http is no credential's fault."""
    finding = make_inspector(endpoint=stub.url.replace("http:", "https:")).inspect("endpoint")
    assert finding.status is FAILED
    assert "http or https?" in (finding.remedy or "")


def test_an_endpoint_that_is_no_url_is_a_failure() -> None:
    """What boto3 cannot even connect to is a finding as well."""
    finding = make_inspector(endpoint="not a url").inspect("bucket")
    assert finding.status is FAILED
    assert "S3_ENDPOINT" in finding.found


def test_a_missing_bucket_is_a_failure(seaweed: SeaweedServer) -> None:
    """The credentials are good, the bucket's name is not."""
    inspector = inspector_of(seaweed, bucket="no-such-bucket")
    assert inspector.inspect("credentials").status is OK
    finding = inspector.inspect("bucket")
    assert finding.status is FAILED
    assert "no-such-bucket" in finding.found
    assert "S3_MEDIA_BUCKET" in finding.found


def test_a_bucket_that_may_not_be_listed_names_the_permission(guarded_s3: GuardedS3) -> None:
    """Credentials without a right are accepted all the same; the missing right is named with the bucket's ARN."""
    inspector = make_inspector(bucket=guarded_s3.bucket, **guarded_s3.connection_of("s3:GetObject"))
    assert inspector.inspect("credentials").status is OK
    finding = inspector.inspect("bucket")
    assert finding.status is FAILED
    assert f"allow s3:ListBucket on arn:aws:s3:::{guarded_s3.bucket}" in (finding.remedy or "")


# --- Region -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("region", "status"), [("eu-west-1", OK), ("us-east-1", FAILED)])
def test_the_region_is_the_buckets(guarded_s3: GuardedS3, region: str, status: InspectionStatus) -> None:
    """Another region than the bucket's fails, and says which to set."""
    options = guarded_s3.connection_of("s3:*") | {"region": region}
    finding = make_inspector(bucket=guarded_s3.bucket, **options).inspect("region")
    assert finding.status is status
    assert finding.found.startswith("the bucket is in eu-west-1")
    assert (finding.remedy is not None and "AWS_REGION=eu-west-1" in finding.remedy) is (status is FAILED)


def test_a_region_that_may_not_be_asked_for_names_the_permission(stub: HttpStub) -> None:
    """Where no header tells and the location is denied, that is a warning."""
    stub.answer = s3_error(403, "AccessDenied")
    finding = make_inspector(endpoint=stub.url).inspect("region")
    assert finding.status is WARNING
    assert "s3:GetBucketLocation" in (finding.remedy or "")


@pytest.mark.parametrize(("constraint", "region"), [("EU", "eu-west-1"), ("eu-north-1", "eu-north-1")])
def test_a_location_is_read_where_no_header_tells(stub: HttpStub, constraint: str, region: str) -> None:
    """The name that old buckets in Ireland go by is understood."""
    stub.answer = Answer(
        body=f'<LocationConstraint xmlns="{NAMESPACE}">{constraint}</LocationConstraint>'.encode(),
    )
    assert make_inspector(endpoint=stub.url, region=region).inspect("region").status is OK
    assert make_inspector(endpoint=stub.url, region="us-west-2").inspect("region").status is FAILED


# --- Encryption -------------------------------------------------------------------------------------------------------


def test_a_bucket_without_default_encryption_is_a_warning(own_inspector: S3Inspector, own_bucket: str) -> None:
    """The command that sets it is given."""
    finding = own_inspector.inspect("encryption")
    assert finding.status is WARNING
    assert f"put-bucket-encryption --bucket {own_bucket}" in (finding.remedy or "")


@pytest.mark.parametrize(
    ("name", "permission"),
    [("encryption", "s3:GetEncryptionConfiguration"), ("lifecycle", "s3:GetLifecycleConfiguration")],
)
def test_a_look_that_is_denied_is_a_warning(stub: HttpStub, name: str, permission: str) -> None:
    """The work needs no such right, so it is only named."""
    stub.answer = s3_error(403, "AccessDenied")
    finding = make_inspector(endpoint=stub.url).inspect(name)
    assert finding.status is WARNING
    assert f"allow {permission} on arn:aws:s3:::media" in (finding.remedy or "")


@pytest.mark.parametrize("name", ["encryption", "lifecycle"])
def test_a_server_without_such_a_setting_is_a_warning(stub: HttpStub, name: str) -> None:
    """Other servers than Amazon's may not have it."""
    stub.answer = s3_error(501, "NotImplemented")
    finding = make_inspector(endpoint=stub.url).inspect(name)
    assert finding.status is WARNING
    assert "no such setting" in finding.found


def test_a_server_that_fails_at_a_look_is_a_failure(stub: HttpStub) -> None:
    """An internal error is not taken for a setting that is missing."""
    stub.answer = s3_error(500, "InternalError")
    assert make_inspector(endpoint=stub.url).inspect("encryption").status is FAILED


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
def test_lifecycle_rules_are_held_against_the_settings(
    own_inspector: S3Inspector, own_bucket: str, s3_client: Any, rules: list[dict[str, Any]], words: str | None
) -> None:
    """A missing or different rule is a warning, and the rule that the remedy gives sets it right."""
    if rules:
        set_rules(s3_client, own_bucket, *rules)
    finding = own_inspector.inspect("lifecycle")
    if words is None:
        assert finding.status is OK, finding
        return
    assert finding.status is WARNING
    assert words in finding.found
    follow(finding, s3_client)
    assert own_inspector.inspect("lifecycle").status is OK


def test_the_command_for_the_rule_keeps_the_other_rules(
    own_inspector: S3Inspector, own_bucket: str, s3_client: Any
) -> None:
    """S3 takes only all rules at once: others' stay, those that delete too early go and are named, nothing is set."""
    others = {"Filter": {"Prefix": "logs/it's/"}, "Expiration": {"Days": 30}}
    set_rules(s3_client, own_bucket, others, {"Filter": {"Prefix": "temp/"}, "Expiration": {"Days": 2}, **ABORT})

    finding = own_inspector.inspect("lifecycle")

    assert "beside the 1 kept and without rule 'rule-1' (too early)" in (finding.remedy or "")
    assert own_inspector.inspect("lifecycle") == finding, "looking has changed nothing"
    rules = follow(finding, s3_client)
    assert [rule["ID"] for rule in rules] == ["rule-0", "bookmarkai-media"]
    assert rules[0]["Filter"] == others["Filter"]
    assert own_inspector.inspect("lifecycle").status is OK


def test_objects_that_are_to_stay_need_only_the_abort_rule(
    seaweed: SeaweedServer, own_bucket: str, s3_client: Any
) -> None:
    """Outside of temp/ no expiry is asked for."""
    inspector = inspector_of(seaweed, bucket=own_bucket, video_prefix="keep/videos/")
    finding = inspector.inspect("lifecycle")
    assert finding.status is WARNING
    [rule] = follow(finding, s3_client)
    assert "Expiration" not in rule
    assert inspector.inspect("lifecycle").status is OK


@pytest.mark.parametrize("prefix", ["", "keep/", "keep/videos/2026/"])
def test_a_rule_that_deletes_what_is_to_stay_is_a_failure(
    seaweed: SeaweedServer, own_bucket: str, s3_client: Any, prefix: str
) -> None:
    """The catalog takes objects outside of temp/ to stay: a rule that deletes them loses media."""
    set_rules(s3_client, own_bucket, {"Filter": {"Prefix": prefix}, "Expiration": {"Days": 365}, **ABORT})
    finding = inspector_of(seaweed, bucket=own_bucket, video_prefix="keep/videos/").inspect("lifecycle")
    assert finding.status is FAILED
    assert "'rule-0' deletes objects after 365 days" in finding.found


def test_a_rule_with_a_date_is_told_by_its_date(stub: HttpStub) -> None:
    """A rule that deletes everything on some day is a warning that names the day."""
    stub.answer = Answer(
        body=f'<LifecycleConfiguration xmlns="{NAMESPACE}"><Rule><ID>purge</ID><Status>Enabled</Status>'
        "<Prefix>temp/</Prefix><Expiration><Date>2030-01-02T00:00:00Z</Date></Expiration></Rule>"
        "</LifecycleConfiguration>".encode()
    )
    finding = make_inspector(endpoint=stub.url).inspect("lifecycle")
    assert finding.status is WARNING
    assert "'purge' deletes objects on 2030-01-02" in finding.found
    assert "without rule 'purge'" in (finding.remedy or "")


def test_a_rule_with_a_date_elsewhere_is_kept_with_its_date(stub: HttpStub) -> None:
    """Dates go into the command as AWS's command line reads them."""
    stub.answer = Answer(
        body=f'<LifecycleConfiguration xmlns="{NAMESPACE}"><Rule><ID>purge</ID><Status>Enabled</Status>'
        "<Prefix>logs/</Prefix><Expiration><Date>2030-01-02T00:00:00Z</Date></Expiration></Rule>"
        "</LifecycleConfiguration>".encode()
    )
    remedy = make_inspector(endpoint=stub.url).inspect("lifecycle").remedy or ""
    assert '"Date": "2030-01-02T00:00:00+00:00"' in remedy


# --- Clock ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead_seconds", "status", "words"),
    [
        (0, OK, "0 s between"),
        (59, OK, "59 s between"),
        (-59, OK, "59 s between"),
        (61, WARNING, "61 s between this machine's clock and the server's: this machine is ahead"),
        (-61, WARNING, "this machine is behind"),
        (299, WARNING, "ahead"),
        (301, FAILED, "301 s between this machine's clock and the server's: this machine is ahead"),
        (-301, FAILED, "behind"),
    ],
)
def test_the_clock_is_held_against_the_servers(
    stub: HttpStub, ahead_seconds: int, status: InspectionStatus, words: str
) -> None:
    """Over one minute warns, over five fails, either way; the server's refusals tell the time as well."""
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    stub.answer = s3_error(403, "RequestTimeTooSkewed", Date=format_datetime(now, usegmt=True))
    finding = make_inspector(endpoint=stub.url, clock=lambda: now + timedelta(seconds=ahead_seconds)).inspect("clock")
    assert finding.status is status
    assert words in finding.found
    assert ("clock" in (finding.remedy or "")) is (status is not OK)


def test_a_slow_answer_is_no_skew(stub: HttpStub) -> None:
    """A server whose time lies between the question and the answer has the same clock."""
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    times = iter([now - timedelta(minutes=10), now + timedelta(minutes=10)])
    stub.answer = Answer(headers={"Date": format_datetime(now, usegmt=True)})
    assert make_inspector(endpoint=stub.url, clock=lambda: next(times)).inspect("clock").status is OK


@pytest.mark.parametrize("headers", [{}, {"Date": "noon"}, {"Date": "Thu, 01 Jan 2026 12:00:00 -0000"}])
def test_a_server_that_does_not_tell_its_time_is_a_warning(stub: HttpStub, headers: dict[str, str]) -> None:
    """No date, nonsense and a time without its zone are nothing to compare with."""
    stub.answer = Answer(headers=headers)
    finding = make_inspector(endpoint=stub.url).inspect("clock")
    assert finding.status is WARNING
    assert "not compared" in finding.found
