"""The sample videos that ship with the package: their files, titles and words.

Nothing here serves or plays them. `tools/make_samples.py` makes them from this list. The words were written for it.
"""

from dataclasses import dataclass
from pathlib import Path

_MEDIA = Path(__file__).parent / "media"


@dataclass(frozen=True)
class Sample:
    """One video: its file's name, the title that it is shared under, and the words spoken in it."""

    file: str
    title: str
    text: str

    @property
    def path(self) -> Path:
        """Its path in the installed package."""
        return _MEDIA / self.file


SHORT_SAMPLES: tuple[Sample, ...] = (
    Sample(
        "lemon-pasta.mp4",
        "Zitronenpasta 🍋 in nine minutes",
        "Boil the pasta until it is just soft, then toss it with butter, garlic and a squeeze of lemon.",
    ),
    Sample(
        "morning-tram.mp4",
        "Lisboa de manhã: the yellow tram",
        "If you ever visit Lisbon, take the yellow tram early in the morning, before all the tourists arrive.",
    ),
    Sample(
        "house-plants.mp4",
        "Greener house plants 🌱",
        "Water your plants once a week, and turn them toward the window so that they grow straight.",
    ),
    Sample(
        "desk-stretch.mp4",
        "One stretch for people who sit — 座りっぱなしの人へ",
        "Sit up tall, drop your shoulders, and breathe in slowly through your nose.",
    ),
    Sample(
        "slow-coffee.mp4",
        "Café filtre, sans hâte ☕",
        "Grind the coffee fresh, pour the hot water slowly, and let it rest for a few minutes.",
    ),
    Sample(
        "bike-check.mp4",
        "Before a long ride 🚲",
        "Check the brakes, pump up both tires, and put a little oil on the chain before a long ride.",
    ),
    Sample(
        "castle-view.mp4",
        "Die Burg über dem Fluß",
        "The old castle stands high above the river, and from the tower you can see the ocean.",
    ),
)
"""Four to eight seconds each, each in another voice."""

LONG_SAMPLE = Sample(
    "country-bread.mp4",
    "Country bread, start to finish 🥖",
    "Mix the flour with warm water, salt and a little yeast, and stir until no dry flour is left. "
    "Cover the bowl with a towel and leave it on the kitchen table overnight. "
    "In the morning, fold the dough a few times and shape it into a round loaf. "
    "Heat the oven with a heavy pot inside. "
    "Put the loaf into the pot, close the lid and bake it for half an hour. "
    "Then take off the lid and wait until the crust is dark and crisp. "
    "Leave it to cool before you cut the first slice.",
)
"""About half a minute: one whole window of the speech model."""

GOOD_SAMPLES: tuple[Sample, ...] = (*SHORT_SAMPLES, LONG_SAMPLE)

BROKEN_SAMPLE = Sample("cut-short.mp4", "The upload that stopped half way", "Nobody will ever hear the end of this.")
"""A video without its second half, and so without the index that a player needs."""
