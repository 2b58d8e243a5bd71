"""Measure whether the names in a post help to transcribe it, and whether they are heard where nobody says them.

Twenty made posts, each with a clip in which its names are spoken, and one in which somebody speaks of something else.
Prints how many names are spelled as in the post and the word error rate, without and with names, and how often a name
is written that nobody said: over other speech, silence, noise and music. The model is base, as the settings' defaults
have it. Needs Debian's espeak-ng.
"""

import argparse
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import spoken
from common import machine
from languages import engine_of, mixed, music, said

sys.path.insert(0, str(Path(__file__).parents[1]))  # for what is shared with the tests

from bookmarkai_assets.core.media.media import VideoInfo
from bookmarkai_assets.core.transcripts.names import names_in_post
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from tests.support.wer import word_error_rate

QUIET_SECONDS = 20


@dataclass(frozen=True)
class Post:
    """What is written with a video, what is said in it, and the names among that as the post spells them."""

    title: str
    author: str
    description: str
    text: str
    names: Sequence[str]

    @property
    def offered(self) -> Sequence[str]:
        """The names that the pipeline finds in the post."""
        return names_in_post(VideoInfo(self.title, self.author, self.description, None, "TikTok", 10.0, None, None))


def post(title: str, author: str, description: str, text: str, *names: str) -> Post:
    """Return a post."""
    return Post(title, author, description, text, names)


POSTS = (
    post("How I upscale photos with ComfyUI", "pixelsmith", "#ComfyUI #upscale",
         "Today I will show you how I use ComfyUI to make old photos sharp again.", "ComfyUI"),
    post("We hiked to Lake Bohinj", "kara.nate", "The best day in Slovenia #Bohinj",
         "We left our hotel at six and walked around Lake Bohinj before breakfast.", "Bohinj"),
    post("A visit with Siobhan Kavanagh", "potteryhour", "a morning in the studio",
         "Siobhan Kavanagh has made bowls and cups in this small room for thirty years.", "Siobhan", "Kavanagh"),
    post("my week with a Fairphone", "tech_lena", "#Fairphone is it any good?",
         "I used the Fairphone for a week, and the battery was better than I expected.", "Fairphone"),
    post("Why we moved to Gdynia", "polishkitchen", "and not to Gdansk",
         "Most people have never heard of Gdynia, but we love the beach and the harbor.", "Gdynia"),
    post("How to cook with Gochujang", "seoulfood", "my mother's recipe #Gochujang",
         "You need two spoons of Gochujang, some sugar and a little vinegar.", "Gochujang"),
    post("The new album by Sigur Ros", "vinylroom", "listening to #SigurRos all night",
         "The new album by Sigur Ros is quiet, slow and very beautiful.", "Sigur Ros"),
    post("tuning a car with MegaSquirt", "garage77", "#MegaSquirt for beginners",
         "The engine runs much better since we tuned it with MegaSquirt last night.", "MegaSquirt"),
    post("a talk by Anneke Verhoeven", "bikecity", "on streets for people",
         "Anneke Verhoeven told us how her town took the cars out of the center.", "Anneke", "Verhoeven"),
    post("I run my house on OpenHAB", "smarthome.dan", "#OpenHAB lights and heating",
         "All the lights in this house are switched by OpenHAB when the sun goes down.", "OpenHAB"),
    post("Three days in Oaxaca", "eatthestreet", "markets and mole #Oaxaca",
         "The food at the market in Oaxaca was the best that we had on our trip.", "Oaxaca"),
    post("my grandma makes Pierogi with Zofia", "homecooking", "cooking with Zofia",
         "My neighbor Zofia folds the dough so fast that you cannot follow her hands.", "Zofia"),
    post("we repaired a Leica", "oldlenses", "#Leica from 1954",
         "The shutter of this Leica was stuck, so we opened it and cleaned every part.", "Leica"),
    post("The dog is called Bjorn", "dogsofinsta", "life with Bjorn",
         "Every morning Bjorn waits at the door until the children come down.", "Bjorn"),
    post("How Zillow gets it wrong", "housemath", "#Zillow prices",
         "The price that Zillow shows for our house is far too low.", "Zillow"),
    post("a lesson by Nguyen Minh Tuan", "chessclub", "the endgame with #NguyenMinhTuan",
         "In this game Nguyen gave up his queen and won ten moves later.", "Nguyen"),
    post("Growing Physalis on a balcony", "citygreens", "how we grow Physalis",
         "If you give Physalis enough sun and water, you can eat it in August.", "Physalis"),
    post("notes in Obsidian", "studywithme", "how I use Obsidian and Anki",
         "I write my notes in Obsidian, and in the evening I repeat them with Anki.", "Obsidian", "Anki"),
    post("my first week at CERN", "physicsgirlz", "hello from CERN in Meyrin",
         "My first week at CERN is over, and I found a small flat in Meyrin.", "CERN", "Meyrin"),
    post("we met Thandiwe Mkhize", "runnersworld", "a marathon with Thandiwe",
         "Thandiwe has run more than fifty marathons since she was a student.", "Thandiwe"),
)  # fmt: skip


