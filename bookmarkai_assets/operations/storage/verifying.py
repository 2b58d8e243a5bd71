"""storage_verification: the catalog against disk and bucket, so that "nothing was lost" is a finding and no belief.

Nothing is changed here. What looks wrong is looked at a second time by the record as it is then, because moves and
clean-up go on meanwhile.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
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
from bookmarkai_assets.operations.storage.verification_progress import ProgressMeter, VerificationProgress
from bookmarkai_assets.operations.stores import Stores

Listings = Mapping[Backend, dict[str, ListedObject]]


class Finding(StrEnum):
    """What is true of one video, audio track or transcript's file, or of one file or object."""

    SAME = "same"
    MISSING = "missing"
    DIFFERENT = "different"
    EXPIRED = "expired"
    ORPHANED = "orphaned"
    IN_BOTH_PLACES = "in_both_places"
    UNVERIFIED = "unverified"


SYMBOLS: Mapping[Finding, str] = {
    Finding.SAME: "=",
    Finding.MISSING: "+",
    Finding.DIFFERENT: "*",
    Finding.ORPHANED: "-",
    Finding.UNVERIFIED: "!",
    Finding.EXPIRED: "x",
    Finding.IN_BOTH_PLACES: "&",
}
"""As in `rclone check --combined`, with the catalog as source: `+` is only there, `-` only in the stores. The last two
are ours."""

_SEVERITY = (
    Finding.MISSING,
    Finding.DIFFERENT,
    Finding.UNVERIFIED,
    Finding.ORPHANED,
    Finding.EXPIRED,
    Finding.IN_BOTH_PLACES,
    Finding.SAME,
)

LOSSES = frozenset({Finding.MISSING, Finding.DIFFERENT})
"""What makes a verification fail."""

SETTLED = frozenset({Finding.SAME, Finding.EXPIRED, Finding.IN_BOTH_PLACES})
"""What nobody has to look at: it is as recorded, or sees to itself."""


