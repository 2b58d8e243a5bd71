"""How far a transcript is from the speech: word error rate, the measure that speech papers use."""

import re


def word_error_rate(said: str, heard: str) -> float:
    """Divide the words to replace, add or drop by the words said; case and punctuation do not count.

    0.0 means identical word for word. `said` must contain a word.
    """
    expected, found = _words(said), _words(heard)
    # Levenshtein's distance over words, one row at a time.
    distances = list(range(len(found) + 1))
    for row, word in enumerate(expected, start=1):
        previous = distances
        distances = [row]
        for column, other in enumerate(found, start=1):
            replaced = previous[column - 1] + (word != other)
            distances.append(min(replaced, previous[column] + 1, distances[column - 1] + 1))
    return distances[-1] / len(expected)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower())
