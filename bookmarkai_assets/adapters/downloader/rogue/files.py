"""What the rogue tries with files."""

import os
import subprocess
from pathlib import Path

from bookmarkai_assets.adapters.downloader.rogue.attempts import Attempt, Targets
from bookmarkai_assets.core.downloads.walls import Wall


def _rename_into_own(targets: Targets) -> None:
    Path(targets.outside, "taken").rename("taken")


def _link_into_own(targets: Targets) -> None:
    Path("linked").hardlink_to(targets.secret)


def _write_through_link(targets: Targets) -> None:
    Path("way-out").symlink_to(Path(targets.outside, "written-through"))
    Path("way-out").write_text("x")


def _run_own_program(_: Targets) -> None:
    program = Path("program")
    program.touch(0o700)
    program.write_text("#!/bin/sh\n")
    subprocess.run([program.absolute()], check=True)  # noqa: S603 - an empty script


FILES = (
    Attempt("read a file of the user", Wall.FILES, lambda it: Path(it.secret).read_bytes()),
    Attempt("read the system's accounts", Wall.FILES, lambda _: Path("/etc/passwd").read_bytes()),
    Attempt("read the system's passwords", Wall.FILES, lambda _: Path("/etc/shadow").read_bytes(), depends=True),
    Attempt("list another download's directory", Wall.FILES, lambda it: os.listdir(it.neighbour)),  # noqa: PTH208
    Attempt("read another download's file", Wall.FILES, lambda it: Path(it.neighbour, "video.mp4").read_bytes()),
    Attempt("overwrite another download's file", Wall.FILES, lambda it: Path(it.neighbour, "video.mp4").write_text("")),
    Attempt("write outside of its directory", Wall.FILES, lambda it: Path(it.outside, "written").write_text("x")),
    Attempt("make a directory outside of its own", Wall.FILES, lambda it: Path(it.outside, "made").mkdir()),
    Attempt("remove a file outside", Wall.FILES, lambda it: Path(it.outside, "removed").unlink()),
    Attempt("rename a file into its directory", Wall.FILES, _rename_into_own),
    Attempt("link a file into its directory", Wall.FILES, _link_into_own),
    Attempt("write through a link of its own", Wall.FILES, _write_through_link),
    Attempt("start a program that it wrote", Wall.FILES, _run_own_program),
    Attempt("list the system's processes", Wall.FILES, lambda _: os.listdir("/proc")),  # noqa: PTH208 - all it takes
    Attempt(
        "read the environment of another process",
        Wall.FILES,
        lambda it: Path(f"/proc/{it.bystander}/environ").read_bytes(),
    ),
    Attempt(
        "open the memory of another process",
        Wall.FILES,
        lambda it: Path(f"/proc/{it.bystander}/mem").open("rb").close(),
        depends=True,
    ),
    Attempt("change a file's permissions", Wall.CALLS, lambda it: Path(it.secret).chmod(0o600)),
    Attempt("change a file's times", Wall.CALLS, lambda it: os.utime(it.secret)),
    Attempt("cut a file off by its name", Wall.CALLS, lambda it: os.truncate(it.secret, 1)),
    Attempt("tag a file", Wall.CALLS, lambda it: os.setxattr(it.secret, "user.rogue", b"x"), depends=True),
)
