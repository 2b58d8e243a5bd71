"""Time the search over what was said, beside the LIKE that a person would write: `python bench/search.py`.

There are a million sentences of ten words on average, in 8,000 transcripts of a year's shares. Words are as frequent as
in a language (Zipf). They are written as the gateway writes them, and indexed as an upgrade does it. Each question goes
to the search and to LIKE in turn, over the same sentences and with the same joins, newest first, 20 hits. Questions of
one kind are about different words. Exit code 1 if a kind's median is above 100 ms.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

from common import empty_catalog, machine
from sqlalchemy import Connection, insert, text

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.adapters.catalog.tables.search import POSITION_BITS
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.transcripts import transcripts
from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.search.query import parse_query

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_SECONDS = 0.1
HITS = 20
NOW = datetime(2026, 11, 1, tzinfo=UTC)
TRANSCRIPTS = 8000
VOCABULARY = 60_000
WORDS = range(4, 17)
"""How many words a sentence has."""

SYLLABLES = [c + v for c in "bdfghklmnprstvwz" for v in ("a", "e", "i", "o", "u", "ai", "ou", "en")]
OLD_WORD = "yesteryear"
OLD_SHARE = 0.1
"""`OLD_WORD` is a fashion. It is in this share of the sentences of this share of the transcripts, the oldest ones."""

PLATFORMS = {Platform.TIKTOK: 90, Platform.YOUTUBE: 9, Platform.INSTAGRAM: 1}
LINKS = {
    Platform.TIKTOK: "https://www.tiktok.com/@user/video/{}",
    Platform.YOUTUBE: "https://www.youtube.com/watch?v={}",
    Platform.INSTAGRAM: "https://www.instagram.com/reel/{}/",
}
PLAIN = """SELECT s.id, s.text, h.id, h.title, h.url FROM transcript_segments AS s
JOIN transcript_documents AS d ON d.number = s.id >> {bits} JOIN shares AS h ON h.id = d.share_id
WHERE {conditions} ORDER BY s.id DESC LIMIT {hits}"""


@dataclass(frozen=True)
class Question:
    """One question, as a query for the search and as the LIKE patterns that a person would use instead."""

    query: str
    like: tuple[str, ...]
    platform: Platform | None = None
    since: datetime | None = None


class Language:
    """Made-up words. The n-th is said with a frequency proportional to 1/n."""

    def __init__(self, random: Random) -> None:
        self._random = random
        names: dict[str, None] = {}
        while len(names) < VOCABULARY:
            # Frequent words are short.
            length = 1 + min(3, len(names) // 100) + random.randrange(2)
            names["".join(random.choices(SYLLABLES, k=length))] = None
        self.words = list(names)
        self._weights = list(accumulate(1 / (rank + 2) for rank in range(VOCABULARY)))

    def sentence(self) -> str:
        """Make up a sentence."""
        return (
            " ".join(
                self._random.choices(self.words, cum_weights=self._weights, k=self._random.choice(WORDS))
            ).capitalize()
            + "."
        )

    def rank_of(self, percent: float) -> int:
        """Return the rank of a word that occurs in about this percentage of all sentences."""
        words_in_a_sentence = (WORDS.start + WORDS.stop - 1) / 2
        return max(0, round(words_in_a_sentence * 100 / percent / self._weights[-1]) - 2)


def main() -> int:
    """Print the figures. Returns 1 if a kind of question takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15, help="questions of each kind")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    print(f"machine: {machine()}")
    is_good = True
    for name in options.databases:
        with empty_catalog(name) as catalog:
            language = fill(catalog, options.sentences)
            is_good &= _measure(catalog, language, options.rounds)
    return 0 if is_good else 1


