"""A program for `Workers` whose jobs are misdeeds: `python -m tests.support.worker_program`."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time

from bookmarkai_assets.adapters.common.processes.fork_server import ForkServer, _Worker, control_on_stdin

_FOREVER = threading.Event()


def misdeed(job: bytes) -> bytes:
    """Do what the job says."""
    name, _, argument = job.decode().strip().partition(" ")
    match name:
        case "echo":
            return argument.encode()
        case "environment":
            return json.dumps(dict(os.environ)).encode()
        case "pid":
            return b"%d" % os.getpid()
        case "neighbours":
            others = [bytes(one.job) for one in gc.get_objects() if isinstance(one, _Worker)]
            return b"%d %d" % (len(others), sum(map(len, others)) - len(job))
        case "large":
            return b"x" * int(argument)
        case "raise":
            raise ValueError(argument)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang_with_child":
            # It ignores SIGTERM and has a grandchild, as a stuck ffmpeg would.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as child:
                with open(argument, "w") as file:  # noqa: PTH123 - as plain as can be
                    file.write(f"{os.getpid()} {child.pid}\n")
                _FOREVER.wait()
        case _:
            return _leave_behind(name, argument)
    return b""


def _leave_behind(name: str, argument: str) -> bytes:
    if name == "leave_child_behind":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        return b"%d" % child.pid
    _leave_session(argument)
    if name == "hang_without_session":
        _FOREVER.wait()
    return b""


def _leave_session(file: str) -> None:
    """Leave a process in a session of its own, whose parent is gone, with a child in another. Write down both."""
    script = (
        "import os, subprocess, sys, time\n"
        "if os.fork(): os._exit(0)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "open(sys.argv[1], 'w').write(f'{os.getpid()} {child.pid}\\n')\n"
        "time.sleep(600)\n"
    )
    subprocess.run([sys.executable, "-c", script, file], check=True, start_new_session=True)
    while not os.path.exists(file) or not os.path.getsize(file):  # noqa: PTH110, PTH202 - as plain as can be
        time.sleep(0.01)


if __name__ == "__main__":
    ForkServer(control_on_stdin(), misdeed).serve()
