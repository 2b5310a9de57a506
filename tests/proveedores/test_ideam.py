"""IDEAM's client against every recorded body, and against a small portal that understands the SoQL it writes."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import log
from time import monotonic
from typing import Any

import pytest

from shared.clima import CAMPOS_NUMERICOS, Lugar, Medicion, Periodo, Resolucion, iso_utc
from shared.settings import Settings
from tests.proveedores.servidor import Pedida, Respuestas, cuerpo, errores, exitos, http, iguales, servir
from worker.proveedores import ideam
from worker.proveedores.cliente import Clave, Lectura, Peticion
from worker.proveedores.estaciones import Estacion, Serie, actual, al_nivel_del_mar, caja, distancia_km, separar
from worker.proveedores.http import ErrorProveedor, Esperas, Http, Omitida, crear_sesion
from worker.proveedores.ideam import Ideam
from worker.proveedores.ideam_lectura import HORA_LEGAL, leer_catalogo, leer_datos

Fila = dict[str, Any]

BOGOTA = Lugar(4.61, -74.08)
TODOS = frozenset((*CAMPOS_NUMERICOS, "descripcion_clima"))
DE_CONJUNTO = {v: k for k, v in ideam.CONJUNTOS.items()} | {
    "ccvq-rp9s": "temperatura_max",
    "afdg-3zpb": "temperatura_min",
}
AHORA = datetime.now(HORA_LEGAL).replace(second=0, microsecond=0)
DIA = date(2020, 1, 21)
MEDIANOCHE = datetime(2020, 1, 21, tzinfo=HORA_LEGAL)
TEMPERATURA, LLUVIA, PRESION, VIENTO, DIRECCION = "0068", "0240", "0255", "0103", "0104"


@pytest.fixture
def red() -> Iterator[Respuestas]:
    with servir() as respuestas:
        yield respuestas


def fila(sensor: str, en: datetime | str, valor: object, **mas: Any) -> Fila:
    """A row of a station 1.1 km north of BOGOTA; en: local."""
    texto = en if isinstance(en, str) else f"{en:%Y-%m-%dT%H:%M:%S}.000"
    base = {"codigoestacion": "0021", "nombreestacion": "CERCA  - AUT", "latitud": "4.62", "longitud": "-74.08"}
    return {**base, "codigosensor": sensor, "fechaobservacion": texto, "valorobservado": str(valor), **mas}


def lejos(km: float) -> Fila:
    """The columns of another station, so far north."""
    return {
        "codigoestacion": f"00{km:.0f}99",
        "nombreestacion": f"A {km:.0f} KM",
        "latitud": f"{4.61 + km / 111.2:.6f}",
    }


def portal(red: Respuestas, *filas: Fila, catalogo: object = (), **por_conjunto: list[Fila]) -> None:
    """Serve `filas` in all data sets, or others by field; where, limit and offset as Socrata."""

    def responder(p: Pedida) -> tuple[int, bytes, dict[str, str]]:
        conjunto = p.ruta.removeprefix("/resource/").removesuffix(".json")
        if conjunto == ideam.CATALOGO:
            return 200, json.dumps(list(catalogo) if isinstance(catalogo, tuple) else catalogo).encode(), {}
        suyas = por_conjunto.get(DE_CONJUNTO.get(conjunto, ""), list(filas))
        buenas = [f for f in suyas if _cumple(f, p.params["$where"])]
        salto, limite = int(p.params["$offset"]), int(p.params["$limit"])
        return 200, json.dumps(buenas[salto : salto + limite]).encode(), {}

    red.responder = responder


def _cumple(f: Fila, donde: str) -> bool:
    en = str(f["fechaobservacion"])
    limites = re.findall(r"fechaobservacion (>=|<) '([^']*)'", donde)
    codigos = re.search(r"codigoestacion in \((.*?)\)", donde)
    return all(en >= v if o == ">=" else en < v for o, v in limites) and (
        codigos is None or f"'{f['codigoestacion']}'" in codigos[1].replace("''", "'")
    )


def cliente(red: Respuestas) -> Ideam:
    return Ideam(Settings(ideam_url=red.base))


def peticion(campos: frozenset[str] = TODOS, lugar: Lugar = BOGOTA, clave: str | None = None) -> Peticion:
    return Peticion(http(), lugar, campos, Clave(clave) if clave else None)


def ahora(red: Respuestas, *campos: str) -> Medicion:
    return cliente(red).tiempo_real(peticion(frozenset(campos) or TODOS)).mediciones[0]


def historia(
    red: Respuestas, *campos: str, inicio: date = DIA, fin: date = DIA, por: Resolucion = Resolucion.DIARIA
) -> list[Medicion]:
    return cliente(red).historico(peticion(frozenset(campos)), Periodo(inicio, fin, por)).mediciones


def filas_de(ficha: dict[str, Any]) -> list[Fila]:
    """The recorded rows; the portal's CSV export names its columns in capitals."""
    if ficha["archivo"].endswith(".csv"):
        texto = io.StringIO(cuerpo(ficha).decode("utf-8-sig"))
        return [{(k or "").lower(): v for k, v in f.items()} for f in csv.DictReader(texto)]
    filas: list[Fila] = json.loads(cuerpo(ficha))
    return filas


