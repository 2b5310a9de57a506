"""The route: everything that is done with secrets, while everything fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from tests.canarios.recorrido import Recorrido, tipo
from tests.frente import crudo
from tests.servidores import esperar

CON_CLAVE = ("openweather", "meteoblue", "meteosource", "ideam")
# each of them by all who take a key
DE_TODOS: tuple[dict[str, Any], ...] = (
    *({"tipo": "eco", "estado": estado} for estado in (401, 403, 500, 200, 302)),
    {"tipo": "estado", "estado": 401},
    {"tipo": "cabecera_mala"},
)
# in each round another four
DE_UNO: tuple[dict[str, Any], ...] = (
    *({"tipo": t} for t in ("corte", "corte_a_medias", "json_malo", "html", "cuota", "redireccion", "basura")),
    *({"tipo": "estado", "estado": estado} for estado in (403, 404, 429, 500)),
    {"tipo": "retry_after", "retry_after": "1"},
)
LENTAS = {
    "openweather": {"tipo": "colgado"},
    "meteoblue": {"tipo": "goteo", "demora_s": 0.3},
    "meteosource": {"tipo": "demora", "demora_s": 2},
    "ideam": {"tipo": "enorme"},
}
AYER = datetime.now(UTC).date() - timedelta(days=2)
DIAS = {"fecha_inicio": str(AYER - timedelta(days=1)), "fecha_fin": str(AYER)}


def recorrer(r: Recorrido) -> None:
    try:
        ana, credencial = r.cuenta("ana")
        beto, _ = r.cuenta("beto")
        guardar_claves(r, ana)
        pedir_mal(r, ana)
        for n, falla in enumerate(DE_TODOS):
            ronda(r, ana, beto, dict.fromkeys(CON_CLAVE, falla), probar=n % len(CON_CLAVE))
        for n in range(0, len(DE_UNO), len(CON_CLAVE)):
            ronda(r, ana, beto, dict(zip(CON_CLAVE, DE_UNO[n:], strict=False)))
        ronda(r, ana, beto, LENTAS)
        r.fallar({})
        terminar_bien(r, ana)
        cerrar_sesiones(r, ana, credencial)
        desde_la_consola(r)
        romper_la_base(r, beto)
    finally:
        r.fallar({})


def guardar_claves(r: Recorrido, ana: str) -> None:
    for proveedor in CON_CLAVE:
        clave = {"proveedor": proveedor, "api_key": r.bandada.nuevo(f"clave de {proveedor}")}
        secreto = {"api_secret": r.bandada.nuevo("secreto de meteoblue")} if proveedor == "meteoblue" else {}
        creada = r.http.json("POST", "/api/api-keys", ana, **clave, **secreto)
        r.claves[proveedor] = creada.headers["Location"]
        assert r.http.json("POST", "/api/api-keys", ana, **clave, **secreto).status_code == 409
    r.http.pedir("GET", "/api/api-keys", ana)


def ronda(r: Recorrido, ana: str, beto: str, fallas: dict[str, dict[str, Any]], probar: int = 0) -> None:
    """Everybody asks while the providers fail; ana's keys are good again, and one is checked."""
    r.fallar(fallas)
    for proveedor, donde in r.claves.items():
        cambiada = r.http.json("PATCH", donde, ana, api_key=r.bandada.nuevo(f"otra clave de {proveedor}"))
        assert cambiada.status_code == 200
    r.http.pedir("POST", f"{list(r.claves.values())[probar]}/probar", ana)
    suyas = [r.consulta(ana), r.consulta(ana, "historico", **DIAS), r.consulta(beto)]
    esperar(r.fallaron, f"the failures {fallas}")
    r.leer(suyas[0], ana)


