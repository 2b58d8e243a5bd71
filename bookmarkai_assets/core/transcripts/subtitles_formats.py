"""Write cues as files: SubRip (SRT) and WebVTT. Line breaks and times are decided in `subtitles`."""

import html
import re
from collections.abc import Iterable

from bookmarkai_assets.core.transcripts.subtitles import Cue

_ARROW = re.compile("-{2,}>")
# SRT has no escapes, and players obey HTML and SubStation tags (`{\an8}`). They do not know these look-alikes.
_PLAIN = str.maketrans("<>{}", "‹›()")  # noqa: RUF001 - meant to look alike
_LANGUAGE_TAG = re.compile("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def to_srt(cues: Iterable[Cue]) -> str:
    """Return a SubRip file: numbered cues, `00:00:01,500`, no markup. It is empty without cues."""
    return "".join(
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n"
        + "".join(_ARROW.sub("→", line).translate(_PLAIN) + "\n" for line in cue.lines)
        + "\n"
        for number, cue in enumerate(cues, 1)
    )


def to_webvtt(cues: Iterable[Cue], *, languages: Iterable[str]) -> str:
    """Return a WebVTT file (W3C): `00:00:01.500`, with markup escaped.

    The languages are a note, because the standard has no field for them. Without cues, the file has only its header.
    """
    tags = [language for language in languages if _LANGUAGE_TAG.fullmatch(language)]
    note = f"NOTE\nLanguage: {', '.join(tags)}\n\n" if tags else ""
    return f"WEBVTT\n\n{note}" + "".join(
        f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n"
        + "".join(html.escape(line, quote=False) + "\n" for line in cue.lines)
        + "\n"
        for cue in cues
    )


def _time(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"
