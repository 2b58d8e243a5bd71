"""Many uploads at once, good, bad and abandoned: each good one is one share, and nothing is left after the sweep."""

import random
from collections import Counter
from functools import partial

from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.core.uploads.upload import Upload, UploadStatus
from bookmarkai_assets.operations.uploads.arrivals import Arrival, TakenIn, take_in, take_in_key
from bookmarkai_assets.operations.uploads.sweeping import sweep_uploads
from tests.fakes.stores import FakeObject
from tests.fakes.uploads import FakeUploads
from tests.plugins.vault import Vault
from tests.support.catalog import together
from tests.support.uploads import new_upload

GOOD, KINDS = 20, ("short", "metadata", "missing", "given up", "replaced")
OF_EACH_KIND = 2


def test_each_good_upload_is_one_share_and_nothing_is_left(vault: Vault) -> None:
    """Events come twice, in any order and from many threads, and some are of keys that are nobody's."""
    bucket = FakeUploads()
    uploads: dict[str, list[Upload]] = {kind: [] for kind in ("good", *KINDS)}
    for kind, count in (("good", GOOD), *((kind, OF_EACH_KIND) for kind in KINDS)):
        for number in range(count):
            data = f"{kind} video {number}".encode()
            uploads[kind].append(_arrive(vault, bucket, kind, data))
            if kind == "good":
                vault.downloader.serve_file(data)
    everything = [upload for some in uploads.values() for upload in some]
    events = [partial(take_in_key, vault.catalog, bucket, upload.key, now=vault.clock()) for upload in everything] * 2
    events += [partial(take_in, vault.catalog, bucket, upload.upload_id, now=vault.clock()) for upload in everything]
    events += [partial(take_in_key, vault.catalog, bucket, f"temp/uploads/{n}", now=vault.clock()) for n in range(5)]
    random.Random(1).shuffle(events)  # noqa: S311 - the same order each time
    found: list[TakenIn] = []
    for first in range(0, len(events), 8):
        found += together(events[first : first + 8])

    arrivals = Counter(one.arrival for one in found)
    made = GOOD + OF_EACH_KIND  # the replaced ones are not known yet
    assert arrivals == {
        Arrival.TAKEN_IN: made,
        Arrival.KNOWN: 2 * made,
        Arrival.REFUSED: 2 * 3 * OF_EACH_KIND,
        Arrival.MISSING: 3 * OF_EACH_KIND,
        Arrival.ABANDONED: 3 * OF_EACH_KIND,
        Arrival.FOREIGN: 5,
    }
    shares = vault.catalog.shares.list()
    assert sorted(share.url for share in shares) == sorted(
        upload.url for kind in ("good", "replaced") for upload in uploads[kind]
    )

    fetched = {share.share_id: vault.run(share.share_id, "fetch")["fetch"] for share in shares}
    placed = [vault.run(one, "place")["place"] for one, media in fetched.items() if isinstance(media, Media)]

    assert len(placed) == GOOD
    assert all(isinstance(media, Media) for media in placed)
    assert vault.catalog.shares.count(statuses=[ShareStatus.ERROR]) == OF_EACH_KIND
    vault.let_pass(hours=25)
    # The first sweep abandons what never came. It goes with the sweep of the day after.
    list(sweep_uploads(vault.work("sweep")))
    vault.let_pass(hours=25)
    list(sweep_uploads(vault.work("sweep")))
    assert vault.s3.objects == {}
    assert vault.catalog.uploads.unremoved(limit=1000) == []


def _arrive(vault: Vault, bucket: FakeUploads, kind: str, data: bytes) -> Upload:
    """Record an upload and what comes of it."""
    status = UploadStatus.ABANDONED if kind == "given up" else UploadStatus.AWAITING
    ended_at = vault.clock() if kind == "given up" else None
    upload = new_upload(data, created_at=vault.clock(), status=status, ended_at=ended_at)
    vault.catalog.uploads.add(upload)
    if kind == "missing":
        return upload
    sent = {"short": data[:-1], "replaced": b"?" * len(data)}.get(kind, data)
    if kind == "metadata":
        bucket.put_strange(upload.key, sent)
    else:
        bucket.arrive(upload, sent)
    vault.s3.objects[vault.s3.url_of(upload.key)] = FakeObject(sent, "video/mp4", modified_at=vault.clock())
    return upload
