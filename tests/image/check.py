"""`make image-check`: build the shipped image for real, look into it, and run the services of compose.yaml from it.

It takes some ten minutes and needs root, buildah and debootstrap, but no engine. Where they are missing it says so and
ends with 0. docs/containers.md says what this proves, and what it cannot.
"""

import argparse
import array
import fcntl
import json
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.image.building import Builder, pip_values, reason_to_skip
from tests.image.container import Container, Place
from tests.image.contents import (
    LIMIT_BYTES,
    build_tools_in,
    components_of,
    problems_of_configuration,
    read_layers,
)
from tests.image.running import check_services, own
from tests.support.project import PROJECT

_DIRECTORY = PROJECT / ".image-check"
_WAYS = ("processes", "celery")
_MAY_BE_WRITTEN = frozenset({"/tmp", "/var/lib/bookmarkai/media", "/dev/shm", "/dev/mqueue", "/proc"})  # noqa: S108 - tmpfs
_FIND = """
find / -xdev -writable ! -type l 2>/dev/null
for place in /dev /dev/shm /proc /run /tmp /var/lib/bookmarkai/media; do [ -w $place ] && echo $place; done
true
"""
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the module says. Return the exit code."""
    parser = argparse.ArgumentParser(prog="make image-check", description=__doc__)
    parser.add_argument("--target", choices=["pipeline", "openai-whisper"], default="pipeline")
    parser.add_argument("--only", choices=_WAYS, help="how the runs are started, instead of both ways")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if reason := reason_to_skip():
        _say(f"make image-check: skipped: {reason}")
        return 0
    if options.inside:
        return _report(_check_running(options.inside, options.only))
    _DIRECTORY.mkdir(exist_ok=True)
    builder = Builder(_DIRECTORY)
    builder.make_base()
    builder.build(options.target)
    problems = _check_contents(builder)
    root = builder.mount()
    try:
        problems += _check_files(root)
        if options.target == "pipeline":
            facts = _DIRECTORY / "facts.json"
            environment = dict(pair.split("=", 1) for pair in builder.inspect()["config"]["Env"])
            facts.write_text(json.dumps({"root": str(root), "environment": environment}))
            # What follows runs where no way leads outside.
            inside = [sys.executable, "-m", "tests.image.check", "--inside", str(facts)]
            inside += ["--only", options.only] if options.only else []
            command = ["unshare", "--net", "--", *inside]
            done = subprocess.run(command, cwd=PROJECT, check=False)
            problems += ["what is named above"] if done.returncode else []
    finally:
        builder.remove_containers()
    return _report(problems)


def _report(problems: Sequence[str]) -> int:
    for problem in problems:
        _say(f"not as it should be: {problem}")
    return 1 if problems else 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program's output


def _check_contents(builder: Builder) -> list[str]:
    docker = builder.inspect()
    problems = problems_of_configuration(docker["config"], [value for value in pip_values() if "://" in value])
    total = 0
    for layer, found in read_layers(builder.export(), docker["history"]):
        total += layer.size_bytes
        _say(f"layer of {layer.size_bytes / 1e6:7.1f} MB: {layer.made_by[:110]}")
        for place, size in layer.largest:
            if size > 20e6:
                _say(f"          {size / 1e6:7.1f} MB {place}")
        problems += found
    _say(f"image of {total / 1e6:.0f} MB")
    if total > LIMIT_BYTES:
        problems.append(f"expected at most {LIMIT_BYTES / 1e6:.0f} MB, found {total / 1e6:.0f} MB")
    return problems


def _check_files(root: Path) -> list[str]:
    components = components_of(root / "usr/share/sbom/bookmarkai.cdx.json")
    _say(f"bill of materials: {len(components)} packages, dagster {components.get('dagster')}")
    problems = [] if len(components) > 100 and "dagster" in components else ["the bill of materials is not complete"]
    tools = build_tools_in(root)
    _say(f"build tools: {', '.join(tools) or 'none'}")
    return [*problems, *(f"expected no tool of builds, found {name}" for name in tools)]


def _check_running(facts: Path, only: str | None) -> list[str]:
    _raise_loopback()
    known = json.loads(facts.read_text())
    directory = Path(tempfile.mkdtemp(prefix="image-check-"))
    secrets = directory / "secrets"
    secrets.mkdir()
    place = Place(
        root=Path(known["root"]),
        media=own(directory / "media"),
        secrets=secrets,
        dagster_yaml=PROJECT / "deploy" / "image" / "dagster.yaml",
        image_environment=known["environment"],
        logs=directory,
    )
    problems = _check_privileges(place)
    for way in (only,) if only else _WAYS:
        problems += check_services(place, directory, _say, celery=way == "celery")
    if problems:
        _say(f"the logs are in {directory}")
    else:
        shutil.rmtree(directory)
    return problems


def _check_privileges(place: Place) -> list[str]:
    status = _output(
        place, "sh", "-c", "id -u; id -g; grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status; cat /proc/1/comm"
    )
    _say(f"uid, gid, capabilities, first process: {' '.join(status.split())}")
    problems = [] if status.startswith("10001\n10001\n") and status.endswith("tini\n") else [f"found {status!r}"]
    written = {line for line in _output(place, "sh", "-c", _FIND).splitlines() if line}
    stray = sorted(
        name for name in written if not any(name == place or name.startswith(f"{place}/") for place in _MAY_BE_WRITTEN)
    )
    _say(f"can be written: {', '.join(sorted(name for name in written if name in _MAY_BE_WRITTEN))}")
    # Pipes and terminals of the process itself.
    stray = [name for name in stray if not name.startswith("/dev/")]
    if stray:
        problems.append(f"expected nothing else to be writable, found {', '.join(stray[:20])}")
    version = _output(place, "bookmarkai", "--version")
    _say(f"bookmarkai --version: {version.strip()}")
    return problems


def _output(place: Place, *command: str) -> str:
    container = Container(place, "looking", command)
    container.log.unlink(missing_ok=True)
    container.run()
    return container.output()


def _raise_loopback() -> None:
    """Bring up the loopback interface, which is down in a new network namespace."""
    with socket.socket() as any_socket:
        request = struct.pack("16sh", b"lo", 0) + bytes(16)
        flags = array.array("B", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))
        (now,) = struct.unpack_from("h", flags, 16)
        struct.pack_into("h", flags, 16, now | _IFF_UP)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, flags)


if __name__ == "__main__":
    sys.exit(main())
