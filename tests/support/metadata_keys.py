"""The metadata keys that each asset documents, by asset; those of the rollout's are in `metadata.rollout`."""

from collections.abc import Mapping

from bookmarkai_assets.metadata.failures import DEBT_KEYS
from bookmarkai_assets.metadata.media import RAW_VIDEO_KEYS, STORED_MEDIA_KEYS
from bookmarkai_assets.metadata.storage import CLEANUP_KEYS, VERIFICATION_KEYS
from bookmarkai_assets.metadata.transcripts import TRANSCRIPT_KEYS

KEYS: Mapping[str, Mapping[str, str]] = {
    "raw_video": RAW_VIDEO_KEYS,
    "stored_media": STORED_MEDIA_KEYS,
    "transcript": TRANSCRIPT_KEYS,
    "local_cleanup": CLEANUP_KEYS,
    "storage_verification": VERIFICATION_KEYS,
    "retry_debt": DEBT_KEYS,
}
