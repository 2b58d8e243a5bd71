"""storage_verification: compare the catalog with disk and bucket, to prove that nothing was lost.

Nothing is changed here. Whatever seems lost is checked a second time, against the record of that moment, because moves
and clean-up go on meanwhile.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.kinds import TRANSCRIPT_CONTENT_TYPES, PartKind
from bookmarkai_assets.core.media.media import Digest, Media, MediaState, Part
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import ListedObject
from bookmarkai_assets.core.media.retention import expiry_of
from bookmarkai_assets.core.rollout.ports import RecordedVerification
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.media.catalog_reads import all_media
from bookmarkai_assets.operations.storage.spool import Spool, SpooledListing
from bookmarkai_assets.operations.storage.verification_progress import ProgressMeter, VerificationProgress
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.operations.uploads.overlooked import overlooked_uploads
from bookmarkai_assets.operations.uploads.sweeping import KIND as UPLOAD_KIND

Listings = Mapping[Backend, SpooledListing]

_MEDIA_AT_A_TIME = 256
"""What the threads share, and how many of those that seem damaged are read again in one query. With all of a large
catalog's media at once, it would be in memory."""


class Finding(StrEnum):
    """What the verification says of one part of a media, or of one file or object without a record."""

    SAME = "same"
    MISSING = "missing"
    DIFFERENT = "different"
    EXPIRED = "expired"
    ORPHANED = "orphaned"
    IN_BOTH_PLACES = "in_both_places"
    UNVERIFIED = "unverified"
    NOT_TAKEN_IN = "not_taken_in"


SYMBOLS: Mapping[Finding, str] = {
    Finding.SAME: "=",
    Finding.MISSING: "+",
    Finding.DIFFERENT: "*",
    Finding.ORPHANED: "-",
    Finding.UNVERIFIED: "!",
    Finding.EXPIRED: "x",
    Finding.IN_BOTH_PLACES: "&",
    Finding.NOT_TAKEN_IN: "^",
}
"""As in `rclone check --combined`, with the catalog as source. `+` is only in the catalog, `-` only in the stores. The
last three are ours."""

_SEVERITY = (
    Finding.MISSING,
    Finding.DIFFERENT,
    Finding.UNVERIFIED,
    Finding.NOT_TAKEN_IN,
    Finding.ORPHANED,
    Finding.EXPIRED,
    Finding.IN_BOTH_PLACES,
    Finding.SAME,
)

LOSSES = frozenset({Finding.MISSING, Finding.DIFFERENT})
"""What makes a verification fail."""

SETTLED = frozenset({Finding.SAME, Finding.EXPIRED, Finding.IN_BOTH_PLACES})
"""Findings that need nobody's attention: the part is as recorded, or the finding resolves itself."""


@dataclass(frozen=True)
class VerificationLine:
    """One line of the report. `size_bytes` is from the catalog, or from the listing if there is no record.

    `remedy` is what to do, if that is known.
    """

    finding: Finding
    url: str
    kind: str
    media_id: str | None
    share_id: str | None
    size_bytes: int
    detail: str | None = None
    remedy: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "finding": self.finding.value,
            "url": self.url,
            "kind": self.kind,
            "media_id": self.media_id,
            "share_id": self.share_id,
            "size_bytes": self.size_bytes,
            "detail": self.detail,
            "remedy": self.remedy,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "VerificationLine":
        """Return a line from its JSON form."""
        return cls(**{**data, "finding": Finding(data["finding"])})


