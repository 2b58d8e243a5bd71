"""Check how a bucket is set up: endpoint, credentials, region, encryption, lifecycle, clock. Changes nothing.

`lifecycle` knows what the lifecycle rules should be, and `trials` what has to be tried on an object. Whether transfers
work is shown by probing the store.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from shlex import quote
from typing import Any

from typing_extensions import override

from bookmarkai_assets.adapters.s3_store.client import Connection, S3Client, connect
from bookmarkai_assets.adapters.s3_store.endpoint import check_endpoint, endpoint_option
from bookmarkai_assets.adapters.s3_store.errors import not_of_s3, vendor_errors
from bookmarkai_assets.adapters.s3_store.lifecycle import change_of, losses_of, problems_of
from bookmarkai_assets.adapters.s3_store.trials import Trials
from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import StoreInspector
from bookmarkai_assets.core.media.retention import EXPIRING_PREFIX

_ATTEMPTS = 2
"""For each request. A person is waiting for the answer, and should know of a server that needs more attempts."""

_CLOCK_WARNING = timedelta(minutes=1)
_CLOCK_FAILURE = timedelta(minutes=5)
"""Amazon S3 refuses requests that are more than 15 minutes off. A clock that is 5 minutes off will get there."""

_SHOWN_KEY_CHARACTERS = 4
_LEGACY_IRELAND = "EU"

_REFUSED: Mapping[str, str] = {
    "InvalidAccessKeyId": "the server knows no such access key: correct {key_id}",
    "SignatureDoesNotMatch": "the secret does not belong to this access key: correct {secret}",
    "ExpiredToken": "temporary credentials have run out: renew {secret}",
    "InvalidToken": "the session token does not belong to this access key: renew {secret}",
    "RequestTimeTooSkewed": "set this machine's clock; the check `clock` says by how much it is off",
}
"""Error codes that are about the credentials themselves, with what to do."""

_ACCEPTED = frozenset({"AccessDenied", "NoSuchBucket", "PermanentRedirect"})
"""Error codes that a server sends only after it has accepted the signature."""


@dataclass(frozen=True)
class _Answer:
    """What the server answered. `error` is None for a success. `code` and `headers` are empty if it did not answer."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    status: int = 0
    error: StoreError | None = None

    @property
    def is_denied(self) -> bool:
        return self.status == HTTPStatus.FORBIDDEN


@dataclass(frozen=True)
class _Credentials:
    """An access key and where it was found: in the settings, or by botocore's method of that name."""

    key_id: str = field(repr=False)
    origin: str
    is_setting: bool

    def locate(self, part: str) -> str:
        """Return where an operator changes the `key id` or the `secret key`."""
        if not self.is_setting:
            return f"the {part} in {self.origin}"
        return "S3_ACCESS_KEY" if part == "key id" else "S3_SECRET_KEY"


