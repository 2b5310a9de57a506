"""Published scales: the US AQI of PM2.5, the hours of sun, the WMO weather code."""

from itertools import pairwise
from math import asin, cos, degrees, pi, radians, sin

# EPA 2024 breakpoints: PM2.5 in µg/m³ and the US AQI reached there, linear in between
PM25_A_AQI = ((0.0, 0), (9.0, 50), (35.4, 100), (55.4, 150), (125.4, 200), (225.4, 300), (325.4, 500))


def aqi_de_pm25(pm25: float) -> int:
    for (bajo, desde), (alto, hasta) in pairwise(PM25_A_AQI):
        if pm25 <= alto:
            return round(desde + (hasta - desde) * (pm25 - bajo) / (alto - bajo))
    return 500


def horas_de_sol(latitud: float, hora_media: float) -> float:
    """Hours between sunrise and sunset on the day around that hour; 0 or 24 inside the polar circles."""
    seno = sin(radians(23.44)) * sin(2 * pi * (hora_media / 8766 - 0.22))
    arco = -sin(radians(latitud)) / max(1e-9, cos(radians(latitud))) * seno / (1 - seno * seno) ** 0.5
    return 12 - degrees(asin(min(1.0, max(-1.0, arco)))) / 7.5


def codigo_wmo(lluvia_mm_h: float, nubes: float, temperatura_c: float, niebla: bool) -> int:
    """WMO 4677 subset, as Open-Meteo uses it."""
    if lluvia_mm_h > 0:
        grados = 0 if lluvia_mm_h < 2.5 else 1 if lluvia_mm_h < 7.6 else 2
        if temperatura_c <= 0.5:
            return (71, 73, 75)[grados]
        return 51 if lluvia_mm_h < 0.5 else 95 if lluvia_mm_h >= 10 else (61, 63, 65)[grados]
    if niebla:
        return 45
    return 0 if nubes < 15 else 1 if nubes < 40 else 2 if nubes < 80 else 3
