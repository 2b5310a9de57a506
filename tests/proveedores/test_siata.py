"""SIATA's client against every recorded body, and against what its open clients say of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.clima import CAMPOS_NUMERICOS, Lugar, Medicion, Periodo, Resolucion, iso_utc
from shared.settings import Settings
from tests.proveedores.servidor import TOLERANCIA, Pedida, Respuestas, cuerpo, errores, exitos, http, iguales, servir
from worker.proveedores.cliente import Lectura, Peticion
from worker.proveedores.http import ErrorProveedor, Omitida
from worker.proveedores.siata import ADELANTO, ANTIGUEDAD, CANDIDATAS, Siata, hora_plausible, mas_cercanas
from worker.proveedores.siata_lectura import (
    leer_aire,
    leer_catalogo,
    leer_estacion,
    numero,
)

MEDELLIN = Lugar(6.2442, -75.5812, zona_horaria="America/Bogota", altura_m=1495.0)
TODOS = frozenset((*CAMPOS_NUMERICOS, "descripcion_clima"))
SIN_AIRE = TODOS - {"calidad_aire"}
CATALOGO = "/data/siata_app/PluviometricaMeteo.json"
AHORA = datetime.now(UTC).replace(microsecond=0)
CINCO_HORAS = timedelta(hours=5)


@pytest.fixture
def red() -> Iterator[Respuestas]:
    with servir() as respuestas:
        yield respuestas


class Feria:
    """A few stations east of MEDELLIN, about `km` away, and what each file answers (a body, or a status)."""

    def __init__(self, red: Respuestas) -> None:
        self.estaciones: list[dict[str, Any]] = []
        self.ficheros: dict[str, Any] = {}
        self.red = red
        red.responder = self.responder

    def poner(self, codigo: int, km: float, fichero: Any, nombre: str | None = None) -> None:
        longitud = MEDELLIN.longitud + km / 110.5
        ficha = {"codigo": codigo, "nombre": nombre or f"E{codigo}", "latitud": MEDELLIN.latitud, "longitud": longitud}
        self.estaciones.append({**ficha, "valor": 0.0})
        self.ficheros[f"/data/siata_app/{codigo}.json"] = fichero

    def responder(self, pedida: Pedida) -> tuple[int, bytes, dict[str, str]]:
        respuesta = self.ficheros.get(pedida.ruta, 404)
        if pedida.ruta == CATALOGO:
            respuesta = {"red": "PluviometricaMeteo", "estaciones": self.estaciones}
        if isinstance(respuesta, int):
            return respuesta, b"<html>no</html>", {}
        return 200, json.dumps(respuesta).encode(), {}

    def ahora(self, campos: frozenset[str] = SIN_AIRE, lugar: Lugar = MEDELLIN) -> Lectura:
        return Siata(Settings(siata_url=self.red.base)).tiempo_real(Peticion(http(), lugar, campos))

    @property
    def pedidas(self) -> list[str]:
        return [p.ruta.removeprefix("/data/siata_app/") for p in self.red.pedidas if p.ruta != CATALOGO]


@pytest.fixture
def feria(red: Respuestas) -> Feria:
    return Feria(red)


def medida(hace: timedelta = timedelta(minutes=5), **otros: str) -> dict[str, str]:
    """A station's file, of so long ago in true UTC."""
    valores = {"t": "21.4", "h": "74.0", "p": "848.6", "ws": "2", "wd": "121.0", "p10m": "0.0", "p1h": "0.254"}
    return {**valores, "p24h": "6.35", "date": f" {(AHORA - hace).timestamp():.1f}", **otros}


def comparar(medicion: Medicion, esperado: dict[str, Any]) -> None:
    aparte = medicion.incomparables  # rain of 15 minutes
    assert set(iguales(medicion.valores(), esperado, CAMPOS_NUMERICOS)) == set(aparte)
    assert {medicion.extras["precipitacion_15min_mm"] for _ in aparte} == {esperado[c] for c in aparte}
    assert (medicion.codigo_clima, medicion.descripcion_clima) == (None, None)
    assert iso_utc(medicion.observado_en) == esperado["observado_en"]


def grabados(parte: str, *tipos: str) -> list[Any]:
    """Recorded successes whose file name has this part."""
    return [p for p in exitos("siata", *tipos) if parte in p.id]


def de_la_red(red: Respuestas, ficha: dict[str, Any]) -> Any:
    """A recorded body as the real client parses it."""
    red.siempre(cuerpo(ficha))
    return http().json(red.base)


