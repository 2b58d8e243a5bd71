"""The progress of a move: the bytes copied so far, by media."""

from collections import Counter

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.operations.storage.moving import MoveOutcome
from tests.plugins.vault import Vault


@pytest.mark.parametrize(("source", "target"), [(Backend.LOCAL, Backend.S3), (Backend.S3, Backend.LOCAL)])
def test_each_copied_byte_is_reported_once(vault: Vault, source: Backend, target: Backend) -> None:
    """Video and audio track add up to the media's bytes, sent or fetched, in more than one step."""
    media = [vault.store(name, source) for name in "abc"]
    reported: list[tuple[str, int]] = []

    vault.move(*media, to=target, workers=3, on_bytes=lambda media_id, size: reported.append((media_id, size)))

    copied: Counter[str] = Counter()
    for media_id, size in reported:
        copied[media_id] += size
    assert copied == {m.media_id: m.size_bytes for m in media}
    assert len(reported) > 2 * len(media)


def test_bytes_that_are_there_already_are_not_reported(vault: Vault) -> None:
    """Moving back while the first move's source is there copies nothing, and neither does a refused move."""
    media, refused = vault.store("a"), vault.store("b")
    vault.move(media, to=Backend.S3)
    reported: list[str] = []
    vault.s3.fail_next("put", StoreError(StoreErrorClass.ACCESS_DENIED, "403"), times=2)

    back = vault.move(media, to=Backend.LOCAL, on_bytes=lambda media_id, _: reported.append(media_id))
    failed = vault.move(refused, to=Backend.S3, on_bytes=lambda media_id, _: reported.append(media_id))

    assert [move.outcome for move in (*back, *failed)] == [MoveOutcome.MOVED, MoveOutcome.FAILED]
    assert reported == []