def fill(catalog: OpenCatalog, sentences: int) -> Language:
    """Write transcripts with so many sentences, index them, and return their language."""
    random = Random(7)  # noqa: S311 - made-up data
    language = Language(random)
    each = max(1, sentences // TRANSCRIPTS)
    began = time.perf_counter()
    for first in range(0, TRANSCRIPTS, 500):
        with catalog.database.writing() as connection:
            for number in range(first, min(first + 500, TRANSCRIPTS)):
                _write(connection, random, language, number, each)
    written = time.perf_counter()
    name = catalog.database.engine.dialect.name
    print(
        f"{name}: {TRANSCRIPTS * each:,} sentences written as the gateway does in {written - began:.0f} s", flush=True
    )
    while catalog.search.index(limit=500).transcripts:
        pass
    seconds = time.perf_counter() - written
    print(f"  indexed in {seconds:.0f} s, {TRANSCRIPTS / seconds:,.0f} transcripts/s", flush=True)
    if not catalog.database.is_sqlite:
        # Autovacuum would do this in time.
        with catalog.database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    print(f"  size: {_sizes(catalog)}", flush=True)
    return language


def _write(connection: Connection, random: Random, language: Language, number: int, each: int) -> None:
    platform = random.choices(list(PLATFORMS), list(PLATFORMS.values()))[0]
    share_id = str(UUID(int=random.getrandbits(128), version=4))
    moment = NOW - timedelta(days=365) * (1 - number / TRANSCRIPTS)
    said = [language.sentence() for _ in range(each)]
    if number < TRANSCRIPTS * OLD_SHARE:
        said = [f"{sentence} {OLD_WORD}." if random.random() < OLD_SHARE else sentence for sentence in said]
    connection.execute(
        insert(shares).values(
            id=share_id,
            user_id=str(UUID(int=1, version=4)),
            url=LINKS[platform].format(f"{number:011d}"),
            platform=platform,
            status="done",
            title=f"Video {number}",
            created_at=moment,
            updated_at=moment,
        )
    )
    connection.execute(
        insert(transcripts).values(
            id=str(UUID(int=random.getrandbits(128), version=4)),
            share_id=share_id,
            full_text=" ".join(said),
            segments=[{"start": 3.0 * n, "end": 3.0 * n + 2.5, "text": sentence} for n, sentence in enumerate(said)],
            created_at=moment,
            updated_at=moment,
        )
    )


def _sizes(catalog: OpenCatalog) -> str:
    with catalog.database.reading() as connection:
        if catalog.database.is_sqlite:
            found = connection.execute(
                text(
                    "SELECT CASE WHEN name LIKE 'transcript_words%' THEN 'index' ELSE name END, sum(pgsize) "
                    "FROM dbstat WHERE name LIKE 'transcript%' GROUP BY 1"
                )
            )
        else:
            found = connection.execute(
                text(
                    "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relname IN "
                    "('transcript_segments', 'ix_transcript_segments_words', 'pk_transcript_segments', 'transcripts')"
                )
            )
        return ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in found)


