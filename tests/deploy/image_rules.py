"""What the image must be, read from deploy/Dockerfile. hadolint knows the language; this knows the project."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

TARGETS = ("pipeline", "openai-whisper")
PINNED = re.compile(r"[a-z0-9./:_-]+:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}")
"""An image by its tag, for readers, and by its digest, which counts."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAY_BE_INSTALLED = {"tini"}
_SECRET = re.compile(r"password|passwd|secret|token|credential|access_key|api_key", re.IGNORECASE)


@dataclass(frozen=True)
class Instruction:
    """One instruction, its continued lines joined and its comments left out."""

    word: str
    rest: str


@dataclass(frozen=True)
class Stage:
    """A stage: its name, what it builds on, and its instructions."""

    name: str
    base: str
    instructions: Sequence[Instruction]


def read_dockerfile(text: str) -> tuple[Mapping[str, str], Sequence[Stage]]:
    """Return the arguments before the first stage with their defaults, and the stages in order."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    instructions: list[Instruction] = []
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            instructions = []
            stages.append(Stage(name or base, base, instructions))
        elif not stages and word == "ARG":
            name, _, default = rest.partition("=")
            arguments[name] = default
        else:
            instructions.append(Instruction(word, rest.strip()))
    return arguments, stages


def problems_of_image(text: str) -> list[str]:
    """List everything about a Dockerfile that is not as the project wants it."""
    arguments, stages = read_dockerfile(text)
    by_name = {stage.name: stage for stage in stages}
    found = [*_unpinned(arguments, stages), *_loose_packages(stages), *_secrets(stages), *_models(stages)]
    for target in TARGETS:
        if target not in by_name:
            found.append(f"expected the target {target}")
            continue
        found += _of_target(target, _with_bases(by_name[target], by_name))
    return found


def _with_bases(stage: Stage, by_name: Mapping[str, Stage]) -> list[Instruction]:
    """Return the instructions that make a stage's image, those of its bases first."""
    base = by_name.get(stage.base)
    return [*(_with_bases(base, by_name) if base else ()), *stage.instructions]


def _unpinned(arguments: Mapping[str, str], stages: Sequence[Stage]) -> Iterator[str]:
    names = {stage.name for stage in stages}
    for stage in stages:
        base = re.sub(r"\$\{?(\w+)\}?", lambda match: arguments.get(match[1], ""), stage.base)
        if base not in names and PINNED.fullmatch(base) is None:
            yield f"expected the base of {stage.name} as name:tag@sha256:digest, found {base!r}"


def _loose_packages(stages: Sequence[Stage]) -> Iterator[str]:
    for stage in stages:
        for instruction in stage.instructions:
            for command in re.split(r"&&|;", instruction.rest) if instruction.word == "RUN" else ():
                is_ours_alone = "--no-deps" in command and "--no-index" in command
                if re.search(r"\bpip\b.* (install|wheel)\b", command) and not (
                    "--constraint constraints.txt" in command or is_ours_alone
                ):
                    yield f"expected pip in {stage.name} to use --constraint constraints.txt, found {command.strip()!r}"


def _secrets(stages: Sequence[Stage]) -> Iterator[str]:
    for stage in stages:
        for instruction in stage.instructions:
            if instruction.word in {"ARG", "ENV"} and _SECRET.search(instruction.rest):
                yield f"expected no secret in {stage.name}, where every reader of the image sees it: {instruction.rest}"
            if instruction.word in {"COPY", "ADD"} and re.fullmatch(r"(--\S+ )*\. \S+", instruction.rest):
                yield f"expected {stage.name} to copy what it names, found {instruction.rest!r}"
            if instruction.word == "ADD":
                yield f"expected COPY in {stage.name}, found ADD {instruction.rest}, which fetches and unpacks"


def _models(stages: Sequence[Stage]) -> Iterator[str]:
    for stage in stages:
        if not stage.name.endswith("model"):
            continue
        defaults = dict(
            instruction.rest.split("=", 1)
            for instruction in stage.instructions
            if instruction.word == "ARG" and "=" in instruction.rest
        )
        [digest] = [name for name in defaults if name.endswith("_SHA256")] or [""]
        checks = [one.rest for one in stage.instructions if one.word == "RUN"]
        if _SHA256.fullmatch(defaults.get(digest, "")) is None:
            yield f"expected the SHA-256 of the speech model of {stage.name} as an argument"
        if not any(f'"${digest}"' in check and "fetch_model.py" in check for check in checks):
            yield f"expected {stage.name} to check the SHA-256 of the speech model"


def _of_target(target: str, instructions: Sequence[Instruction]) -> Iterator[str]:
    yield from _process(target, instructions)
    yield from _contents(target, instructions)


def _process(target: str, instructions: Sequence[Instruction]) -> Iterator[str]:
    last = {instruction.word: instruction.rest for instruction in instructions}
    user = last.get("USER", "root")
    if re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", user) is None:
        yield f"expected {target} to run as a user without privileges, by number, found {user}"
    if instructions[-1].word != "USER":
        yield f"expected USER last in {target}: whatever comes after it belongs to that user"
    if 'CMD ["bookmarkai", "probe"' not in last.get("HEALTHCHECK", ""):
        yield f"expected {target} to have a health check that probes the process"
    for word, first in (("ENTRYPOINT", '["/usr/bin/tini", "--"]'), ("CMD", '["bookmarkai", "serve"]')):
        if last.get(word) != first:
            yield f"expected {word} {first} in {target}, so that signals reach the process, found {last.get(word)}"
    if last.get("STOPSIGNAL") != "SIGTERM":
        yield f"expected SIGTERM to stop {target}, found {last.get('STOPSIGNAL')}"


def _contents(target: str, instructions: Sequence[Instruction]) -> Iterator[str]:
    commands = " && ".join(one.rest for one in instructions if one.word == "RUN")
    installed = {
        name
        for names in re.findall(r"apt-get install((?: [^&;]+)?)", commands)
        for name in names.split()
        if not name.startswith("-")
    }
    if extra := installed - _MAY_BE_INSTALLED:
        yield f"expected no packages but {', '.join(_MAY_BE_INSTALLED)} in {target}, found {', '.join(sorted(extra))}"
    if installed and "rm -rf /var/lib/apt/lists/*" not in commands:
        yield f"expected {target} to leave no package lists behind"
    copies = [one.rest for one in instructions if one.word == "COPY"]
    if not any("/usr/share/sbom/" in copy and copy.endswith(".cdx.json") for copy in copies):
        yield f"expected {target} to have its bill of materials"
    if any("/opt/pip" in copy for copy in copies):
        yield f"expected no pip in {target}"
