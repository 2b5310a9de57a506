"""How each provider says no, in its own words, status by status.

Sure: Open-Meteo, OpenWeather, and the Socrata codes. Not published, and so made up in the documented shape:
the texts of Meteoblue and Meteosource, the empty 429 of Socrata, and everything of SIATA (plain pages).
"""

import json
from collections.abc import Callable
from http import HTTPStatus

from flask import Response

PROVEEDORES = ("openweather", "openmeteo", "meteoblue", "meteosource", "ideam", "siata")
JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


def como_json(cuerpo: object, estado: int = 200) -> Response:
    texto = json.dumps(cuerpo, ensure_ascii=False, separators=(",", ":"))
    return Response(texto.encode(), status=estado, content_type=JSON)


def error(proveedor: str, estado: int, texto: str | None = None) -> Response:
    """That provider's error answer; texto replaces its usual message for that status."""
    return _ERRORES[proveedor](estado, texto)


def cuota(proveedor: str) -> Response:
    return error(proveedor, 429)


def pagina(estado: int = 200, titulo: str = "Sitio en mantenimiento") -> Response:
    html = f"<html>\n<head><title>{titulo}</title></head>\n<body><h1>{titulo}</h1></body>\n</html>\n"
    return Response(html.encode(), status=estado, content_type=HTML)


def _openmeteo(estado: int, texto: str | None) -> Response:
    textos = {
        400: "Parameter 'latitude' and 'longitude' must have the same number of elements",
        401: "The supplied API key is invalid.",
        403: "The supplied API key is not allowed to use this API.",
        404: "Not Found",
        429: "Minutely API request limit exceeded. Please try again in one minute.",
        503: "The service is overloaded",
    }
    return como_json({"error": True, "reason": texto or textos.get(estado, _frase(estado))}, estado)


def _openweather(estado: int, texto: str | None) -> Response:
    """`cod` is a number for 401 and 429, a string otherwise, as recorded."""
    textos = {
        400: "Nothing to geocode",
        401: "Invalid API key. Please see https://openweathermap.org/faq#error401 for more info.",
        404: "city not found",
        429: "Your account is temporary blocked due to exceeding of requests limitation of your "
        "subscription type. Please choose the proper subscription https://openweathermap.org/price",
    }
    cod: int | str = estado if estado in (401, 429) else str(estado)
    return como_json({"cod": cod, "message": texto or textos.get(estado, _frase(estado))}, estado)


def _meteoblue(estado: int, texto: str | None) -> Response:
    textos = {
        403: "Invalid API key",
        422: "Invalid parameters",
        429: "Daily API request limit exceeded",
    }
    return como_json({"error": True, "error_message": texto or textos.get(estado, _frase(estado))}, estado)


def _meteosource(estado: int, texto: str | None) -> Response:
    textos = {
        401: "Invalid API key",
        402: "Your subscription has expired",
        403: "You don't have access to this endpoint with your current plan",
        429: "Daily limit of API calls exceeded",
    }
    return como_json({"detail": texto or textos.get(estado, _frase(estado))}, estado)


def _ideam(estado: int, texto: str | None) -> Response:
    codigos = {
        202: ("request.processing", "Request is being processed. Please try again."),
        400: ("query.compiler.malformed", "Could not parse SoQL query"),
        403: ("permission_denied", "Invalid app_token specified"),
        404: ("dataset.missing", "Not found"),
    }
    if estado == 429 and texto is None:
        return Response(b"", status=429, content_type=JSON)
    codigo, mensaje = codigos.get(estado, ("internal-error", _frase(estado)))
    return como_json({"code": codigo, "error": True, "message": texto or mensaje}, estado)


def _siata(estado: int, texto: str | None) -> Response:
    return pagina(estado, texto or f"{estado} {_frase(estado)}")


def _frase(estado: int) -> str:
    try:
        return HTTPStatus(estado).phrase
    except ValueError:
        return "Unknown error"


_ERRORES: dict[str, Callable[[int, str | None], Response]] = {
    "openweather": _openweather,
    "openmeteo": _openmeteo,
    "meteoblue": _meteoblue,
    "meteosource": _meteosource,
    "ideam": _ideam,
    "siata": _siata,
}
