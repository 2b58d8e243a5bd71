"""The messages between the pipeline's process and a download's own, as JSON: a job in, a result out."""

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bookmarkai_assets.core.downloads.ports import DownloadedFile, DownloadLimits, Resolved
from bookmarkai_assets.core.downloads.walls import WallsPolicy
from bookmarkai_assets.core.links.short_links import video_behind
from bookmarkai_assets.core.media.media import Digest, VideoInfo
from bookmarkai_assets.core.media.sound import SoundTrack
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.sites.silent_formats import FormatFamily
from bookmarkai_assets.core.text import clean_line

STDERR_FILE = ".stderr"
"""The file in the download's directory that gets the stderr of its process."""

_MAX_SOUNDS, _SOUND_CHARACTERS = 100, 100


@dataclass(frozen=True)
class Appearance:
    """How a download presents itself to its site. `cookies` are lines in Netscape's format, and secret."""

    cookies: str | None = field(default=None, repr=False)
    impersonate: str | None = None
    pause_seconds: float = 0


@dataclass(frozen=True)
class Job:
    """One download: its link, its own directory, its limits, its proxy as the only way out, and its appearance.

    `silent_formats` are the families to avoid. `language` is the one that is expected of the video. `walls` says
    whether it is done where a wall is missing. With `file`, the name of one in the directory, there is no link and no
    way out: that file is examined.
    """

    url: str
    directory: Path
    limits: DownloadLimits
    proxy_url: str
    appearance: Appearance = field(default_factory=Appearance)
    silent_formats: frozenset[FormatFamily] = frozenset()
    language: str | None = None
    walls: WallsPolicy = WallsPolicy.BEST
    file: str | None = None

    def to_json(self) -> bytes:
        """Write the job on one line."""
        fields = dataclasses.asdict(self) | {
            "directory": str(self.directory),
            "silent_formats": _families_to_texts(self.silent_formats),
        }
        return json.dumps(fields).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Job":
        """Read what `to_json` wrote."""
        fields = json.loads(text)
        return cls(
            url=fields["url"],
            directory=Path(fields["directory"]),
            limits=DownloadLimits(**fields["limits"]),
            proxy_url=fields["proxy_url"],
            appearance=Appearance(**fields["appearance"]),
            silent_formats=_families_from_texts(fields["silent_formats"]),
            language=fields["language"],
            walls=WallsPolicy(fields["walls"]),
            file=fields["file"],
        )


@dataclass(frozen=True)
class Fetched:
    """The files that a download left in its directory, and what is known of the video.

    `silent_formats` are the families that were fetched before it and had no sound, although they promised it. `sounds`
    are the video's sound tracks, of which `audio` is the one with `sound_index`.
    """

    video: DownloadedFile
    audio: DownloadedFile | None
    info: VideoInfo
    silent_formats: frozenset[FormatFamily] = frozenset()
    sounds: tuple[SoundTrack, ...] = ()
    sound_index: int | None = None


def result_to_json(result: Fetched | Resolved | Failure) -> bytes:
    """Write a result. Paths become file names, because the reader knows the directory."""
    if isinstance(result, Failure):
        return json.dumps({"failure": dataclasses.asdict(result)}).encode()
    if isinstance(result, Resolved):
        return json.dumps({"resolved": result.canonical_url}).encode()
    return json.dumps(
        {
            "video": _file_to_fields(result.video),
            "audio": _file_to_fields(result.audio) if result.audio else None,
            "info": _info_to_fields(result.info),
            "silent_formats": _families_to_texts(result.silent_formats),
            "sounds": [dataclasses.asdict(sound) for sound in result.sounds],
            "sound_index": result.sound_index,
        }
    ).encode()


def result_from_json(text: bytes, *, url: str, directory: Path) -> Fetched | Resolved | Failure:
    """Read the result of the job for a link.

    The writer has read hostile input, so the files and the URL in it are checked. Raises ValueError if the text is
    not a result, or names a file that is not a plain one in `directory` or a video that the link cannot stand for.
    """
    try:
        fields = json.loads(text)
        if "failure" in fields:
            return Failure(Outcome(fields["failure"]["outcome"]), str(fields["failure"]["reason"]))
        if "resolved" in fields:
            return _parse_resolved(fields["resolved"], url)
        return Fetched(
            video=_file_from_fields(fields["video"], directory),
            audio=_file_from_fields(fields["audio"], directory) if fields["audio"] else None,
            info=_info_from_fields(fields["info"]),
            silent_formats=_families_from_texts(fields["silent_formats"]),
            sounds=tuple(_sound_from_fields(sound) for sound in fields["sounds"][:_MAX_SOUNDS]),
            sound_index=None if fields["sound_index"] is None else int(fields["sound_index"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"a field is missing or odd: {error}") from error


def _parse_resolved(name: object, url: str) -> Resolved:
    if not isinstance(name, str) or video_behind(url, name) != name:
        raise ValueError("no name of a video that the link may stand for")
    return Resolved(name)


def _families_to_texts(families: frozenset[FormatFamily]) -> list[str]:
    return sorted(map(str, families))


def _families_from_texts(texts: list[str]) -> frozenset[FormatFamily]:
    return frozenset(FormatFamily.parse(str(text)) for text in texts)


def _sound_from_fields(fields: dict[str, Any]) -> SoundTrack:
    def line(name: str) -> str | None:
        text = fields[name]
        return None if text is None else clean_line(str(text), max_characters=_SOUND_CHARACTERS) or None

    return SoundTrack(
        index=int(fields["index"]),
        codec=line("codec") or "unknown",
        language=line("language"),
        title=line("title"),
        is_default=bool(fields["is_default"]),
        is_original=bool(fields["is_original"]),
        is_dub=bool(fields["is_dub"]),
        is_aside=bool(fields["is_aside"]),
    )


def _info_to_fields(info: VideoInfo) -> dict[str, object]:
    return dataclasses.asdict(info) | {"posted_at": info.posted_at.isoformat() if info.posted_at else None}


def _info_from_fields(fields: dict[str, Any]) -> VideoInfo:
    posted_at = fields["posted_at"]
    return VideoInfo(**(fields | {"posted_at": datetime.fromisoformat(posted_at) if posted_at else None}))


def _file_to_fields(file: DownloadedFile) -> dict[str, object]:
    return {
        "name": file.path.name,
        "size_bytes": file.digest.size_bytes,
        "sha256": file.digest.sha256,
        "content_type": file.content_type,
    }


def _file_from_fields(fields: dict[str, str], directory: Path) -> DownloadedFile:
    path = directory / fields["name"]
    if path.parent != directory or path.is_symlink() or not path.is_file():
        raise ValueError(f"no plain file of the download: {fields['name']!r}")
    digest = Digest(size_bytes=int(fields["size_bytes"]), sha256=fields["sha256"])
    return DownloadedFile(path=path, digest=digest, content_type=fields["content_type"])