@dataclass
class Figures:
    """What came of all clips: how many names were right and how many there were, the error rates, and inventions."""

    right: int
    names: int
    error_rates: list[float]
    invented: list[str]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("faster-whisper", "openai-whisper"), default="faster-whisper")
    parser.add_argument("--beam", type=int, default=5)
    options = parser.parse_args()
    found: dict[bool, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
        directory = Path(name)
        print(f"machine: {machine()}; {options.engine}, base, beam {options.beam}")
        for with_names in (False, True):
            engine = engine_of(options.engine, options.beam, directory, language_changes=True, names=with_names)
            found[with_names] = measured(directory, engine)
    print("\n| | names right | WER | invented |")
    print(f"|{' --- |' * 4}")
    for with_names, one in found.items():
        label = "with names" if with_names else "without"
        rate = statistics.mean(one.error_rates)
        print(f"| {label} | {one.right} of {one.names} | {rate:.3f} | {len(one.invented)} |")
    for line in (line for one in found.values() for line in one.invented):
        print(f"  invented: {line}")


def measured(directory: Path, engine: SpeechEngine) -> Figures:
    """Transcribe all clips with the names of their posts."""
    figures = Figures(0, 0, [], [])
    for number, one in enumerate(POSTS):
        voice = spoken.VOICES[number % len(spoken.VOICES)]
        speech = spoken.speech(one.text, voice=voice, speed=140, pitch=50)
        text = transcribed(directory, engine, one, speech)
        figures.names += len(one.names)
        figures.right += sum(is_written(name, text) for name in one.names)
        figures.error_rates.append(word_error_rate(one.text, text))
        print(f"{', '.join(one.offered)}: {text}", flush=True)
        for kind, samples in sounds_without_names(number):
            written = transcribed(directory, engine, one, samples)
            names = [name for name in one.offered if is_written(name, written)]
            figures.invented += [f"{name} over {kind}: {written}" for name in names]
    return figures


def transcribed(directory: Path, engine: SpeechEngine, one: Post, samples: spoken.Samples) -> str:
    """Return what an engine writes of some samples, with the names of a post."""
    path = spoken.write_wav(directory / "clip.wav", samples)
    return engine.transcribe(path, language=None, names=one.offered).text


def sounds_without_names(number: int) -> Iterator[tuple[str, spoken.Samples]]:
    """Yield sounds in which nobody says a name: other speech, and for one post in four, what is no speech."""
    other = said("en", number % 2, number // 2 % 2)
    yield "other speech", other
    if number % 4 == 0:
        count = QUIET_SECONDS * spoken.RATE
        silence = np.zeros(count, np.int16)
        yield "silence", silence
        yield "noise", mixed(silence, np.random.default_rng(number).normal(0, 3_000, count))
        yield "music", mixed(silence, 0.5 * music(count))
        yield "speech under music", mixed(other, 0.4 * music(len(other)))


def is_written(name: str, text: str) -> bool:
    """Whether a text has a name, spelled as in the post but for capitals."""
    return re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", text.casefold()) is not None


if __name__ == "__main__":
    main()
