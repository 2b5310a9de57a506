"""OpenWeatherMap's bodies as measurements and places: pure functions, no calls. Sources: see openweather.py."""

from __future__ import annotations

from datetime import UTC, datetime, time, tzinfo
from typing import Any

from shared.clima import Medicion
from shared.posible import fuera, posible
from worker.proveedores.cielo import OPENWEATHER, cielo, propio
from worker.proveedores.cuerpos import bloque, entero, fecha, instante_unix, numero, texto
from worker.proveedores.http import ErrorProveedor

TOPE_VISIBILIDAD_M = 10_000  # «the maximum value of the visibility is 10 km» (openweathermap.org/current)
SOLO_3H = "solo da la lluvia de las últimas 3 horas, no la de la última"
SOLO_MAXIMO = "solo da el viento máximo del día, no el medio"
VIENTO_KMH = {"standard": 3.6, "metric": 3.6, "imperial": 1.609344}
GASES = ("co", "no", "no2", "o3", "so2", "pm2_5", "pm10", "nh3")  # µg/m³


def leer_actual(cuerpo: dict[str, Any], unidades: str) -> Medicion:
    """/weather, or the `current` block of One Call 2.5 and 3.0."""
    fila = cuerpo.get("current", cuerpo)
    if not isinstance(fila, dict) or not (isinstance(fila.get("main"), dict) or "temp" in fila):
        raise ErrorProveedor("respondió sin datos actuales")
    return _medicion(fila, unidades)


def leer_serie(cuerpo: dict[str, Any], unidades: str) -> list[Medicion]:
    """The instants of timemachine 3.0 (`data`) or 2.5 (`hourly`), or of history/city (`list`)."""
    filas = next((cuerpo[n] for n in ("data", "hourly", "list") if isinstance(cuerpo.get(n), list)), None)
    if filas is None or not all(isinstance(fila, dict) for fila in filas):
        raise ErrorProveedor("respondió sin la serie pedida")
    return [_medicion(fila, unidades) for fila in filas]


def leer_resumen(cuerpo: dict[str, Any], unidades: str, zona: tzinfo) -> Medicion:
    """day_summary: one day of this zone. unidades: for a body that does not say its own.

    It has no mean temperature: ours is the mean of its four at 00, 06, 12 and 18 h. Humidity and pressure are those of
    12 h (extras says so). Its wind is the day's strongest, which is no mean of the day: it goes to extras.
    """
    dia = fecha(cuerpo.get("date"))
    if dia is None or not any(isinstance(cuerpo.get(n), dict) for n in ("temperature", "precipitation", "wind")):
        raise ErrorProveedor("respondió sin el resumen del día")
    unidades = str(cuerpo.get("units") or unidades)
    temperaturas = bloque(cuerpo, "temperature")
    cuatro = [_grados(temperaturas.get(n), unidades) for n in ("night", "morning", "afternoon", "evening")]
    conocidas = [t for t in cuatro if t is not None]
    buenas = [t for t in conocidas if posible("temperatura", t) is not None]
    malas = [t for t in conocidas if posible("temperatura", t) is None]
    viento = bloque(bloque(cuerpo, "wind"), "max")
    fuerza = posible("velocidad_viento", _kmh(viento.get("speed"), unidades))
    rumbo = posible("direccion_viento", numero(viento.get("direction")))
    maximo = {"viento_maximo_kmh": fuerza, "viento_maximo_grados": rumbo} if fuerza is not None else {}
    return Medicion(
        temperatura=sum(buenas) / 4 if len(buenas) == 4 else None,
        temperatura_min=_grados(temperaturas.get("min"), unidades),
        temperatura_max=_grados(temperaturas.get("max"), unidades),
        presion_atmosferica=numero(bloque(cuerpo, "pressure").get("afternoon")),
        humedad_relativa=numero(bloque(cuerpo, "humidity").get("afternoon")),
        precipitacion=numero(bloque(cuerpo, "precipitation").get("total")),
        observado_en=datetime.combine(dia, time(), zona).astimezone(UTC),
        fecha=dia,
        extras={"humedad_y_presion": "a las 12 h"} | maximo,
        imposibles={"temperatura": fuera("temperatura", malas)} if malas else {},
        incomparables=dict.fromkeys(("velocidad_viento", "direccion_viento"), SOLO_MAXIMO) if maximo else {},
    )


