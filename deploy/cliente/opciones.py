"""The options that the client's commands share: which server, which place, and what to do with the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from deploy.cliente import ajustes
from deploy.cliente.cliente import URL, Cliente
from deploy.cliente.destino import comprobar, formato_de, motivo
from deploy.cliente.direccion import limpiar_url
from deploy.cliente.errores import SinPermiso
from deploy.cliente.fin import MalUsada, Marcha
from deploy.cliente.salida import decir
from shared.clima import Formato, Parametro, Proveedor

Funcion = Callable[..., Any]


@dataclass(frozen=True)
class Servidor:
    """url, token: as given by option or environment; None: not given."""

    url: str | None
    token: str | None

    def direccion(self) -> str:
        return limpiar_url(self.url or ajustes.leer().url or URL)

    def abrir(self) -> Cliente:
        """A client that may speak for somebody: by the token given, or by the session kept for that server."""
        url = self.direccion()
        if self.token:
            return Cliente(url, token=self.token, al_reintentar=avisar)
        sesion = ajustes.leer().sesiones.get(url)
        if sesion is None:
            raise SinPermiso(f"No ha entrado en {url}.", 401)
        if ajustes.lo_leen_otros():
            avisar(f"Otros usuarios pueden leer {ajustes.ruta()}: ejecute chmod 600 con él.")
        compartida = ajustes.Compartida(url, sesion)

        def guardar(acceso: str, refresco: str) -> None:
            try:
                compartida.guardar(acceso, refresco)
            except ajustes.MalAjustado as e:
                avisar(f"{e} Esta orden sigue; la próxima pedirá entrar otra vez.")

        def de_otro() -> tuple[str, str] | None:
            otra = compartida.de_otro()
            return (otra.access_token, otra.refresh_token) if otra else None

        return Cliente(
            url,
            token=sesion.access_token,
            refresh_token=sesion.refresh_token,
            al_refrescar=guardar,
            al_reintentar=avisar,
            de_otro=de_otro,
        )


@dataclass(frozen=True)
class Entrega:
    """What to do with the answer. destino: a path, "-" for stdout, None to show it readably."""

    destino: Path | str | None
    formato: str | None
    en_json: bool
    plazo_s: float | None

    def continuar(self) -> list[str]:
        """The same, as options of another command."""
        pares = {"-o": self.destino, "--formato": self.formato, "--plazo": self.plazo_s}
        dadas = [parte for opcion, valor in pares.items() if valor is not None for parte in (opcion, f"{valor}")]
        return [*dadas, "--json"] if self.en_json else dadas


def avisar(texto: str) -> None:
    decir(f"Aviso: {texto}")


def del_servidor(funcion: Funcion) -> Funcion:
    """Gives `servidor`; what is typed of it is repeated in the advice on how to go on, except the token."""

    @click.pass_context
    @wraps(funcion)
    def con(ctx: click.Context, /, *args: Any, url: str | None, token: str | None, **resto: Any) -> Any:
        if ctx.get_parameter_source("url") == click.core.ParameterSource.COMMANDLINE and url:
            ctx.find_object(Marcha).continuar += ["--url", url]  # type: ignore[union-attr]
        return funcion(*args, servidor=Servidor(url, token), **resto)

    return _con_opciones(
        con,
        click.option(
            "--url",
            envvar="CLIMAGURU_URL",
            show_envvar=True,
            help=f"El servidor. Sin ella, el del último «climaguru entrar», o {URL}.",
        ),
        click.option(
            "--token",
            envvar="CLIMAGURU_TOKEN",
            show_envvar=True,
            help="Un token de acceso. Escrito aquí lo ven los demás usuarios de la máquina (ps): mejor en el entorno, "
            "o «climaguru entrar».",
        ),
    )


def del_lugar(funcion: Funcion) -> Funcion:
    """Gives `pedido`: the fields of the body that both kinds of consulta have."""

    @wraps(funcion)
    def con(*args: Any, max_edad: int | None, **resto: Any) -> Any:
        pedido = {campo: resto.pop(campo) for campo in ("ciudad", "latitud", "longitud")}
        if pedido["ciudad"] is None and (pedido["latitud"] is None) != (pedido["longitud"] is None):
            raise MalUsada("Falta una coordenada: indique --ciudad, o --latitud y --longitud.")
        listas = {campo: _lista(resto.pop(campo)) for campo in ("parametros", "proveedores")}
        return funcion(*args, pedido={**pedido, **listas, "max_edad_s": max_edad}, **resto)

    return _con_opciones(
        con,
        click.option(
            "--ciudad",
            help="Por ejemplo Medellín, o «Rionegro, Santander». Sin ella ni coordenadas, su favorita por defecto.",
        ),
        click.option("--latitud", type=float, help="Grados decimales; con --longitud en lugar de la ciudad."),
        click.option("--longitud", type=float, help="Grados decimales, negativos al oeste."),
        click.option("--parametros", multiple=True, help=f"Qué se pide: {', '.join(Parametro)}. Sin ella, todo."),
        click.option("--proveedores", multiple=True, help=f"A quién: {', '.join(Proveedor)}. Sin ella, a todos."),
        click.option("--max-edad", type=int, help="Segundos que puede tener una respuesta compartida."),
        click.option(
            "--idempotencia", "clave", help="Repetir la orden con la misma clave es la misma consulta, no otra."
        ),
        click.option("--no-esperar", is_flag=True, help="Muestra el id y termina; recójala con «climaguru seguir»."),
    )


def de_entrega(funcion: Funcion) -> Funcion:
    """Gives `entrega`, checked: what cannot be written is found out before anything is asked."""

    @click.pass_obj
    @wraps(funcion)
    def con(
        marcha: Marcha, /, *args: Any, salida: str | None, formato: str | None, en_json: bool, plazo: float | None,
        **resto: Any,
    ) -> Any:  # fmt: skip
        entrega = _entrega(salida, formato, en_json, plazo, espera=not resto.get("no_esperar"))
        marcha.continuar += entrega.continuar()
        return funcion(*args, entrega=entrega, **resto)

    return _con_opciones(
        con,
        click.option(
            "-o",
            "--salida",
            metavar="ARCHIVO",
            help="Descarga la respuesta ahí, entera o nada; «-» es la salida estándar. Sin ella se muestra un resumen.",
        ),
        click.option(
            "--formato",
            type=click.Choice([f.value for f in Formato]),
            help="Sin ella, el del nombre del archivo. Con ella y sin -o, se descarga a la salida estándar.",
        ),
        click.option("--json", "en_json", is_flag=True, help="Un único JSON en la salida estándar, para programas."),
        click.option(
            "--plazo",
            type=click.FloatRange(0, min_open=True),
            metavar="SEGUNDOS",
            help="Cuánto se espera a que termine. Sin ella, lo que haga falta.",
        ),
    )


def _entrega(salida: str | None, formato: str | None, en_json: bool, plazo_s: float | None, *, espera: bool) -> Entrega:
    if salida is not None and not espera:
        raise MalUsada("--no-esperar no descarga nada: quite -o, o use después «climaguru seguir».")
    if salida == "-" and en_json:
        raise MalUsada("--json y «-o -» irían los dos a la salida estándar: quite uno.")
    if salida is None or salida == "-":
        descarga = salida or ("-" if formato and espera and not en_json else None)
        return Entrega(descarga, formato, en_json, plazo_s)
    ruta = Path(salida)
    try:
        comprobar(ruta)
    except (OSError, ValueError) as e:
        texto = motivo(e) if isinstance(e, OSError) else "ese nombre no se admite"
        raise MalUsada(f"No se puede escribir {salida}: {texto}.") from e
    return Entrega(ruta, formato or formato_de(ruta), en_json, plazo_s)


def _con_opciones(funcion: Funcion, *opciones: Callable[[Funcion], Funcion]) -> Funcion:
    for opcion in reversed(opciones):
        funcion = opcion(funcion)
    return funcion


def _lista(dadas: tuple[str, ...]) -> list[str] | None:
    """Given several times, or once with commas."""
    return [nombre.strip() for dada in dadas for nombre in dada.split(",") if nombre.strip()] or None
