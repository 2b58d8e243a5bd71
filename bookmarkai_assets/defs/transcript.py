"""The third asset: what is said in the video."""

from collections.abc import Iterator

import dagster as dg

from bookmarkai_assets import metadata
from bookmarkai_assets.batches import ShareResults, work_of, yield_results
from bookmarkai_assets.core.ports import Catalog, SpeechEngine
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.defs.common import SHARE_ASSET
from bookmarkai_assets.operations.stores import Stores, interrupt_all
from bookmarkai_assets.operations.transcribing import transcribe_share


@dg.asset(
    **SHARE_ASSET,
    kinds={"whisper", "text"},
    tags={"stage": "transcribe"},
    io_manager_key="catalog_io_manager",
    description=metadata.described(
        "transcript", "What is said in the video, as Whisper heard it, read from the audio track wherever that is."
    ),
)
def transcript(
    context: dg.AssetExecutionContext,
    stored_media: ShareResults,
    catalog: dg.ResourceParam[Catalog],
    rules: dg.ResourceParam[PipelineRules],
    stores: dg.ResourceParam[Stores],
    speech: dg.ResourceParam[SpeechEngine],
) -> Iterator[dg.Output[ShareResults] | dg.AssetCheckResult]:
    work = work_of(context.run, catalog, rules)
    with work.hold():
        # One at a time: the engine uses the threads it was given, and the runs share the cores.
        transcribed = work.each(
            stored_media,
            lambda leased, media: transcribe_share(leased, media, work=work, engine=speech, stores=stores),
            interrupt=lambda: interrupt_all(stores),
        )
    yield from yield_results(context, work, transcribed, metadata.of_transcript, inputs=stored_media)
