from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest
from sqlalchemy import Integer, Numeric, String, insert, select
from sqlalchemy.orm import Session

from shared.clima import CAMPOS_MEDIDOS, EstadoFuente, Fuente, Pedido, Resultado, TipoConsulta
from shared.consultas import crear
from shared.filas import COLUMNAS, datos_de_clima
from shared.modelos import DatosClima, Usuario

COLUMNA_DE = {campo: COLUMNAS[campo if campo != "temperatura" else "temperatura_promedio"] for campo in CAMPOS_MEDIDOS}
NO_CABEN = (1e10, -1e10, 1e300, 10**400, -(2.0**31) - 1, nan, inf, -inf, "texto", True, [1], {"a": 1})


def hecho(valores: dict[str, Any], **fuente: Any) -> Resultado:
    fuentes = [Fuente("siata", EstadoFuente.USADA, valores=valores, **fuente)]
    return Resultado(valores, {"temperatura": {"min": nan, "n": 1}}, fuentes, parcial=False)


def test_lo_que_no_cabe_en_la_columna_del_cliente_queda_entero_en_datos_completos() -> None:
    valores = {"descripcion_clima": "llueve " * 20, "precipitacion": 12_345.6}
    fila = datos_de_clima(Resultado(valores, {}, [], parcial=False))
    assert fila["descripcion_clima"] == ("llueve " * 20)[:100]
    assert fila["precipitacion"] is None
    assert fila["datos_completos"]["valores"] == valores


@pytest.mark.parametrize("campo", CAMPOS_MEDIDOS)
def test_cabe_lo_que_dice_el_tipo_de_la_columna(campo: str) -> None:
    columna = COLUMNA_DE[campo]
    if isinstance(columna.type, Numeric):
        assert columna.type.precision is not None
        tope = 10 ** (columna.type.precision - (columna.type.scale or 0))
        casos = {tope - 0.01: True, -tope + 0.01: True, tope - 0.001: False, float(tope): False, 0.0: True}
    elif isinstance(columna.type, Integer):
        casos = {2**31 - 1: True, 2**31: False, 0: True}
    else:
        assert isinstance(columna.type, String)
        casos = {"é" * 100: True, "": True}
    for valor, cabe in casos.items():
        assert datos_de_clima(hecho({campo: valor}))[columna.name] == (valor if cabe else None), valor


@pytest.mark.parametrize("campo", CAMPOS_MEDIDOS)
def test_no_hay_valor_que_la_base_rechace(s: Session, campo: str) -> None:
    """On MariaDB, whose strict mode refuses what does not fit, and on SQLite."""
    usuario = Usuario(username="ana", email="a@b.co", password_hash="x")
    s.add(usuario)
    s.flush()
    pedido = Pedido(TipoConsulta.TIEMPO_REAL, "Bogotá", None, [], None)
    for valor in (*NO_CABEN, "\ud800 \0 😀" * 60):
        consulta, _ = crear(s, usuario.id, pedido, max_activas=1000)
        fila = datos_de_clima(hecho({campo: valor}, extras={"raro": [nan, {"\ud800": "\ud800"}]}, motivo="\udfff"))
        s.execute(insert(DatosClima).values(consulta_id=consulta.id, **fila))
        s.flush()
        leida = s.scalars(select(DatosClima).where(DatosClima.consulta_id == consulta.id)).one()
        if not isinstance(valor, str):
            assert getattr(leida, COLUMNA_DE[campo].name) is None, valor
        s.expunge_all()