def campo_de(ficha: dict[str, Any]) -> str | None:
    return next((campo for conjunto, campo in DE_CONJUNTO.items() if conjunto in ficha["endpoint"]), None)


def servidas(red: Respuestas, filas: object) -> list[Fila]:
    red.siempre(filas)
    leidas: list[Fila] = http().json(red.base)
    return leidas


# ---- recorded bodies


@pytest.mark.parametrize(("ficha", "esperado"), exitos("ideam", "tiempo_real"))
def test_lee_los_cuerpos_grabados_de_ahora(red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]) -> None:
    datos = leer_datos(servidas(red, filas_de(ficha)), campo_de(ficha))
    suyos = [d for d in datos if d.estacion == esperado["estacion"]]
    m = actual([Serie(Estacion(esperado["estacion"]), 0, suyos)])
    assert iguales(m.valores(), esperado, CAMPOS_NUMERICOS) == {}
    assert iso_utc(m.observado_en) == esperado["observado_en"]


@pytest.mark.parametrize(("ficha", "esperado"), exitos("ideam", "tiempo_real"))
def test_un_cuerpo_grabado_y_fresco_llega_entero(
    red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]
) -> None:
    """All but the pressure, which stays aside: nobody knows the station's height."""
    filas = [f for f in filas_de(ficha) if f["codigoestacion"] == esperado["estacion"]]
    ultima = max(datetime.fromisoformat(f["fechaobservacion"]) for f in filas)
    for f in filas:
        f["fechaobservacion"] = (AHORA + (datetime.fromisoformat(f["fechaobservacion"]) - ultima)).isoformat()[:19]
    red.siempre(filas)
    lugar = Lugar(float(filas[0]["latitud"]), float(filas[0]["longitud"]))
    sin_presion = {**esperado, "presion_atmosferica": None}
    if all(sin_presion[campo] is None for campo in CAMPOS_NUMERICOS):
        with pytest.raises(Omitida, match="altura"):
            cliente(red).tiempo_real(peticion(TODOS, lugar))
        return
    m = cliente(red).tiempo_real(peticion(TODOS, lugar)).mediciones[0]
    assert iguales(m.valores(), sin_presion, CAMPOS_NUMERICOS) == {}
    assert m.extras.get("presion_estacion_hpa") == pytest.approx(esperado["presion_atmosferica"])


@pytest.mark.parametrize(("ficha", "esperado"), exitos("ideam", "historico"))
def test_lee_los_cuerpos_grabados_de_historia(red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]) -> None:
    datos = leer_datos(servidas(red, filas_de(ficha)), campo_de(ficha))
    nuestros: dict[tuple[str, str | None], dict[str, Any]] = {}
    for d in datos:
        nuestros.setdefault((d.estacion, iso_utc(d.en)), dict.fromkeys(CAMPOS_NUMERICOS))[d.campo] = d.valor
    suyos = {(r["estacion"], r["observado_en"]): r for r in esperado["registros"]}
    assert nuestros.keys() == suyos.keys()
    assert {k: iguales(nuestros[k], suyos[k], CAMPOS_NUMERICOS) for k in suyos} == {k: {} for k in suyos}


@pytest.mark.parametrize(("ficha", "esperado"), exitos("ideam", "historico"))
def test_cada_registro_grabado_se_halla_preguntando_en_su_lugar(
    red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]
) -> None:
    campo, filas = campo_de(ficha), filas_de(ficha)
    por_hora = Counter((r["estacion"], r["observado_en"][:13]) for r in esperado["registros"])
    for registro in esperado["registros"]:
        codigo, hora = registro["estacion"], registro["observado_en"][:13]
        if campo not in ideam.CONJUNTOS or por_hora[codigo, hora] > 1:
            continue
        altura = 8000 * log(1013 / (registro["presion_atmosferica"] or 1013))
        respuestas = {ideam.CATALOGO: [{"codigo": codigo, "altitud": altura}]}
        red.responder = (
            lambda p, r=respuestas: (  # type: ignore[misc]
                200,
                json.dumps(r.get(p.ruta[10:19], filas)).encode(),
                {},
            )
        )
        suya = next(f for f in filas if f["codigoestacion"] == codigo)
        lugar = Lugar(float(suya.get("latitud", 4.61)), float(suya.get("longitud", -74.08)))
        dia = datetime.fromisoformat(registro["observado_en"]).astimezone(HORA_LEGAL).date()
        periodo = Periodo(dia, dia, Resolucion.HORARIA)
        lectura = cliente(red).historico(peticion(frozenset({campo}), lugar), periodo)
        m = next(m for m in lectura.mediciones if iso_utc(m.observado_en) == f"{hora}:00:00Z")
        crudo = m.extras.get("presion_estacion_hpa", m.valores()[campo])
        assert crudo == pytest.approx(registro[campo], abs=0.01)


