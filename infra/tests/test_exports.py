"""What the pipeline's tests read of the stacks is what the stacks say."""

from collections.abc import Mapping

from bookmarkai_infra.checks.exports import FILE, as_text, export
from bookmarkai_infra.checks.stacks import Stacks


def test_the_exported_file_is_that_of_the_templates(stacks: Mapping[str, Stacks]) -> None:
    """After a change run `.venv/bin/python -m bookmarkai_infra.checks.exports tests/keys`, and the pipeline's tests."""
    assert FILE.read_text() == as_text({stage: export(found) for stage, found in stacks.items()})


def test_roles_and_the_bucket_are_exported_whole(stacks: Mapping[str, Stacks]) -> None:
    """Each task's role is there. Nothing of the bucket and its policy is left to fill in but the distribution."""
    for stage, found in stacks.items():
        exported = export(found)
        tasks = {text for text in exported["roles"] if not text.endswith("execution")}
        assert tasks == {
            f"bookmarkai-{stage}-{name}"
            for name in ("uploader", "cleaner", "reader", "ui", "door", "code", "launcher", "migration")
        }
        assert as_text(exported["bucket"]).count("${") == 1
