"""What each Meteoblue package holds: its columns per hour and per day, its units, its pictograms."""

from collections.abc import Callable
from typing import Any

from deploy.laboratorio.clima import Serie

VIENTO = {"ms-1": 1.0, "kmh": 3.6, "mph": 3.6 / 1.609344, "kn": 3.6 / 1.852}
# WMO code -> daily pictocode, hourly pictocode (pictocode_detailed)
PICTOCODIGOS = {
    0: (1, 1), 1: (2, 4), 2: (3, 7), 3: (4, 22), 45: (5, 16), 51: (16, 33), 61: (12, 33), 63: (6, 23),
    65: (6, 25), 71: (17, 34), 73: (9, 24), 75: (9, 26), 95: (8, 30),
}  # fmt: skip
Columnas = dict[str, list[Any]]
Resumen = Callable[[list[Any]], float]


def actual(serie: Serie, temperatura: str, viento: str) -> dict[str, Any]:
    """data_current without its time. windspeed is null in the small hours, since no METAR is heard."""
    diario_, horario_ = PICTOCODIGOS[serie.codigo_wmo[0]]
    velocidad = round(serie.viento_ms[0] * VIENTO.get(viento, 1.0), 2)
    return {
        "isobserveddata": 0,
        "metarid": None,
        "isdaylight": int(serie.coseno_cenital[0] > 0),
        "windspeed": velocidad if serie.coseno_cenital[0] > 0 else None,
        "pictocode_detailed": horario_,
        "pictocode": diario_,
        "temperature": round(_grados(serie.temperatura_c[0], temperatura), 2),
    }


def horario(serie: Serie, bases: list[str], temperatura: str, viento: str) -> Columnas:
    columnas: Columnas = {}
    for base in bases:
        columnas |= COLUMNAS[base][0](serie, temperatura, viento)
    return columnas


def diario(serie: Serie, bases: list[str], temperatura: str, viento: str) -> Columnas:
    columnas: Columnas = {}
    for base in bases:
        columnas |= COLUMNAS[base][1](serie, temperatura, viento)
    return columnas


def unidades(paquetes: list[str], temperatura: str, viento: str, tiempo: str) -> dict[str, str]:
    textos = {"time": tiempo, "temperature": temperatura, "windspeed": viento}
    if any(paquete.startswith("basic") for paquete in paquetes):
        textos |= {
            "precipitation": "mm",
            "precipitation_probability": "percent",
            "relativehumidity": "percent",
            "pressure": "hPa",
            "winddirection": "degree",
        }
    if any(paquete.startswith("clouds") for paquete in paquetes):
        textos |= {"cloudcover": "percent", "visibility": "m", "sunshinetime": "minutes"}
    if any(paquete.startswith("airquality") for paquete in paquetes):
        textos |= {"pm25": "µg/m³", "pm10": "µg/m³", "airqualityindex": ""}
    return textos


def _basico_horario(s: Serie, temperatura: str, viento: str) -> Columnas:
    factor = VIENTO.get(viento, 1.0)
    return {
        "snowfraction": [float(t <= 0.5) for t in s.temperatura_c],
        "windspeed": [round(v * factor, 2) for v in s.viento_ms],
        "temperature": [round(_grados(t, temperatura), 2) for t in s.temperatura_c],
        "precipitation_probability": [_probabilidad(r, n) for r, n in zip(s.lluvia_mm_h, s.nubes, strict=True)],
        "convective_precipitation": [r if r >= 2.5 else 0.0 for r in s.lluvia_mm_h],
        "pictocode": [PICTOCODIGOS[c][1] for c in s.codigo_wmo],
        "felttemperature": [
            round(_grados(t + 0.03 * (h - 60), temperatura), 2) for t, h in zip(s.temperatura_c, s.humedad, strict=True)
        ],
        "precipitation": s.lluvia_mm_h,
        "isdaylight": [int(c > 0) for c in s.coseno_cenital],
        "uvindex": [round(u) for u in s.indice_uv],
        "relativehumidity": [round(h) for h in s.humedad],
        "sealevelpressure": [round(p, 2) for p in s.presion_mar_hpa],
        "winddirection": [round(d) % 360 for d in s.direccion],
    }


