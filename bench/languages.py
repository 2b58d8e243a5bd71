"""Measure what is understood of clips in two languages, and what watching for a change costs in clips of one.

Prints the word error rate of each language in pairs of en, de, es, fr and pt, in which one follows the other, beside
that of the same sentences alone, and of the pairs if the language may not change. Then come clips of one language, with
music, noise, silence and interjections: how many come out otherwise, and the CPU seconds with and without watching, in
turn. The model is base, as the settings' defaults have it. Needs Debian's espeak-ng.
"""

import argparse
import itertools
import random
import resource
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import spoken
from common import machine

sys.path.insert(0, str(Path(__file__).parents[1]))  # for what is shared with the tests

from bookmarkai_assets.adapters.speech.faster_whisper import FasterWhisperEngine
from bookmarkai_assets.adapters.speech.openai_whisper import OpenAIWhisperEngine
from bookmarkai_assets.core.transcripts.languages import language_shares, languages_in_words
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.core.transcripts.transcript import Transcript
from tests.support.base_model import assemble_base_model
from tests.support.wer import word_error_rate
from tests.support.whisper_checkpoint import write_checkpoint

SENTENCES: Mapping[str, Sequence[str]] = {
    "en": (
        "The train to the coast leaves at half past seven in the morning.",
        "My brother cooked a big pot of soup for the whole family.",
        "We looked for the keys in every room of the house.",
        "The children are playing football behind the school.",
        "Please close the window before you go to bed.",
        "Yesterday it rained so hard that the street was under water.",
    ),
    "de": (
        "Der Zug an die Küste fährt morgens um halb acht ab.",
        "Mein Bruder hat einen großen Topf Suppe für die ganze Familie gekocht.",
        "Wir haben den Schlüssel in jedem Zimmer des Hauses gesucht.",
        "Die Kinder spielen hinter der Schule Fußball.",
        "Bitte mach das Fenster zu, bevor du ins Bett gehst.",
        "Gestern hat es so stark geregnet, dass die Straße unter Wasser stand.",
    ),
    "es": (
        "El tren a la costa sale a las siete y media de la mañana.",
        "Mi hermano preparó una olla grande de sopa para toda la familia.",
        "Buscamos las llaves en todas las habitaciones de la casa.",
        "Los niños juegan al fútbol detrás de la escuela.",
        "Por favor, cierra la ventana antes de ir a la cama.",
        "Ayer llovió tanto que la calle estaba llena de agua.",
    ),
    "fr": (
        "Le train pour la côte part à sept heures et demie du matin.",
        "Mon frère a préparé une grande soupe pour toute la famille.",
        "Nous avons cherché les clés dans toutes les pièces de la maison.",
        "Les enfants jouent au football derrière l'école.",
        "Ferme la fenêtre avant d'aller au lit, s'il te plaît.",
        "Hier il a tellement plu que la rue était sous l'eau.",
    ),
    "pt": (
        "O trem para a costa sai às sete e meia da manhã.",
        "Meu irmão preparou uma grande panela de sopa para toda a família.",
        "Procuramos as chaves em todos os quartos da casa.",
        "As crianças jogam futebol atrás da escola.",
        "Por favor, feche a janela antes de ir para a cama.",
        "Ontem choveu tanto que a rua ficou cheia de água.",
    ),
}
"""Whisper's code of each language, and the same six sentences in it: three begin a pair, and three end it."""

VOICES: Mapping[str, Sequence[str]] = {
    "en": ("en-us", "en-gb+f3"),
    "de": ("de", "de+m2"),
    "es": ("es-419", "es+m2"),
    "fr": ("fr-fr", "fr-be"),
    "pt": ("pt-br+m7", "pt"),
}

INTERJECTIONS: Mapping[str, str] = {"en": "Oh my goodness!", "de": "Ach du meine Güte!", "es": "¡Madre mía!"}
WORDS_PER_MINUTE = 120
_HALF = 3
_PAUSE_SECONDS = 0.4


@dataclass(frozen=True)
class Clip:
    """A file, the language in it, and what was done to it."""

    path: Path
    language: str
    kind: str


