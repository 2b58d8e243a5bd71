"""`bookmarkai storage rebuild-catalog`: restore media records from what the stores hold."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from bookmarkai_assets.cli.output import clean, err, human_bytes, out, print_first, print_json
from bookmarkai_assets.core.rollout.policy import is_open_to_decisions, resolve_policy
from bookmarkai_assets.operations.storage.rebuilding import rebuild_catalog as rebuild
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules
from bookmarkai_assets.wiring.storage import make_stores


def rebuild_catalog(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be restored, and write nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Restore the media records that the catalog lacks from bucket and disk. Existing records are not changed.

    If the catalog was lost, begin with an empty one (`bookmarkai catalog upgrade`). A video that is in both backends is
    recorded where new media go. Decisions about the rollout are not restored. The exit code is 1 if some video in a
    store could not be restored.

    Example: bookmarkai storage rebuild-catalog --dry-run
    """
    settings = load_settings()
    rules = make_rules(settings)
    with open_catalog(settings) as catalog:
        report = rebuild(catalog, make_stores(settings), rules, now=datetime.now(UTC), is_dry_run=dry_run)
        standing = catalog.rollout.standing()
    if as_json:
        print_json(report.as_dict())
    else:
        verb = "would restore" if dry_run else "restored"
        print_first([f"{verb}  {media.share_id}  {media.video.url}" for media in report.restored])
        print_first([f"left out  {one.url}: {one.reason}" for one in report.unrestorable], console=err)
        size = sum(media.size_bytes for media in report.restored)
        out.print(
            f"{verb} {len(report.restored)} ({human_bytes(size)}), {report.known} on record already", soft_wrap=True
        )
        if report.without_share:
            out.print(
                f"{report.without_share} of them are of no share in this catalog; sharing a link again finds its video",
                soft_wrap=True,
            )
        effective = resolve_policy(rules.storage, standing)
        effect = effective.policy.effect
        out.print(clean(f"{effect[0].upper()}{effect[1:]}: {effective.why}", 500), soft_wrap=True)
        if standing is None and is_open_to_decisions(rules.storage):
            out.print(
                "No decision about the rollout is on record. If one was lost with the catalog, take it again now: "
                "bookmarkai rollout rollback, or bookmarkai rollout set N",
                soft_wrap=True,
            )
    if report.unrestorable:
        raise typer.Exit(1)
