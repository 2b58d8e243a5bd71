"""A program for `Workers` whose jobs are misdeeds: `python -m tests.support.worker_program`."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading

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
        case "leave_child_behind":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            return b"%d" % child.pid
    return b""


if __name__ == "__main__":
    ForkServer(control_on_stdin(), misdeed).serve()