@pytest.mark.parametrize(("ficha", "esperado"), exitos("ideam", "catalogo"))
def test_lee_el_catalogo_grabado(red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]) -> None:
    nuestras = [
        {**{c: getattr(e, c) for c in ("codigo", "nombre", "latitud", "longitud")}, "altitud_m": e.altura_m}
        for e in leer_catalogo(servidas(red, filas_de(ficha)))
    ]
    assert nuestras == esperado["estaciones"]


@pytest.mark.parametrize("ficha", errores("ideam"))
def test_los_errores_grabados_son_errores_con_motivo(red: Respuestas, ficha: dict[str, Any]) -> None:
    red.siempre(cuerpo(ficha), estado=ficha["estado_http"])
    with pytest.raises(ErrorProveedor) as e:
        ahora(red)
    assert (e.value.estado, e.value.reintentable) == (ficha["estado_http"], False)
    assert len(red.pedidas) == 1


# ---- now


def test_una_llamada_trae_todos_los_sensores_de_la_caja_y_el_catalogo_se_pide_una_vez(red: Respuestas) -> None:
    portal(red, fila(TEMPERATURA, AHORA, 14), catalogo=[{"codigo": "21", "altitud": "2600"}])
    ideam_ = cliente(red)
    lecturas = [ideam_.tiempo_real(peticion()) for _ in range(2)]
    assert [p.ruta for p in red.pedidas] == [f"/resource/{c}.json" for c in ("57sv-p2fu", "hp9r-jxuu", "57sv-p2fu")]
    donde = red.pedidas[0].params["$where"]
    assert donde.startswith("latitud between 4.34022 and 4.87978 and longitud between -74.35")
    assert "Z'" not in donde
    assert (lecturas[1].estacion, lecturas[1].distancia_km, lecturas[1].altura_m) == ("CERCA - AUT", 1.1, 2600)


def test_cada_campo_sale_de_su_estacion_mas_cercana(red: Respuestas) -> None:
    otra = [
        fila(TEMPERATURA, AHORA, 10, **lejos(9)),
        fila(VIENTO, AHORA, 5, **lejos(9)),
        fila("0027", AHORA, 50, **lejos(9)),
    ]
    portal(red, *otra, fila(TEMPERATURA, AHORA, 14))
    lectura = cliente(red).tiempo_real(peticion())
    m = lectura.mediciones[0]
    assert (m.temperatura, m.humedad_relativa, m.velocidad_viento) == (14, 50, 18)
    assert (lectura.estacion, lectura.distancia_km) == ("A 9 KM", 9.0)
    assert m.extras["estaciones"]["temperatura"] == {
        "estacion": "CERCA - AUT",
        "codigo": "0021",
        "distancia_km": 1.1,
        "observado_en": iso_utc(AHORA),
    }


def test_una_estacion_parada_cede_a_la_siguiente(red: Respuestas) -> None:
    vieja = fila(TEMPERATURA, AHORA - timedelta(hours=3, minutes=5), 30)
    portal(red, vieja, fila(TEMPERATURA, AHORA, 12, **lejos(20)))
    assert ahora(red).temperatura == 12
    portal(red, vieja)
    with pytest.raises(Omitida, match="últimas 3 horas"):
        ahora(red)


def test_la_lluvia_de_lejos_no_es_la_de_aqui(red: Respuestas) -> None:
    portal(red, fila(LLUVIA, AHORA, 3, **lejos(12)), fila(TEMPERATURA, AHORA, 12, **lejos(12)))
    assert (ahora(red).precipitacion, ahora(red).temperatura) == (None, 12)
    portal(red, fila(TEMPERATURA, AHORA, 12, **lejos(31)))
    with pytest.raises(Omitida):
        ahora(red)


def test_la_lluvia_es_la_suma_de_la_ultima_hora_sin_filas_repetidas(red: Respuestas) -> None:
    filas = [fila(LLUVIA, AHORA - timedelta(minutes=10 * n), 0.5) for n in range(8)]
    portal(red, *filas, *filas)
    assert ahora(red).precipitacion == pytest.approx(3.0)


