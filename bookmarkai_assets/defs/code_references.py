"""Where each asset's code is, as its page shows it: a file of the project and a line."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

_PROJECT = Path(__file__).parents[2]
_KEY = "dagster/code_references"


def with_code_references(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """Return the assets with a reference to the code of each.

    The path is relative to the project: where a server keeps its code is nobody's concern, and in an analyst's checkout
    the file is found by the same path.
    """
    with warnings.catch_warnings():
        # Known and accepted: Dagster's version is pinned.
        warnings.filterwarnings("ignore", category=dg.BetaWarning)
        found = dg.with_source_code_references(assets)
        return [one.map_asset_specs(_make_relative) for one in found if isinstance(one, dg.AssetsDefinition)]


def _make_relative(spec: dg.AssetSpec) -> dg.AssetSpec:
    known = spec.metadata[_KEY]
    references = [
        dg.LocalFileCodeReference(
            file_path=(path := Path(one.file_path).relative_to(_PROJECT).as_posix()),
            line_number=one.line_number,
            label=f"{path}, line {one.line_number}",
        )
        for one in known.code_references
        if isinstance(one, dg.LocalFileCodeReference)
    ]
    return spec.merge_attributes(metadata={_KEY: dg.CodeReferencesMetadataValue(code_references=references)})