@pytest.mark.parametrize(("ficha", "esperado"), grabados("estacion", "tiempo_real"))
def test_lee_las_estaciones_grabadas(red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]) -> None:
    comparar(leer_estacion(de_la_red(red, ficha)), esperado)


@pytest.mark.parametrize(("ficha", "esperado"), grabados("estacion", "tiempo_real"))
def test_las_estaciones_grabadas_pasan_por_el_cliente_sin_su_presion(
    feria: Feria, ficha: dict[str, Any], esperado: dict[str, Any]
) -> None:
    hora = AHORA - timedelta(minutes=5)
    feria.poner(1, 0.5, {**json.loads(cuerpo(ficha)), "date": f" {hora.timestamp():.1f}"})
    m = feria.ahora().mediciones[0]
    comparar(m, {**esperado, "presion_atmosferica": None, "observado_en": iso_utc(hora)})
    assert m.extras.get("presion_estacion_hpa") == esperado["presion_atmosferica"]


@pytest.mark.parametrize(("ficha", "esperado"), exitos("siata", "catalogo"))
def test_lee_el_catalogo_grabado(red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]) -> None:
    estaciones = leer_catalogo(de_la_red(red, ficha))
    nuestras = [{c: getattr(e, c) for c in ("codigo", "nombre", "latitud", "longitud", "valor")} for e in estaciones]
    assert nuestras == esperado["estaciones"]


@pytest.mark.parametrize(("ficha", "esperado"), grabados("Aire_AQ", "tiempo_real"))
def test_lee_el_aire_grabado(red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]) -> None:
    aires = leer_aire(de_la_red(red, ficha))
    assert len(aires) == len(esperado["mediciones"])
    for aire, suyo in zip(aires, esperado["mediciones"], strict=True):
        assert (aire.estacion.nombre, iso_utc(aire.observado_en)) == (suyo["estacion"], suyo["observado_en"])
        assert (aire.estacion.latitud, aire.estacion.longitud) == (suyo["latitud"], suyo["longitud"])
        assert aire.valor == suyo["pm25_ug_m3"]


def test_todo_cuerpo_grabado_tiene_su_prueba() -> None:
    con_prueba = [grabados("estacion", "tiempo_real"), grabados("Aire_AQ", "tiempo_real"), exitos("siata", "catalogo")]
    con_prueba += [grabados("geoportal", "tiempo_real"), exitos("siata", "historico")]  # which nothing reads
    tipos = ("tiempo_real", "historico", "catalogo", "geocodificacion", "pronostico")
    assert sorted(p.id for grupo in con_prueba for p in grupo) == sorted(p.id for p in exitos("siata", *tipos))


@pytest.mark.parametrize("ficha", errores("siata"))
def test_un_pronostico_no_es_una_medicion(red: Respuestas, feria: Feria, ficha: dict[str, Any]) -> None:
    pronostico = json.loads(cuerpo(ficha))
    feria.poner(1, 0.5, pronostico)
    with pytest.raises(ErrorProveedor):
        feria.ahora()
    red.siempre(pronostico)
    with pytest.raises(ErrorProveedor):
        feria.ahora()


def test_mide_la_estacion_mas_cercana(feria: Feria) -> None:
    feria.poner(2, 3.0, medida(t="30"))
    feria.poner(1, 0.5, medida(), nombre="Torre")
    lectura = feria.ahora()
    m = lectura.mediciones[0]
    assert (m.temperatura, m.humedad_relativa, m.direccion_viento, m.precipitacion) == (21.4, 74, 121, 0.254)
    assert m.velocidad_viento == pytest.approx(7.2)
    assert m.observado_en == AHORA - timedelta(minutes=5)
    assert (lectura.estacion, lectura.altura_m) == ("Torre (1)", None)
    assert lectura.distancia_km == pytest.approx(0.5, abs=TOLERANCIA)
    assert feria.pedidas == ["1.json"]
    assert feria.red.pedidas[0].cabeceras["User-Agent"].startswith("Mozilla/5.0")


def test_la_presion_de_la_estacion_no_entra_en_la_media(feria: Feria) -> None:
    feria.poner(1, 0.5, medida())
    m = feria.ahora().mediciones[0]
    assert m.presion_atmosferica is None
    assert m.extras == {"presion_estacion_hpa": 848.6}


