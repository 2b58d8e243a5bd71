"""What is in the image's layers: how large each is, and nothing that does not belong there."""

import json
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MB = 1_000_000
LIMIT_BYTES = 1_400 * _MB
_LEFT_BEHIND = re.compile(
    r"(^|/)(\.netrc|\.pypirc|\.npmrc|\.env|\.ssh|\.aws|pip\.conf|id_rsa|id_ed25519)$|^(run|deploy)/secrets/"
    r"|^root/\.cache/|^root/\.config/|^var/lib/apt/lists/.+_|^var/cache/apt/.*\.(bin|deb)$|(^|/)\.cache/pip/|(^|/)\.git/"
)
_SECRETS = re.compile(
    rb"bmk_[A-Za-z0-9_-]{40,}|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----|ghp_[A-Za-z0-9]{36}"
)
_TEXT_BYTES = 200_000
_BUILD_TOOLS = frozenset({"gcc", "cc", "g++", "make", "cmake", "ld", "as", "git", "rustc", "cargo", "go", "npm", "pip"})


@dataclass(frozen=True)
class Layer:
    """A layer: what made it, how many bytes its files have, and its ten largest directories below site-packages."""

    made_by: str
    size_bytes: int
    largest: Sequence[tuple[str, int]]


def read_layers(directory: Path, history: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Layer, Sequence[str]]]:
    """Yield each layer with what is in it that does not belong in an image."""
    manifest = json.loads((directory / "manifest.json").read_text())
    makers = [str(step.get("created_by", "")) for step in history if not step.get("empty_layer")]
    for number, entry in enumerate(manifest["layers"]):
        file = directory / entry["digest"].removeprefix("sha256:")
        size = 0
        by_place: dict[str, int] = {}
        found = []
        with tarfile.open(file) as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                size += member.size
                place = re.sub(r"^(.*?site-packages/[^/]+|[^/]+/[^/]+/[^/]+).*", r"\1", name)
                by_place[place] = by_place.get(place, 0) + member.size
                # An empty file is where something was mounted for the build.
                if member.isfile() and member.size and _LEFT_BEHIND.search(name):
                    found.append(f"left behind: /{name}")
                elif member.isfile() and member.size < _TEXT_BYTES and "site-packages" not in name:
                    content = archive.extractfile(member)
                    if content is not None and (secret := _SECRETS.search(content.read())):
                        found.append(f"a secret in /{name}: {secret[0][:8].decode()}…")
        largest = sorted(by_place.items(), key=lambda item: -item[1])[:10]
        yield Layer(makers[number] if number < len(makers) else "", size, largest), found


def build_tools_in(root: Path) -> list[str]:
    """Return the compilers and other tools of builds in the directories of programs."""
    places = ("bin", "usr/bin", "usr/local/bin", "opt/bookmarkai/bin")
    names = {file.name for place in places if (root / place).is_dir() for file in (root / place).iterdir()}
    return sorted(name for name in names if name in _BUILD_TOOLS or re.fullmatch(r"(gcc|g\+\+|pip)[-0-9.]*", name))


def problems_of_configuration(config: Mapping[str, Any], unwanted: Sequence[str]) -> list[str]:
    """Return what is wrong with the image's configuration. `unwanted` must not be in it."""
    found = []
    text = json.dumps(config)
    if config.get("User") != "10001:10001":
        found.append(f"expected the user 10001:10001, found {config.get('User')}")
    if config.get("Entrypoint") != ["/usr/bin/tini", "--"]:
        found.append(f"expected tini as the entry point, found {config.get('Entrypoint')}")
    if not config.get("Healthcheck", {}).get("Test"):
        found.append("expected a health check")
    found += [
        f"expected nothing of this machine in the configuration, found {word}" for word in unwanted if word in text
    ]
    return found


def components_of(sbom: Path) -> Mapping[str, str]:
    """Return the packages in a CycloneDX file, with their versions."""
    document = json.loads(sbom.read_text())
    if document.get("bomFormat") != "CycloneDX":
        raise ValueError(f"expected a CycloneDX document in {sbom}, found {document.get('bomFormat')}")
    return {one["name"]: one["version"] for one in document["components"]}