@dataclass
class VerificationReport:
    """Counts and bytes by finding, and every line whose finding is not "same", or every line if `is_full`.

    `lines` has the losses first and last what resolves itself. It is on disk, because an unmounted directory makes a
    line for each of its files.

    `unanswered` says why a backend could not be listed. Everything recorded there is unverified, and what else is there
    is unknown.
    """

    is_deep: bool
    started_at: datetime
    is_full: bool = False
    unanswered: dict[Backend, str] = field(default_factory=dict)
    counts: Counter[Finding] = field(default_factory=Counter)
    size_bytes: Counter[Finding] = field(default_factory=Counter)
    lines: Spool[VerificationLine] = field(
        default_factory=lambda: Spool(VerificationLine.as_dict, VerificationLine.from_dict)
    )
    bytes_read: int = 0
    media_on_record: int = 0

    def add(self, line: VerificationLine) -> None:
        """Count one line, and keep it unless its finding is "same" and the report is not full."""
        self.counts[line.finding] += 1
        self.size_bytes[line.finding] += line.size_bytes
        if self.is_full or line.finding is not Finding.SAME:
            self.lines.add(line, rank=_SEVERITY.index(line.finding))

    @property
    def is_good(self) -> bool:
        """Whether everything was checked, nothing is missing or different, and the catalog is the right one."""
        is_whole = not self.unanswered and not self.counts[Finding.UNVERIFIED]
        return is_whole and not self.is_blank and not self.has_losses

    @property
    def has_losses(self) -> bool:
        """Whether anything is missing or different."""
        return any(self.counts[loss] for loss in LOSSES)

    @property
    def is_blank(self) -> bool:
        """Whether the stores have files and the catalog no media: it is another catalog, or its records were lost."""
        return self.media_on_record == 0 and self.counts[Finding.ORPHANED] > 0

    @property
    def verdict(self) -> str:
        """The result in words. It is not good if something could not be checked."""
        unchecked = f", and {self._unchecked}" if self.unanswered else ""
        if self.has_losses:
            return f"something is missing or different{unchecked}"
        if self.unanswered:
            return self._unchecked
        if self.counts[Finding.UNVERIFIED]:
            return "something could not be checked"
        if self.is_blank:
            return "nothing is on record although files are there: is CATALOG_URL right? See storage rebuild-catalog"
        return "nothing is missing or different"

    @property
    def _unchecked(self) -> str:
        return f"nothing could be checked in {' and '.join(self.unanswered)}"

    def summary_as_dict(self) -> dict[str, Any]:
        """Return the JSON form of all but the lines."""
        return {
            "ok": self.is_good,
            "verdict": self.verdict,
            "deep": self.is_deep,
            "backends_not_verified": {backend.value: why for backend, why in self.unanswered.items()},
            "started_at": self.started_at.isoformat(),
            "counts": {finding.value: self.counts[finding] for finding in Finding},
            "size_bytes": {finding.value: self.size_bytes[finding] for finding in Finding},
            "bytes_read": self.bytes_read,
            "media_on_record": self.media_on_record,
        }


def verify_storage(
    catalog: Catalog,
    stores: Stores,
    rules: PipelineRules,
    *,
    is_deep: bool,
    now: datetime,
    workers: int = 8,
    is_full: bool = False,
    on_progress: Callable[[VerificationProgress], object] = lambda _: None,
) -> VerificationReport:
    """Compare every stored media with what is at its recorded URLs, and everything in the stores with the records.

    Objects in the bucket are compared by size and by the SHA-256 in their metadata, local files by size. `is_deep`
    reads every byte of both and compares the SHA-256. Staged media are not checked, because nothing was promised about
    them yet. If a store cannot be listed, the others are verified all the same. That store is named in `unanswered`
    and not asked again, and the report is not good. `on_progress` is called from several threads, one at a time.
    """
    report = VerificationReport(is_deep, now, is_full)
    meter = ProgressMeter(on_progress)
    # Listed before the records are read. Anything put meanwhile is recorded before the listing is compared.
    listings: dict[Backend, SpooledListing] = {}
    with ExitStack() as open_listings:
        for backend, store in stores.items():
            try:
                # A whole listing or none. What an interrupted listing left out would count as missing.
                listing = open_listings.enter_context(closing(SpooledListing(store.list(rules.prefix_on(backend)))))
            except StoreError as error:
                report.unanswered[backend] = str(error)
            else:
                listings[backend] = listing
                meter.expect(*listing.totals())
        verifier = _Verifier(catalog, stores, rules, listings, report.unanswered, meter, is_deep=is_deep, now=now)
        for checked in _check_each(verifier, all_media(catalog), workers):
            report.bytes_read += checked.bytes_read
            report.media_on_record += 1
            for line in checked.lines:
                report.add(line)
        for listing in listings.values():
            meter.leave_out(*listing.totals())
        for line in verifier.orphans():
            report.add(line)
    for line in _lines_of_uploads(catalog, stores, report.unanswered, now):
        report.add(line)
    return report


def _lines_of_uploads(
    catalog: Catalog, stores: Stores, unanswered: Mapping[Backend, str], now: datetime
) -> Iterator[VerificationLine]:
    """Yield a line for each upload that has arrived and has no share. They are sent to S3, and to no other backend."""
    if Backend.S3 not in stores or Backend.S3 in unanswered:
        return
    store = stores[Backend.S3]
    try:
        for upload in overlooked_uploads(catalog, store, now=now):
            yield VerificationLine(
                Finding.NOT_TAKEN_IN,
                store.url_of(upload.key),
                UPLOAD_KIND,
                None,
                None,
                upload.digest.size_bytes,
                "it has arrived, and no share was made of it",
                "see whether the sensor uploaded_media is on, and what its ticks say",
            )
    except StoreError as error:
        yield VerificationLine(Finding.UNVERIFIED, "the uploads", UPLOAD_KIND, None, None, 0, str(error))


def _check_each(verifier: "_Verifier", media: Iterable[Media], workers: int) -> Iterator["_Checked"]:
    """Check media, `workers` at a time, and yield the results in their order."""
    with ThreadPoolExecutor(workers, thread_name_prefix="verify") as pool:
        remaining = iter(media)
        while checked := list(pool.map(verifier.check, islice(remaining, _MEDIA_AT_A_TIME))):
            yield from pool.map(partial(verifier.confirm, verifier.read_again(checked)), checked)


