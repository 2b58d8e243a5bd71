"""Rules of buckets, their events, and the CDN."""

from collections.abc import Iterator

from bookmarkai_infra.checks.stacks import Facts, Json, Resource, Stacks, many, text
from bookmarkai_infra.names import RUN_LOGS_PREFIX, TEMPORARY_PREFIX, UPLOADS_PREFIX

_BUCKET, _QUEUE, _QUEUE_POLICY = "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SQS::QueuePolicy"
_WRITING = {"POST", "PUT"}


def buckets_are_closed(stacks: Stacks, _: Facts) -> Iterator[str]:
    """No bucket lets the public in, or anybody without TLS; each is encrypted by S3's own keys."""
    policies = list(stacks.resources("AWS::S3::BucketPolicy"))
    for bucket in stacks.resources(_BUCKET):
        block = bucket.properties.get("PublicAccessBlockConfiguration", {})
        if [block.get(name) for name in _BLOCKS] != [True] * len(_BLOCKS):
            yield f"{bucket}: expected all public access to be blocked, found {block}"
        if not any(_refuses_plain_http(policy, bucket) for policy in policies):
            yield f"{bucket}: expected a policy that denies what comes without TLS"
        if "AES256" not in text(bucket.properties.get("BucketEncryption", {})):
            yield f"{bucket}: expected SSE-S3; with a KMS key, whoever reads needs the key as well"


_BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def _refuses_plain_http(policy: Resource, bucket: Resource) -> bool:
    if policy.properties["Bucket"] != {"Ref": bucket.id}:
        return False
    return any(
        statement["Effect"] == "Deny"
        and statement["Action"] == "s3:*"
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        and {f"${{{bucket.id}.Arn}}", f"${{{bucket.id}.Arn}}/*"} <= {text(one) for one in many(statement["Resource"])}
        for statement in policy.properties["PolicyDocument"]["Statement"]
    )


def buckets_write_access_logs(stacks: Stacks, _: Facts) -> Iterator[str]:
    """Each bucket's access is logged in another bucket. Only the bucket of logs has none."""
    for bucket in stacks.resources(_BUCKET):
        target = bucket.properties.get("LoggingConfiguration", {}).get("DestinationBucketName")
        is_for_logs = any(
            other.properties.get("LoggingConfiguration", {}).get("DestinationBucketName") == {"Ref": bucket.id}
            for other in stacks.resources(_BUCKET)
        )
        if target is None and not is_for_logs:
            yield f"{bucket}: expected access logs"
        if target == {"Ref": bucket.id}:
            yield f"{bucket}: expected its access logs in another bucket; each log would make another log"