def pedir_mal(r: Recorrido, ana: str) -> None:
    """Every refusal, with a secret in the body, in a header, in the query, and where it is no HTTP at all."""
    c = r.bandada.nuevo("lo mal pedido")
    h = r.http
    for cuerpo in (
        {"username": "ana", "password": c},
        {"username": c, "password": "x"},
        {"username": "ana", "passwd": c},
    ):
        assert h.json("POST", "/api/auth/login", **cuerpo).status_code in (401, 422)
    h.json("POST", "/api/auth/register", username="ana", email="a@b.co", password=c)
    h.json("POST", "/api/auth/register", username="x", email="a", password=c)
    h.json("POST", "/api/api-keys", ana, proveedor="openmeteo", api_key=c, api_secret=c)
    h.json("POST", "/api/api-keys", ana, proveedor="meteoblue", api_key=f"{c} ", api_secret=[c], limite=c)
    h.json("PATCH", r.claves["ideam"], ana, api_secret=c)
    h.json("POST", "/api/consultas/tiempo-real", ana, ciudad=c[:20] * 20, latitud=c)
    h.pedir("POST", "/api/api-keys", ana, data=f'{{"api_key": "{c}"', headers={"Content-Type": "application/json"})
    h.pedir("POST", "/api/api-keys", ana, data=f"api_key={c}")
    h.pedir("PUT", "/api/api-keys", ana, json={"api_key": c})
    h.pedir("POST", "/api/auth/login", data=c * 30_000, headers={"Connection": "close"})
    for ruta in ("/api/nada", "/api/api-keys/9999", "/api/auth/me", "/health/ready", "/metrics", "/api/openapi.json"):
        h.pedir("GET", f"{ruta}?api_key={quote(c)}&token={ana}", headers={"Cookie": f"session={ana}", "Referer": c})
    for cabecera in (f"Basic {ana}", f"Bearer {ana} x", f"Bearer {ana[:-3]}", f"Bearer {ana}x", f"Bearer {c}", ana):
        assert h.pedir("GET", "/api/auth/me", headers={"Authorization": cabecera}).status_code == 401
    puerto = urlsplit(h.base).port or 0
    for texto in (
        f"GET /api/api-keys?api_key={c} y mas HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /?api_key={c} HTTP/9.1\r\nHost: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {ana}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer\r\n {ana}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\n{c}: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {c}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{c}\r\n",
    ):
        h.respuestas.append(crudo(puerto, texto.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1).encode()))


def terminar_bien(r: Recorrido, ana: str) -> None:
    """Both kinds to their end with ana's own keys, downloaded."""
    for donde in (r.consulta(ana), r.consulta(ana, "historico", **DIAS)):
        esperar(lambda: r.leer(donde, ana)["consulta"]["estado"] == "completada", donde)  # noqa: B023
        for formato in ("json", "csv", "txt", "yaml"):
            assert r.http.pedir("GET", f"{donde}/descargar?formato={formato}", ana).status_code == 200
        r.http.pedir("GET", f"{donde}/eventos", ana)
    r.http.pedir("GET", "/api/proveedores", ana)
    r.http.pedir("GET", "/api/consultas/mis-consultas?per_page=100", ana)


def cerrar_sesiones(r: Recorrido, ana: str, credencial: dict[str, str]) -> None:
    """Refresh, sessions, a new password, log-out: each with what is good and what is not."""
    h, refresco = r.http, next(t for t in r.bandada.tokens if tipo(t) == "refresh")
    assert h.pedir("POST", "/api/auth/refresh", refresco).status_code == 200
    assert h.pedir("POST", "/api/auth/refresh", ana).status_code == 401
    r.entrar(credencial)
    robado = ultimo_refresco(r)
    for bueno in (robado, None):  # and then its successor
        assert h.pedir("POST", "/api/auth/refresh", bueno or ultimo_refresco(r)).status_code == 200
    assert h.pedir("POST", "/api/auth/refresh", robado).status_code == 401
    assert h.pedir("GET", "/api/auth/sesiones", ana).status_code == 200
    assert h.pedir("DELETE", "/api/auth/sesiones", ana).status_code == 200
    nueva = {"actual": credencial["password"], "nueva": r.bandada.nuevo("la password nueva")}
    assert h.json("POST", "/api/auth/cambiar-password", ana, actual=nueva["nueva"], nueva="corta").status_code == 422
    assert h.json("POST", "/api/auth/cambiar-password", ana, **{**nueva, "actual": nueva["nueva"]}).status_code == 422
    assert h.json("POST", "/api/auth/cambiar-password", ana, **nueva).status_code == 200
    assert h.pedir("GET", "/api/auth/me", ana).status_code == 401
    otra = r.entrar({**credencial, "password": nueva["nueva"]})
    suyo = ultimo_refresco(r)
    for malo in (suyo[:-4], refresco + "x", otra):
        assert h.json("POST", "/api/auth/logout", otra, refresh_token=malo).status_code == 422
    assert h.json("POST", "/api/auth/logout", otra, refresh_token=suyo).status_code == 200
    assert h.pedir("GET", "/api/auth/me", otra).status_code == 401
    assert h.pedir("POST", "/api/auth/refresh", suyo).status_code == 401


