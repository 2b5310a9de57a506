"""Where a download goes. A file takes its name only once it is whole; what was there before stays until then."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from shared.clima import Formato

PRUEBA = b"\0" * 65536
SUFIJOS = {f".{f.value}": f.value for f in Formato} | {".yml": Formato.YAML.value}
MOTIVOS = {
    errno.EACCES: "no tiene permiso",
    errno.EPERM: "no tiene permiso",
    errno.ENOENT: "la carpeta no existe",
    errno.ENOTDIR: "parte de la ruta no es una carpeta",
    errno.EISDIR: "es una carpeta",
    errno.ENOSPC: "no queda sitio en el disco",
    errno.EDQUOT: "no le queda sitio en el disco",
    errno.EFBIG: "pasa del tamaño de fichero permitido",
    errno.EROFS: "el disco es de solo lectura",
    errno.ENAMETOOLONG: "el nombre es demasiado largo",
}


def formato_de(ruta: Path) -> str | None:
    """What its name says; None: nothing."""
    return SUFIJOS.get(ruta.suffix.lower())


def comprobar(ruta: Path) -> None:
    """Find out now whether it could be written, by writing a little beside it. Raises OSError."""
    if _especial(ruta):  # opening a FIFO would wait for its reader
        if not os.access(ruta, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(ruta))
        return
    provisional = _provisional(ruta)
    try:
        with _crear(provisional) as fichero:
            fichero.write(PRUEBA)
            fichero.flush()
            os.fsync(fichero.fileno())
    finally:
        provisional.unlink(missing_ok=True)


@contextmanager
def escribir(ruta: Path) -> Iterator[BinaryIO]:
    """A file to write, that takes its name when the block ends well. A device or FIFO is written directly."""
    if _especial(ruta):
        with ruta.open("wb") as fichero:
            yield fichero
        return
    final = ruta.resolve()  # a symbolic link stays one
    provisional = _provisional(ruta)
    try:
        with _crear(provisional) as fichero:
            yield fichero
            fichero.flush()
            os.fsync(fichero.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(final, provisional)
        provisional.replace(final)
    finally:
        provisional.unlink(missing_ok=True)


def motivo(e: OSError) -> str:
    """Why, in Spanish."""
    return MOTIVOS.get(e.errno or 0, e.strerror or type(e).__name__)


def _especial(ruta: Path) -> bool:
    """Something that is there and is no file: /dev/stdout, a FIFO."""
    if ruta.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(ruta))
    return ruta.exists() and not ruta.is_file()


def _provisional(ruta: Path) -> Path:
    return ruta.resolve().parent / f".climaguru-{secrets.token_hex(6)}.parcial"


def _crear(provisional: Path) -> BinaryIO:
    """With the permissions that any new file gets here."""
    return os.fdopen(os.open(provisional, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666), "wb")