def test_dos_sensores_del_mismo_pluviometro_no_se_suman(red: Respuestas) -> None:
    horas = [AHORA - timedelta(minutes=10 * n) for n in range(6)]
    portal(red, *(fila(LLUVIA, h, 0.5) for h in horas), *(fila("0257", h, 0.5) for h in horas[:3]))
    assert ahora(red).precipitacion == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("sensor", "valor", "unidad", "campo", "esperado"),
    [
        (VIENTO, "10", "m/s", "velocidad_viento", 36),
        (VIENTO, "10", "km/h", "velocidad_viento", 10),
        (VIENTO, "10", None, "velocidad_viento", 36),
        (VIENTO, "0", "m/s", "velocidad_viento", 0),
        (DIRECCION, "53", "GN", "direccion_viento", 53),
        (TEMPERATURA, "0", "°C", "temperatura", 0),
        (TEMPERATURA, 17.8, "°C", "temperatura", 17.8),
        (TEMPERATURA, "-9999", "°C", "temperatura", None),
        (TEMPERATURA, "200", "°C", "temperatura", None),
        (TEMPERATURA, "nan", "°C", "temperatura", None),
        (TEMPERATURA, "", "°C", "temperatura", None),
        (TEMPERATURA, None, "°C", "temperatura", None),
        (TEMPERATURA, True, "°C", "temperatura", None),
        ("0027", "9999", "%", "humedad_relativa", None),
        (LLUVIA, "-1", "mm", "precipitacion", None),
    ],
)
def test_el_valor_va_a_nuestra_unidad_y_lo_imposible_falta(
    sensor: str, valor: object, unidad: str | None, campo: str, esperado: float | None
) -> None:
    rara = {**fila(sensor, "2020-01-21T09:00:00.000", 0, unidadmedida=unidad), "valorobservado": valor}
    buenos, _ = separar(leer_datos([rara]))
    assert [d.valor for d in buenos if d.campo == campo] == ([] if esperado is None else [esperado])


@pytest.mark.parametrize("unidad", ["hPa", "HPa", "hPA", " hpa", None])
def test_los_hpa_se_escriben_de_muchas_maneras(unidad: str | None) -> None:
    assert leer_datos([fila(PRESION, "2020-01-21T09:00:00.000", 752.1, unidadmedida=unidad)])[0].valor == 752.1


@pytest.mark.parametrize(
    ("descripcion", "campo"),
    [
        ("GPRS - HUMEDAD DEL AIRE A 2 m", "humedad_relativa"),
        ("TEMPERATURA DEL AIRE MÁXIMA A 2 m", "temperatura_max"),
        ("Temp Min Aire 2 m", "temperatura_min"),
        ("GPRS - TEMPERATURA DEL AIRE A 2 m", "temperatura"),
        ("Presión Atmosferica (1h)", "presion_atmosferica"),
        ("Direccion Viento (10 min)", "direccion_viento"),
        ("HUMEDAD RELATIVA DEL SUELO A 30 cm", None),
        ("VELOCIDAD MÁXIMA DEL VIENTO", None),
        ("NIVEL INSTANTANEO", None),
        (None, None),
    ],
)
def test_un_sensor_de_otro_numero_se_conoce_por_su_descripcion(descripcion: str | None, campo: str | None) -> None:
    datos = leer_datos([fila("9999", "2020-01-21T09:00:00.000", 1, descripcionsensor=descripcion)])
    datos += leer_datos([fila("9999", "2020-01-21T09:00:00.000", 700, descripcionsensor=descripcion)])
    assert {d.campo for d in datos} == ({campo} if campo else set())


def test_la_hora_es_colombiana(red: Respuestas) -> None:
    portal(red, fila(TEMPERATURA, AHORA - timedelta(hours=1), 14))
    assert ahora(red).observado_en == AHORA - timedelta(hours=1)


def test_si_como_colombiana_seria_futura_la_hora_es_utc(red: Respuestas) -> None:
    utc = AHORA.astimezone(UTC) - timedelta(hours=1)
    portal(red, fila(TEMPERATURA, utc, 14), fila(TEMPERATURA, utc - timedelta(hours=2), 9))
    m = ahora(red)
    assert (m.temperatura, m.observado_en) == (14, utc)


def test_un_reloj_adelantado_no_cambia_la_hora_de_los_demas(red: Respuestas) -> None:
    buenas = [fila(TEMPERATURA, AHORA, 12, **lejos(km)) for km in (5, 7)]
    portal(red, fila(TEMPERATURA, AHORA + timedelta(hours=2), 30), *buenas)
    assert (ahora(red).temperatura, ahora(red).observado_en) == (12, AHORA)


