"""Two network namespaces as two machines, joined by one cable that can be cut. Needs root on Linux."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNET = 0x40000000
VM1, VM2 = "10.231.77.1", "10.231.77.2"


class SinPermiso(Exception):
    """This machine does not let us make network namespaces; the text says why."""


@dataclass(frozen=True)
class Cable:
    """uno: where the API, the workers and Redis live; dos: where MariaDB lives, at VM2."""

    uno: str
    dos: str

    def cortar(self) -> None:
        _ip("-n", self.dos, "link", "set", "cable2", "down")

    def unir(self) -> None:
        _ip("-n", self.dos, "link", "set", "cable2", "up")


@contextmanager
def dos_maquinas() -> Iterator[Cable]:
    """The calling thread, and what it starts, lives in the first namespace. Raises SinPermiso."""
    cable = Cable(f"cg{os.getpid()}a", f"cg{os.getpid()}b")
    try:
        _tender(cable)
        propia = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _entrar(Path("/run/netns") / cable.uno)
            yield cable
        finally:
            _setns(propia)
            os.close(propia)
    finally:
        for nombre in (cable.uno, cable.dos):
            if (Path("/run/netns") / nombre).exists():
                _ip("netns", "del", nombre)


def _tender(cable: Cable) -> None:
    if shutil.which("ip") is None or os.geteuid() != 0:
        raise SinPermiso("network namespaces need root and the `ip` program (Debian: iproute2)")
    try:
        for nombre in (cable.uno, cable.dos):
            _ip("netns", "add", nombre)
            _ip("-n", nombre, "link", "set", "lo", "up")
        _ip("-n", cable.uno, "link", "add", "cable1", "type", "veth", "peer", "name", "cable2", "netns", cable.dos)
        for nombre, punta, direccion in ((cable.uno, "cable1", VM1), (cable.dos, "cable2", VM2)):
            _ip("-n", nombre, "addr", "add", f"{direccion}/30", "dev", punta)
            _ip("-n", nombre, "link", "set", punta, "up")
    except subprocess.CalledProcessError as e:
        raise SinPermiso(f"`{' '.join(e.cmd)}`: {e.stderr.decode().strip()}") from e


def _ip(*orden: str) -> None:
    subprocess.run(["ip", *orden], check=True, capture_output=True)


def _entrar(espacio: Path) -> None:
    descriptor = os.open(espacio, os.O_RDONLY)
    try:
        _setns(descriptor)
    finally:
        os.close(descriptor)


def _setns(descriptor: int) -> None:
    """Python has os.setns from 3.12 on; the move is of this thread only."""
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0:
        raise SinPermiso(os.strerror(ctypes.get_errno()))