@dataclass(frozen=True)
class Checked:
    """One line of the report. `size_bytes` is what the catalog records, or the listing for what it does not know.

    `remedy` is what to do, where that can be told from here.
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
        """Give the line as plain values."""
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


@dataclass
class VerificationReport:
    """Counts and bytes by finding, and every line that is not simply the same; those too if `is_full`.

    `unanswered` says why a backend could not be listed: of what is recorded there every line is unverified, and what
    else is there is not known.
    """

    is_deep: bool
    started_at: datetime
    is_full: bool = False
    unanswered: dict[Backend, str] = field(default_factory=dict)
    counts: Counter[Finding] = field(default_factory=Counter)
    size_bytes: Counter[Finding] = field(default_factory=Counter)
    lines: list[Checked] = field(default_factory=list)
    bytes_read: int = 0
    media_on_record: int = 0

    def add(self, checked: Checked) -> None:
        """Count one line, and keep it unless it says "the same" and those are not asked for."""
        self.counts[checked.finding] += 1
        self.size_bytes[checked.finding] += checked.size_bytes
        if self.is_full or checked.finding is not Finding.SAME:
            self.lines.append(checked)

    @property
    def is_good(self) -> bool:
        """Whether everything was looked at, nothing is missing, nothing different, and the catalog is the right one."""
        is_whole = not self.unanswered and not self.counts[Finding.UNVERIFIED]
        return is_whole and not self.is_blank and not any(self.counts[loss] for loss in LOSSES)

    @property
    def is_blank(self) -> bool:
        """Whether nothing is on record while something is there: another catalog, or one that was lost."""
        return self.media_on_record == 0 and self.counts[Finding.ORPHANED] > 0

    @property
    def worst_first(self) -> list[Checked]:
        """The lines, losses before what will see to itself."""
        return sorted(self.lines, key=lambda line: _SEVERITY.index(line.finding))

    @property
    def verdict(self) -> str:
        """The result in words. What could not be checked is no proof of anything."""
        unchecked = f", and {self._unchecked}" if self.unanswered else ""
        if any(self.counts[loss] for loss in LOSSES):
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

    def as_dict(self) -> dict[str, Any]:
        """Give the report as plain values."""
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
            "findings": [line.as_dict() for line in self.worst_first],
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
    """Compare every stored media with what is at its recorded place, and every place with what is recorded.

    Objects in the bucket are compared by size and the SHA-256 that they carry, local files by size; `is_deep` reads
    every byte of both and compares its SHA-256. Files of media that wait in staging are not looked at: nothing is
    acknowledged of them. A store that cannot be listed keeps nobody from verifying the others: it is named in
    `unanswered`, not asked again, and the report is not good. `on_progress` is called from several threads, by one at
    a time.
    """
    report = VerificationReport(is_deep, now, is_full)
    meter = ProgressMeter(on_progress)
    # Before the records are read: what is put meanwhile is on record before it is looked for.
    listings: dict[Backend, dict[str, ListedObject]] = {}
    for backend, store in stores.items():
        try:
            # As a whole or not at all: what a listing that broke off has left out would count as missing.
            listings[backend] = {listed.key: listed for listed in store.list(rules.prefix_on(backend))}
        except StoreError as error:
            report.unanswered[backend] = str(error)
        else:
            meter.expect(listings[backend].values())
    verifier = _Verifier(catalog, stores, rules, listings, report.unanswered, meter, is_deep=is_deep, now=now)
    with ThreadPoolExecutor(workers, thread_name_prefix="verify") as pool:
        for lines, bytes_read in pool.map(verifier.check, all_media(catalog)):
            report.bytes_read += bytes_read
            report.media_on_record += 1
            for line in lines:
                report.add(line)
    for listing in listings.values():
        meter.leave_out(listing.values())
    for line in verifier.orphans():
        report.add(line)
    return report


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

    def check(self, media: Media) -> tuple[list[Checked], int]:
        """Look at one media; give its lines and the bytes read for them."""
        listed = {
            kind: [
                found
                for listing in self.listings.values()
                # Taken out, so that what is left at the end belongs to nobody.
                if (found := listing.pop(part.key, None)) is not None
            ]
            for kind, part in media.parts.items()
        }
        lines, bytes_read = self._check_as_recorded(media, listed)
        if any(line.finding in LOSSES for line in lines):
            again = self.catalog.media.get(media.media_id)
            if again is not None and again != media:
                lines, more = self._check_as_recorded(again, listed)
                bytes_read += more
        self.meter.finish([found for places in listed.values() for found in places], read_bytes=bytes_read)
        return lines, bytes_read

    def orphans(self) -> Iterator[Checked]:
        """Give what is in a store and was claimed by no media: strangers, and leftovers of expired media."""
        for backend, listing in self.listings.items():
            for listed in listing.values():
                if not self.catalog.media.acknowledges(listed.url):
                    yield Checked(
                        Finding.ORPHANED,
                        listed.url,
                        "object" if backend.is_remote else "file",
                        None,
                        None,
                        listed.size_bytes,
                        "no record claims it",
                    )

    def _check_as_recorded(
        self, media: Media, listed: Mapping[PartKind, Sequence[ListedObject]]
    ) -> tuple[list[Checked], int]:
        if media.state is MediaState.STAGED:
            return [], 0
        lines: list[Checked] = []
        bytes_read = 0
        for kind, part in media.parts.items():
            places = listed.get(kind, ())
            if media.state is MediaState.EXPIRED:
                detail = "its bytes were removed by rule"
                if kind.is_transcript and self.rules.retention.s3_days:
                    # What was put after its video has some days more.
                    places, before = [f for f in places if not Backend.of_url(f.url).is_remote], places
                    detail = detail if len(places) == len(before) else "the bucket's rule deletes it in its time"
                lines.append(self._line(Finding.EXPIRED, media, part, detail))
            else:
                recorded = next((found for found in places if found.url == part.url), None)
                line, read = self._look(media, part, recorded)
                if line.finding in LOSSES:
                    line = replace(line, remedy=self._remedy(line, media, [f for f in places if f.url != part.url]))
                lines.append(line)
                bytes_read += read
            for found in places:
                if media.state is MediaState.EXPIRED or found.url != part.url:
                    line, read = self._look_at_copy(media, part, found)
                    lines.append(line)
                    bytes_read += read
        return lines, bytes_read

    def _look(self, media: Media, part: Part, listed: ListedObject | None) -> tuple[Checked, int]:
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
            is_other = error.error_class is StoreErrorClass.CHECKSUM
            return self._line(Finding.DIFFERENT if is_other else Finding.UNVERIFIED, media, part, str(error)), 0
        if found != part.digest:
            detail = f"expected {part.size_bytes} bytes, found {found.size_bytes}"
            if found.size_bytes == part.size_bytes:
                detail += f": expected SHA-256 {part.digest.sha256[:16]}…, found {found.sha256[:16]}…"
            return self._line(Finding.DIFFERENT, media, part, detail), read
        return self._line(Finding.SAME, media, part, None), read

    def _digest_at(self, part: Part, listed: ListedObject | None) -> tuple[Digest, int]:
        """Give what is at a recorded place, by as much evidence as was asked for, and the bytes read for it."""
        store = self.stores.of_url(part.url)
        is_local = not store.backend.is_remote
        if is_local and not self.is_deep and listed is not None and listed.url == part.url:
            return Digest(listed.size_bytes, part.digest.sha256), 0
        if is_local or not self.is_deep:
            found = store.head(part.url).digest
            read = found.size_bytes if is_local else 0
            self.meter.read(read)
            return found, read
        told: list[int] = []

        def tell(size_bytes: int) -> None:
            told.append(size_bytes)
            self.meter.read(size_bytes)

        try:
            found = self.stores.read_digest(part.url, on_bytes=tell)
        except StoreError:
            self.meter.read(-sum(told))
            raise
        return found, found.size_bytes

    def _look_at_copy(self, media: Media, part: Part, found: ListedObject) -> tuple[Checked, int]:
        """Look at bytes that are somewhere beside the recorded place, as a move leaves them until clean-up."""
        copy = replace(part, url=found.url)
        if media.state is MediaState.EXPIRED:
            detail = "expected it gone with its media, which has expired, found it there"
            return self._line(Finding.ORPHANED, media, copy, detail), 0
        line, read = self._look(media, copy, found)
        # A file that a move has left, of a transcript from before the last one, is no loss: its successor is recorded.
        is_outdated = line.finding is Finding.DIFFERENT and part.kind.is_transcript
        if line.finding is not Finding.SAME and not is_outdated:
            return line, read
        return self._line(Finding.IN_BOTH_PLACES, media, copy, _words_of_copy(found.url, part.url)), read

    def _remedy(self, line: Checked, media: Media, copies: Sequence[ListedObject]) -> str | None:
        """Say how to have again what is missing or different; None where nobody can tell, or nothing can be done."""
        if line.kind in TRANSCRIPT_CONTENT_TYPES:
            return f"bookmarkai transcripts store {media.share_id} makes it anew"
        if line.finding is Finding.DIFFERENT:
            return None
        if copies:
            recorded = Backend.of_url(line.url)
            return f"bookmarkai storage move --to {recorded} --share {media.share_id} puts it back from {copies[0].url}"
        # Without a video, not without its audio track alone: the sound is in the video.
        if line.kind == PartKind.VIDEO and not self.unanswered:
            return f"bookmarkai shares retry {media.share_id} fetches it anew"
        return None

    def _line(self, finding: Finding, media: Media, part: Part, detail: str | None) -> Checked:
        return Checked(finding, part.url, part.kind, media.media_id, media.share_id, part.size_bytes, detail)


def _words_of_copy(url: str, recorded: str) -> str:
    goes = (
        "the bucket's rule deletes it in its time"
        if Backend.of_url(url).is_remote
        else "clean-up removes it after the grace period"
    )
    return f"a second copy beside {recorded}; {goes}"


def record_verification(
    catalog: Catalog, report: VerificationReport, *, is_deep: bool, now: datetime
) -> RecordedVerification:
    """Keep the counts of a report, one that could not look everywhere too; give what was kept.

    `now` is when the verification began: what was lost while it ran it may not have seen.
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
