"""Start a program that ends with its parent: `python -S hijo.py PARENT_PID program args…`.

On Linux the kernel sends it SIGTERM when the parent dies, even by SIGKILL; elsewhere it is started plainly.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


def main() -> None:
    padre, *orden = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(padre):
            raise SystemExit("the parent is gone")
    os.execvp(orden[0], orden)  # noqa: S606


if __name__ == "__main__":
    main()