@pytest.mark.parametrize("sentinela", ["-999", "-9999", "-999.0", " -9999.00 ", "995", "995.0", "", "nan", "s/d"])
def test_los_centinelas_no_son_valores(sentinela: str) -> None:
    m = leer_estacion(medida(t=sentinela, p1h=sentinela))
    assert (m.temperatura, m.precipitacion, m.humedad_relativa) == (None, None, 74.0)


def test_el_cero_es_un_valor_y_lo_que_falta_es_none() -> None:
    m = leer_estacion({"t": "0.0", "h": "50", "ws": "0", "wd": 0, "p1h": 0.0, "date": None})
    assert (m.temperatura, m.velocidad_viento, m.direccion_viento, m.precipitacion) == (0.0, 0.0, 0.0, 0.0)
    assert (m.presion_atmosferica, m.observado_en) == (None, None)


@pytest.mark.parametrize("presion", ["0.0", "-999"])
def test_una_fila_entera_de_ceros_no_mide_nada(presion: str) -> None:
    ceros = dict.fromkeys(("t", "h", "ws", "wd", "p10m", "p1h", "p24h"), "0.0")
    assert leer_estacion({**ceros, "p": presion, "date": "1759265400"}).vacia


@pytest.mark.parametrize(
    ("hace", "esperado"),
    [
        (timedelta(minutes=5), (timedelta(minutes=5), True)),
        (-ADELANTO, (-ADELANTO, True)),
        (ANTIGUEDAD, (ANTIGUEDAD, True)),
        (timedelta(hours=5, minutes=5), (timedelta(minutes=5), False)),
        (timedelta(hours=7), (timedelta(hours=2), False)),
        (timedelta(hours=3), None),
        (timedelta(hours=8), None),
        (-timedelta(hours=1), None),
        (timedelta(days=97), None),
    ],
)
def test_la_hora_es_la_mas_cercana_que_no_es_futura(hace: timedelta, esperado: tuple[timedelta, bool] | None) -> None:
    plausible = hora_plausible(AHORA - hace, AHORA)
    assert plausible == (None if esperado is None else (AHORA - esperado[0], esperado[1]))


def test_la_hora_colombiana_disfrazada_de_utc_se_corrige(feria: Feria) -> None:
    feria.poner(1, 0.5, medida(CINCO_HORAS + timedelta(minutes=5)))
    assert feria.ahora().mediciones[0].observado_en == AHORA - timedelta(minutes=5)


def test_si_otra_estacion_prueba_que_es_utc_la_de_hace_cinco_horas_es_vieja(feria: Feria) -> None:
    feria.poner(1, 0.5, medida(CINCO_HORAS, t="30"))
    feria.poner(2, 3.0, medida())
    lectura = feria.ahora()
    assert (lectura.estacion, lectura.mediciones[0].temperatura) == ("E2 (2)", 21.4)


def test_las_viejas_y_las_apagadas_se_saltan(feria: Feria) -> None:
    feria.poner(1, 0.5, medida(timedelta(days=97)))
    feria.poner(2, 1.0, medida(), nombre="_OFF-Girardota - SOS Norte")
    feria.poner(3, 1.5, medida(date=""))
    feria.poner(4, 2.0, 404)
    feria.poner(5, 2.5, medida(t="18"))
    assert feria.ahora().mediciones[0].temperatura == 18
    assert feria.pedidas == ["1.json", "3.json", "4.json", "5.json"]


def test_se_prueban_pocas_estaciones(feria: Feria) -> None:
    for n in range(1, CANDIDATAS + 3):
        feria.poner(n, n, medida(timedelta(days=1)))
    with pytest.raises(Omitida, match="ninguna estación"):
        feria.ahora()
    assert len(feria.pedidas) == CANDIDATAS


def test_lo_que_no_mide_la_mas_cercana_lo_da_la_siguiente(feria: Feria) -> None:
    feria.poner(1, 0.5, medida(t="-999", ws="-999", wd="-999"))
    feria.poner(2, 3.0, medida(t="19", h="1", wd="-999"), nombre="Torre")
    lectura = feria.ahora()
    m = lectura.mediciones[0]
    assert (m.temperatura, m.humedad_relativa, m.direccion_viento) == (19, 74, None)
    assert m.velocidad_viento == pytest.approx(7.2)
    assert lectura.estacion == "E1 (1)"
    prestado = "Torre (2), a 3.0 km"
    assert m.extras["otras_estaciones"] == {"temperatura": prestado, "velocidad_viento": prestado}


