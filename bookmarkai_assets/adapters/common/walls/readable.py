"""What each of our processes has to read: Python and its packages, this program, the system's libraries."""

import mimetypes
import shutil
import ssl
import sys
import sysconfig
from functools import cache
from pathlib import Path

import bookmarkai_assets

_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64", "/etc/ld.so.cache")
_CERTIFICATES = (
    *("/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem"),
    *("/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust/extracted", "/etc/crypto-policies", "/etc/ca-certificates"),
    *("/usr/share/ca-certificates", "/usr/local/share/ca-certificates"),
)
# Nothing here says more than how the machine is built.
_FACTS = (
    *("/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/usr/share/locale", "/dev/urandom", "/dev/zero"),
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu"),
)
_PROGRAMS = ("/bin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")
# yt-dlp runs the scripts of some sites in one of these, wherever its name on the path leads.
_SCRIPT_RUNTIMES = ("deno", "node", "bun", "qjs")


@cache
def find_readable(*, has_programs: bool) -> tuple[Path, ...]:
    """Return the files and directories that a process of ours reads, and the system's programs if `has_programs`.

    The answer is kept, so that a program finds it once and its forks have it.
    """
    package = Path(bookmarkai_assets.__file__).parent
    named = [
        *_LIBRARIES,
        *_CERTIFICATES,
        *_FACTS,
        *mimetypes.knownfiles,
        *(place for place in ssl.get_default_verify_paths()[:2] if place),
        *(_PROGRAMS if has_programs else ()),
        *(str(Path(found).resolve()) for name in _SCRIPT_RUNTIMES if has_programs and (found := _find(name))),
    ]
    candidates = [package, *_find_python(), *map(Path, named)]
    return tuple(dict.fromkeys(path for path in candidates if path.exists()))


def _find_python() -> list[Path]:
    """Return where Python, its library and its packages are, but not what else is where it was installed."""
    paths = sysconfig.get_paths()
    packages = (paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    prefixes = {Path(prefix) for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)}
    places = [prefix / name for prefix in sorted(prefixes) for name in ("lib", "lib64", "bin", "pyvenv.cfg", "ssl")]
    installed = [Path(entry) for entry in sys.path if Path(entry).name in {"site-packages", "dist-packages"}]
    return [*map(Path, packages), *places, *installed, Path(sys.executable).resolve()]


def _find(program: str) -> str | None:
    return shutil.which(program, path=":".join(_PROGRAMS))