@dataclass(frozen=True)
class _Checked:
    """A media, what the listings had for each of its parts, its lines, and the number of bytes read for them."""

    media: Media
    listed: Mapping[PartKind, Sequence[ListedObject]]
    lines: Sequence[VerificationLine]
    bytes_read: int

    @property
    def has_loss(self) -> bool:
        return any(line.finding in LOSSES for line in self.lines)


class _Verifier:
    def __init__(
        self,
        catalog: Catalog,
        stores: Stores,
        rules: PipelineRules,
        listings: Listings,
        unanswered: Mapping[Backend, str],
        meter: ProgressMeter,
        *,
        is_deep: bool,
        now: datetime,
    ) -> None:
        self.catalog = catalog
        self.stores = stores
        self.rules = rules
        self.listings = listings
        self.unanswered = unanswered
        self.meter = meter
        self.is_deep = is_deep
        self.now = now

    def check(self, media: Media) -> _Checked:
        """Check one media against the record that the caller has read."""
        listed = {
            kind: [
                found
                for listing in self.listings.values()
                # Taken out of the listing. What is left there in the end belongs to no record.
                if (found := listing.pop(part.key)) is not None
            ]
            for kind, part in media.parts.items()
        }
        checked = _Checked(media, listed, *self._check_parts(media, listed))
        return checked if checked.has_loss else self._finish(checked)

    def read_again(self, checked: Iterable[_Checked]) -> Mapping[str, Media]:
        """Read the present records of what seems damaged, by media id."""
        return self.catalog.media.get_all([one.media.media_id for one in checked if one.has_loss])

    def confirm(self, present: Mapping[str, Media], checked: _Checked) -> _Checked:
        """Check once more what seems damaged, if its present record is another."""
        if not checked.has_loss:
            return checked
        again = present.get(checked.media.media_id, checked.media)
        if again != checked.media:
            lines, more = self._check_parts(again, checked.listed)
            checked = replace(checked, lines=lines, bytes_read=checked.bytes_read + more)
        return self._finish(checked)

    def _finish(self, checked: _Checked) -> _Checked:
        found = [one for copies in checked.listed.values() for one in copies]
        self.meter.finish(found, read_bytes=checked.bytes_read)
        return checked

    def orphans(self) -> Iterator[VerificationLine]:
        """Yield a line for each file or object that no media claims: unknown ones, and those of expired media."""
        for backend, listing in self.listings.items():
            for listed in listing:
                if not self.catalog.media.acknowledges(listed.url):
                    yield VerificationLine(
                        Finding.ORPHANED,
                        listed.url,
                        "object" if backend.is_remote else "file",
                        None,
                        None,
                        listed.size_bytes,
                        "no record claims it",
                    )

    def _check_parts(
        self, media: Media, listed: Mapping[PartKind, Sequence[ListedObject]]
    ) -> tuple[list[VerificationLine], int]:
        if media.state is MediaState.STAGED:
            return [], 0
        lines: list[VerificationLine] = []
        bytes_read = 0
        for kind, part in media.parts.items():
            copies = listed.get(kind, ())
            if media.state is MediaState.EXPIRED:
                detail = "its bytes were removed by rule"
                if kind.is_transcript and self.rules.retention.s3_days:
                    # A file that was put after its video stays some days longer.
                    copies, before = [f for f in copies if not Backend.of_url(f.url).is_remote], copies
                    detail = detail if len(copies) == len(before) else "the bucket's rule deletes it in its time"
                lines.append(self._line(Finding.EXPIRED, media, part, detail))
            else:
                recorded = next((found for found in copies if found.url == part.url), None)
                line, read = self._check_part(media, part, recorded)
                if line.finding in LOSSES:
                    line = replace(line, remedy=self._remedy(line, media, [f for f in copies if f.url != part.url]))
                lines.append(line)
                bytes_read += read
            for found in copies:
                if media.state is MediaState.EXPIRED or found.url != part.url:
                    line, read = self._check_copy(media, part, found)
                    lines.append(line)
                    bytes_read += read
        return lines, bytes_read

    def _check_part(self, media: Media, part: Part, listed: ListedObject | None) -> tuple[VerificationLine, int]:
        backend = Backend.of_url(part.url)
        if backend in self.unanswered:
            return self._line(Finding.UNVERIFIED, media, part, f"{backend} could not be listed"), 0
        try:
            found, read = self._digest_at(part, listed)
        except ObjectNotFoundError:
            end = expiry_of(media, self.rules.retention)
            if end is not None and end <= self.now:
                return self._line(
                    Finding.EXPIRED,
                    media,
                    part,
                    f"the bucket's rule deleted it after {end:%Y-%m-%d}",
                ), 0
            return self._line(Finding.MISSING, media, part, "expected the recorded bytes, found nothing"), 0
        except StoreError as error:
            is_different = error.error_class is StoreErrorClass.CHECKSUM
            return self._line(Finding.DIFFERENT if is_different else Finding.UNVERIFIED, media, part, str(error)), 0
        if found != part.digest:
            detail = f"expected {part.size_bytes} bytes, found {found.size_bytes}"
            if found.size_bytes == part.size_bytes:
                detail += f": expected SHA-256 {part.digest.sha256[:16]}…, found {found.sha256[:16]}…"
            return self._line(Finding.DIFFERENT, media, part, detail), read
        return self._line(Finding.SAME, media, part, None), read

    def _digest_at(self, part: Part, listed: ListedObject | None) -> tuple[Digest, int]:
        """Return the digest of what is at a part's URL, and the number of bytes read for it.

        A deep verification reads every byte. Otherwise a listed local file is only compared by size, and an object in
        the bucket by the digest in its metadata.
        """
        store = self.stores.of_url(part.url)
        is_local = not store.backend.is_remote
        if is_local and not self.is_deep and listed is not None and listed.url == part.url:
            return Digest(listed.size_bytes, part.digest.sha256), 0
        if is_local or not self.is_deep:
            found = store.head(part.url).digest
            read = found.size_bytes if is_local else 0
            self.meter.read(read)
            return found, read
        counted: list[int] = []

        def count(size_bytes: int) -> None:
            counted.append(size_bytes)
            self.meter.read(size_bytes)

        try:
            found = self.stores.read_digest(part.url, on_bytes=count)
        except StoreError:
            self.meter.read(-sum(counted))
            raise
        return found, found.size_bytes

    def _check_copy(self, media: Media, part: Part, found: ListedObject) -> tuple[VerificationLine, int]:
        """Check a copy that is not at the recorded URL. A move leaves such copies until clean-up."""
        copy = replace(part, url=found.url)
        if media.state is MediaState.EXPIRED:
            detail = "expected it gone with its media, which has expired, found it there"
            return self._line(Finding.ORPHANED, media, copy, detail), 0
        line, read = self._check_part(media, copy, found)
        # A move can leave a file of an earlier transcript. That is no loss, because the newer file is recorded.
        is_outdated = line.finding is Finding.DIFFERENT and part.kind.is_transcript
        if line.finding is not Finding.SAME and not is_outdated:
            return line, read
        return self._line(Finding.IN_BOTH_PLACES, media, copy, _describe_copy(found.url, part.url)), read

    def _remedy(self, line: VerificationLine, media: Media, copies: Sequence[ListedObject]) -> str | None:
        """Return how to restore what is missing or different; None if that is unknown or nothing can be done."""
        if line.kind in TRANSCRIPT_CONTENT_TYPES:
            return f"bookmarkai transcripts store {media.share_id} makes it again"
        # What differs is never replaced by a command: it may be all that is left of the video.
        first = "set it aside, then " if line.finding is Finding.DIFFERENT else ""
        if copies:
            recorded = Backend.of_url(line.url)
            move = f"bookmarkai storage move --to {recorded} --share {media.share_id}"
            return f"{first}{move} puts it back from {copies[0].url}"
        # Only a lost video is fetched again. For a lost audio track the sound is in the video.
        if line.kind == PartKind.VIDEO and not self.unanswered:
            return f"{first}bookmarkai shares retry {media.share_id} fetches it again"
        return f"bookmarkai shares show {media.share_id} says where the rest of it is" if first else None

    def _line(self, finding: Finding, media: Media, part: Part, detail: str | None) -> VerificationLine:
        return VerificationLine(finding, part.url, part.kind, media.media_id, media.share_id, part.size_bytes, detail)


def _describe_copy(url: str, recorded: str) -> str:
    removal = (
        "the bucket's rule deletes it in its time"
        if Backend.of_url(url).is_remote
        else "clean-up removes it after the grace period"
    )
    return f"a second copy beside {recorded}; {removal}"


def record_verification(
    catalog: Catalog, report: VerificationReport, *, is_deep: bool, now: datetime
) -> RecordedVerification:
    """Record the counts of a report, even if not everything could be checked, and return what was recorded.

    `now` is when the verification began, because it may have missed what was lost while it ran.
    """
    verification = RecordedVerification(
        verified_at=now,
        is_deep=is_deep,
        is_good=report.is_good,
        missing=report.counts[Finding.MISSING],
        different=report.counts[Finding.DIFFERENT],
        unverified=report.counts[Finding.UNVERIFIED],
        counts={finding.value: report.counts[finding] for finding in Finding},
    )
    catalog.rollout.record_verification(verification)
    return verification