class S3Inspector(StoreInspector):
    """Checks the bucket that `S3Store` uses with the same connection.

    `video_prefix` is where objects go (`S3_VIDEO_PREFIX`). `expiry_days` is the number of days after which the catalog
    expects the lifecycle rule to delete objects under `temp/`. `clock` returns this machine's time, with a time zone.
    """

    def __init__(
        self,
        bucket: str,
        *,
        region: str | None,
        endpoint: str | None,
        access_key: str | None,
        secret_key: str | None,
        use_path_style: bool,
        video_prefix: str,
        expiry_days: int,
        use_accelerate: bool = False,
        max_attempts: int = _ATTEMPTS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bucket = bucket
        self._connection = Connection(
            region, endpoint, access_key, secret_key, use_path_style, max_attempts, use_accelerate=use_accelerate
        )
        self._video_prefix = video_prefix
        self._expiry_days = expiry_days
        self._clock = clock

    @property
    @override
    def backend(self) -> Backend:
        return Backend.S3

    @property
    @override
    def checks(self) -> Mapping[str, Callable[[], CheckResult]]:
        return {
            "endpoint": self._check_endpoint,
            "credentials": self._check_credentials,
            "bucket": self._check_bucket,
            "region": self._check_region,
            "encryption": self._check_encryption,
            "lifecycle": self._check_lifecycle,
            "clock": self._check_clock,
        }

    @override
    def trials(self, key: str) -> Mapping[str, Callable[[], CheckResult]]:
        return Trials(lambda: self._client, self._bucket, key).by_name()

    def _check_endpoint(self) -> CheckResult:
        return check_endpoint(self._connection, self._bucket)

    def _check_credentials(self) -> CheckResult:
        credentials = self._find_credentials()
        if credentials is None:
            return CheckResult(
                CheckStatus.FAIL,
                "expected credentials, found none: neither in S3_ACCESS_KEY nor in AWS's own variables, profiles and "
                "roles",
                "set S3_ACCESS_KEY and S3_SECRET_KEY, or give this machine a profile or a role",
            )
        whose = f"access key {_mask(credentials.key_id)} from {credentials.origin}"
        answer = self._ask_for_listing("trying the credentials")
        if answer.code in _REFUSED:
            return CheckResult(
                CheckStatus.FAIL,
                f"{whose}: the server answered {answer.status} {answer.code}",
                _REFUSED[answer.code].format(
                    key_id=credentials.locate("key id"), secret=credentials.locate("secret key")
                ),
            )
        if answer.error is not None and answer.code not in _ACCEPTED:
            raise answer.error
        return CheckResult(CheckStatus.PASS, f"{whose}: accepted")

    def _find_credentials(self) -> _Credentials | None:
        if self._connection.access_key is not None:
            return _Credentials(self._connection.access_key, "S3_ACCESS_KEY", is_setting=True)
        from boto3.session import Session

        with vendor_errors("looking for credentials"):
            resolved = Session().get_credentials()
            if resolved is None:
                return None
            key_id: str = resolved.get_frozen_credentials().access_key
            return _Credentials(key_id, f"AWS's own chain ({resolved.method})", is_setting=False)

    def _check_bucket(self) -> CheckResult:
        action = f"listing s3://{self._bucket}/{self._video_prefix}"
        answer = self._ask_for_listing(action)
        if answer.is_denied:
            return CheckResult(
                CheckStatus.FAIL,
                f"{action}: the server answered {answer.status} {answer.code}",
                f"{self._allow('s3:ListBucket')}; without it an absent object cannot be told from a forbidden "
                "one. If the bucket is somebody else's, correct S3_MEDIA_BUCKET",
            )
        if answer.error is not None:
            raise answer.error
        return CheckResult(CheckStatus.PASS, f"s3://{self._bucket} answers at {self._client.meta.endpoint_url}")

    def _check_region(self) -> CheckResult:
        used = self._client.meta.region_name
        head = self._ask(f"asking for the region of {self._bucket}", "head_bucket")
        found = head.headers.get("x-amz-bucket-region")
        if found is None:
            location = self._ask(f"asking for the region of {self._bucket}", "get_bucket_location")
            if (refusal := self._explain_refusal(location, "s3:GetBucketLocation")) is not None:
                return refusal
            constraint = location.fields.get("LocationConstraint")
            if constraint is None and self._connection.endpoint is not None:
                return CheckResult(CheckStatus.PASS, f"the server names none; requests are signed for {used}")
            # Amazon S3 gives no location for its first region, and an old name for old buckets in Ireland.
            found = "eu-west-1" if constraint == _LEGACY_IRELAND else constraint or "us-east-1"
        if found != used:
            return CheckResult(
                CheckStatus.FAIL,
                f"the bucket is in {found}, requests are signed for {used}",
                f"set AWS_REGION={found}: links to the objects do not work with another region",
            )
        return CheckResult(CheckStatus.PASS, f"the bucket is in {found}, as AWS_REGION says")

    def _check_encryption(self) -> CheckResult:
        answer = self._ask("reading the bucket's default encryption", "get_bucket_encryption")
        is_none_set = answer.code == "ServerSideEncryptionConfigurationNotFoundError"
        if not is_none_set and (refusal := self._explain_refusal(answer, "s3:GetEncryptionConfiguration")) is not None:
            return refusal
        defaults = [
            default
            for rule in answer.fields.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
            if (default := rule.get("ApplyServerSideEncryptionByDefault")) is not None
        ]
        if not defaults:
            return CheckResult(
                CheckStatus.WARN,
                "the bucket has no default encryption",
                command=f"aws s3api put-bucket-encryption --bucket {self._bucket}{endpoint_option(self._connection)} "
                "--server-side-encryption-configuration "
                '\'{"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}\'',
            )
        key = defaults[0].get("KMSMasterKeyID")
        return CheckResult(CheckStatus.PASS, f"{defaults[0].get('SSEAlgorithm')}{f' with key {key}' if key else ''}")

    def _check_lifecycle(self) -> CheckResult:
        answer = self._ask("reading the bucket's lifecycle rules", "get_bucket_lifecycle_configuration")
        is_none_set = answer.code == "NoSuchLifecycleConfiguration"
        if not is_none_set and (refusal := self._explain_refusal(answer, "s3:GetLifecycleConfiguration")) is not None:
            return refusal
        rules = answer.fields.get("Rules", [])
        prefix, days = self._video_prefix, self._expiry_days
        is_expiring = days > 0 and prefix.startswith(EXPIRING_PREFIX)
        if not is_expiring and (losses := losses_of(rules, prefix)):
            why = f"they are not under {EXPIRING_PREFIX}" if days > 0 else "S3_EXPIRY_DAYS is 0"
            return CheckResult(
                CheckStatus.FAIL,
                f"objects under {prefix} are to stay, for {why}; but {'; '.join(losses)}",
                f"remove or narrow that rule, or set S3_VIDEO_PREFIX to a prefix under {EXPIRING_PREFIX} and "
                "S3_EXPIRY_DAYS to what the rule does",
            )
        expected_days = days if is_expiring else None
        if problems := problems_of(rules, prefix, days=expected_days):
            return self._advise_rules("; ".join(problems), rules, expected_days)
        life = f"expire after {days} days" if is_expiring else "stay"
        return CheckResult(CheckStatus.PASS, f"objects under {prefix} {life}, unfinished uploads are aborted")

    def _advise_rules(self, found: str, rules: Sequence[Mapping[str, Any]], days: int | None) -> CheckResult:
        """Warn, with the command that sets what is missing. Rules are only changed by the operator, who owns them."""
        change = change_of(rules, self._video_prefix, days=days)
        kept = f" beside the {change.kept} kept" if change.kept else ""
        gone = f" and without {', '.join(change.removed)} (too early)" if change.removed else ""
        instead = "set S3_EXPIRY_DAYS to what the bucket does (0 for nothing), or " if days is not None else ""
        return CheckResult(
            CheckStatus.WARN,
            found,
            f"{instead}set all of the bucket's rules, with the one needed{kept}{gone}",
            f"aws s3api put-bucket-lifecycle-configuration --bucket {self._bucket}"
            f"{endpoint_option(self._connection)} --lifecycle-configuration {quote(change.configuration)}",
        )

    def _check_clock(self) -> CheckResult:
        before = self._clock()
        answer = self._ask("asking for the server's time", "head_bucket")
        after = self._clock()
        server = _parse_date(answer.headers.get("date", ""))
        if server is None:
            return CheckResult(CheckStatus.WARN, "no answer of the server has its time; the clocks were not compared")
        # The server wrote its time, cut to the second, between our two readings. What lies outside them is the skew.
        ahead = before - server if before > server else min(after - server, timedelta())
        found = f"{abs(ahead).total_seconds():.0f} s between this machine's clock and the server's"
        if abs(ahead) <= _CLOCK_WARNING:
            return CheckResult(CheckStatus.PASS, found)
        status = CheckStatus.FAIL if abs(ahead) > _CLOCK_FAILURE else CheckStatus.WARN
        side = "ahead" if ahead > timedelta() else "behind"
        return CheckResult(
            status,
            f"{found}: this machine is {side}",
            "set this machine's clock (run an NTP client): S3 refuses requests that are 15 minutes off",
        )

    def _explain_refusal(self, answer: _Answer, permission: str) -> CheckResult | None:
        """Return a warning if the server did not let us read a setting, or has none; None if it answered.

        The pipeline works without that permission. Raises the answer's `StoreError` for any other error.
        """
        if answer.error is None:
            return None
        if answer.is_denied:
            found = f"not allowed to read it: the server answered {answer.status} {answer.code}"
            return CheckResult(CheckStatus.WARN, found, f"{self._allow(permission)} for this check")
        if answer.status in {HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.METHOD_NOT_ALLOWED}:
            return CheckResult(CheckStatus.WARN, "the server has no such setting; find out what it does instead")
        raise answer.error

    def _allow(self, permission: str) -> str:
        return f"allow {permission} on arn:aws:s3:::{self._bucket}"

    def _ask_for_listing(self, action: str) -> _Answer:
        """Ask for the first object. The answer has a body, so that a refusal has a code."""
        answer = self._ask(action, "list_objects_v2", MaxKeys=1, Prefix=self._video_prefix)
        if answer.error is None and "IsTruncated" not in answer.fields:
            return _Answer(error=not_of_s3(action))  # a web page, from a proxy or another server
        return answer

    def _ask(self, action: str, operation: str, **parameters: object) -> _Answer:
        """Ask the server about the bucket. A refusal and no answer at all are returned too, not raised."""
        try:
            with vendor_errors(action, bucket=self._bucket):
                fields = getattr(self._client, operation)(Bucket=self._bucket, **parameters)
        except StoreError as error:
            response = getattr(error.__cause__, "response", {})
            return _Answer(
                headers=_read_headers(response),
                code=str(response.get("Error", {}).get("Code", "")),
                status=int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)),
                error=error,
            )
        return _Answer(fields=fields, headers=_read_headers(fields))

    @cached_property
    def _client(self) -> S3Client:
        return connect(self._connection)


def _read_headers(response: Mapping[str, Any]) -> Mapping[str, str]:
    headers: Mapping[str, str] = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return headers


def _parse_date(header: str) -> datetime | None:
    """Parse a Date header; None if it is empty, nonsense, or has no time zone."""
    try:
        parsed = parsedate_to_datetime(header)
    except ValueError:
        return None
    return parsed if parsed.tzinfo is not None else None


def _mask(key_id: str) -> str:
    """Hide all but the last characters of a key id, as AWS's own tools do; all of it if they would be half."""
    is_long = len(key_id) > 2 * _SHOWN_KEY_CHARACTERS
    return "…" + (key_id[-_SHOWN_KEY_CHARACTERS:] if is_long else "")
