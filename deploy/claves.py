"""The installation's secrets: make them, and change the one that encrypts the users' provider keys."""

from __future__ import annotations

from collections import Counter

import click

from deploy.base import base_de_datos
from shared import rotacion, usuarios
from shared.cifrado import Cifrador
from shared.db import Sesiones
from shared.rotacion import Suerte
from shared.settings import cargar

COMO = """ENCRYPTION_KEY tiene una sola clave, así que no hay de cuál a cuál pasar. Para cambiarla:
  1. Haga una con «climaguru generar-secretos» (solo sirve su línea ENCRYPTION_KEY).
  2. Póngala delante de la actual, separadas por una coma: ENCRYPTION_KEY=<nueva>,<actual>
  3. Reinicie la API y los trabajadores con ella: leen con las dos y guardan con la nueva.
  4. Repita «climaguru rotar-clave». Al terminar dirá cuándo quitar la vieja."""
REZAGADAS = (
    "Mientras tanto alguien guardó {} bajo una clave vieja: queda un proceso con el ENCRYPTION_KEY de antes. "
    "Reinicie la API y los trabajadores, y repita «climaguru rotar-clave»."
)
ILEGIBLES = (
    "No se leen con ninguna clave de ENCRYPTION_KEY: {}. Si se cifraron con una anterior, añádala al final de "
    "ENCRYPTION_KEY y repita; si esa clave se perdió, sus dueños deben guardarlas otra vez en api-keys."
)
TODAS = (
    "Ya nada depende de las claves viejas: quítelas de ENCRYPTION_KEY (deje solo la primera) y reinicie la API y los "
    "trabajadores. Para restaurar una copia de seguridad anterior a hoy harán falta: consérvelas con ella."
)
AVISAR_CADA = 100


@click.command("generar-secretos")
def generar_secretos() -> None:
    """Escribe SECRET_KEY, JWT_SECRET_KEY y ENCRYPTION_KEY nuevas, listas para el fichero de entorno."""
    from deploy.local.pila import generar_secretos as generar

    for nombre, valor in generar().items():
        click.echo(f"{nombre}={valor}")


@click.command("rotar-clave")
@click.option("--simular", is_flag=True, help="Solo cuenta lo que haría; no cambia nada.")
def rotar_clave(simular: bool) -> None:
    """Cifra otra vez, con la primera clave de ENCRYPTION_KEY, las claves de proveedores de los usuarios.

    ENCRYPTION_KEY debe llevar antes «nueva,vieja», también en la API y los trabajadores, que siguen en marcha.
    Se puede cortar y repetir: sigue por donde iba.
    """
    settings = cargar()
    cifrador = Cifrador(settings)
    if not (simular or cifrador.con_anterior):
        raise click.ClickException(COMO)
    with base_de_datos(settings) as sesiones:
        suertes = _recorrer(sesiones, cifrador, simular)
        _contar(suertes, simular)
        despues = suertes if simular else _repasar(sesiones, cifrador, suertes)
    problemas = _problemas(despues, simular)
    if cifrador.con_anterior and Suerte.PENDIENTE not in despues.values():
        click.echo(TODAS)
    if problemas:
        raise click.ClickException(" ".join(problemas))


def _recorrer(sesiones: Sesiones, cifrador: Cifrador, simular: bool) -> dict[int, Suerte]:
    """What became of each row, told as it goes."""
    with sesiones.transaccion() as s:
        total = rotacion.contar(s)
    suertes: dict[int, Suerte] = {}
    for clave_id, suerte in rotacion.rotar(sesiones, cifrador, simular=simular):
        suertes[clave_id] = suerte
        if len(suertes) % AVISAR_CADA == 0:
            click.echo(f"  {len(suertes)} de {max(total, len(suertes))}")
    return suertes


def _contar(suertes: dict[int, Suerte], simular: bool) -> None:
    cuentas = Counter(suertes.values())
    if simular:
        click.echo(f"Por recifrar: {cuentas[Suerte.PENDIENTE]}. (No se cambió nada.)")
    else:
        click.echo(f"Recifradas: {cuentas[Suerte.RECIFRADA]}.")
    click.echo(f"Ya estaban bajo la primera clave: {cuentas[Suerte.YA_NUEVA]}.")
    click.echo(f"Ilegibles: {cuentas[Suerte.ILEGIBLE]}.")


def _repasar(sesiones: Sesiones, cifrador: Cifrador, suertes: dict[int, Suerte]) -> dict[int, Suerte]:
    """Leave a row of what was done, and look at every key once more."""
    hecho = {suerte.name.lower(): n for suerte, n in Counter(suertes.values()).items()}
    with sesiones.transaccion() as s:
        usuarios.anotar(s, "rotar_clave", None, agente="climaguru rotar-clave", detalle=hecho)
    return dict(rotacion.rotar(sesiones, cifrador, simular=True))


def _problemas(suertes: dict[int, Suerte], simular: bool) -> list[str]:
    """What needs somebody's hand."""
    rezagadas = [i for i, suerte in suertes.items() if suerte is Suerte.PENDIENTE]
    ilegibles = [i for i, suerte in suertes.items() if suerte is Suerte.ILEGIBLE]
    textos = [REZAGADAS.format(len(rezagadas))] if rezagadas and not simular else []
    return [*textos, ILEGIBLES.format(", ".join(map(str, ilegibles)))] if ilegibles else textos