def leer_aire(cuerpo: dict[str, Any]) -> list[Medicion]:
    """air_pollution and its history, as extras: aqi_owm_1_5 (1 good to 5 very poor) and concentrations in µg/m³.

    calidad_aire stays None: theirs is another scale, and the US AQI is defined on means of 1, 8 or 24 hours, not on one
    reading (40 CFR part 58, appendix G).
    """
    filas = cuerpo.get("list")
    if not isinstance(filas, list) or not all(isinstance(fila, dict) for fila in filas):
        raise ErrorProveedor("respondió sin datos del aire")
    return [Medicion(observado_en=instante_unix(fila.get("dt")), extras=_aire(fila)) for fila in filas]


def _medicion(fila: dict[str, Any], unidades: str) -> Medicion:
    plana = _plana(fila)
    tiempo = _tiempo(fila.get("weather"))
    # older bodies put the station's pressure in `pressure` when they also give `sea_level`
    nivel_mar = numero(plana.get("sea_level"))
    codigo = entero(tiempo.get("id"))
    visibilidad = numero(fila.get("visibility"))
    en_3h = posible("precipitacion_dia", _caida(fila, "3h"))
    return Medicion(
        temperatura=_grados(plana.get("temp"), unidades),
        temperatura_min=_grados(plana.get("temp_min"), unidades),
        temperatura_max=_grados(plana.get("temp_max"), unidades),
        presion_atmosferica=numero(plana.get("pressure")) if nivel_mar is None else nivel_mar,
        humedad_relativa=numero(plana.get("humidity")),
        velocidad_viento=_kmh(plana.get("wind_speed"), unidades),
        direccion_viento=numero(plana.get("wind_deg")),
        precipitacion=_caida(fila, "1h"),
        visibilidad=visibilidad,
        visibilidad_tope=visibilidad is not None and visibilidad >= TOPE_VISIBILIDAD_M,
        indice_uv=numero(fila.get("uvi")),
        descripcion_clima=cielo(codigo, OPENWEATHER),
        codigo_clima=codigo,
        observado_en=instante_unix(fila.get("dt")),
        extras=propio(codigo, texto(tiempo.get("description")))
        | ({} if en_3h is None else {"precipitacion_3h_mm": en_3h}),
        incomparables={"precipitacion": SOLO_3H} if en_3h is not None and _caida(fila, "1h") is None else {},
    )


def _plana(fila: dict[str, Any]) -> dict[str, Any]:
    """/weather and history/city nest in `main` and `wind` what One Call gives flat."""
    if not isinstance(fila.get("main"), dict):
        return fila
    viento = bloque(fila, "wind")
    return {**fila["main"], "wind_speed": viento.get("speed"), "wind_deg": viento.get("deg")}


def _tiempo(valor: Any) -> dict[str, Any]:
    """The first of `weather` is the primary condition."""
    primero = valor[0] if isinstance(valor, list) and valor else valor
    return primero if isinstance(primero, dict) else {}


def _caida(fila: dict[str, Any], horas: str) -> float | None:
    """Rain and snow of the last `horas` ("1h", "3h"), mm. Absent when dry, but also when not known: None.

    Where one of them cannot be, that is all there is to say, and the gate will refuse it.
    """
    partes = [numero(bloque(fila, clase).get(horas)) for clase in ("rain", "snow")]
    conocidas = [mm for mm in partes if mm is not None]
    malas = [mm for mm in conocidas if posible("precipitacion_dia", mm) is None]
    return malas[0] if malas else sum(conocidas) if conocidas else None


def _aire(fila: dict[str, Any]) -> dict[str, Any]:
    indice, componentes = entero(bloque(fila, "main").get("aqi")), bloque(fila, "components")
    gases = {n: v for n in GASES if (v := numero(componentes.get(n))) is not None and v >= 0}
    return {"aqi_owm_1_5": indice, **gases} if indice in range(1, 6) else dict(gases)


def _grados(valor: Any, unidades: str) -> float | None:
    grados = numero(valor)
    if grados is None or unidades == "metric":
        return grados
    if unidades == "standard":
        return grados - 273.15
    if unidades == "imperial":
        return (grados - 32) * 5 / 9
    raise ErrorProveedor("respondió en unidades desconocidas")


def _kmh(valor: Any, unidades: str) -> float | None:
    velocidad = numero(valor)
    if unidades not in VIENTO_KMH:
        raise ErrorProveedor("respondió en unidades desconocidas")
    return None if velocidad is None else velocidad * VIENTO_KMH[unidades]
