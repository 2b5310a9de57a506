"""What the client remembers between runs: the server, and a session per server. A TOML file that only its owner reads.

A session is sent to the server that gave it and to no other, whatever --url says.
"""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from deploy.cliente.destino import motivo
from deploy.cliente.errores import Fallo

AJENO = 0o077  # permission bits of everybody else


class MalAjustado(Fallo):
    """The file cannot be read or written."""


@dataclass(frozen=True)
class Guardada:
    """A session as it stands in the file."""

    usuario: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True)
class Ajustes:
    url: str | None = None
    sesiones: dict[str, Guardada] = field(default_factory=dict)


def ruta() -> Path:
    """~/.config/climaguru/config.toml, or where XDG_CONFIG_HOME or the system say."""
    carpeta = Path(click.get_app_dir("climaguru"))
    if not carpeta.is_absolute():  # the specification has a relative XDG_CONFIG_HOME ignored
        carpeta = Path.home() / ".config" / "climaguru"
    return carpeta / "config.toml"


def leer() -> Ajustes:
    """Empty if there is no file. Raises MalAjustado."""
    try:
        crudo = tomllib.loads(ruta().read_text(encoding="utf-8"))
        sesiones = {url: _guardada(s) for url, s in crudo.get("sesiones", {}).items()}
        url = None if crudo.get("url") is None else _cadena(crudo["url"])
    except FileNotFoundError:
        return Ajustes()
    except OSError as e:
        raise MalAjustado(f"No se puede leer {ruta()}: {motivo(e)}.") from e
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise MalAjustado(f"No se entiende {ruta()}. Corríjalo, o bórrelo y ejecute «climaguru entrar».") from e
    return Ajustes(url, sesiones)


def lo_leen_otros() -> bool:
    try:
        return os.name == "posix" and bool(ruta().stat().st_mode & AJENO)
    except OSError:
        return False


def recordar(url: str, sesion: Guardada) -> None:
    _cambiar(lambda a: replace(a, url=url, sesiones={**a.sesiones, url: sesion}))


def olvidar(url: str) -> None:
    _cambiar(lambda a: replace(a, sesiones={u: s for u, s in a.sesiones.items() if u != url}))


class Compartida:
    """The session kept for a server, which other processes renew too. `vista`: the file's, when last looked at."""

    def __init__(self, url: str, vista: Guardada) -> None:
        self._url, self._vista = url, vista

    def de_otro(self) -> Guardada | None:
        """What another process renewed it to since; None: nobody did, or it is somebody else's now."""
        try:
            ahora = leer().sesiones.get(self._url)
        except MalAjustado:
            return None
        if ahora is None or ahora == self._vista or ahora.usuario != self._vista.usuario:
            return None
        self._vista = ahora
        return ahora

    def guardar(self, access_token: str, refresh_token: str) -> None:
        """What it was renewed to here, unless another process changed it or logged out. Raises MalAjustado."""
        nueva = replace(self._vista, access_token=access_token, refresh_token=refresh_token)

        def si_sigue(a: Ajustes) -> Ajustes:
            sigue = a.sesiones.get(self._url) == self._vista
            return replace(a, sesiones={**a.sesiones, self._url: nueva}) if sigue else a

        _cambiar(si_sigue)
        self._vista = nueva


def _guardada(crudo: dict[str, Any]) -> Guardada:
    return Guardada(*(_cadena(crudo[nombre]) for nombre in ("usuario", "access_token", "refresh_token")))


def _cadena(valor: Any) -> str:
    if not isinstance(valor, str):
        raise TypeError(type(valor).__name__)
    return valor


def _cambiar(como: Callable[[Ajustes], Ajustes]) -> None:
    """Replaced whole, so that another terminal reads the old one or the new one. Raises MalAjustado."""
    destino = ruta().resolve()  # where it is a symbolic link, it stays one
    try:
        destino.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _a_solas(destino.parent):
            texto = _toml(como(leer()))
            descriptor, provisional = tempfile.mkstemp(
                dir=destino.parent, prefix=".config-"
            )  # 0600 from its first byte
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as fichero:
                    fichero.write(texto)
                Path(provisional).replace(destino)
            finally:
                Path(provisional).unlink(missing_ok=True)
    except OSError as e:
        raise MalAjustado(f"No se puede escribir {destino}: {motivo(e)}.") from e


@contextmanager
def _a_solas(carpeta: Path) -> Iterator[None]:
    """Processes that change the file do it one after the other, where the system can see to that (not on Windows)."""
    if os.name != "posix":
        yield
        return
    import fcntl

    descriptor = os.open(carpeta, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folder
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _toml(ajustes: Ajustes) -> str:
    lineas = ["# Lo escribe «climaguru entrar»; lleva las sesiones abiertas: no lo comparta."]
    if ajustes.url:
        lineas.append(f"url = {_texto(ajustes.url)}")
    for url, sesion in ajustes.sesiones.items():
        lineas += ["", f"[sesiones.{_texto(url)}]"]
        lineas += [f"{nombre} = {_texto(valor)}" for nombre, valor in asdict(sesion).items()]
    texto = "\n".join(lineas) + "\n"
    tomllib.loads(texto)
    return texto


def _texto(valor: str) -> str:
    """A TOML basic string; JSON's is one."""
    return json.dumps(valor, ensure_ascii=False)
