"""Build the image without an engine: buildah in a chroot, over a base that debootstrap makes of Debian's packages."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.project import PROJECT

BASE = "localhost/bookmarkai-base:debootstrap"
IMAGE = "localhost/bookmarkai:check"
_SUITE = "bookworm"
_PACKAGES = "ca-certificates,netbase,python3,python3-venv,tzdata"
"""What the official Python image has beyond Debian's least, and Python itself."""


def reason_to_skip() -> str | None:
    """Return why the image cannot be built here, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it needs Linux and root"
    missing = [name for name in ("buildah", "debootstrap", "unshare", "setpriv") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)} (apt-get install buildah debootstrap)" if missing else None


class Builder:
    """buildah with a storage of its own in `directory`, so that nothing else on this machine is touched."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        roots = {"--root": directory / "storage", "--runroot": directory / "run"}
        self._buildah = ["buildah", *(text for pair in roots.items() for text in map(str, pair))]

    def buildah(self, *arguments: str, quiet: bool = True) -> str:
        """Run buildah and return what it prints. Raises `CalledProcessError`."""
        output = subprocess.PIPE if quiet else None
        done = subprocess.run([*self._buildah, *arguments], stdout=output, text=True, check=True)
        return (done.stdout or "").strip()

    def make_base(self) -> None:
        """Make the base image, unless it is there."""
        if self.buildah("images", "--noheading", "--filter", f"reference={BASE}"):
            return
        tree = self._directory / "base"
        if not tree.exists():
            made = self._directory / "base.new"
            shutil.rmtree(made, ignore_errors=True)
            command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(made)]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            for left in ("var/cache/apt", "var/lib/apt/lists", "var/log"):
                shutil.rmtree(made / left, ignore_errors=True)
                (made / left).mkdir()
            made.rename(tree)
        container = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", container, str(tree), "/")
        self.buildah("config", "--env", "PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin", container)
        self.buildah("commit", "--quiet", "--rm", "--format", "docker", container, BASE)

    def build(self, target: str) -> None:
        """Build a target of the shipped Dockerfile as `IMAGE`, with this machine's configuration of pip."""
        mounts = [text for place in _pip_places() for text in ("--volume", f"{place}:{place}:ro")]
        options = ["--isolation=chroot", "--format=docker", "--layers", "--pull=never", *mounts]
        arguments = ["--build-arg", f"BASE={BASE}", "--file", "deploy/Dockerfile", "--target", target, "--tag", IMAGE]
        log = self._directory / "build.log"
        with log.open("w") as output:
            done = subprocess.run(
                [*self._buildah, "build", *options, *arguments, str(PROJECT)],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=PROJECT,
                check=False,
            )
        if done.returncode:
            raise SystemExit(f"the image cannot be built; the end of {log}:\n{log.read_text()[-3000:]}")

    def inspect(self) -> Mapping[str, Any]:
        """Return the image's configuration and history, as Docker has them."""
        found: Mapping[str, Any] = json.loads(self.buildah("inspect", "--type", "image", IMAGE))["Docker"]
        return found

    def export(self) -> Path:
        """Write the image's layers as files, and return their directory."""
        target = self._directory / "layers"
        shutil.rmtree(target, ignore_errors=True)
        self.buildah("push", "--quiet", "--disable-compression", "--format", "v2s2", IMAGE, f"dir:{target}")
        return target

    def mount(self) -> Path:
        """Return a directory with the image's file system."""
        return Path(self.buildah("mount", self.buildah("from", "--pull-never", IMAGE)))

    def remove_containers(self) -> None:
        """Remove the containers that were made to look into images."""
        self.buildah("rm", "--all")


def pip_values() -> Sequence[str]:
    """Return the values in this machine's configuration of pip."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    lines = [line.partition("=")[2].strip("'\"") for line in done.stdout.splitlines()]
    return [value for line in lines for value in re.split(r"\\n|\s+", line) if value]


def _pip_places() -> Sequence[str]:
    """Return what pip needs of this machine: its configuration, and the directories and certificates named there."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "debug"], capture_output=True, text=True, check=True)
    files = re.findall(r"^\s+(/\S+), exists: True", done.stdout, re.MULTILINE)
    named = [value.removeprefix("file://") for value in pip_values() if value.startswith(("/", "file:///"))]
    # An index on this disk may name files beside it.
    beside = [str(Path(place).parent) for place in named if Path(place).is_dir() and Path(place).name == "simple"]
    return sorted({place for place in ("/etc/ssl/certs", *files, *named, *beside) if Path(place).exists()})