def test_la_presion_baja_al_mar_con_la_altura_del_catalogo(red: Respuestas) -> None:
    filas = [fila(PRESION, AHORA, 752), fila(TEMPERATURA, AHORA, 14)]
    portal(red, *filas, catalogo=[{"codigo": "21", "altitud": "2550"}])
    m = ahora(red)
    assert m.presion_atmosferica == pytest.approx(1010, abs=2)
    assert m.extras["presion_estacion_hpa"] == 752


@pytest.mark.parametrize("catalogo", [[], [{"codigo": "21"}], [{"codigo": "21", "altitud": "275"}], {"error": True}])
def test_sin_altura_creible_no_hay_presion(red: Respuestas, catalogo: object) -> None:
    portal(red, fila(PRESION, AHORA, 752), fila(TEMPERATURA, AHORA, 14), catalogo=catalogo)
    m = ahora(red)
    assert (m.presion_atmosferica, m.temperatura, m.extras["presion_estacion_hpa"]) == (None, 14, 752)


def test_un_catalogo_caido_se_pide_una_vez_y_solo_cuesta_la_presion(red: Respuestas) -> None:
    portal(red, fila(PRESION, AHORA, 752), fila(TEMPERATURA, AHORA, 14))
    bien = red.responder
    red.responder = lambda p: (503, b"", {}) if ideam.CATALOGO in p.ruta else bien(p)
    ideam_ = cliente(red)
    assert [ideam_.tiempo_real(peticion()).mediciones[0].temperatura for _ in range(2)] == [14, 14]
    assert sum(ideam.CATALOGO in p.ruta for p in red.pedidas) == 1


# ---- who is asked, and how


@pytest.mark.parametrize(
    ("lugar", "campos"),
    [
        (Lugar(48.85, 2.35), TODOS),
        (Lugar(-0.22, -78.51, pais="EC"), TODOS),
        (Lugar(14.6, -90.5), TODOS),
        (BOGOTA, frozenset({"visibilidad", "indice_uv", "descripcion_clima"})),
    ],
)
def test_se_omite_sin_llamar_donde_no_puede_ayudar(red: Respuestas, lugar: Lugar, campos: frozenset[str]) -> None:
    with pytest.raises(Omitida):
        cliente(red).tiempo_real(peticion(campos, lugar))
    with pytest.raises(Omitida):
        cliente(red).historico(peticion(campos, lugar), Periodo(DIA, DIA, Resolucion.DIARIA))
    assert red.pedidas == []


def test_san_andres_es_colombia(red: Respuestas) -> None:
    isla = {"latitud": "12.58", "longitud": "-81.71"}
    portal(red, fila(TEMPERATURA, AHORA, 28, **isla))
    assert cliente(red).tiempo_real(peticion(lugar=Lugar(12.55, -81.72, pais="CO"))).mediciones[0].temperatura == 28


def test_si_lo_pedido_no_se_mide_cerca_se_omite(red: Respuestas) -> None:
    portal(red, fila(TEMPERATURA, AHORA, 14))
    with pytest.raises(Omitida):
        ahora(red, "humedad_relativa")


def test_el_token_va_en_la_cabecera_y_si_es_malo_se_sigue_sin_el(red: Respuestas) -> None:
    portal(red, fila(TEMPERATURA, AHORA, 14), catalogo=[{"codigo": "21", "altitud": "2600"}])
    bien = red.responder
    rechazo = b'{"code":"permission_denied","error":true,"message":"Invalid app_token specified"}'
    red.responder = lambda p: (403, rechazo, {}) if "X-App-Token" in p.cabeceras else bien(p)
    m = cliente(red).tiempo_real(peticion(clave="MALO")).mediciones[0]
    assert [p.cabeceras.get("X-App-Token") for p in red.pedidas] == ["MALO", None, None]
    assert m.temperatura == 14
    assert "X-App-Token" in m.extras["aviso"]
    assert not any("MALO" in str(p.params) for p in red.pedidas)


def test_un_token_bueno_no_avisa_de_nada(red: Respuestas) -> None:
    portal(red, fila(TEMPERATURA, AHORA, 14))
    m = cliente(red).tiempo_real(peticion(clave="BUENO")).mediciones[0]
    assert {p.cabeceras.get("X-App-Token") for p in red.pedidas} == {"BUENO"}
    assert "aviso" not in m.extras


@pytest.mark.parametrize("raro", [{"error": True}, "hola", 7, None, [1], [{"otra": "cosa"}]])
def test_un_cuerpo_de_otra_forma_es_un_error(red: Respuestas, raro: object) -> None:
    red.siempre(raro)
    with pytest.raises(ErrorProveedor):
        ahora(red)


# ---- history


