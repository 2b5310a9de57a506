"""celda.py CALLS COMMAND…: run the command as under NoNewPrivileges, an empty CapabilityBoundingSet,
MemoryDenyWriteExecute and SystemCallFilter=CALLS (names, separated by commas; any other answers EPERM)."""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import sys

NO_NEW_PRIVS, CAPBSET_DROP, SET_MDWE = 38, 24, 65
MDWE_REFUSE_EXEC_GAIN = 1
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


def encerrar(llamadas: list[str]) -> None:
    c = ctypes.CDLL(None, use_errno=True)
    for capacidad in range(64):
        c.prctl(CAPBSET_DROP, capacidad, 0, 0, 0)  # refused to who is not root, who has none to lose
    if c.prctl(NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    if c.prctl(SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) and ctypes.get_errno() != errno.EINVAL:  # Linux < 6.3
        raise OSError(ctypes.get_errno(), "mdwe")
    _filtrar(llamadas)


def _filtrar(llamadas: list[str]) -> None:
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    contexto = ctypes.c_void_p(seccomp.seccomp_init(ERRNO | errno.EPERM))
    for nombre in llamadas:
        numero = seccomp.seccomp_syscall_resolve_name(nombre.encode())
        if numero >= 0:  # below: it is not of this architecture
            seccomp.seccomp_rule_add(contexto, ALLOW, numero, 0)
    if seccomp.seccomp_load(contexto):
        raise OSError("seccomp_load")


if __name__ == "__main__":
    encerrar(sys.argv[1].split(","))
    os.execv(sys.argv[2], sys.argv[2:])
