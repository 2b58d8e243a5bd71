"""Detect text that Whisper invents (hallucinates) where nobody speaks. What is done about it is in `quality`.

Whisper was trained on subtitles. Over silence, noise and music it writes what subtitles have there: thanks for
watching, a subtitler's name, one short line over and over. A transcript is assessed as a whole. Either all of it is
invented, or it is kept as it is. The engines themselves drop single stretches, by Whisper's own rule.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

from bookmarkai_assets.core.transcripts.transcript import Segment, Transcript

SILENT_PROBABILITY = 0.6
"""Whisper's `no_speech_threshold`. Alone it says little: tiny.en sometimes gives 0.6 to 0.8 for clear speech."""

HOPELESS_LOGPROB = -1.0
"""Whisper's `logprob_threshold`: decoding below it counts as failed."""

LONE_WORDS_PER_SECOND = 0.5
"""Of the whole sound. This is a fifth of slow speech: with fewer words, at least four fifths of the sound have none."""

REPEATS = 3
"""How often a short line must occur, with nothing else, to count as repeated."""

SHORT_LINE_WORDS = 5

_CREDITS = re.compile(
    r"amara\s*\.?\s*org|dimatorzok|subtitles? (?:by|provided by)|captions? by|transcri(?:bed|ption) by"
    r"|untertitel(?:ung)? (?:der|des|im auftrag|von|durch)|sous-titr\w+ (?:de|par|fait|réalis|soci)"
    r"|subtítulos (?:por|realizados|creados)|sottotitoli (?:di|a cura|creati|e revisione)|legendas (?:por|pela)"
    r"|ondertitel\w* (?:door|ingediend)|napisy (?:stworzone|wykonane)|altyaz. m\.?k|字幕(?:由|by|志愿者|製作|制作)"
    r"|субтитры (?:сделал|создавал|подготов)|редактор субтитров|ترجمة نانسي|mbc 뉴스|明镜与点点",
)
"""Subtitlers' credits, which are written and never said."""

_CLOSERS = frozenset(
    {
        "you",
        "bye",
        "bye bye",
        "thank you",
        "thank you very much",
        "thank you so much",
        "thanks",
        "thank you for watching",
        "thank you so much for watching",
        "thanks for watching",
        "thanks for listening",
        "please subscribe",
        "please subscribe to my channel",
        "see you next time",
        "see you in the next video",
        "vielen dank",
        "vielen dank fürs zuschauen",
        "danke fürs zuschauen",
        "bis zum nächsten mal",
        "merci",
        "merci d'avoir regardé cette vidéo",
        "abonnez-vous",
        "gracias",
        "gracias por ver el video",
        "gracias por ver",
        "suscríbete",
        "grazie",
        "grazie a tutti",
        "grazie per la visione",
        "obrigado",
        "obrigado por assistir",
        "bedankt voor het kijken",
        "dziękuję za uwagę",
        "dziękuję za oglądanie",
        "izlediğiniz için teşekkür ederim",
        "продолжение следует",
        "спасибо за просмотр",
        "ご視聴ありがとうございました",
        "ご視聴ありがとうございます",
        "시청해주셔서 감사합니다",
        "감사합니다",
        "谢谢观看",
        "謝謝觀看",
        "谢谢大家",
        "شكرا على المشاهدة",
    }
)
"""Closing lines of videos, as `_plain` returns them. People say them too, so the line alone proves nothing."""

_NOTE = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|\*[^*]*\*")
"""A note about the sound, such as [Music]."""

_LETTER = re.compile(r"[^\W_]")


def is_invented(transcript: Transcript) -> bool:
    """Whether all text of a transcript was invented over sound without speech. False if it has no text.

    It was if each segment is a subtitler's credit or a note about the sound, or if Whisper's own rule takes each for
    silence (`no_speech_prob` above 0.6 and `avg_logprob` below -1.0). It also was if there are only closing lines, or
    only one short line again and again, and the sound has few words or the engine was in doubt.
    """
    segments = transcript.segments
    if not segments:
        return False
    if all(_is_taken_for_silence(segment) or _is_unspoken(segment.text) for segment in segments):
        return True
    spoken = [segment for segment in segments if not _is_unspoken(segment.text)]
    is_sparse = transcript.word_count < LONE_WORDS_PER_SECOND * transcript.duration_seconds
    is_hopeless = not _mean(spoken, lambda segment: segment.avg_logprob) >= HOPELESS_LOGPROB
    is_silent = not _mean(spoken, lambda segment: segment.no_speech_prob) <= SILENT_PROBABILITY
    if all(_plain(segment.text) in _CLOSERS for segment in spoken):
        return is_sparse or is_hopeless or is_silent
    return _is_one_short_line(spoken) and (is_hopeless or (is_sparse and is_silent))


def _is_taken_for_silence(segment: Segment) -> bool:
    return segment.no_speech_prob > SILENT_PROBABILITY and not segment.avg_logprob >= HOPELESS_LOGPROB


def _is_unspoken(text: str) -> bool:
    return _LETTER.search(_NOTE.sub("", text)) is None or _CREDITS.search(text.casefold()) is not None


def _is_one_short_line(segments: Sequence[Segment]) -> bool:
    lines = {_plain(segment.text) for segment in segments}
    return len(segments) >= REPEATS and len(lines) == 1 and len(lines.pop().split()) <= SHORT_LINE_WORDS


def _plain(text: str) -> str:
    """Return a line without case and punctuation, with its letters normalized."""
    folded = unicodedata.normalize("NFKC", text.casefold()).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    # Case folding a capital Turkish I leaves its dot.
    undotted = folded.replace("\N{COMBINING DOT ABOVE}", "")
    return " ".join(re.sub(r"[^\w\s'-]+", " ", undotted).split())


def _mean(segments: Sequence[Segment], figure: Callable[[Segment], float]) -> float:
    return sum(map(figure, segments)) / len(segments)
