"""`climaguru tiempo-real`, `historico`, `seguir`, `reintentar` and `cancelar`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from deploy.cliente.cliente import Cliente
from deploy.cliente.errores import PlazoVencido
from deploy.cliente.fin import Fin, MalUsada, Marcha, Orden, terminar
from deploy.cliente.opciones import Entrega, Servidor, avisar, de_entrega, del_lugar, del_servidor
from deploy.cliente.pantalla import Seguimiento, resumen
from deploy.cliente.respuestas import Consulta
from deploy.cliente.salida import dar, decir
from shared.clima import Resolucion

SIN_REMEDIO = ("ciudad_desconocida", "sin_proveedores")  # asking again gives the same


@click.command("tiempo-real", cls=Orden)
@del_lugar
@de_entrega
@del_servidor
@click.pass_obj
def tiempo_real(marcha: Marcha, /, **opciones: Any) -> None:
    """El tiempo de ahora en un lugar.

    \b
    climaguru tiempo-real --ciudad Medellín
    climaguru tiempo-real --latitud 4.65 --longitud -74.1 --parametros temperatura,viento -o ahora.csv
    """
    _pedir(marcha, Cliente.tiempo_real, **opciones)


@click.command("historico", cls=Orden)
@click.option("--desde", required=True, metavar="AAAA-MM-DD", help="El primer día, del lugar.")
@click.option("--hasta", required=True, metavar="AAAA-MM-DD", help="El último día, incluido.")
@click.option("--resolucion", type=click.Choice([r.value for r in Resolucion]), help="Sin ella, diaria.")
@del_lugar
@de_entrega
@del_servidor
@click.pass_obj
def historico(
    marcha: Marcha, /, desde: str, hasta: str, resolucion: str | None, pedido: dict[str, Any], **opciones: Any
) -> None:
    """El tiempo de unos días pasados en un lugar, por días o por horas.

    \b
    climaguru historico --ciudad Bogotá --desde 2026-01-01 --hasta 2026-01-31 -o enero.csv
    """
    dias = {"desde": _dia(desde, "--desde"), "hasta": _dia(hasta, "--hasta")}
    _pedir(marcha, Cliente.historico, pedido={**pedido, **dias, "resolucion": resolucion}, **opciones)


@click.command("seguir", cls=Orden)
@click.argument("consulta_id", metavar="ID", type=click.IntRange(1))
@de_entrega
@del_servidor
@click.pass_obj
def seguir(marcha: Marcha, /, consulta_id: int, entrega: Entrega, servidor: Servidor) -> None:
    """Espera una consulta ya pedida, y la muestra o la descarga. También después de un Ctrl-C."""
    marcha.consulta_id = consulta_id
    with servidor.abrir() as cliente:
        _recoger(marcha, cliente, entrega)


@click.command("reintentar", cls=Orden)
@click.argument("consulta_id", metavar="ID", type=click.IntRange(1))
@de_entrega
@del_servidor
@click.pass_obj
def reintentar(marcha: Marcha, /, consulta_id: int, entrega: Entrega, servidor: Servidor) -> None:
    """Pide otra vez solo lo que falló de una consulta en error o respondida en parte, y la espera."""
    with servidor.abrir() as cliente:
        cliente.reintentar(consulta_id)
        marcha.consulta_id = consulta_id
        _recoger(marcha, cliente, entrega)


@click.command("cancelar", cls=Orden)
@click.argument("consulta_id", metavar="ID", type=click.IntRange(1))
@del_servidor
def cancelar(consulta_id: int, servidor: Servidor) -> None:
    """Termina una consulta sin esperar su respuesta. Repetirlo no hace nada más."""
    with servidor.abrir() as cliente:
        cliente.cancelar(consulta_id)
    decir(f"Consulta {consulta_id} cancelada.")


def _pedir(
    marcha: Marcha,
    crear: Callable[..., Consulta],
    pedido: dict[str, Any],
    entrega: Entrega,
    servidor: Servidor,
    clave: str | None,
    no_esperar: bool,
) -> None:
    with servidor.abrir() as cliente:
        marcha.clave = clave or uuid4().hex
        consulta = crear(cliente, clave=marcha.clave, formato=entrega.formato, **pedido)
        marcha.consulta_id = consulta.id
        _avisar_lugar(consulta)
        if no_esperar:
            if entrega.en_json:
                dar(consulta.json)
            else:
                decir(str(consulta.id), err=False)
            return
        lugar = f": {consulta.lugar}" if consulta.lugar else ""
        decir(f"Consulta {consulta.id} {'ya pedida antes' if consulta.repetida else 'aceptada'}{lugar}.")
        _recoger(marcha, cliente, entrega)


def _avisar_lugar(consulta: Consulta) -> None:
    """That it may be another place than was meant."""
    if consulta.corregido_de and consulta.lugar:
        avisar(f"«{consulta.corregido_de}» se tomó por {consulta.lugar}.")
    if consulta.alternativas:
        otros = "; ".join(map(str, consulta.alternativas))
        avisar(f"También se llaman así: {otros}. Si era otro, indique su departamento o país.")


def _recoger(marcha: Marcha, cliente: Cliente, entrega: Entrega) -> None:
    """Wait for the end, and deliver: to a file, to stdout, or as a table."""
    assert marcha.consulta_id is not None
    with Seguimiento() as barra:
        try:
            consulta = cliente.esperar(marcha.consulta_id, plazo_s=entrega.plazo_s, al_cambiar=barra.mostrar)
        except PlazoVencido as e:
            raise PlazoVencido(f"No terminó en {entrega.plazo_s:g} s.") from e
    marcha.terminada = True
    if not consulta.completada:
        _fallida(marcha, consulta)
    if entrega.destino == "-":
        cliente.descargar(consulta.id, sys.stdout.buffer, entrega.formato)
    elif isinstance(entrega.destino, Path):
        largo = cliente.descargar(consulta.id, entrega.destino, entrega.formato)
        decir(f"Guardada en {entrega.destino} ({largo} bytes).")
    _avisar(consulta, simulada=entrega.destino is not None or entrega.en_json)
    if entrega.en_json:
        archivo = {"archivo": str(entrega.destino)} if entrega.destino else {}
        dar({**consulta.json, **archivo})
    elif entrega.destino is None:
        resumen(consulta)


def _fallida(marcha: Marcha, consulta: Consulta) -> None:
    """End with the code of a consulta in error; with --json, the consulta is the JSON."""
    if marcha.en_json:
        dar(consulta.json)
        marcha.en_json = False
    texto = f"La consulta {consulta.id} terminó en error ({consulta.codigo_error}): {consulta.mensaje_error}"
    if consulta.codigo_error not in SIN_REMEDIO:
        texto += f" Para pedirla otra vez: climaguru reintentar {consulta.id}"
    terminar(marcha, Fin.EN_ERROR, texto)


def _avisar(consulta: Consulta, *, simulada: bool) -> None:
    for aviso in consulta.json["consulta"].get("avisos", []):
        avisar(aviso)
    if consulta.parcial:
        avisar(f"Falta algo que aún puede llegar. Para pedir solo eso: climaguru reintentar {consulta.id}")
    if simulada and consulta.datos and consulta.datos.laboratorio:
        avisar("Los datos son SIMULADOS, del laboratorio: no son observaciones.")


def _dia(texto: str, opcion: str) -> date:
    try:
        return date.fromisoformat(texto)
    except ValueError as e:
        raise MalUsada(f"{opcion} se escribe AAAA-MM-DD, por ejemplo 2026-01-31.") from e