@dataclass
class Errors:
    """The word error rates of one language, each of three sentences: alone, in pairs, and in pairs without a change."""

    alone: list[float] = field(default_factory=list)
    in_pairs: list[float] = field(default_factory=list)
    unwatched: list[float] = field(default_factory=list)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("faster-whisper", "openai-whisper"), default="faster-whisper")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--only", choices=("pairs", "single"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
        directory = Path(name)
        watching = engine_of(options.engine, options.beam, directory, language_changes=True)
        unwatched = engine_of(options.engine, options.beam, directory, language_changes=False)
        print(f"machine: {machine()}; {options.engine}, base, beam {options.beam}")
        if options.only != "single":
            report_pairs(directory, watching, unwatched)
        if options.only != "pairs":
            report_single(directory, watching, unwatched)


def engine_of(
    name: str, beam_size: int, directory: Path, *, language_changes: bool, names: bool = False
) -> SpeechEngine:
    """Make an engine with the model base, whose sounds may change their language or not, and may expect names."""
    model = assemble_base_model(directory)
    if name == "faster-whisper":
        return FasterWhisperEngine(
            model=str(model),
            device="cpu",
            compute_type="int8",
            cpu_threads=1,
            beam_size=beam_size,
            language_changes=language_changes,
            names=names,
        )
    checkpoint = directory / "base.pt"
    return OpenAIWhisperEngine(
        model=str(checkpoint if checkpoint.exists() else write_checkpoint(model, checkpoint)),
        cache=directory,
        device="cpu",
        compute_type=None,
        cpu_threads=1,
        beam_size=beam_size,
        language_changes=language_changes,
        names=names,
    )


def report_pairs(directory: Path, watching: SpeechEngine, unwatched: SpeechEngine) -> None:
    """Print the word error rates by language, and how many pairs were found to be in their two languages."""
    errors = {language: Errors() for language in SENTENCES}
    for language, half in itertools.product(SENTENCES, (0, 1)):
        path = spoken.write_wav(directory / f"{language}-{half}.wav", said(language, half))
        errors[language].alone.append(word_error_rate(text_of(language, half), heard(watching, path).text))
    found = 0
    for pair in itertools.permutations(SENTENCES, 2):
        halves = [said(language, half) for half, language in enumerate(pair)]
        path = spoken.write_wav(directory / f"{'-'.join(pair)}.wav", np.concatenate(halves))
        middle = len(halves[0]) / spoken.RATE
        transcript = heard(watching, path)
        found += {one.language for one in language_shares(transcript)} == set(pair)
        print(f"{' '.join(pair)}: {languages_in_words(transcript)}", flush=True)
        for of, transcripts in (("in_pairs", transcript), ("unwatched", heard(unwatched, path))):
            for half, language in enumerate(pair):
                text = half_of(transcripts, middle, half)
                getattr(errors[language], of).append(word_error_rate(text_of(language, half), text))
    print(f"\n{found} of {len(SENTENCES) * (len(SENTENCES) - 1)} pairs are in their two languages\n")
    print("| language | WER alone | in pairs | in pairs, one language |")
    print(f"|{' --- |' * 4}")
    for language, one in errors.items():
        means = " | ".join(f"{statistics.mean(rates):.2f}" for rates in (one.alone, one.in_pairs, one.unwatched))
        print(f"| {language} | {means} |")


def report_single(directory: Path, watching: SpeechEngine, unwatched: SpeechEngine) -> None:
    """Print how many clips of one language change it, and what watching costs in them."""
    clips = list(single_clips(directory))
    heard(watching, clips[0].path)  # loads what is loaded once
    spent: defaultdict[tuple[str, bool], float] = defaultdict(float)
    audio: defaultdict[str, float] = defaultdict(float)
    changed: list[str] = []
    for number, clip in enumerate(clips):
        transcripts: dict[bool, Transcript] = {}
        for watched in (True, False) if number % 2 else (False, True):
            before = cpu_seconds()
            transcripts[watched] = heard(watching if watched else unwatched, clip.path)
            cost = cpu_seconds() - before
            for group in (clip.kind, clip.language, "all"):
                spent[group, watched] += cost
        for group in (clip.kind, clip.language, "all"):
            audio[group] += transcripts[True].duration_seconds
        if [one.text for one in transcripts[True].segments] != [one.text for one in transcripts[False].segments]:
            languages = languages_in_words(transcripts[True])
            changed.append(f"{clip.kind}, {clip.language}: {transcripts[False].language}, then {languages}")
    print(f"\n{len(clips)} clips of one language, {audio['all']:.0f} s: {len(changed)} come out otherwise when watched")
    for line in changed:
        print(f"  {line}")
    print("\n| clips | seconds | CPU seconds per second, unwatched | watched | more |")
    print(f"|{' --- |' * 5}")
    for group, seconds in audio.items():
        plain, watched_cost = spent[group, False] / seconds, spent[group, True] / seconds
        print(f"| {group} | {seconds:.0f} | {plain:.3f} | {watched_cost:.3f} | {watched_cost / plain - 1:+.1%} |")


