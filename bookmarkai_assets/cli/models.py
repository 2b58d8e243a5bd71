"""`bookmarkai models`: list the speech models that the configured engine has here, and download one."""

from typing import Annotated, Any

import typer

from bookmarkai_assets.cli.output import clean, human_bytes, out, print_json, print_table
from bookmarkai_assets.core.transcripts.speech_models import SpeechModel
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.speech import fetch_speech_model, list_speech_models

app = typer.Typer(help="List the speech models on this machine, or download one.", no_args_is_help=True)


@app.command("list")
def list_models(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False) -> None:
    """List the models that the configured engine finds on this machine, and the configured model, wherever it is.

    "vetted" means that every byte matches the hash that this project or the engine knows. "unknown" means that there is
    no hash to compare with.

    Example: bookmarkai models list
    """
    settings = load_settings()
    models = list_speech_models(settings)
    if as_json:
        print_json(
            {"engine": settings.whisper_engine.value, "models": [_as_dict(m, settings.whisper_model) for m in models]}
        )
        return
    out.print(f"Models for {settings.whisper_engine.value}:")
    print_table(
        ["model", "set", "place", "size", "hash", "path"],
        [
            (
                model.name,
                "set" if model.name == settings.whisper_model else "",
                model.location.value,
                human_bytes(model.size_bytes) if model.size_bytes is not None else "",
                {True: "vetted", False: "unknown", None: ""}[model.is_vetted],
                model.path or "",
            )
            for model in models
        ],
    )


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model's name: tiny.en, base, small, …")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Download a model with the configured engine's own loader, unless it is already here.

    Without a network, name a package or path that would do instead.

    Example: bookmarkai models fetch small
    """
    settings = load_settings()
    path = fetch_speech_model(settings, name)
    if as_json:
        print_json({"engine": settings.whisper_engine.value, "model": name, "path": str(path)})
        return
    out.print(clean(f"{settings.whisper_engine.value} has {name} in {path}", 1000), soft_wrap=True)
    if name != settings.whisper_model:
        out.print(clean(f"To transcribe with it: WHISPER_MODEL={name}"))


def _as_dict(model: SpeechModel, chosen: str) -> dict[str, Any]:
    return {
        "name": model.name,
        "is_set": model.name == chosen,
        "place": model.location.value,
        "path": str(model.path) if model.path else None,
        "size_bytes": model.size_bytes,
        "is_vetted": model.is_vetted,
    }
