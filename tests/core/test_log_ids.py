"""Which share, run or request a line of the log names."""

import threading

from bookmarkai_assets.core.log_ids import current_ids, work_for_run, work_on


def test_a_block_names_its_work() -> None:
    """Inner blocks add to outer ones, and nothing is left afterwards."""
    with work_on(request_id="r"):
        with work_on(share_id="s"):
            assert current_ids() == {"request_id": "r", "share_id": "s"}
        assert current_ids() == {"request_id": "r"}
    assert current_ids() == {}


def test_a_run_is_named_by_all_threads_and_a_share_by_its_own() -> None:
    """The threads of a run work on different shares."""
    seen: list[object] = []
    with work_for_run("r"), work_on(share_id="s"):
        thread = threading.Thread(target=lambda: seen.append(current_ids()))
        thread.start()
        thread.join()
        assert current_ids() == {"run_id": "r", "share_id": "s"}
    assert seen == [{"run_id": "r"}]
    assert current_ids() == {}
