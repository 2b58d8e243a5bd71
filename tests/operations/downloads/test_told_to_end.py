"""A run that is told to end while it downloads: it ends soon, and its shares have not failed."""

import pytest

from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.operations.downloads.fetching import fetch_media
from bookmarkai_assets.operations.shares.steps import run_step
from tests.fakes.downloader import DownloadCall, FakeDownloader
from tests.plugins.vault import Vault


@pytest.mark.parametrize("is_done", [False, True])
def test_a_download_is_given_up_when_the_run_is_told_to_end(vault: Vault, *, is_done: bool) -> None:
    """However long it may take by itself. The share is due at once without an attempt, or stays done."""
    share_id = vault.share("hangs")
    if is_done:
        vault.run(share_id, "fetch", "place", "transcribe")
        for file in vault.media_dir.rglob("*"):
            if file.is_file():
                file.unlink()
    hold = vault.work("run")

    def tell(_: DownloadCall) -> None:
        hold.stopping.set()

    downloader = FakeDownloader(on_download=tell)
    downloader.hang(vault.catalog.shares.get(share_id).url)
    [result] = run_step(
        hold, {share_id: None}, lambda leased, _: fetch_media(hold, leased, downloader=downloader)
    ).values()
    hold.release()

    assert downloader.calls
    assert isinstance(result, Failure)
    assert (result.outcome, result.reason) == (Outcome.POSTPONED, "the run was told to end")
    assert is_done or vault.catalog.work.progress(share_id).attempts == 0
    assert vault.catalog.shares.get(share_id).status == (ShareStatus.DONE if is_done else ShareStatus.PENDING)
