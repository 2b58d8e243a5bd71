"""A run's log: with the project's dagster.yaml it has the pipeline's own messages."""

import dagster as dg
from dagster_shared.yaml_utils import load_yaml_from_path

from bookmarkai_assets.core.errors import TranscriptionError
from bookmarkai_assets.core.log_ids import current_ids
from tests.fakes.speech import FakeSpeechEngine, speech_bytes
from tests.plugins.pipeline import Pipeline, link
from tests.support.project import PROJECT

CONFIGURATION = PROJECT / "dagster_home" / "dagster.yaml"


def test_the_log_says_where_a_long_transcription_continues(pipeline: Pipeline) -> None:
    """The log of the run that took over shows that the transcription does not begin again."""
    configuration = load_yaml_from_path(str(CONFIGURATION))
    assert isinstance(configuration, dict)
    logs = configuration["python_logs"]
    with dg.instance_for_test(overrides={"python_logs": logs}) as instance:
        pipeline.use_instance(instance)
        pipeline.speech = FakeSpeechEngine(chunk_seconds=3)
        pipeline.downloader.serve(link("a"), audio=speech_bytes("One two three four five six. " * 3 + "Seven."))
        [share_id] = pipeline.share_links(link("a"))

        def fail(seconds: float) -> None:
            if seconds > 3:
                pipeline.speech.on_sentence = lambda _: None
                raise TranscriptionError("it broke")

        pipeline.speech.on_sentence = fail
        assert not pipeline.materialize([share_id]).success
        result = pipeline.materialize([share_id])

        assert result.success
        messages = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert f"share {share_id}: goes on at 0:00:02, done before" in messages


def test_what_a_step_logs_names_the_run_and_the_share(pipeline: Pipeline) -> None:
    """With JSON lines, in the thread that works on the share. Afterwards this process is about no run any more."""
    seen: list[object] = []
    pipeline.on_download = lambda _: seen.append(current_ids())
    [share_id] = pipeline.share("a")
    result = pipeline.materialize([share_id])
    assert result.success
    assert seen == [{"run_id": result.run_id, "share_id": share_id}]
    assert current_ids() == {}
