"""What consultas will cost, and whether the call budgets have room for it now."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import current_app

from api.acceso import usuario_actual
from api.base import sesion
from shared import api_keys, costos
from shared.catalogo import FICHAS
from shared.clima import Pedido, Proveedor, TipoConsulta
from shared.limites import Limites
from shared.presupuestos import Pagador
from shared.settings import Settings


def presupuestar(*pedidos: Pedido) -> dict[str, Any]:
    """The fields costo and cabe_ahora of the answer to whoever asks for all of these."""
    settings: Settings = current_app.extensions["settings"]
    limites: Limites = current_app.extensions["limites"]
    claves = api_keys.todas(sesion(), usuario_actual().id)
    propias = {c.proveedor for c in claves if c.activa and c.rechazada_en is None}
    pueden = [p for p in Proveedor if p in propias or not FICHAS[p].necesita_clave or settings.tiene_clave(p)]
    costo: Counter[str] = Counter()
    for pedido in pedidos:
        costo.update(costos.costo(pedido, pueden, plan_meteosource=settings.meteosource_plan))
    prisa = all(pedido.tipo == TipoConsulta.TIEMPO_REAL for pedido in pedidos)
    quien = usuario_actual().id
    saldos = [limites.presupuestos.mirar(p, n, Pagador(quien, p in propias, prisa)) for p, n in costo.items()]
    return {"costo": dict(costo), "cabe_ahora": all(saldo.cabe for saldo in saldos)}
