"""OpenWeather's rows: one instant or one day, in the units and language of the request."""

from datetime import datetime, timedelta
from typing import Any

from deploy.laboratorio import lugares
from deploy.laboratorio.clima import Serie
from deploy.laboratorio.formulas import horas_de_sol
from deploy.laboratorio.pedido import parametro

VISIBILIDAD_TOPE_M = 10000
# WMO code -> OpenWeather id, group, Spanish and English text, icon
TIEMPOS = {
    0: (800, "Clear", "cielo claro", "clear sky", "01"),
    1: (801, "Clouds", "algo de nubes", "few clouds", "02"),
    2: (802, "Clouds", "nubes dispersas", "scattered clouds", "03"),
    3: (804, "Clouds", "nubes", "overcast clouds", "04"),
    45: (741, "Fog", "niebla", "fog", "50"),
    51: (500, "Rain", "lluvia ligera", "light rain", "10"),
    61: (500, "Rain", "lluvia ligera", "light rain", "10"),
    63: (501, "Rain", "lluvia moderada", "moderate rain", "10"),
    65: (502, "Rain", "lluvia de gran intensidad", "heavy intensity rain", "10"),
    71: (600, "Snow", "nevada ligera", "light snow", "13"),
    73: (601, "Snow", "nieve", "snow", "13"),
    75: (602, "Snow", "nevada intensa", "heavy snow", "13"),
    95: (201, "Thunderstorm", "tormenta con lluvia", "thunderstorm with rain", "11"),
}


def serie_de(latitud: float, longitud: float, instantes: list[datetime]) -> Serie:
    return Serie(latitud, longitud, [i.timestamp() / 3600 for i in instantes], "openweather")


def filas(latitud: float, longitud: float, instantes: list[datetime]) -> list[dict[str, Any]]:
    serie = serie_de(latitud, longitud, instantes)
    return [fila_de(serie, i, instante, latitud, longitud) for i, instante in enumerate(instantes)]


def fila_de(serie: Serie, i: int, instante: datetime, latitud: float, longitud: float) -> dict[str, Any]:
    amanece, anochece = _sol(latitud, longitud, instante)
    temperatura, humedad, lluvia = serie.temperatura_c[i], serie.humedad[i], serie.lluvia_mm_h[i]
    fila: dict[str, Any] = {
        "dt": int(instante.timestamp()),
        "sunrise": amanece,
        "sunset": anochece,
        "temp": grados(temperatura),
        "feels_like": grados(temperatura + 0.03 * (humedad - 60)),
        "pressure": round(serie.presion_mar_hpa[i]),
        "humidity": round(humedad),
        "dew_point": grados(temperatura - (100 - humedad) / 5),
        "uvi": round(serie.indice_uv[i], 2),
        "clouds": round(serie.nubes[i]),
        "visibility": min(VISIBILIDAD_TOPE_M, round(serie.visibilidad_m[i])),
        "wind_speed": velocidad(serie.viento_ms[i]),
        "wind_deg": round(serie.direccion[i]) % 360,
        "wind_gust": velocidad(1.8 * serie.viento_ms[i] + 0.6),
        "weather": [_tiempo(serie.codigo_wmo[i], serie.coseno_cenital[i] > 0)],
    }
    if lluvia:
        fila["rain" if temperatura > 0.5 else "snow"] = {"1h": lluvia}
    return fila


def diario(latitud: float, longitud: float, dia: datetime) -> dict[str, Any]:
    desfase = timedelta(seconds=lugares.desfase_s(lugares.zona_de(latitud, longitud), dia))
    inicio = (dia + desfase).replace(hour=0, minute=0, second=0, microsecond=0) - desfase
    instantes = [inicio + timedelta(hours=i) for i in range(24)]
    serie = serie_de(latitud, longitud, instantes)
    temperaturas = [grados(t) for t in serie.temperatura_c]
    fila = fila_de(serie, 12, instantes[12], latitud, longitud)
    partes = {"day": 12, "night": 0, "eve": 18, "morn": 6}
    del_dia = {
        "day": temperaturas[12],
        "min": min(temperaturas),
        "max": max(temperaturas),
        **{n: temperaturas[h] for n, h in partes.items()},
    }
    fila |= {
        "temp": del_dia,
        "feels_like": {n: temperaturas[h] for n, h in partes.items()},
        "uvi": round(max(serie.indice_uv), 2),
    }
    fila = {clave: valor for clave, valor in fila.items() if clave not in ("rain", "snow", "visibility")}
    caida = round(sum(serie.lluvia_mm_h), 2)
    return fila | ({"rain" if min(serie.temperatura_c) > 0.5 else "snow": caida} if caida else {})


def _sol(latitud: float, longitud: float, instante: datetime) -> tuple[int, int]:
    """Sunrise and sunset of the solar day that holds this instant, unix seconds."""
    solar = instante.timestamp() / 3600 + longitud / 15
    mediodia = solar // 24 * 24 + 12 - longitud / 15
    media = horas_de_sol(latitud, mediodia) / 2
    return round((mediodia - media) * 3600), round((mediodia + media) * 3600)


def _tiempo(codigo: int, de_dia: bool) -> dict[str, Any]:
    id_, grupo, espanol, ingles, icono = TIEMPOS[codigo]
    texto = espanol if parametro("lang", "en") in ("es", "sp") else ingles
    return {"id": id_, "main": grupo, "description": texto, "icon": icono + ("d" if de_dia else "n")}


def unidades() -> str:
    return parametro("units") if parametro("units") in ("metric", "imperial") else "standard"


def grados(celsius: float) -> float:
    return round({"metric": celsius, "imperial": celsius * 1.8 + 32}.get(unidades(), celsius + 273.15), 2)


def velocidad(ms: float) -> float:
    return round(ms / 0.44704 if unidades() == "imperial" else ms, 2)


def desfase_texto(segundos: int) -> str:
    return f"{'-' if segundos < 0 else '+'}{abs(segundos) // 3600:02}:{abs(segundos) % 3600 // 60:02}"


def geo(fila: dict[str, Any]) -> dict[str, Any]:
    latitud, longitud = fila["latitude"], fila["longitude"]
    lugar = {
        "name": fila["name"],
        "local_names": {"es": fila["name"]},
        "lat": latitud,
        "lon": longitud,
        "country": fila["countrycode"],
    }
    return lugar | ({"state": lugares.departamento(latitud, longitud)} if fila["countrycode"] == "CO" else {})


def indice(pm25: float) -> int:
    """OpenWeather's own scale, 1 good to 5 very poor."""
    return 1 + sum(pm25 >= corte for corte in (10, 25, 50, 75))


def componentes(pm25: float, uv: float) -> dict[str, float]:
    gases = {
        "co": 150 + 12 * pm25,
        "no": 0.05 * pm25,
        "no2": 1.1 * pm25,
        "o3": 35 + 5 * uv,
        "so2": 0.2 * pm25,
    }
    return {k: round(v, 2) for k, v in {**gases, "pm2_5": pm25, "pm10": 1.7 * pm25, "nh3": 0.1 * pm25}.items()}
