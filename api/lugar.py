"""The place of a body that names none: the user's default favourite."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from api.acceso import usuario_actual
from api.base import sesion
from api.errores import Problema
from api.esquemas.consultas import con_favorita
from shared import favoritas
from shared.clima import TipoConsulta

SITIO = ("ciudad", "latitud", "longitud")
SIN_SITIO = "Envíe ciudad, o latitud y longitud. Sin ellas se usa su favorita por defecto, y no tiene ninguna."
MAL = "Corrija estos campos y vuelva a enviar: {}."


def con_lugar(tipo: TipoConsulta, datos: dict[str, Any], prefijo: str = "") -> dict[str, Any]:
    """The body with a place. prefijo: of its fields in messages."""
    if any(campo in datos for campo in SITIO):
        return datos
    favorita = favoritas.por_defecto(sesion(), usuario_actual().id)
    if favorita is None:
        raise Problema(422, SIN_SITIO, {f"{prefijo}ciudad": [SIN_SITIO]})
    try:
        return con_favorita(tipo, datos, favorita.nombre_ciudad, favoritas.ubicacion(favorita))
    except ValidationError as e:
        errores = {f"{prefijo}{campo}": textos for campo, textos in dict(e.messages_dict).items()}
        raise Problema(422, MAL.format(", ".join(errores)), errores) from e
