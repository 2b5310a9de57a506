"""Delete what is older than its retention, all of it at once, or say what would go."""

from __future__ import annotations

from collections import Counter

import click

from deploy.base import base_de_datos
from shared import limpieza, usuarios
from shared.db import Sesiones
from shared.limpieza import Tanda
from shared.retencion import CLASES, Clase
from shared.settings import Settings, cargar

NOMBRES = {
    "consultas": "consultas terminadas, con sus respuestas",
    "series": "partes de series de historicos",
    "respuestas": "respuestas de proveedores a historicos",
    "lotes": "lotes sin consultas",
    "ejecuciones": "ejecuciones de programaciones",
    "logs": "registros de actividad",
    "pasado": "hojas de días pasados compartidos",
    "sesiones": "sesiones que ya caducaron",
}
SIN_CONTAR = "  {} más esperan a que los resúmenes diarios de reportes las cuenten; los hace la agenda."
NADA = "No se borró nada. (Sin contar los lotes que se quedarían sin consultas.)"
CORTADA = "Se cortó aquí. Lo borrado queda borrado; repítala para seguir."
AVISAR_CADA = 20  # batches


@click.command("limpiar")
@click.option("--simular", is_flag=True, help="Solo cuenta lo que borraría; no borra nada.")
def limpiar(simular: bool) -> None:
    """Borra lo que pasó de su RETENCION_…_DIAS, en tandas pequeñas y con todo en marcha.

    La agenda hace lo mismo poco a poco; esta orden, de una vez. Nunca toca lo que no ha terminado. Se puede cortar y
    repetir: sigue por donde iba. Lo borrado solo vuelve de una copia de seguridad.
    """
    settings = cargar()
    hechas: Counter[str] = Counter()
    negadas: list[str] = []
    with base_de_datos(settings) as sesiones:
        try:
            for clase in CLASES:
                try:
                    _limpiar(sesiones, settings, clase, simular, hechas)
                except limpieza.SinPermiso as e:
                    negadas.append(f"{clase.nombre}: {e}")
        except KeyboardInterrupt:
            raise click.ClickException(CORTADA) from None
        finally:
            if not simular:
                _anotar(sesiones, hechas)
    if simular:
        click.echo(NADA)
    if negadas:
        raise click.ClickException(" ".join(negadas))


def _limpiar(sesiones: Sesiones, settings: Settings, clase: Clase, simular: bool, hechas: Counter[str]) -> None:
    """One kind, told as it goes."""
    dias = clase.dias(settings)
    if not dias:
        click.echo(f"{clase.nombre}: se guardan siempre ({_ajuste(clase)}=0).")
        return
    tandas: list[Tanda] = []
    for tanda in limpieza.limpiar(sesiones, settings, clase, simular=simular):
        tandas.append(tanda)
        hechas[clase.nombre] += tanda.filas
        if len(tandas) % AVISAR_CADA == 0:
            click.echo(f"  {clase.nombre}: {hechas[clase.nombre]}…")
    click.echo(_resumen(clase, dias, tandas, "se borrarían" if simular else "se borraron"))
    if sin_contar := sum(tanda.sin_contar for tanda in tandas):
        click.echo(SIN_CONTAR.format(sin_contar))


def _resumen(clase: Clase, dias: int, tandas: list[Tanda], que: str) -> str:
    filas = sum(tanda.filas for tanda in tandas)
    primeras = [tanda.primera for tanda in tandas if tanda.primera]
    ultimas = [tanda.ultima for tanda in tandas if tanda.ultima]
    entre = f", del {min(primeras):%Y-%m-%d} al {max(ultimas):%Y-%m-%d}" if primeras else ""
    limite = f"{_ajuste(clase)}={dias}" if clase.ajuste else "hace más de un día"
    return f"{clase.nombre}: {que} {filas}{entre} ({NOMBRES[clase.nombre]}; {limite})."


def _ajuste(clase: Clase) -> str:
    return (clase.ajuste or "").upper()


def _anotar(sesiones: Sesiones, hechas: Counter[str]) -> None:
    """Leave a row of what was deleted, however it ended."""
    detalle = {nombre: n for nombre, n in hechas.items() if n}
    if detalle:
        with sesiones.transaccion() as s:
            usuarios.anotar(s, "limpiar", None, agente="climaguru limpiar", detalle=detalle)
