"""How far a move has come: the bytes that are copied, as they are, by media."""

from collections import Counter

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.operations.storage.moving import MoveOutcome
from tests.plugins.vault import Vault


@pytest.mark.parametrize(("source", "target"), [(Backend.LOCAL, Backend.S3), (Backend.S3, Backend.LOCAL)])
def test_each_copied_byte_is_told_once(vault: Vault, source: Backend, target: Backend) -> None:
    """Video and audio track add up to what the media holds, whether they are sent or fetched, in more than one step."""
    media = [vault.store(name, source) for name in "abc"]
    told: list[tuple[str, int]] = []

    vault.move(*media, to=target, workers=3, on_bytes=lambda media_id, size: told.append((media_id, size)))

    copied: Counter[str] = Counter()
    for media_id, size in told:
        copied[media_id] += size
    assert copied == {m.media_id: m.size_bytes for m in media}
    assert len(told) > 2 * len(media)


def test_what_is_there_already_is_not_told(vault: Vault) -> None:
    """Moving back while the source of the first move is there copies nothing, and neither does a refused one."""
    media, refused = vault.store("a"), vault.store("b")
    vault.move(media, to=Backend.S3)
    told: list[str] = []
    vault.s3.fail_next("put", StoreError(StoreErrorClass.ACCESS_DENIED, "403"), times=2)

    back = vault.move(media, to=Backend.LOCAL, on_bytes=lambda media_id, _: told.append(media_id))
    failed = vault.move(refused, to=Backend.S3, on_bytes=lambda media_id, _: told.append(media_id))

    assert [move.outcome for move in (*back, *failed)] == [MoveOutcome.MOVED, MoveOutcome.FAILED]
    assert told == []
