"""Accounts: guesses, locking out, the line of passwords, weak ones, names, forged tokens, sessions that are over."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import cycle
from secrets import token_hex
from threading import Event
from time import monotonic, time
from typing import Any

import jwt
import orjson

from tests.ataque.blanco import PASSWORD, Blanco
from tests.ataque.registro import Informe, ataque

POR_MINUTO = 10  # LIMITE_LOGIN_CUENTA
DISFRACES = ["{}", " {}", "{} ", "\t{}", "{}\u200b", "\u200d{}", "{}\u00a0", "\ufeff{}", "{}\u2060", "\u3000{}"]


@ataque
def adivinar_en_paralelo(b: Blanco, largo: bool) -> Informe:
    """Claves adivinadas a la vez, con el nombre disfrazado"""
    victima = b.persona()
    red = b.red().rpartition(".")[0]
    ips = cycle([f"{red}.{n}" for n in range(1, 60)])
    n = 300 if largo else 80
    formas = cycle(DISFRACES)
    pruebas = [
        (next(formas).format(_mezclar(victima.nombre, k)), f"intento {k} {token_hex(4)}", next(ips)) for k in range(n)
    ]
    empezo = monotonic()
    with ThreadPoolExecutor(40) as hilos:
        estados = list(hilos.map(lambda p: b.entrar(*p).status_code, pruebas))
    minutos = 1 + int((monotonic() - empezo) // 60)
    probadas = b.sql(
        "SELECT COUNT(*) FROM @@logs_actividad WHERE accion = 'login_fallido' AND usuario_id = %s", victima.id
    )[0][0]
    pasaron = max(0, probadas - POR_MINUTO * minutos) + estados.count(200)
    return Informe(n, pasaron, f"{probadas} comprobadas, de {POR_MINUTO} por minuto; {estados.count(429)} con 429")


def _mezclar(nombre: str, k: int) -> str:
    return nombre.upper() if k % 3 == 0 else nombre.title() if k % 3 == 1 else nombre


@ataque
def cerrar_al_dueno(b: Blanco, largo: bool) -> Informe:
    """Claves malas desde muchas redes para cerrarle la puerta al dueño"""
    victima = b.persona()
    redes = [b.red() for _ in range(15 if largo else 3)]
    n = 0
    for red in redes:
        for _ in range(POR_MINUTO):
            b.entrar(victima.nombre, f"mala {n}", red)
            n += 1
    r = b.entrar(victima.nombre, PASSWORD, victima.ip)
    return Informe(n, int(r.status_code != 200), f"el dueño entra desde su red: {r.status_code}")


@ataque
def inundar_la_actividad(b: Blanco, largo: bool) -> Informe:
    """Peticiones rechazadas sin fin, para llenar el registro de actividad"""
    victima = b.persona()
    red, n, empezo = b.red().rpartition(".")[0], 200 if largo else 50, monotonic()
    estados = [b.entrar(victima.nombre, f"mala {k}", f"{red}.{1 + k % 50}").status_code for k in range(n)]
    minutos = 1 + int((monotonic() - empezo) // 60)
    filas = b.sql("SELECT COUNT(*) FROM @@logs_actividad WHERE accion = 'limitada' AND usuario_id = %s", victima.id)[0][
        0
    ]
    pasaron = max(0, filas - 2 * minutos)  # two limits of the account: of a minute, of an hour
    return Informe(n, pasaron, f"{estados.count(429)} con 429 dejan {filas} filas")


@ataque
def llenar_la_cola_de_claves(b: Blanco, largo: bool) -> Informe:
    """Cuarenta conexiones de una red que no dejan de probar claves"""
    buenas = [b.persona() for _ in range(8 if largo else 3)]
    red, fin = b.red().rpartition(".")[0], Event()

    def sin_parar(k: int) -> int:
        veces = 0
        while not fin.is_set():
            b.entrar(f"nadie{k}x{veces}", "una clave cualquiera", f"{red}.{k + 1}")
            veces += 1
        return veces

    with ThreadPoolExecutor(40) as hilos:
        malas = [hilos.submit(sin_parar, k) for k in range(40)]
        try:
            estados = [b.entrar(p.nombre, PASSWORD, p.ip).status_code for p in buenas]
        finally:
            fin.set()
        n = sum(m.result() for m in malas)
    fuera = sum(e != 200 for e in estados)
    return Informe(n, fuera, f"{len(buenas) - fuera} de {len(buenas)} entraron mientras tanto")


@ataque
def claves_flojas(b: Blanco, _largo: bool) -> Informe:
    """Registrarse con claves que se adivinan"""
    flojas = ["corta12", "aaaaaaaaaaaa", " " * 12, "{}", "{}@ejemplo.co", "123456789"]
    estados = []
    for floja in flojas:
        nombre = f"debil{token_hex(5)}"
        cuenta = {"username": nombre, "email": f"{nombre}@ejemplo.co", "password": floja.replace("{}", nombre)}
        estados.append(b.pedir("POST", "/api/auth/register", b.red(), json=cuenta).status_code)
    return Informe(len(flojas), estados.count(201), f"respuestas {sorted(set(estados))}")


@ataque
def nombres_que_enganan(b: Blanco, _largo: bool) -> Informe:
    """Registrarse con un nombre que parece el de otro"""
    victima = b.persona()
    nombres = [f"{victima.nombre}\u200b", f"\u202e{victima.nombre}", f"{victima.nombre}.", f".{victima.nombre}"]
    nombres += [f"{victima.nombre}\u0007", f" {victima.nombre} ", victima.nombre.upper(), f"{victima.nombre}\u2066"]
    nombres += ["".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in victima.nombre)]  # full-width letters
    estados = []
    for n, nombre in enumerate(nombres):
        cuenta = {"username": nombre, "email": f"otro{n}{token_hex(4)}@ejemplo.co", "password": PASSWORD}
        estados.append(b.pedir("POST", "/api/auth/register", b.red(), json=cuenta).status_code)
    return Informe(len(nombres), estados.count(201), f"respuestas {sorted(set(estados))}")


@ataque
def tokens_falsos(b: Blanco, _largo: bool) -> Informe:
    """Tokens sin firma, sin alguna parte o de nadie, firmados incluso con el secreto"""
    yo = b.persona()
    buenos = _partes(yo.acceso)
    secreto = b.secretos()["JWT_SECRET_KEY"].encode()
    falsos = [
        _firmar({c: v for c, v in buenos.items() if c != falta}, secreto) for falta in buenos if falta not in OPCIONALES
    ]
    falsos += [_firmar({**buenos, "sub": sub}, secreto) for sub in ("9" * 400, "-1", "0", "1e3", "٣", "")]
    falsos += [_firmar({**buenos, "exp": int(time()) - 1}, secreto), _firmar({**buenos, "type": "refresh"}, secreto)]
    falsos += [
        _firmar(buenos, b"otro secreto de mas de treinta bytes"),
        _firmar(buenos, b"", {"alg": "none", "typ": "JWT"}),
    ]
    falsos += [yo.refresco, yo.acceso[:-2], yo.acceso.upper()]
    estados = [
        b.pedir("GET", "/api/consultas/mis-consultas", yo.ip, headers={"Authorization": f"Bearer {f}"}).status_code
        for f in falsos
    ]
    return Informe(len(falsos), sum(e != 401 for e in estados), f"respuestas {sorted(set(estados))}")


OPCIONALES = {"fresh", "iat", "nbf", "username", "rol"}  # what the API does not read


def _partes(token: str) -> dict[str, Any]:
    partes: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return partes


def _firmar(partes: dict[str, Any], secreto: bytes, cabeza: dict[str, str] | None = None) -> str:
    trozos = [orjson.dumps(cabeza or {"alg": "HS256", "typ": "JWT"}), orjson.dumps(partes)]
    texto = ".".join(urlsafe_b64encode(t).rstrip(b"=").decode() for t in trozos)
    firma = hmac.new(secreto, texto.encode(), sha256).digest() if secreto else b""
    return f"{texto}.{urlsafe_b64encode(firma).rstrip(b'=').decode()}"


def _vive(b: Blanco, acceso: str, ip: str) -> bool:
    return (
        b.pedir("GET", "/api/consultas/mis-consultas", ip, headers={"Authorization": f"Bearer {acceso}"}).status_code
        != 401
    )


def _renovar(b: Blanco, refresco: str, ip: str) -> Any:
    return b.pedir("POST", "/api/auth/refresh", ip, headers={"Authorization": f"Bearer {refresco}"})


@ataque
def sesiones_acabadas(b: Blanco, _largo: bool) -> Informe:
    """Seguir dentro tras cerrar sesión, cambiar la clave o robar un token de refresco ya usado"""
    intentos: dict[str, bool] = {}
    una = b.persona()
    assert una.pedir("POST", "/api/auth/logout").status_code == 200
    intentos["acceso tras logout"] = _vive(b, una.acceso, una.ip)
    intentos["refresco tras logout sin decirlo"] = _renovar(b, una.refresco, una.ip).status_code == 200

    otra = b.persona()
    cambio = {"actual": PASSWORD, "nueva": "otra frase larga"}
    assert otra.pedir("POST", "/api/auth/cambiar-password", json=cambio).status_code == 200
    intentos["acceso tras cambiar la clave"] = _vive(b, otra.acceso, otra.ip)
    intentos["refresco tras cambiar la clave"] = _renovar(b, otra.refresco, otra.ip).status_code == 200

    duena, ladron = b.persona(), b.red()
    primero = _renovar(b, duena.refresco, duena.ip).json()
    b.sql("UPDATE @@sesiones SET usada_en = usada_en - INTERVAL 31 SECOND WHERE usuario_id = %s", duena.id)
    intentos["refresco ya usado"] = _renovar(b, duena.refresco, ladron).status_code == 200
    intentos["acceso de esa sesión"] = _vive(b, primero["access_token"], ladron)
    intentos["sucesor de esa sesión"] = _renovar(b, primero["refresh_token"], ladron).status_code == 200

    ajena, mala = b.persona(), b.persona()
    for s in ajena.pedir("GET", "/api/auth/sesiones").json()["sesiones"]:
        intentos[f"cerrar la sesión ajena {s['id']}"] = (
            mala.pedir("DELETE", f"/api/auth/sesiones/{s['id']}").status_code < 400
        )
    intentos["dejar fuera a otra"] = not _vive(b, ajena.acceso, ajena.ip)
    return Informe(len(intentos), sum(intentos.values()), ", ".join(c for c, paso in intentos.items() if paso))