def horas(sensor: str, valores: list[float], desde: datetime = MEDIANOCHE, **mas: Any) -> list[Fila]:
    return [fila(sensor, desde + timedelta(hours=n), v, **mas) for n, v in enumerate(valores)]


def test_el_dia_es_el_colombiano(red: Respuestas) -> None:
    portal(red, *horas(LLUVIA, [1.0] * 48))
    dias = historia(red, "precipitacion", fin=DIA + timedelta(days=1))
    assert [(m.fecha, iso_utc(m.observado_en), m.precipitacion) for m in dias] == [
        (DIA, "2020-01-21T05:00:00Z", 24),
        (DIA + timedelta(days=1), "2020-01-22T05:00:00Z", 24),
    ]


def test_del_dia_salen_media_y_extremos_y_las_repetidas_no_pesan(red: Respuestas) -> None:
    filas = [*horas(TEMPERATURA, [10.0, 12.0, 20.0]), *horas(TEMPERATURA, [10.0])]
    portal(red, *filas)
    m = historia(red, "temperatura", "temperatura_min", "temperatura_max")[0]
    assert (m.temperatura, m.temperatura_min, m.temperatura_max) == (14, 10, 20)
    assert historia(red, "temperatura_max")[0].temperatura_max == 20


def test_el_viento_medio_es_de_vectores_y_pesa_por_velocidad(red: Respuestas) -> None:
    portal(
        red, velocidad_viento=horas(VIENTO, [3.0, 3.0, 0.0]), direccion_viento=horas(DIRECCION, [350.0, 30.0, 180.0])
    )
    m = historia(red, "velocidad_viento", "direccion_viento")[0]
    assert m.direccion_viento == pytest.approx(10)
    assert m.velocidad_viento == pytest.approx(7.2)


def test_por_horas_suma_la_lluvia_y_promedia_el_resto(red: Respuestas) -> None:
    diez = [MEDIANOCHE + timedelta(hours=9, minutes=10 * n) for n in range(6)]
    portal(
        red,
        precipitacion=[fila(LLUVIA, en, 0.2) for en in diez],
        temperatura=[fila(TEMPERATURA, en, 10 + n) for n, en in enumerate(diez)],
    )
    (m,) = historia(red, "precipitacion", "temperatura", por=Resolucion.HORARIA)
    assert (m.fecha, iso_utc(m.observado_en)) == (DIA, "2020-01-21T14:00:00Z")
    assert (m.precipitacion, m.temperatura) == pytest.approx((1.2, 12.5))
    assert (m.temperatura_min, m.temperatura_max) == (None, None)


def test_un_dia_con_pocas_horas_no_es_un_dia(red: Respuestas) -> None:
    portal(red, *horas(LLUVIA, [1.0] * 29))
    assert [m.fecha for m in historia(red, "precipitacion", fin=DIA + timedelta(days=1))] == [DIA]


def test_pide_por_meses_en_orden_y_pagina_hasta_la_pagina_corta(
    red: Respuestas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ideam, "PAGINA", 10)
    filas = [
        fila(TEMPERATURA, MEDIANOCHE - timedelta(days=20, hours=-12) + timedelta(days=n), n / 10) for n in range(70)
    ]
    portal(red, *filas, *filas[-1:])
    dias = historia(red, "temperatura", inicio=date(2020, 1, 1), fin=date(2020, 3, 10))
    assert [m.temperatura for m in dias] == [pytest.approx(n / 10) for n in range(70)]
    datos = [p.params for p in red.pedidas if "codigoestacion in" in p.params.get("$where", "")]
    rangos = [re.findall(r"'(2020-..-..)T", p["$where"]) for p in datos]
    assert [r for n, r in enumerate(rangos) if r not in rangos[:n]] == [
        ["2020-01-01", "2020-02-01"],
        ["2020-02-01", "2020-03-03"],
        ["2020-03-03", "2020-03-11"],
    ]
    assert [p["$offset"] for p in datos] == ["0", "10", "20", "30", "0", "10", "20", "30", "0"]
    assert {p["$order"] for p in datos} == {"fechaobservacion,:id"}


def test_un_portal_que_no_acaba_nunca_es_un_error(red: Respuestas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ideam, "PAGINA", 1)
    red.siempre([fila(TEMPERATURA, "2020-01-21T09:00:00.000", 1)])
    with pytest.raises(ErrorProveedor, match="demasiadas"):
        historia(red, "temperatura")


def test_la_estacion_mas_cercana_debe_tener_datos_bastantes(red: Respuestas) -> None:
    portal(red, *horas(TEMPERATURA, [30.0, 30.0]), *horas(TEMPERATURA, [10.0] * 20, **lejos(8)))
    lectura = cliente(red).historico(peticion(frozenset({"temperatura"})), Periodo(DIA, DIA, Resolucion.DIARIA))
    assert (lectura.mediciones[0].temperatura, lectura.estacion, lectura.distancia_km) == (10, "A 8 KM", 8.0)
    assert lectura.mediciones[0].extras["estaciones"]["temperatura"]["codigo"] == "00899"