def test_solo_se_pregunta_a_otra_por_lo_pedido(feria: Feria) -> None:
    feria.poner(1, 0.5, medida(t="-999"))
    feria.poner(2, 3.0, medida())
    assert feria.ahora(frozenset({"humedad_relativa"})).estacion == "E1 (1)"
    assert feria.pedidas == ["1.json"]
    assert feria.ahora(frozenset({"temperatura"})).estacion == "E2 (2)"


def test_la_lluvia_de_lejos_no_es_la_de_aqui(feria: Feria) -> None:
    feria.poner(1, 12.0, medida())
    m = feria.ahora().mediciones[0]
    assert (m.temperatura, m.precipitacion) == (21.4, None)


@pytest.mark.parametrize(("otra", "extra"), [("p10m", "precipitacion_10min_mm"), ("p24h", "precipitacion_24h_mm")])
def test_la_lluvia_de_otro_lapso_no_es_la_de_la_hora(feria: Feria, otra: str, extra: str) -> None:
    feria.poner(1, 0.5, medida(p1h="-999", p10m="-999", p24h="-999") | {otra: "1.5"})
    m = feria.ahora().mediciones[0]
    assert (m.precipitacion, m.extras[extra]) == (None, 1.5)
    assert "última hora" in m.incomparables["precipitacion"]
    sola = feria.ahora(frozenset({"precipitacion"})).mediciones[0]
    assert (sola.precipitacion, sola.incomparables) == (None, m.incomparables)


def test_la_lluvia_de_la_hora_que_otra_estacion_si_da_vale(feria: Feria) -> None:
    feria.poner(1, 0.5, medida(p1h="-999", p10m="1.5"))
    feria.poner(2, 3.0, medida(p1h="2.5"))
    m = feria.ahora().mediciones[0]
    assert (m.precipitacion, m.incomparables) == (2.5, {})


def test_de_mas_lejos_que_el_radio_no_se_toma_ninguna(feria: Feria) -> None:
    feria.poner(1, 21.0, medida())
    with pytest.raises(Omitida, match="20 km"):
        feria.ahora()
    assert feria.pedidas == []


@pytest.mark.parametrize(("estado", "motivo"), [(403, "no admite"), (404, "no tiene datos"), (500, "respondió 500")])
def test_si_las_estaciones_fallan_es_un_fallo(feria: Feria, estado: int, motivo: str) -> None:
    feria.poner(1, 0.5, estado)
    with pytest.raises(ErrorProveedor, match=motivo) as e:
        feria.ahora()
    assert e.value.estado == estado


@pytest.mark.parametrize(
    "lugar", [Lugar(4.60971, -74.08175), Lugar(5.99, -75.5), Lugar(6.2, -75.81), Lugar(6.51, -75.5), Lugar(6.2, -75.19)]
)
def test_fuera_del_valle_se_omite_sin_llamar(feria: Feria, lugar: Lugar) -> None:
    periodo = Periodo(AHORA.date(), AHORA.date(), Resolucion.DIARIA)
    with pytest.raises(Omitida, match="valle de Aburrá"):
        feria.ahora(lugar=lugar)
    with pytest.raises(Omitida, match="valle de Aburrá"):
        Siata(Settings(siata_url=feria.red.base)).historico(Peticion(http(), lugar, TODOS), periodo)
    assert feria.red.pedidas == []


@pytest.mark.parametrize("resolucion", list(Resolucion))
def test_no_hay_historia_abierta(feria: Feria, resolucion: Resolucion) -> None:
    periodo = Periodo(AHORA.date(), AHORA.date(), resolucion)
    with pytest.raises(Omitida, match="histórico"):
        Siata(Settings(siata_url=feria.red.base)).historico(Peticion(http(), MEDELLIN, TODOS), periodo)
    assert feria.red.pedidas == []


@pytest.mark.parametrize("campo", ["presion_atmosferica", "calidad_aire", "indice_uv", "visibilidad"])
def test_si_no_mide_nada_de_lo_pedido_se_omite_sin_llamar(feria: Feria, campo: str) -> None:
    with pytest.raises(Omitida):
        feria.ahora(frozenset({campo}))
    assert feria.red.pedidas == []


def aire(valor: float, hace: timedelta, km: float = 1.0, nombre: str = "MED - Centro", que: str = "pm25") -> Any:
    return {
        "location": nombre,
        "parameter": que,
        "value": valor,
        "unit": "µg/m³",
        "date": {"utc": (AHORA - hace).strftime("%Y-%m-%dT%H:%M:%S.000Z")},
        "coordinates": {"latitude": MEDELLIN.latitud, "longitude": MEDELLIN.longitud + km / 110.5},
    }