def single_clips(directory: Path) -> Iterator[Clip]:
    """Yield clips of one language: plain, and with music, noise, a long silence or an interjection in another."""
    chance = np.random.default_rng(1)
    for number, (language, voice) in enumerate((name, voice) for name in SENTENCES for voice in (0, 1)):
        plain = np.concatenate([said(language, half, voice) for half in (0, 1)])
        noise = chance.normal(0, 0.1 * np.abs(plain).max(), len(plain))
        other = "en" if language != "en" else "de"
        pause = np.zeros(6 * spoken.RATE, np.int16)
        middle = len(plain) // 2
        cry = spoken.speech(INTERJECTIONS[other], voice=VOICES[other][0], speed=WORDS_PER_MINUTE, pitch=50)
        kinds = {
            "plain": plain,
            "music": mixed(plain, 0.25 * music(len(plain))),
            "noise": mixed(plain, noise),
            "silence": np.concatenate([plain[:middle], pause, plain[middle:]]),
            "interjection": np.concatenate([said(language, 0, voice), cry, said(language, 1, voice)]),
        }
        for kind, samples in kinds.items():
            yield Clip(spoken.write_wav(directory / f"{number}-{kind}.wav", samples), language, kind)


def said(language: str, half: int, voice: int = 0) -> spoken.Samples:
    """Speak three sentences, with pauses between and after them."""
    pieces = []
    for sentence in SENTENCES[language][half * _HALF : (half + 1) * _HALF]:
        pieces += [
            spoken.speech(sentence, voice=VOICES[language][voice], speed=WORDS_PER_MINUTE, pitch=50),
            np.zeros(int(_PAUSE_SECONDS * spoken.RATE), np.int16),
        ]
    return np.concatenate(pieces)


def text_of(language: str, half: int) -> str:
    """Return the three sentences of a half."""
    return " ".join(SENTENCES[language][half * _HALF : (half + 1) * _HALF])


def half_of(transcript: Transcript, middle: float, half: int) -> str:
    """Return the words whose middle is before, or after, a moment. One of both can be in a segment."""
    words = [word for segment in transcript.segments for word in segment.words]
    return "".join(word.text for word in words if ((word.start + word.end) / 2 >= middle) == bool(half))


def music(count: int) -> npt.NDArray[np.float64]:
    """Return chords that are struck every half second, at the level of loud speech."""
    chance = random.Random(1)  # noqa: S311 - the same tune each time
    time = np.arange(spoken.RATE // 2) / spoken.RATE
    bars = []
    for _ in range(count // len(time) + 1):
        tones = [220 * 2 ** (chance.choice((0, 2, 4, 5, 7, 9, 11)) / 12) for _ in range(3)]
        bars.append(sum(np.sin(2 * np.pi * tone * time) for tone in tones) * np.exp(-3 * time) / 3)
    return np.concatenate(bars)[:count] * np.iinfo(np.int16).max


def mixed(speech: spoken.Samples, other: npt.NDArray[np.float64]) -> spoken.Samples:
    """Return speech with something else over it."""
    return np.clip(speech + other, -32_767, 32_767).astype(np.int16)


def heard(engine: SpeechEngine, path: Path) -> Transcript:
    """Transcribe a file without telling its language."""
    return engine.transcribe(path, language=None)


def cpu_seconds() -> float:
    """Return the CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