def test_una_estacion_que_empezo_tarde_tambien_se_halla(red: Respuestas) -> None:
    portal(red, *horas(TEMPERATURA, [10.0] * 24, MEDIANOCHE + timedelta(days=10)))
    assert [m.fecha for m in historia(red, "temperatura", inicio=date(2020, 1, 1), fin=date(2020, 1, 31))] == [
        date(2020, 1, 31)
    ]


def test_sin_estaciones_se_omite(red: Respuestas) -> None:
    portal(red)
    with pytest.raises(Omitida):
        historia(red, "temperatura")


@pytest.mark.parametrize("resolucion", list(Resolucion))
def test_lo_que_no_ha_pasado_no_es_historia(red: Respuestas, resolucion: Resolucion) -> None:
    manana = AHORA.date() + timedelta(days=1)
    with pytest.raises(Omitida):
        historia(red, "temperatura", inicio=manana, fin=manana, por=resolucion)
    assert red.pedidas == []
    ayer = datetime.combine(AHORA.date() - timedelta(days=1), datetime.min.time())
    portal(red, *horas(TEMPERATURA, [10.0] * 96, ayer))
    mediciones = historia(red, "temperatura", inicio=ayer.date(), fin=manana, por=resolucion)
    duracion = timedelta(days=1) if resolucion == Resolucion.DIARIA else timedelta(hours=1)
    assert mediciones
    assert all(m.observado_en and m.observado_en + duracion <= datetime.now(UTC) for m in mediciones)


def test_si_un_conjunto_falla_solo_se_pierde_lo_suyo(red: Respuestas) -> None:
    portal(red, temperatura=horas(TEMPERATURA, [10.0]), precipitacion=horas(LLUVIA, [1.0]))
    bien = red.responder
    red.responder = lambda p: (404, b'{"code":"dataset.missing"}', {}) if "s54a" in p.ruta else bien(p)
    m = historia(red, "temperatura", "precipitacion")[0]
    assert (m.temperatura, m.precipitacion) == (10, None)
    assert m.extras["precipitacion"] == "ya no publica ese conjunto de datos"
    with pytest.raises(ErrorProveedor):
        historia(red, "precipitacion")


def test_lo_que_vino_a_medias_lo_dice(red: Respuestas) -> None:
    """So that its nulls are not kept for others: a data set that failed, or a catalogue without which no height is."""
    un_dia = Periodo(DIA, DIA, Resolucion.DIARIA)
    dos, ficha = peticion(frozenset({"temperatura", "precipitacion"})), [{"codigo": "21", "altitud": "2550"}]
    portal(
        red,
        temperatura=horas(TEMPERATURA, [10.0]),
        precipitacion=horas(LLUVIA, [1.0]),
        catalogo=ficha,
    )
    assert not cliente(red).historico(dos, un_dia).incompleta
    bien = red.responder
    red.responder = lambda p: (404, b'{"code":"dataset.missing"}', {}) if "s54a" in p.ruta else bien(p)
    assert cliente(red).historico(dos, un_dia).incompleta
    con_presion = peticion(frozenset({"temperatura", "presion_atmosferica"}))
    portal(red, temperatura=horas(TEMPERATURA, [10.0]), presion_atmosferica=horas(PRESION, [750.0]))
    assert cliente(red).historico(con_presion, un_dia).incompleta
    portal(
        red,
        temperatura=horas(TEMPERATURA, [10.0]),
        presion_atmosferica=horas(PRESION, [750.0]),
        catalogo=ficha,
    )
    assert not cliente(red).historico(con_presion, un_dia).incompleta


def test_si_el_portal_niega_el_acceso_no_se_insiste_con_los_demas_conjuntos(red: Respuestas) -> None:
    red.siempre({"code": "permission_denied"}, estado=403)
    with pytest.raises(ErrorProveedor) as e:
        historia(red, *TODOS)
    assert (e.value.estado, len(red.pedidas)) == (403, 1)


def con_llamadas(n: int) -> Http:
    """Like http(), with a budget of n calls."""
    quedan = [None] * n

    def permiso(_: int) -> AbstractContextManager[None]:
        if not quedan:
            raise Omitida("cuota agotada")
        return nullcontext(quedan.pop())

    return Http(crear_sesion(1), Esperas(1, 2), monotonic() + 5, permiso)