def ultimo_refresco(r: Recorrido) -> str:
    return next(t for t in reversed(r.bandada.tokens) if tipo(t) == "refresh")


def desde_la_consola(r: Recorrido) -> None:
    """What ops do, and an admin who sees everything; then a key that the running processes do not know."""
    jefa = {"username": "jefa", "password": r.bandada.nuevo("la password de la jefa")}
    assert "creado" in r.orden(
        "crear-admin", "--usuario", "jefa", "--correo", "j@b.co", teclas=f"{jefa['password']}\n" * 2
    )
    olvidada = r.bandada.nuevo("la password olvidada")
    assert "cambiada" in r.orden("cambiar-clave", "--usuario", "ana", teclas=f"{olvidada}\n" * 2)
    assert "Error" in r.orden("crear-admin", "--usuario", "x", "--correo", "y", teclas=f"{olvidada}\n")
    assert "usuario o la clave" in r.orden("db", "upgrade", DB_PASSWORD=r.bandada.nuevo("otra DB_PASSWORD"))
    assert "mal formada" in r.orden("rotar-clave", ENCRYPTION_KEY=r.bandada.nuevo("una ENCRYPTION_KEY mala"))
    admin = r.entrar(jefa)
    nuevo = {
        "username": "carla",
        "email": "c@b.co",
        "password": r.bandada.nuevo("password de carla"),
        "rol": "consultor",
    }
    assert r.http.json("POST", "/api/usuarios", admin, **nuevo).status_code == 201
    for ruta in ("/api/usuarios", "/api/reportes/auditoria?per_page=100", "/api/reportes/estadisticas?ambito=todos"):
        assert r.http.pedir("GET", ruta, admin).status_code == 200
    dos = f"{r.bandada.fernet('ENCRYPTION_KEY nueva')},{r.entorno['ENCRYPTION_KEY']}"
    assert "Recifradas: 4." in r.orden("rotar-clave", ENCRYPTION_KEY=dos)
    ana = r.entrar({"username": "ana", "password": olvidada})
    r.http.pedir("POST", f"{r.claves['meteoblue']}/probar", ana)
    r.consulta(ana)
    esperar(lambda: "clave_ilegible" in r.pila.texto(), "a key that cannot be read")


def romper_la_base(r: Recorrido, beto: str) -> None:
    """Errors of the database that carry what was being written."""
    r.sql("ALTER TABLE usuarios MODIFY email VARCHAR(25)", "ALTER TABLE api_keys MODIFY descripcion VARCHAR(5)")
    c = r.bandada.nuevo("lo que no se pudo escribir")
    cuenta = {"username": "dora", "email": "dora.de.nombre.largo@ejemplo.co", "password": c}
    assert r.http.json("POST", "/api/auth/register", **cuenta).status_code == 500
    clave = {"proveedor": "meteoblue", "api_key": c, "api_secret": c, "descripcion": "más de cinco"}
    assert r.http.json("POST", "/api/api-keys", beto, **clave).status_code == 500
    r.sql("RENAME TABLE datos_clima TO datos_clima_lejos")
    r.consulta(beto)
    esperar(lambda: "consulta_no_guardada" in r.pila.texto(), "a worker that cannot write")
    r.sql("RENAME TABLE datos_clima_lejos TO datos_clima")
