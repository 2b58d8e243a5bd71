"""The third asset: what is said in the video."""

from collections.abc import Iterator, Mapping

import dagster as dg

from bookmarkai_assets.batches import HANDLES, Checked, begin_step, yield_results
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.transcripts.doubts import Doubt, DoubtKind, Severity
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.core.transcripts.transcript import Transcript
from bookmarkai_assets.defs.common import SHARE_ASSET
from bookmarkai_assets.metadata.keys import describe_asset
from bookmarkai_assets.metadata.tables import table
from bookmarkai_assets.metadata.transcripts import transcript_metadata
from bookmarkai_assets.operations.shares.share_results import ShareResults
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.operations.transcripts.transcribed_share import TranscribedShare

_QUESTIONS = {
    DoubtKind.NO_SPEECH: "Somebody speaks in the video. Where nobody does, the transcript is empty and its share done",
    DoubtKind.REPETITION_LOOP: "The text does not repeat itself again and again, as Whisper does when it is lost",
    DoubtKind.IMPLAUSIBLE_RATE: "The words a second are such as people speak",
    DoubtKind.UNEXPECTED_LANGUAGE: "The language that was heard is the one that was hinted at",
    DoubtKind.LOW_CONFIDENCE: "The engine was sure enough of the words, and of the language",
    DoubtKind.NOT_COVERED: "There is text for the speech that voice detection found in the sound",
    DoubtKind.SOUND_LEFT_OUT: "The engine got to hear all of the sound, but for a second at most",
    DoubtKind.OUTLASTS_VIDEO: "The sound that was heard is no longer than the video, so its times are the player's",
}


@dg.asset(
    **SHARE_ASSET,
    ins={"stored_media": HANDLES},
    kinds={"whisper", "text"},
    tags={"stage": "transcribe"},
    io_manager_key="catalog_io_manager",
    check_specs=[
        dg.AssetCheckSpec(
            kind.value,
            asset="transcript",
            description=f"{question}. Looks at the transcripts of one run and names those that are doubted; an error "
            "says that one is not to be relied on. `bookmarkai transcripts doubtful` lists all that stand",
        )
        for kind, question in _QUESTIONS.items()
    ],
    description=describe_asset(
        "transcript", "What is said in the video, as Whisper heard it, read from the audio track wherever that is."
    ),
)
def transcript(
    context: dg.AssetExecutionContext,
    stored_media: ShareResults[Media],
    catalog: dg.ResourceParam[Catalog],
    rules: dg.ResourceParam[PipelineRules],
    stores: dg.ResourceParam[Stores],
    speech: dg.ResourceParam[SpeechEngine],
) -> Iterator[dg.Output[ShareResults[TranscribedShare]] | dg.AssetCheckResult]:
    from bookmarkai_assets.operations.transcripts.transcribing import transcribe_share  # noqa: PLC0415 - only its own runs need it

    hold = begin_step(context, catalog, rules, stores)
    with hold.renew_leases():
        # Some at a time: short sounds are decoded together, and one is fetched or stored while others are heard. The
        # engine keeps to the threads it was given, for the runs share the cores.
        transcribed = run_step(
            hold,
            stored_media,
            lambda leased, media: transcribe_share(hold, leased, media, engine=speech),
            concurrency=rules.speech_concurrency,
            interrupt=hold.stores.interrupt,
        )
    yield from yield_results(
        context, hold, transcribed, transcript_metadata, check=_look_for_doubts, outcome_of=lambda done: done.outcome
    )


def _look_for_doubts(results: ShareResults[TranscribedShare]) -> Checked:
    """Check the transcripts of one run for each kind of doubt.

    No check blocks: a doubtful transcript is there to be read, and its run has not failed.
    """
    return Checked(list(_doubts_in({key: done.transcript for key, done in results.succeeded.items()})))


def _doubts_in(transcripts: Mapping[str, Transcript]) -> Iterator[dg.AssetCheckResult]:
    for kind in _QUESTIONS:
        found = {key: doubt for key, one in transcripts.items() for doubt in one.doubts if doubt.kind is kind}
        is_error = any(doubt.severity is Severity.ERROR for doubt in found.values())
        yield dg.AssetCheckResult(
            check_name=kind.value,
            passed=not found,
            severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
            description=f"looked at {len(transcripts)}: {len(found) or 'none'} doubted",
            metadata={
                "looked_at": len(transcripts),
                "doubted": len(found),
                **({"partitions": _named(found)} if found else {}),
            },
        )


def _named(found: Mapping[str, Doubt]) -> dg.MetadataValue:
    return table(
        ["share_id", "severity", "figure", "limit", "words"],
        [(key, doubt.severity.value, doubt.figure, doubt.limit, doubt.words) for key, doubt in found.items()],
    )
