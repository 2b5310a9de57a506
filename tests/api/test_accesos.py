"""Who may do what: every route of the application, every kind of caller, one table; and every write leaves a trace."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.acceso import token_de_acceso, token_de_refresco
from api.base import db
from api.esquemas.programaciones import completar
from shared import api_keys, consultas, favoritas, lotes, programaciones, sesiones, usuarios
from shared.cifrado import Cifrador
from shared.clima import Formato, Lugar, Parametro, Pedido, Resultado, TipoConsulta
from shared.modelos import Consulta, LogActividad, Lote, Programacion, Rol, Sesion, Usuario
from tests.api.ayuda import CLAVE

# dueña: an operario, of every consulta, key and favourite in a path. extraña: another operario.
# inactiva: an account that was deactivated. revocado: of a session of dueña's that ended. refresco: her refresh token.
TABLA = """
                                            nadie dueña extraña consultor admin inactiva revocado refresco
GET    /health                                200   200     200       200   200      200      200      200
GET    /health/ready                          200   200     200       200   200      200      200      200
GET    /metrics                               200   200     200       200   200      200      200      200
GET    /api/openapi.json                      200   200     200       200   200      200      200      200
GET    /api/docs                              200   200     200       200   200      200      200      200
GET    /api/docs/<fichero>                    200   200     200       200   200      200      200      200
POST   /api/auth/register                     201   201     201       201   201      201      201      201
POST   /api/auth/login                        200   200     200       200   200      200      200      200
POST   /api/auth/refresh                      401   401     401       401   401      401      401      200
POST   /api/auth/logout                       401   200     200       200   200      401      401      401
GET    /api/auth/me                           401   200     200       200   200      401      401      401
POST   /api/auth/cambiar-password             401   200     200       200   200      401      401      401
GET    /api/auth/actividad                    401   200     200       200   200      401      401      401
GET    /api/auth/sesiones                     401   200     200       200   200      401      401      401
DELETE /api/auth/sesiones                     401   200     200       200   200      401      401      401
DELETE /api/auth/sesiones/<sesion_id>         401   204     404       404   404      401      401      401
POST   /api/consultas/tiempo-real             401   202     202       403   202      401      401      401
POST   /api/consultas/historico               401   202     202       403   202      401      401      401
GET    /api/consultas/mis-consultas           401   200     200       200   200      401      401      401
GET    /api/consultas/<consulta_id>           401   200     404       200   200      401      401      401
GET    /api/consultas/<consulta_id>/eventos   401   200     404       200   200      401      401      401
GET    /api/consultas/<consulta_id>/descargar 401   200     404       200   200      401      401      401
POST   /api/consultas/<consulta_id>/cancelar  401   200     404       403   200      401      401      401
POST   /api/consultas/<consulta_id>/reintentar 401  202     404       403   202      401      401      401
POST   /api/consultas/lote                    401   202     202       403   202      401      401      401
GET    /api/consultas/lotes/<lote_id>         401   200     404       200   200      401      401      401
GET    /api/consultas/lotes/<lote_id>/descargar 401 200     404       200   200      401      401      401
GET    /api/api-keys                          401   200     200       200   200      401      401      401
POST   /api/api-keys                          401   201     201       403   201      401      401      401
GET    /api/api-keys/<clave_id>               401   200     404       404   200      401      401      401
PATCH  /api/api-keys/<clave_id>               401   200     404       403   200      401      401      401
DELETE /api/api-keys/<clave_id>               401   204     404       403   204      401      401      401
POST   /api/api-keys/<clave_id>/probar        401   202     404       403   202      401      401      401
GET    /api/favoritas                         401   200     200       200   200      401      401      401
POST   /api/favoritas                         401   201     201       403   201      401      401      401
GET    /api/favoritas/<favorita_id>           401   200     404       404   200      401      401      401
PATCH  /api/favoritas/<favorita_id>           401   200     404       403   200      401      401      401
DELETE /api/favoritas/<favorita_id>           401   204     404       403   204      401      401      401
GET    /api/programaciones                    401   200     200       200   200      401      401      401
POST   /api/programaciones                    401   201     201       403   201      401      401      401
GET    /api/programaciones/<programacion_id>  401   200     404       200   200      401      401      401
PATCH  /api/programaciones/<programacion_id>  401   200     404       403   200      401      401      401
DELETE /api/programaciones/<programacion_id>  401   204     404       403   204      401      401      401
POST   /api/programaciones/<programacion_id>/ejecutar 401 202 404     403   202      401      401      401
GET    /api/programaciones/<programacion_id>/ejecuciones 401 200 404  200   200      401      401      401
GET    /api/proveedores                       401   200     200       200   200      401      401      401
GET    /api/ciudades                          401   200     200       200   200      401      401      401
GET    /api/usuarios                          401   403     403       403   200      401      401      401
POST   /api/usuarios                          401   403     403       403   201      401      401      401
GET    /api/usuarios/<usuario_id>             401   403     403       403   200      401      401      401
PATCH  /api/usuarios/<usuario_id>             401   403     403       403   200      401      401      401
DELETE /api/usuarios/<usuario_id>             401   403     403       403   200      401      401      401
GET    /api/reportes/estadisticas             401   200     200       200   200      401      401      401
GET    /api/reportes/auditoria                401   403     403       403   200      401      401      401
"""
TITULOS, *LINEAS = [linea.split() for linea in TABLA.strip().splitlines()]
PERMISOS = {(metodo, ruta): dict(zip(TITULOS, map(int, estados), strict=True)) for metodo, ruta, *estados in LINEAS}
AYER = str((datetime.now(UTC) - timedelta(days=2)).date())
LUGAR = Lugar(6.2518, -75.5636, nombre="Medellín", zona_horaria="America/Bogota")
PEDIDO = Pedido(
    tipo=TipoConsulta.TIEMPO_REAL,
    ciudad="Medellín",
    lugar=LUGAR,
    parametros=[Parametro.TEMPERATURA],
    proveedores=None,
    formato=Formato.JSON,
)
NOCTURNA = {"nombre": "Nocturna", "cron": "0 2 * * *", "zona_horaria": "America/Bogota", "tipo": "tiempo_real"}
CUERPOS: dict[str, Any] = {
    "POST /api/auth/logout": {},
    "POST /api/auth/cambiar-password": {"actual": CLAVE, "nueva": "otra frase larga"},
    "POST /api/consultas/tiempo-real": {"ciudad": "Medellín"},
    "POST /api/consultas/historico": {"ciudad": "Medellín", "fecha_inicio": AYER, "fecha_fin": AYER},
    "POST /api/consultas/lote": {"consultas": [{"tipo": "tiempo_real", "ciudad": "Medellín"}]},
    "POST /api/api-keys": {"proveedor": "openweather", "api_key": "0123456789abcdef"},
    "PATCH /api/api-keys/<clave_id>": {"descripcion": "otra"},
    "POST /api/favoritas": {"nombre_ciudad": "Cali"},
    "PATCH /api/favoritas/<favorita_id>": {"es_default": True},
    "POST /api/programaciones": NOCTURNA | {"lugares": [{"ciudad": "Cali"}]},
    "PATCH /api/programaciones/<programacion_id>": {"activa": False},
    "PATCH /api/usuarios/<usuario_id>": {"nombre_completo": "Otro Nombre"},
}


@dataclass
class Escena:
    """Fresh accounts, tokens and things of dueña's; `ruta` fills in the ids of a path."""

    duena: str
    tokens: dict[str, str | None]
    ids: dict[str, int | str]

    def cabeceras(self, quien: str) -> dict[str, str]:
        token = self.tokens[quien]
        return {"Authorization": f"Bearer {token}"} if token else {}

    def ruta(self, regla: str) -> str:
        for nombre, valor in self.ids.items():
            regla = regla.replace(f"<{nombre}>", str(valor))
        return regla