def _questions(language: Language, random: Random, rounds: int) -> dict[str, list[Question]]:
    def near(percent: float) -> str:
        rank = language.rank_of(percent)
        return language.words[min(VOCABULARY - 1, rank + random.randrange(max(3, rank // 5)))]

    def word(percent: float, *, platform: Platform | None = None, days: int | None = None) -> Question:
        said = near(percent)
        return Question(said, (f"%{said}%",), platform, None if days is None else NOW - timedelta(days=days))

    def phrase(first: float, second: float) -> Question:
        pair = f"{near(first)} {near(second)}"
        return Question(f'"{pair}"', (f"%{pair}%",))

    def both(first: float, second: float) -> Question:
        one, other = near(first), near(second)
        return Question(f"{one} {other}", (f"%{one}%", f"%{other}%"))

    def prefix(percent: float, letters: int) -> Question:
        begun = near(percent)[:letters]
        return Question(f"{begun}*", (f"%{begun}%",))

    kinds: dict[str, Callable[[], Question]] = {
        "rare word (0.002%)": lambda: word(0.002),
        "word (0.1%)": lambda: word(0.1),
        "word (1%)": lambda: word(1),
        "common word (20%)": lambda: word(20),
        "two words (10%, 0.1%)": lambda: both(10, 0.1),
        "phrase of common words": lambda: phrase(20, 20),
        "five common in a row": lambda: Question(f'"{(five := " ".join(near(20) for _ in range(5)))}"', (f"%{five}%",)),
        "1%, but only long ago": lambda: Question(OLD_WORD, (f"%{OLD_WORD}%",)),
        "phrase of words of 1%": lambda: phrase(1, 1),
        "phrase of rare words": lambda: phrase(0.01, 0.01),
        "prefix of 2 letters": lambda: prefix(0.1, 2),
        "prefix of 4 letters": lambda: prefix(0.1, 4),
        "word that nobody said": lambda: Question("xylophone", ("%xylophone%",)),
        "common, platform of 1%": lambda: word(20, platform=Platform.INSTAGRAM),
        "1%, platform of 1%": lambda: word(1, platform=Platform.INSTAGRAM),
        "common, last 7 days": lambda: word(20, days=7),
        "rare, last 90 days": lambda: word(0.002, days=90),
        "common without common": lambda: Question(f"{near(20)} -{near(10)}", ()),
    }
    return {name: [make() for _ in range(rounds)] for name, make in kinds.items()}


def _measure(catalog: OpenCatalog, language: Language, rounds: int) -> bool:
    is_good = True
    print(f"  {'':24}{'search, ms: p50':>16}{'p95':>8}{'LIKE: p50':>12}{'p95':>8}{'ratio':>8}{'hits':>6}")
    for kind, questions in _questions(language, Random(11), rounds).items():  # noqa: S311 - which words
        ours: list[float] = []
        theirs: list[float] = []
        hits = 0
        for number, question in enumerate(questions):
            query = parse_query(question.query)
            began = time.perf_counter()
            found = catalog.search.search(query, platform=question.platform, since=question.since, limit=HITS)
            ours.append(time.perf_counter() - began)
            hits += len(found)
            # LIKE takes seconds, and a third of the questions is enough to measure it.
            if question.like and number % 3 == 0:
                began = time.perf_counter()
                _ask_plainly(catalog, question)
                theirs.append(time.perf_counter() - began)
        median, p95 = _quantiles(ours)
        plain = f"{'':>12}{'':>8}{'':>8}"
        if theirs:
            plain_median, plain_p95 = _quantiles(theirs)
            plain = f"{plain_median * 1e3:12.1f}{plain_p95 * 1e3:8.1f}{median / plain_median:8.3f}"
        print(f"  {kind:24}{median * 1e3:16.1f}{p95 * 1e3:8.1f}{plain}{hits / len(questions):6.0f}", flush=True)
        is_good &= median <= LIMIT_SECONDS
    return is_good


def _quantiles(seconds: list[float]) -> tuple[float, float]:
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]


def _ask_plainly(catalog: OpenCatalog, question: Question) -> None:
    operator = "LIKE" if catalog.database.is_sqlite else "ILIKE"
    conditions = [f"s.text {operator} :like{number}" for number in range(len(question.like))]
    parameters: dict[str, object] = {f"like{number}": like for number, like in enumerate(question.like)}
    if question.platform:
        conditions.append("h.platform = :platform")
        parameters["platform"] = question.platform.value
    if question.since:
        conditions.append("h.created_at >= :since")
        since = question.since
        parameters["since"] = since.isoformat(timespec="microseconds") if catalog.database.is_sqlite else since
    statement = PLAIN.format(bits=POSITION_BITS, conditions=" AND ".join(conditions), hits=HITS)
    with catalog.database.reading() as connection:
        connection.execute(text(statement), parameters).all()


if __name__ == "__main__":
    sys.exit(main())
