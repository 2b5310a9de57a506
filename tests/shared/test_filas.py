from __future__ import annotations

from shared.clima import Resultado
from shared.filas import datos_de_clima


def test_lo_que_no_cabe_en_la_columna_del_cliente_queda_entero_en_datos_completos() -> None:
    valores = {"descripcion_clima": "llueve " * 20, "precipitacion": 12_345.6}
    fila = datos_de_clima(Resultado(valores, {}, [], parcial=False))
    assert fila["descripcion_clima"] == ("llueve " * 20)[:100]
    assert fila["precipitacion"] is None
    assert fila["datos_completos"]["valores"] == valores