@pytest.mark.parametrize(("metodo", "regla"), PERMISOS, ids=[f"{m} {r}" for m, r in PERMISOS])
def test_cada_ruta_responde_a_cada_quien_lo_que_dice_la_tabla(
    app: Flask, cliente: FlaskClient, metodo: str, regla: str
) -> None:
    estados, anotadas = {}, {}
    escena = None
    for quien in TITULOS:
        escena = escena or preparar(app, regla)
        antes = _anotadas(app)
        estados[quien] = _llamar(cliente, escena, metodo, regla, quien)
        anotadas[quien] = _anotadas(app) - antes
        if metodo != "GET" and estados[quien] < 300:  # it was changed; what a refusal changes, the next one finds
            escena = None
    assert estados == PERMISOS[metodo, regla]
    assert anotadas == {quien: int(metodo != "GET" and estado != 401) for quien, estado in estados.items()}


def _llamar(cliente: FlaskClient, escena: Escena, metodo: str, regla: str, quien: str) -> int:
    cuerpo = CUERPOS.get(f"{metodo} {regla}")
    if regla in ("/api/auth/register", "/api/usuarios") and metodo == "POST":
        nombre = uuid4().hex[:12]
        cuerpo = {"username": nombre, "email": f"{nombre}@ejemplo.co", "password": CLAVE}
    if regla == "/api/auth/login":
        cuerpo = {"username": escena.duena, "password": CLAVE}
    respuesta = cliente.open(
        escena.ruta(regla),
        method=metodo,
        json=cuerpo,
        headers=escena.cabeceras(quien),
        query_string={"q": "cal"} if regla == "/api/ciudades" else None,
    )
    respuesta.close()
    return respuesta.status_code


