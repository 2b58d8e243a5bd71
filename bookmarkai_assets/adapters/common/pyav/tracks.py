"""The tracks of a file: its picture, and the sound track that is to be heard."""

import re
from typing import TYPE_CHECKING

from bookmarkai_assets.core.media.sound import SoundTrack, choose_track

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

_ASIDE = re.compile(r"comment|descri(bed|ption)|\bAD\b|visually|karaoke", re.IGNORECASE)
"""Titles of tracks that are not the video's own sound. In MP4 there is no other mark of them."""

_TERMINOLOGY_CODES = {
    "alb": "sqi",
    "arm": "hye",
    "baq": "eus",
    "bur": "mya",
    "chi": "zho",
    "cze": "ces",
    "dut": "nld",
    "fre": "fra",
    "geo": "kat",
    "ger": "deu",
    "gre": "ell",
    "ice": "isl",
    "mac": "mkd",
    "mao": "mri",
    "may": "msa",
    "per": "fas",
    "rum": "ron",
    "slo": "slk",
    "tib": "bod",
    "wel": "cym",
}
"""The languages for which ISO 639-2 has two codes. Matroska takes the first, and yt-dlp's table knows the second."""


def picture_of(container: "InputContainer") -> "VideoStream | None":
    """Return the first picture that can be decoded. The cover of a sound file is none."""
    from av.stream import Disposition

    pictures = (track for track in container.streams.video if has_decoder(track))
    return next((track for track in pictures if not track.disposition & Disposition.attached_pic), None)


def sounds_of(container: "InputContainer") -> list[SoundTrack]:
    """Describe the sound tracks that can be decoded."""
    return [_describe(track) for track in container.streams.audio if has_decoder(track)]


def sound_of(container: "InputContainer", *, language: str | None) -> "AudioStream | None":
    """Return the sound track to be heard, given the language that is expected; None if the file has no sound."""
    chosen = choose_track(sounds_of(container), language=language)
    return None if chosen is None else next(one for one in container.streams.audio if one.index == chosen.index)


def has_decoder(track: "Stream") -> bool:
    """Whether FFmpeg can decode a track."""
    return track.codec_context is not None


def _describe(track: "AudioStream") -> SoundTrack:
    from av.stream import Disposition

    marks = track.disposition
    title = track.metadata.get("title") or track.metadata.get("handler_name")
    aside = (
        Disposition.comment
        | Disposition.visual_impaired
        | Disposition.hearing_impaired
        | Disposition.descriptions
        | Disposition.clean_effects
        | Disposition.karaoke
        | Disposition.dependent
    )
    return SoundTrack(
        index=track.index,
        codec=track.codec_context.name,
        language=_two_letters(track.language),
        title=title,
        is_default=bool(marks & Disposition.default),
        is_original=bool(marks & Disposition.original),
        is_dub=bool(marks & Disposition.dub),
        is_aside=bool(marks & aside) or bool(title and _ASIDE.search(title)),
    )


def _two_letters(language: str | None) -> str | None:
    """Return the code of two letters for a code of three, as files have them; None where the file says nothing."""
    name = (language or "").partition("-")[0].lower()
    if name in {"", "und", "mul", "mis", "zxx"}:
        return None
    from yt_dlp.utils import ISO639Utils

    name = _TERMINOLOGY_CODES.get(name, name)
    return ISO639Utils.long2short(name) or name