def test_si_se_acaba_la_cuota_a_medias_queda_lo_que_ya_vino(red: Respuestas) -> None:
    portal(red, temperatura=horas(TEMPERATURA, [10.0]), precipitacion=horas(LLUVIA, [1.0]))
    p, periodo = peticion(frozenset({"temperatura", "precipitacion"})), Periodo(DIA, DIA, Resolucion.DIARIA)
    m = cliente(red).historico(replace(p, http=con_llamadas(2)), periodo).mediciones[0]
    assert (m.temperatura, m.precipitacion, m.extras["precipitacion"]) == (10, None, "cuota agotada")
    with pytest.raises(Omitida, match="cuota"):
        cliente(red).historico(replace(p, http=con_llamadas(1)), periodo)
    portal(red, fila(TEMPERATURA, AHORA, 14))
    assert cliente(red).tiempo_real(replace(p, http=con_llamadas(1))).mediciones[0].temperatura == 14


def test_la_presion_del_dia_baja_al_mar_con_la_temperatura_del_dia(red: Respuestas) -> None:
    portal(
        red,
        temperatura=horas(TEMPERATURA, [14.0]),
        presion_atmosferica=horas(PRESION, [752.0]),
        catalogo=[{"codigo": "0021", "altitud": 2550}],
    )
    m = historia(red, "temperatura", "presion_atmosferica")[0]
    assert m.presion_atmosferica == pytest.approx(al_nivel_del_mar(752, 2550, 14))


def test_una_comilla_en_el_codigo_no_sale_de_su_texto(red: Respuestas) -> None:
    portal(red, fila(TEMPERATURA, "2020-01-21T09:00:00.000", 10, codigoestacion="0'1"))
    assert historia(red, "temperatura")[0].temperatura == 10
    assert any("codigoestacion in ('0''1')" in p.params.get("$where", "") for p in red.pedidas)
    portal(red, fila(TEMPERATURA, "2020-01-21T09:00:00.000", 10, codigoestacion="0' or 1=1 --"))
    with pytest.raises(Omitida):
        historia(red, "temperatura")
    assert not any("1=1" in p.params.get("$where", "") for p in red.pedidas)


# ---- formulas


def test_la_distancia_es_la_del_circulo_maximo() -> None:
    norte = Estacion("n", latitud=5.0, longitud=-74.0)
    medellin = Estacion("m", latitud=6.2442, longitud=-75.5812)
    assert distancia_km(Lugar(4.0, -74.0), norte) == pytest.approx(111.195, abs=0.01)
    assert distancia_km(Lugar(4.711, -74.0721), medellin) == pytest.approx(239.0, abs=1)


def test_la_caja_encierra_el_circulo() -> None:
    c = caja(Lugar(60.0, 10.0), 30)
    assert distancia_km(Lugar(60.0, 10.0), Estacion("e", latitud=60.0, longitud=c.este)) == pytest.approx(30, abs=0.1)
    assert distancia_km(Lugar(60.0, 10.0), Estacion("n", latitud=c.norte, longitud=10.0)) == pytest.approx(30, abs=0.1)


def test_la_reduccion_al_mar_es_la_formula_barometrica() -> None:
    assert al_nivel_del_mar(1003, 150, 15) == pytest.approx(1020.970202)  # keisoku.magicgifted.com's worked example
    assert al_nivel_del_mar(1013, 0, None) == 1013
    assert al_nivel_del_mar(879.3, 1216, None) == pytest.approx(1011, abs=1)  # Armenia, El Edén


def test_el_catalogo_con_las_coordenadas_cambiadas_se_endereza() -> None:
    cambiada = {"codigo": "1", "ubicaci_n": {"latitude": "-74.1", "longitude": "4.6"}}
    con_columnas = {**cambiada, "latitud": "4.7", "longitud": "-74.2", "altitud": "2600"}
    assert [(e.latitud, e.longitud) for e in leer_catalogo([cambiada, con_columnas])] == [(4.6, -74.1), (4.7, -74.2)]


def test_la_clave_no_se_ve_en_los_errores(red: Respuestas) -> None:
    red.siempre({}, estado=403)
    with pytest.raises(ErrorProveedor) as e:
        cliente(red).tiempo_real(replace(peticion(), clave=Clave("SECRETA")))
    assert "SECRETA" not in f"{e.value!r} {e.value} {e.value.__cause__!r}"


def test_una_lectura_no_mezcla_lo_no_pedido_con_quien_midio_mas(red: Respuestas) -> None:
    portal(red, fila(VIENTO, AHORA, 5), fila(DIRECCION, AHORA, 5), fila(TEMPERATURA, AHORA, 9, **lejos(4)))
    lectura: Lectura = cliente(red).tiempo_real(peticion(frozenset({"temperatura"})))
    assert (lectura.estacion, lectura.mediciones[0].velocidad_viento) == ("A 4 KM", None)
