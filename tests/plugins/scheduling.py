"""Which pytest-xdist worker runs what, and when: tests that belong together on one worker, and the longest first.

Each file runs on one worker, so that what its tests share is made once. So does each group in `TOGETHER`: there is one
running pipeline, and torch is loaded once.
"""

from typing import Any

import pytest
from typing_extensions import override
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it ships no types

TOGETHER = {
    "the running pipeline": ("tests/integration/test_live_pipeline.py", "tests/integration/test_ui.py"),
    "openai-whisper": (
        "[openai-whisper",
        "tests/adapters/speech/test_checkpoints.py",
        "tests/adapters/speech/test_openai_whisper.py",
        "tests/cli/doctor/test_doctor.py::test_the_other_engine_transcribes_too",
    ),
}
"""Groups, and parts of their tests' ids."""

APART = frozenset({"tests/crash/test_crash_machine.py", "tests/demo/test_run.py"})
"""Files whose tests are long and share nothing."""

LONGEST_FIRST = (
    "the running pipeline",
    "tests/crash/test_crash_machine.py",
    "openai-whisper",
    "tests/adapters/speech/test_media_corpus.py",
    "tests/defs/test_assets.py",
    "tests/adapters/downloader/test_hostile_sites.py",
    "tests/adapters/speech/test_faster_whisper.py",
    "tests/adapters/s3_store/test_faults.py",
    "tests/door/test_openapi.py",
    "tests/door/test_live_door.py",
    "tests/cli/test_probe_command.py",
    "tests/demo/test_run.py",
    "tests/cli/doctor/test_doctor.py",
    "tests/defs/test_stale_transcripts.py",
    "tests/integration/test_rollback_drill.py",
    "tests/integration/test_door_pages.py",
    "tests/deploy/test_login.py",
    "tests/integration/test_upload_page.py",
    "tests/load/test_backlog.py",
    "tests/contracts/test_multilingual_speech.py",
    "tests/cli/storage/test_storage.py",
    "tests/adapters/downloader/test_access.py",
    "tests/adapters/downloader/test_egress_clients.py",
    "tests/adapters/downloader/test_child.py",
    "tests/load/test_mutants.py",
    "tests/contracts/catalog/test_search.py",
    "tests/adapters/downloader/test_downloader.py",
    "tests/integration/test_upload_events.py",
    "tests/operations/transcripts/test_heard_quality.py",
    "tests/adapters/s3_store/test_store.py",
    "tests/adapters/speech/test_sound_chunks.py",
    "tests/cli/storage/test_check.py",
    "tests/cli/test_upload.py",
    "tests/door/test_uploads.py",
    "tests/adapters/s3_store/test_uploads.py",
    "tests/defs/test_uploads.py",
    "tests/door/pages/test_login.py",
    "tests/door/pages/test_hostile_text.py",
    "tests/door/pages/test_library.py",
    "tests/operations/storage/test_rebuilding.py",
    "tests/adapters/downloader/test_tiktok.py",
    "tests/contracts/catalog/test_concurrency.py",
    "tests/operations/storage/test_moving.py",
    "tests/operations/storage/test_clean_up.py",
    "tests/contracts/test_speech_engine.py",
    "tests/demo/test_samples.py",
    "tests/load/test_poisoned.py",
    "tests/integration/test_seaweed_server.py",
    "tests/adapters/s3_store/test_inspector.py",
    "tests/operations/sites/test_turns.py",
    "tests/operations/downloads/test_short_links.py",
    "tests/crash/test_killed_transcription.py",
)
"""Files and groups in the order in which they begin. All others take seconds and follow."""


def scope_of(test_id: str) -> str:
    """Return the scope of a test, which runs on one worker: its group, its file, or in `APART` only itself."""
    for group, marks in TOGETHER.items():
        if any(mark in test_id for mark in marks):
            return group
    file = test_id.partition("::")[0]
    return test_id if file in APART else file


def rank_of(scope: str) -> int:
    """Return the position of a scope in the order, from 0."""
    name = scope.partition("::")[0]
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


class LongestFirst(LoadScopeScheduling):  # type: ignore[misc]  # as above
    """Hands out scopes, the longest first."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)

    @override
    def _assign_work_unit(self, node: Any) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=rank_of), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongestFirst | None:
    """Replace the scheduler of `--dist loadgroup`, which groups nothing in pytest 9.2 (issue 1386 of pytest-xdist)."""
    return LongestFirst(config, log) if config.getvalue("dist") == "loadgroup" else None
