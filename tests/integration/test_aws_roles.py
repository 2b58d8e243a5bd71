"""What each role of the stacks may do on AWS, and nothing else: roles and deeds in ministack, which enforces IAM.

The deeds go through the real adapters, with credentials of the role in the environment, as ECS hands them over. Not
here: conditions, which the server does not know (`make infra-check` has rules for them), and ECS.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.aws_deeds import DEEDS, is_allowed
from tests.support.aws_roles import Account, Actor, Grant, read_stage
from tests.support.event_server import Ministack, ministack_program

STORING = {
    "read_media",
    "link_media",
    "write_media",
    "list_media",
    "drop_leftovers",
    "read_upload",
    "drop_upload_parts",
    "delete_upload",
    "write_run_log",
}
ALLOWED: Mapping[str, set[str]] = {
    "uploader": STORING,
    "cleaner": STORING | {"delete_media", "check_events", "count_dead_events", "check_rules", "check_encryption"},
    "reader": {"list_media", "read_run_log"},
    "ui": {"list_media", "read_run_log"},
    "door": {
        "read_media",
        "link_media",
        "list_media",
        "read_upload",
        "send_form",
        "send_parts",
        "drop_upload_parts",
    },
    "code": {
        "read_media",
        "link_media",
        "list_media",
        "read_upload",
        "take_events",
        "check_events",
        "publish_metrics",
        "write_run_log",
        "read_run_log",
    },
    "launcher": {"list_media", "write_run_log", "read_run_log"},
    "migration": set(),
}
"""By role, the deeds that it may do. All others are refused."""

MEDIA, UPLOADS, LOGS, BUCKET = "/temp/videos/*", "/temp/uploads/*", "/dagster-logs/*", ""
QUEUE, DEAD, ANY = "upload-events", "upload-events-dead", "*"
NEEDS: Mapping[str, set[tuple[str, str]]] = {
    "read_media": {("s3:GetObject", MEDIA)},
    "link_media": {("s3:GetObject", MEDIA)},
    "write_media": {("s3:GetObject", MEDIA), ("s3:PutObject", MEDIA)},
    "delete_media": {("s3:DeleteObject", MEDIA)},
    "list_media": {("s3:ListBucket", BUCKET)},
    "drop_leftovers": {("s3:ListBucketMultipartUploads", BUCKET), ("s3:AbortMultipartUpload", MEDIA)},
    "read_upload": {("s3:GetObject", UPLOADS)},
    "send_form": {("s3:PutObject", UPLOADS)},
    "send_parts": {("s3:PutObject", UPLOADS), ("s3:ListMultipartUploadParts", UPLOADS)},
    "drop_upload_parts": {("s3:AbortMultipartUpload", UPLOADS)},
    "delete_upload": {("s3:DeleteObject", UPLOADS)},
    "take_events": {
        ("sqs:ReceiveMessage", QUEUE),
        ("sqs:ChangeMessageVisibility", QUEUE),
        ("sqs:DeleteMessage", QUEUE),
    },
    "check_events": {("sqs:GetQueueAttributes", QUEUE)},
    "count_dead_events": {
        ("sqs:GetQueueAttributes", QUEUE),
        ("sqs:GetQueueUrl", DEAD),
        ("sqs:GetQueueAttributes", DEAD),
    },
    "check_rules": {("s3:GetLifecycleConfiguration", BUCKET)},
    "check_encryption": {("s3:GetEncryptionConfiguration", BUCKET)},
    "publish_metrics": {("cloudwatch:PutMetricData", ANY)},
    "write_run_log": {("s3:PutObject", LOGS)},
    "read_run_log": {("s3:GetObject", LOGS)},
}
"""By deed, what it needs: taking any of it away makes the deed fail."""

ENFORCED = ("s3:", "sqs:", "cloudwatch:")
STAGE = "dev"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Run ministack with a stage's bucket, queues and roles."""
    program = ministack_program()
    if program is None:
        pytest.skip("ministack is not installed: make ministack")
    with Ministack(program, tmp_path_factory.mktemp("ministack"), services="s3,sqs,iam,sts,monitoring") as server:
        yield Account(server, STAGE)


@pytest.fixture(scope="module")
def actors(account: Account) -> Mapping[str, Actor]:
    """Return a task for each role. None of them may do anything yet."""
    return {role: Actor(account, role) for role in ALLOWED}


def short(grant: Grant, account: Account) -> tuple[str, str]:
    """Return a grant as `NEEDS` names it."""
    if grant.action.startswith("sqs:"):
        return grant.action, grant.resource.partition(f"bookmarkai-{STAGE}-")[2]
    return grant.action, grant.resource.removeprefix(f"arn:aws:s3:::{account.bucket}")


@pytest.mark.parametrize("role", ALLOWED)
def test_a_role_may_do_its_deeds_and_no_other(
    account: Account, actors: Mapping[str, Actor], tmp_path: Path, role: str
) -> None:
    """Every allowed deed works to its end, and every other one is refused by the server."""
    actors[role].allow(account.roles[role])
    done = {name for name, deed in DEEDS.items() if is_allowed(deed, account, actors[role], tmp_path)}
    assert done == ALLOWED[role]


@pytest.mark.parametrize("role", ALLOWED)
def test_each_permission_is_needed_by_a_deed(
    account: Account, actors: Mapping[str, Actor], tmp_path: Path, role: str
) -> None:
    """Without it exactly the deeds that need it are refused. A permission that no deed needs is one too many."""
    actor, grants = actors[role], account.roles[role]
    for grant in (one for one in grants if one.action.startswith(ENFORCED)):
        actor.allow([one for one in grants if one != grant])
        refused = {name for name in ALLOWED[role] if not is_allowed(DEEDS[name], account, actor, tmp_path)}
        expected = {name for name in ALLOWED[role] if short(grant, account) in NEEDS[name]}
        assert (grant, refused) == (grant, expected)
        assert expected, grant


def test_without_permissions_every_deed_is_refused(
    account: Account, actors: Mapping[str, Actor], tmp_path: Path
) -> None:
    """The server does enforce: a deed that works for nobody's sake would say nothing in the other tests."""
    actors["cleaner"].allow([Grant("s3:ListAllMyBuckets", "*")])
    assert {name for name, deed in DEEDS.items() if is_allowed(deed, account, actors["cleaner"], tmp_path)} == set()


def test_all_roles_of_all_stages_are_tried() -> None:
    """With media, events and metrics each role may do the same in prod. The execution role is ECS's own."""
    of_stage = {}
    for stage in ("dev", "prod"):
        roles = {name.removeprefix(f"bookmarkai-{stage}-"): found for name, found in read_stage(stage)["roles"].items()}
        assert roles.keys() - {"execution"} == ALLOWED.keys()
        of_stage[stage] = {
            role: sorted(
                str({**statement, "Sid": ""}).replace(f"-{stage}-", "-STAGE-")
                for statement in statements
                if str(statement["Action"]).lstrip("['").startswith(ENFORCED)
            )
            for role, statements in roles.items()
            if role != "execution"
        }
    assert of_stage["dev"] == of_stage["prod"]
