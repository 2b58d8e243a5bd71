"""A disk without room for another download, in figures and in words. `operations/downloads/disk_room` measures it."""

from dataclasses import dataclass

from bookmarkai_assets.core.text import format_size


@dataclass(frozen=True)
class Shortage:
    """Less space is free on a directory's disk than is required."""

    directory: str
    free_bytes: int
    wanted_bytes: int

    @property
    def message(self) -> str:
        """The shortage in words, for an operator."""
        return (
            f"the disk of {self.directory} has {format_size(self.free_bytes)} free, less than the "
            f"{format_size(self.wanted_bytes)} of DOWNLOAD_MIN_FREE_BYTES: no share is taken up before there is room; "
            "`bookmarkai storage cleanup --dry-run` shows what may go"
        )