def test_el_pm25_es_un_extra_y_no_un_indice(feria: Feria) -> None:
    hora = timedelta(hours=1)
    feria.poner(1, 0.5, medida())
    filas = [
        aire(99, hora, 0.1, "X - _OFF-Norte"),
        aire(98, hora, 0.2, que="pm10³"),
        aire(97, 4 * hora, 0.3, "VIEJA"),
        aire(12, 2 * hora),
        aire(9.5, hora),
        aire(-9999.0, timedelta(0)),
        aire(96, hora, 5.0, "LEJOS"),
    ]
    feria.ficheros["/EntregaData1/Datos_SIATA_Aire_AQ_pm25_Last.json"] = {"measurements": filas}
    m = feria.ahora(TODOS).mediciones[0]
    assert m.calidad_aire is None
    assert (m.extras["pm25_ug_m3"], m.extras["pm25_estacion"]) == (9.5, "MED - Centro")


def test_el_contaminante_mal_escrito_se_entiende() -> None:
    assert leer_aire([aire(98, timedelta(0), que="pm10³")])[0].contaminante == "pm10"


def test_si_el_aire_falla_solo_se_pierde_el_aire(feria: Feria) -> None:
    feria.poner(1, 0.5, medida())
    m = feria.ahora(TODOS).mediciones[0]
    assert (m.temperatura, m.calidad_aire) == (21.4, None)
    assert m.extras["calidad_aire"].startswith("calidad del aire: ")


def test_el_catalogo_salta_las_filas_que_no_se_entienden() -> None:
    buena = {"codigo": "41", "nombre": "El Poblado", "latitud": "6.2", "longitud": "-75.5", "valor": None}
    malas = [{**buena, "latitud": None}, {**buena, "codigo": "../41"}, {**buena, "codigo": None}, None, "x", {}]
    assert [e.codigo for e in leer_catalogo({"estaciones": [*malas, buena]})] == ["41"]
    assert [e.codigo for e in leer_catalogo([buena])] == ["41"]


def test_las_cercanas_van_por_distancia_y_las_iguales_por_codigo() -> None:
    donde = {"latitud": 6.24, "longitud": -75.58}
    filas = [{"codigo": 3, **donde}, {"codigo": 2, **donde}, {"codigo": 1, "latitud": 6.3, "longitud": -75.58}]
    orden = mas_cercanas(leer_catalogo(filas), Lugar(6.24, -75.58))
    assert [(round(km, 1), e.codigo) for km, e in orden] == [(0.0, "2"), (0.0, "3"), (6.7, "1")]


@pytest.mark.parametrize(
    "raro", [[], "hola", 7, None, {}, {"estaciones": None}, {"measurements": 1}, {"features": {}}, {"t1": "2"}]
)
def test_un_cuerpo_de_otra_forma_es_un_error_y_no_un_cero(red: Respuestas, feria: Feria, raro: Any) -> None:
    with pytest.raises(ErrorProveedor):
        leer_estacion(raro)
    if raro != []:
        for leer_lista in (leer_catalogo, leer_aire):
            with pytest.raises(ErrorProveedor):
                leer_lista(raro)
    feria.poner(1, 0.5, raro if not isinstance(raro, int) else {"x": 1})
    with pytest.raises(ErrorProveedor):
        feria.ahora()


@pytest.mark.parametrize("crudo", [True, None, [], {}, "1,5", float("nan"), "inf", 10**400, "995.0"])
def test_lo_que_no_es_un_numero_es_none(crudo: object) -> None:
    assert numero(crudo) is None


@pytest.mark.parametrize("fecha", ["1759265400", " 1759265400.0 ", 1759265400, 1759265400000])
def test_la_fecha_puede_ser_texto_o_numero(fecha: object) -> None:
    assert iso_utc(leer_estacion({"t": "1", "date": fecha}).observado_en) == "2025-09-30T20:50:00Z"


def test_el_laboratorio_de_punta_a_punta(laboratorio: str) -> None:
    lectura = Siata(Settings(siata_url=f"{laboratorio}/siata")).tiempo_real(Peticion(http(), MEDELLIN, TODOS))
    m = lectura.mediciones[0]
    assert lectura.estacion == "AMVA Centro (201)"
    assert lectura.distancia_km is not None
    assert lectura.distancia_km < 2
    assert None not in (m.temperatura, m.humedad_relativa, m.velocidad_viento, m.precipitacion, m.observado_en)
    assert {"presion_estacion_hpa", "pm25_ug_m3"} <= set(m.extras)