def test_toda_ruta_de_la_aplicacion_esta_en_la_tabla(app: Flask) -> None:
    reales = {
        (metodo, re.sub(r"<\w+:", "<", regla.rule))
        for regla in app.url_map.iter_rules()
        for metodo in (regla.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert reales == set(PERMISOS)


def _anotadas(app: Flask) -> int:
    """Rows of logs_actividad with who, from where and with what."""
    con_todo = (LogActividad.usuario_id.is_not(None), LogActividad.ip_address == "127.0.0.1")
    with app.app_context():
        return db.session.execute(select(func.count()).where(*con_todo)).scalar_one()


def preparar(app: Flask, regla: str) -> Escena:
    with app.app_context():
        s = db.session()
        otra = uuid4().hex[:8]
        cuentas = {
            nombre: usuarios.crear(
                s,
                username=f"{nombre}.{otra}",
                email=f"{nombre}.{otra}@ejemplo.co",
                password=CLAVE,
                rol=Rol(rol),
                rounds=4,
            )
            for nombre, rol in {
                "duena": "operario",
                "extrana": "operario",
                "consultor": "consultor",
                "admin": "admin",
                "inactiva": "operario",
            }.items()
        }
        duena = cuentas["duena"]
        abierta = _abrir(s, duena)
        tokens: dict[str, str | None] = {
            "nadie": None,
            "dueña": token_de_acceso(duena, abierta),
            "extraña": token_de_acceso(cuentas["extrana"], _abrir(s, cuentas["extrana"])),
            "consultor": token_de_acceso(cuentas["consultor"], _abrir(s, cuentas["consultor"])),
            "admin": token_de_acceso(cuentas["admin"], _abrir(s, cuentas["admin"])),
            "inactiva": token_de_acceso(cuentas["inactiva"], _abrir(s, cuentas["inactiva"])),
            "revocado": _revocado(s, duena),
            "refresco": token_de_refresco(duena, abierta),
        }
        usuarios.cambiar(s, cuentas["inactiva"], activo=False)
        cifrador = Cifrador(app.extensions["settings"])
        clave = api_keys.crear(s, cifrador, duena.id, proveedor="meteoblue", api_key="clave de ana 1234")
        favorita = favoritas.crear(s, duena.id, nombre_ciudad="Bogotá", latitud=4.6, longitud=-74.1)
        ids: dict[str, int | str] = {
            "consulta_id": _consulta(s, duena, regla).id,
            "lote_id": _lote(s, duena).id,
            "clave_id": clave.id,
            "favorita_id": favorita.id,
            "programacion_id": _programacion(s, duena).id,
            "usuario_id": duena.id,
            "sesion_id": abierta.id,
            "fichero": "swagger-ui.css",
        }
        s.commit()
        return Escena(duena.username, tokens, ids)


def _abrir(s: Session, usuario: Usuario) -> Sesion:
    abierta, _ = sesiones.abrir(s, usuario.id, sesiones.Visita(None, None, datetime.now(UTC) + timedelta(days=1)))
    return abierta


def _revocado(s: Session, usuario: Usuario) -> str:
    abierta = _abrir(s, usuario)
    token = token_de_acceso(usuario, abierta)
    sesiones.cerrar(s, usuario.id, abierta.id)
    return token


def _lote(s: Session, duena: Usuario) -> Lote:
    """Of one consulta, which ended."""
    lote, _ = lotes.crear(s, duena.id, [PEDIDO], max_activas=10, max_pendientes=1000)
    consultas.cancelar(s, lotes.ids(s, lote.id)[0])
    return lote


def _programacion(s: Session, duena: Usuario) -> Programacion:
    columnas = completar({**NOCTURNA, "tipo": TipoConsulta.TIEMPO_REAL, "lugares": [{"ciudad": "Cali"}]}, {})
    return programaciones.crear(s, duena.id, **columnas)


def _consulta(s: Session, duena: Usuario, regla: str) -> Consulta:
    """Completed, to be read; waiting, to be cancelled; cancelled, to be tried again."""
    consulta, _ = consultas.crear(s, duena.id, PEDIDO, max_activas=10)
    if regla.endswith("/reintentar"):
        consultas.cancelar(s, consulta.id)
    elif not regla.endswith("/cancelar"):
        encargo = consultas.tomar(s, consulta.id)
        assert encargo is not None
        consultas.completar(s, encargo, Resultado({"temperatura": 21.5}, {}, [], parcial=False))
    return consulta