def _basico_diario(s: Serie, temperatura: str, viento: str) -> Columnas:
    factor = VIENTO.get(viento, 1.0)
    grados = [_grados(t, temperatura) for t in s.temperatura_c]
    fuerzas = [v * factor for v in s.viento_ms]
    return {
        **_tres("temperature", grados, 2),
        **_tres("windspeed", fuerzas, 2),
        **_tres("sealevelpressure", s.presion_mar_hpa, 0),
        **_tres("relativehumidity", s.humedad, 0),
        "temperature_instant": [round(t, 2) for t in grados[::24]],
        "precipitation": _por_dia(s.lluvia_mm_h, sum, 2),
        "precipitation_hours": _por_dia(s.lluvia_mm_h, lambda dia: float(sum(r > 0 for r in dia)), 1),
        "precipitation_probability": [min(100, round(20 + 30 * x)) for x in _por_dia(s.lluvia_mm_h, max, 1)],
        "pictocode": [PICTOCODIGOS[round(c)][0] for c in _por_dia(s.codigo_wmo, _tipico, 0)],
        "uvindex": _por_dia(s.indice_uv, max, 0),
        "winddirection": [round(d / 45) * 45 % 360 for d in s.direccion[14::24]],
        "snowfraction": [float(t <= 0.5) for t in _por_dia(s.temperatura_c, max, 2)],
        "predictability": [60] * (len(s.horas) // 24),
    }


def _nubes_horario(s: Serie, _temperatura: str, _viento: str) -> Columnas:
    return {
        "totalcloudcover": [round(n) for n in s.nubes],
        "lowclouds": [round(n * 0.6) for n in s.nubes],
        "midclouds": [round(n * 0.5) for n in s.nubes],
        "highclouds": [round(n * 0.3) for n in s.nubes],
        "visibility": [round(v) for v in s.visibilidad_m],
        "fog_probability": [80 if c == 45 else 5 for c in s.codigo_wmo],
        "sunshinetime": [
            round(60 * (1 - n / 100)) if c > 0 else 0 for n, c in zip(s.nubes, s.coseno_cenital, strict=True)
        ],
    }


def _nubes_diario(s: Serie, _temperatura: str, _viento: str) -> Columnas:
    return {
        **_tres("totalcloudcover", s.nubes, 0),
        **_tres("visibility", s.visibilidad_m, 0),
        "fog_probability": [80 if 45 in s.codigo_wmo[i : i + 24] else 5 for i in range(0, len(s.horas), 24)],
    }


def _aire_horario(s: Serie, _temperatura: str, _viento: str) -> Columnas:
    return {
        "airqualityindex": list(s.us_aqi),
        "pm25": [round(pm, 2) for pm in s.pm25],
        "pm10": [round(1.7 * pm, 2) for pm in s.pm25],
    }


def _aire_diario(s: Serie, _temperatura: str, _viento: str) -> Columnas:
    return {**_tres("airqualityindex", s.us_aqi, 0), **_tres("pm25", s.pm25, 2)}


def _tres(nombre: str, valores: list[Any], decimales: int) -> Columnas:
    resumenes: dict[str, Resumen] = {"max": max, "min": min, "mean": lambda dia: sum(dia) / len(dia)}
    return {f"{nombre}_{resumen}": _por_dia(valores, hacer, decimales) for resumen, hacer in resumenes.items()}


def _por_dia(valores: list[Any], resumir: Resumen, decimales: int) -> list[Any]:
    dias = [round(resumir(valores[i : i + 24]), decimales) for i in range(0, len(valores), 24)]
    return dias if decimales else [int(dia) for dia in dias]


def _tipico(codigos: list[int]) -> float:
    """The worst of the day if it rains at least three hours, else the most common one."""
    mojados = [c for c in codigos if c >= 51]
    return max(mojados) if len(mojados) >= 3 else max(sorted(set(codigos)), key=codigos.count)


def _probabilidad(lluvia_mm_h: float, nubes: float) -> int:
    return min(100, round(55 + 10 * lluvia_mm_h)) if lluvia_mm_h else round(nubes * 0.3)


def _grados(celsius: float, unidad: str) -> float:
    return celsius * 1.8 + 32 if unidad == "F" else celsius


COLUMNAS: dict[str, tuple[Callable[[Serie, str, str], Columnas], Callable[[Serie, str, str], Columnas]]] = {
    "basic": (_basico_horario, _basico_diario),
    "clouds": (_nubes_horario, _nubes_diario),
    "airquality": (_aire_horario, _aire_diario),
}
