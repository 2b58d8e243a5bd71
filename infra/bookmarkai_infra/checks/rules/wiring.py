"""Rules of what joins a task's settings to what they name, and to what its role may do with it."""

from collections.abc import Iterator, Mapping

from bookmarkai_infra.checks.stacks import Facts, Json, Resource, Stacks, many, text
from bookmarkai_infra.names import CODE, DOOR, OPERATOR

_QUEUE_URL, _ACCELERATE = "UPLOAD_EVENTS_QUEUE_URL", "S3_USE_ACCELERATE"
_CDN_URL = "CDN_URL"
_CDN_FIELDS = {"CDN_KEY_ID": ":key_id::", "CDN_PRIVATE_KEY": ":private_key::"}
_LOOKING = {"sqs:GetQueueAttributes"}
_TAKING = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", *_LOOKING}


def uploads_are_noticed(stacks: Stacks, _: Facts) -> Iterator[str]:
    """The code server, whose sensor takes events of uploads, knows the queue that the bucket notifies, and may."""
    notified = {
        text(configuration["Queue"]).removeprefix("${").removesuffix(".Arn}")
        for bucket in stacks.resources("AWS::S3::Bucket")
        for configuration in bucket.properties.get("NotificationConfiguration", {}).get("QueueConfigurations", [])
    }
    names = {one.properties["QueueName"] for one in stacks.resources("AWS::SQS::Queue") if one.id in notified}
    for task, container in stacks.containers():
        url = _environment(container).get(_QUEUE_URL)
        if url is None:
            if container["Name"] == CODE:
                yield f"{task}: expected {_QUEUE_URL}, or an upload is noticed only when the bucket is asked"
            continue
        name = text(url).rpartition("/")[2]
        if name not in names:
            yield f"{task}: expected {_QUEUE_URL} to be the queue that the bucket notifies, found {text(url)}"
        needed = _TAKING if container["Name"] == CODE else _LOOKING
        for action in sorted(needed - _allowed(stacks, task, f":{name}")):
            yield f"{task}: expected a role that may {action} on {name}"


def acceleration_is_on_where_it_is_used(stacks: Stacks, _: Facts) -> Iterator[str]:
    """S3 refuses accelerated requests to a bucket without it. Only the door makes them, for those who upload."""
    is_on = any(
        bucket.properties.get("AccelerateConfiguration") == {"AccelerationStatus": "Enabled"}
        for bucket in stacks.resources("AWS::S3::Bucket")
    )
    found = {container["Name"] for _, container in stacks.containers() if _ACCELERATE in _environment(container)}
    expected = {DOOR} if is_on else set()
    if found != expected:
        yield (
            f"compute: expected {_ACCELERATE} in {expected or 'no task'}, as the bucket has it and tasks beside it do "
            f"not need it, found it in {found or 'none'}"
        )


def links_to_the_cdn_can_be_made(stacks: Stacks, _: Facts) -> Iterator[str]:
    """An operator's task has the distribution's address and both fields of one secret. No other task has the key."""
    for task, container in stacks.containers():
        secrets = {one["Name"]: text(one["ValueFrom"]) for one in container.get("Secrets", [])}
        url, is_operator = _environment(container).get(_CDN_URL), container["Name"] == OPERATOR
        if not is_operator:
            if url is not None or _CDN_FIELDS.keys() & secrets.keys():
                yield f"{task}: expected only the operator's task to have the CDN's key"
            continue
        if not _is_address(stacks, url):
            yield f"{task}: expected {_CDN_URL} to be the distribution's address, found {text(url or 'none')}"
        sources = {secrets.get(name, "").partition(field) for name, field in _CDN_FIELDS.items()}
        if len({secret for secret, _, _ in sources}) != 1 or {field for _, field, _ in sources} != {
            *_CDN_FIELDS.values()
        }:
            yield f"{task}: expected the key's id and its private half from one secret, found {sorted(secrets)}"


def _is_address(stacks: Stacks, url: Json) -> bool:
    for distribution in stacks.resources("AWS::CloudFront::Distribution"):
        if aliases := distribution.properties["DistributionConfig"].get("Aliases"):
            return url in {f"https://{alias}" for alias in aliases}
        return text(url or "").startswith("https://") and f"GetAtt{distribution.id}DomainName" in text(url)
    return False


def _environment(container: Mapping[str, Json]) -> dict[str, Json]:
    return {one["Name"]: one["Value"] for one in container.get("Environment", [])}


def _allowed(stacks: Stacks, task: Resource, resource_end: str) -> set[str]:
    """Return the actions that a task's role may do to what ends so."""
    role = task.properties["TaskRoleArn"]["Fn::GetAtt"][0]
    return {
        action
        for policy, statement in stacks.statements()
        if {"Ref": role} in policy.properties.get("Roles", []) and statement["Effect"] == "Allow"
        if any(text(one).endswith(resource_end) for one in many(statement["Resource"]))
        for action in many(statement["Action"])
    }
