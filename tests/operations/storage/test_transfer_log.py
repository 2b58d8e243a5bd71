"""The log of transfers: one line for each, in the words that operators look for."""

import logging
import re

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.placement import Backend
from tests.plugins.vault import Vault

_LOGGER = "bookmarkai_assets.operations.media.transfers"


def test_a_transfer_is_a_line_that_operators_find(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    """`grep -E "(S3|storage)"` finds it: what, which part, where, how many bytes. It names no link and no key."""
    media = vault.store("a")
    with caplog.at_level(logging.INFO, _LOGGER):
        vault.move(media, to=Backend.S3)

    lines = [record.getMessage() for record in caplog.records if record.name == _LOGGER]
    [video] = [line for line in lines if "of the video" in line]
    assert re.fullmatch(r"storage: put of the video, S3, [0-9,]+ bytes in [0-9.]+ s: ok", video)
    assert f"{media.video.size_bytes:,} bytes" in video


def test_a_failed_transfer_is_a_warning_with_its_class(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    """So that it stands out, also where only warnings are kept."""
    media = vault.store("a")
    vault.s3.fail_next("put", StoreError(StoreErrorClass.ACCESS_DENIED, "403"))
    with caplog.at_level(logging.WARNING, _LOGGER):
        vault.move(media, to=Backend.S3)

    [line] = [record.getMessage() for record in caplog.records if record.name == _LOGGER]
    assert line.endswith(": access_denied")