def temporary_media_expire(stacks: Stacks, facts: Facts) -> Iterator[str]:
    """The bucket's rules delete what the pipeline expects them to, when it expects it, and nothing else."""
    for bucket in _media_buckets(stacks):
        rules = [
            rule
            for rule in bucket.properties.get("LifecycleConfiguration", {}).get("Rules", [])
            if rule["Status"] == "Enabled"
        ]
        expiries = {rule.get("Prefix", ""): rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
        expected = {TEMPORARY_PREFIX: facts.expiry_days, RUN_LOGS_PREFIX: facts.run_log_days}
        if expiries != expected:
            yield f"{bucket}: expected {expected} days by prefix, as S3_EXPIRY_DAYS has it, found {expiries}"
        aborts = [rule["AbortIncompleteMultipartUpload"] for rule in rules if "AbortIncompleteMultipartUpload" in rule]
        if aborts != [{"DaysAfterInitiation": 1}]:
            yield f"{bucket}: expected incomplete uploads to be aborted after a day, found {aborts}"


def events_reach_the_queue(stacks: Stacks, _: Facts) -> Iterator[str]:
    """S3 may send what arrives under `temp/uploads/` to the queue, before it is told to, and nobody else may."""
    for bucket in _media_buckets(stacks):
        configurations = bucket.properties.get("NotificationConfiguration", {}).get("QueueConfigurations", [])
        if not configurations:
            yield f"{bucket}: expected a notification of uploads"
        for configuration in configurations:
            prefixes = [rule["Value"] for rule in configuration.get("Filter", {}).get("S3Key", {}).get("Rules", [])]
            if prefixes != [UPLOADS_PREFIX]:
                yield f"{bucket}: expected events below {UPLOADS_PREFIX} only, found {prefixes}"
            if configuration["Event"] != "s3:ObjectCreated:*":
                yield f"{bucket}: expected events of every way to create an object, found {configuration['Event']}"
            allowing = [policy for policy in stacks.resources(_QUEUE_POLICY) if _lets_in(policy, bucket, configuration)]
            if not allowing:
                yield f"{bucket}: expected a queue policy that lets this bucket, and only it, send to its queue"
            elif not {policy.id for policy in allowing} & set(many(bucket.body.get("DependsOn", []))):
                yield f"{bucket}: expected to depend on the queue's policy; S3 tries to send at once"


def _lets_in(policy: Resource, bucket: Resource, configuration: Json) -> bool:
    arn = f"arn:aws:s3:::{bucket.properties['BucketName']}"
    for statement in policy.properties["PolicyDocument"]["Statement"]:
        if statement.get("Principal") == {"Service": "s3.amazonaws.com"} and statement["Effect"] == "Allow":
            is_of_bucket = arn in text(statement.get("Condition", {}).get("ArnEquals", {}))
            is_for_queue = statement["Resource"] == configuration["Queue"]
            if is_of_bucket and is_for_queue and statement["Action"] == "sqs:SendMessage":
                return True
    return False


def queues_have_a_dead_letter_queue(stacks: Stacks, _: Facts) -> Iterator[str]:
    """An event that cannot be taken in goes to a queue of its own, and is kept there longer than in the first."""
    queues = {queue.id: queue for queue in stacks.resources(_QUEUE)}
    dead = set()
    for queue in queues.values():
        target = queue.properties.get("RedrivePolicy", {}).get("deadLetterTargetArn", {}).get("Fn::GetAtt", [None])[0]
        if target is None:
            continue
        dead.add(target)
        if target not in queues:
            yield f"{queue}: expected its dead-letter queue to exist, found {target}"
        elif _kept(queues[target]) <= _kept(queue):
            yield f"{queue}: expected dead events to be kept longer than the {_kept(queue)} s of this queue"
    yield from (
        f"{queue}: expected a dead-letter queue"
        for queue in queues.values()
        if queue.id not in dead and "RedrivePolicy" not in queue.properties
    )


def _kept(queue: Resource) -> int:
    return int(queue.properties.get("MessageRetentionPeriod", 345600))


def uploads_come_from_known_pages(stacks: Stacks, _: Facts) -> Iterator[str]:
    """Browsers may only write, and only from pages that the stage names. The door's own page is one of them."""
    for bucket in stacks.resources(_BUCKET):
        for rule in bucket.properties.get("CorsConfiguration", {}).get("CorsRules", []):
            if not all(origin.startswith("https://") and "*" not in origin for origin in rule["AllowedOrigins"]):
                yield f"{bucket}: expected origins by name and https, found {rule['AllowedOrigins']}"
            if not set(rule["AllowedMethods"]) <= _WRITING:
                yield f"{bucket}: expected uploads only, found {rule['AllowedMethods']}"

    doors = {
        variable["Value"]
        for _, container in stacks.containers()
        for variable in container.get("Environment", [])
        if variable["Name"] == "DOOR_URL"
    }
    for bucket in _media_buckets(stacks):
        rules = bucket.properties.get("CorsConfiguration", {}).get("CorsRules", [])
        for door in sorted(doors - {origin for rule in rules for origin in rule["AllowedOrigins"]}):
            yield f"{bucket}: expected the door's page at {door} to be allowed to send uploads"


def cdn_serves_signed_links_only(stacks: Stacks, _: Facts) -> Iterator[str]:
    """CloudFront serves nothing without a signature, reads the bucket by its own identity, and writes logs."""
    keys = {key.id for key in stacks.resources("AWS::CloudFront::PublicKey")}
    groups = {group.id: group for group in stacks.resources("AWS::CloudFront::KeyGroup")}
    for group in groups.values():
        items = {item.get("Ref") for item in group.properties["KeyGroupConfig"]["Items"]}
        if not items <= keys or not items:
            yield f"{group}: expected keys of this stack, found {items}"
    for distribution in stacks.resources("AWS::CloudFront::Distribution"):
        config = distribution.properties["DistributionConfig"]
        for behavior in (config["DefaultCacheBehavior"], *config.get("CacheBehaviors", [])):
            signers = {one.get("Ref") for one in behavior.get("TrustedKeyGroups", [])}
            if not signers or not signers <= groups.keys():
                yield f"{distribution}: expected a signature by a key group, found {signers or 'none'}"
            if behavior["ViewerProtocolPolicy"] == "allow-all":
                yield f"{distribution}: expected https only"
        for origin in config["Origins"]:
            if not origin.get("OriginAccessControlId"):
                yield f"{distribution}: expected an origin access control, or the bucket must be public"
        if "Logging" not in config:
            yield f"{distribution}: expected logs"


def _media_buckets(stacks: Stacks) -> Iterator[Resource]:
    for bucket in stacks.resources(_BUCKET):
        if "-media-" in text(bucket.properties.get("BucketName", "")):
            yield bucket
