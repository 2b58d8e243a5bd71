"""A worker of an earlier release that works on a catalog: `python -m tests.support.catalog_worker URL REVISION`.

It takes one share after the other from the claim to the transcript, through the catalog's own adapters. It prints the
id of each when it is done, with the seconds that its longest transaction has waited so far, and ends with its standard
input.
"""

import select
import sys
import time
from collections.abc import Callable
from uuid import uuid4

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog, revisions
from tests.support.catalog import (
    add_share,
    at,
    begin,
    claim,
    finish,
    staged_media,
    stored_media,
    transcript_of,
)
from tests.support.storage_events import transfer


def work_on_one(catalog: OpenCatalog, transact: Callable[[Callable[[], object]], None]) -> str:
    """Take a share of its own from the claim to the transcript, and return its id."""
    media_id, run, claim_id = str(uuid4()), str(uuid4()), str(uuid4())
    share_id = add_share(catalog)
    event = transfer()
    steps: list[Callable[[], object]] = [
        lambda: claim(catalog, share_id, media_id, claim_id),
        lambda: begin(catalog, share_id, media_id, run, claim_id=claim_id),
        lambda: catalog.media.record_staged(staged_media(media_id, share_id), owner=run, now=at(1)),
        lambda: catalog.events.record(event),
        lambda: catalog.media.record_stored(stored_media(media_id, share_id), owner=run, now=at(2)),
        lambda: catalog.transcripts.put(share_id, transcript_of("hello"), media_id=media_id, owner=run, now=at(3)),
        lambda: finish(catalog, share_id, run, 3),
    ]
    for step in steps:
        transact(step)
    return share_id


def main(url: str, revision: str) -> None:
    """Work until standard input ends."""
    longest = 0.0

    def transact(step: Callable[[], object]) -> None:
        nonlocal longest
        started = time.monotonic()
        step()
        longest = max(longest, time.monotonic() - started)

    # As far as the schema can tell, this process is that release.
    revisions.REVISIONS = revisions.REVISIONS[: revisions.REVISIONS.index(revision) + 1]
    with open_catalog(url) as catalog:
        while not select.select([sys.stdin], [], [], 0)[0]:
            sys.stdout.write(f"{work_on_one(catalog, transact)} {longest}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
