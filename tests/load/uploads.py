"""Many uploads at once, some hostile or abandoned: each good one is one share, and nothing is left after the sweep.

`python -m tests.load.uploads --uploads 500 --bad 100` runs it and prints what became of them.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.core.uploads.upload import Upload, UploadStatus
from bookmarkai_assets.operations.uploads.arrivals import Arrival, TakenIn, take_in, take_in_key
from bookmarkai_assets.operations.uploads.sweeping import sweep_uploads
from tests.fakes.stores import FakeObject
from tests.fakes.uploads import FakeUploads
from tests.plugins.vault import Vault, open_vault
from tests.support.catalog import together
from tests.support.uploads import new_upload

GOOD = "good"
BAD_KINDS = ("short", "metadata", "missing", "given up", "replaced")
_FOREIGN_KEYS = 5
_AT_ONCE = 8


def take_in_many(vault: Vault, *, good: int, of_each_kind: int) -> Counter[Arrival]:
    """Have uploads arrive, process their shares, and sweep. Return the number of arrivals by outcome.

    Beside `good` uploads there are `of_each_kind` of each of `BAD_KINDS`. Each is named three times, in any order and
    from many threads, and some names are of keys that are nobody's. Raises `AssertionError` if a good upload is not
    exactly one share, a bad one is, or something is left.
    """
    bucket = FakeUploads()
    counts = {GOOD: good, **dict.fromkeys(BAD_KINDS, of_each_kind)}
    uploads = {kind: [_arrive(vault, bucket, kind, number) for number in range(counts[kind])] for kind in counts}
    arrivals = _take_in_all(vault, bucket, [upload for some in uploads.values() for upload in some])
    made = good + of_each_kind  # the replaced ones are not known yet
    assert arrivals == {
        Arrival.TAKEN_IN: made,
        Arrival.KNOWN: 2 * made,
        Arrival.REFUSED: 2 * 3 * of_each_kind,
        Arrival.MISSING: 3 * of_each_kind,
        Arrival.ABANDONED: 3 * of_each_kind,
        Arrival.FOREIGN: _FOREIGN_KEYS,
    }, arrivals
    shares = vault.catalog.shares.list(limit=2 * made)
    assert sorted(share.url for share in shares) == sorted(
        upload.url for kind in (GOOD, "replaced") for upload in uploads[kind]
    )

    fetched = {share.share_id: vault.run(share.share_id, "fetch")["fetch"] for share in shares}
    placed = [vault.run(one, "place")["place"] for one, media in fetched.items() if isinstance(media, Media)]
    assert len(placed) == good
    assert all(isinstance(media, Media) for media in placed)
    assert vault.catalog.shares.count(statuses=[ShareStatus.ERROR]) == of_each_kind

    vault.let_pass(hours=25)
    # The first sweep abandons what never came. It goes with the sweep of the day after.
    list(sweep_uploads(vault.work("sweep")))
    vault.let_pass(hours=25)
    list(sweep_uploads(vault.work("sweep")))
    assert vault.s3.objects == {}
    assert vault.catalog.uploads.unremoved(limit=1) == []
    return arrivals


def _take_in_all(vault: Vault, bucket: FakeUploads, uploads: list[Upload]) -> Counter[Arrival]:
    """Take each upload in twice by its key, as two events, and once by its id, as a round of asking."""
    now = vault.clock()
    keys = [upload.key for upload in uploads] * 2 + [f"temp/uploads/{number}" for number in range(_FOREIGN_KEYS)]
    tasks = [partial(take_in_key, vault.catalog, bucket, key, now=now) for key in keys]
    tasks += [partial(take_in, vault.catalog, bucket, upload.upload_id, now=now) for upload in uploads]
    random.Random(1).shuffle(tasks)  # noqa: S311 - the same order each time
    found: list[TakenIn] = []
    for first in range(0, len(tasks), _AT_ONCE):
        found += together(tasks[first : first + _AT_ONCE])
    return Counter(one.arrival for one in found)


def _arrive(vault: Vault, bucket: FakeUploads, kind: str, number: int) -> Upload:
    """Record an upload and what comes of it."""
    data = f"{kind} video {number}".encode()
    status = UploadStatus.ABANDONED if kind == "given up" else UploadStatus.AWAITING
    ended_at = vault.clock() if kind == "given up" else None
    upload = new_upload(data, created_at=vault.clock(), status=status, ended_at=ended_at)
    vault.catalog.uploads.add(upload)
    if kind == "missing":
        return upload
    if kind == GOOD:
        vault.downloader.serve_file(data)
    sent = {"short": data[:-1], "replaced": b"?" * len(data)}.get(kind, data)
    if kind == "metadata":
        bucket.put_strange(upload.key, sent)
    else:
        bucket.arrive(upload, sent)
    vault.s3.objects[vault.s3.url_of(upload.key)] = FakeObject(sent, "video/mp4", modified_at=vault.clock())
    return upload


def main() -> int:
    """Print what became of the uploads, and the time, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=500)
    parser.add_argument("--bad", type=int, default=100, help="a multiple of 5: as many of each of five kinds")
    options = parser.parse_args()
    of_each_kind, rest = divmod(options.bad, len(BAD_KINDS))
    if rest or not 0 <= options.bad <= options.uploads:
        parser.error(f"expected --bad to be a multiple of {len(BAD_KINDS)}, up to --uploads, found {options.bad}")
    started, cpu_started = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="bookmarkai-load-") as name:
        directory = Path(name)
        with open_vault(directory, f"sqlite:///{directory / 'catalog.db'}") as vault:
            good = options.uploads - options.bad
            arrivals = take_in_many(vault, good=good, of_each_kind=of_each_kind)
    report = {
        "uploads": options.uploads,
        "bad": options.bad,
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(time.process_time() - cpu_started, 1),
        "arrivals": arrivals,
    }
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
