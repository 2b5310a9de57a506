"""When a cron expression is due: time zones, hours that do not exist, hours that come twice, arrears."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import cron

ENERO = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
MADRID, BOGOTA = "Europe/Madrid", "America/Bogota"


def seguidas(expresion: str, zona: str, despues: datetime, cuantas: int) -> list[str]:
    """The next due times, in UTC."""
    vistas = []
    for _ in range(cuantas):
        despues = cron.siguiente(expresion, zona, despues)
        vistas.append(f"{despues:%d %H:%M}")
    return vistas


def utc(dia: int, hora: int, minuto: int = 0, *, mes: int) -> datetime:
    return datetime(2026, mes, dia, hora, minuto, tzinfo=UTC)


def test_las_dos_de_la_madrugada_son_las_de_la_zona() -> None:
    assert seguidas("0 2 * * *", BOGOTA, ENERO, 2) == ["11 07:00", "12 07:00"]
    assert seguidas("0 2 * * *", MADRID, ENERO, 2) == ["11 01:00", "12 01:00"]


def test_la_hora_que_no_existe_se_hace_una_vez_al_adelantar_el_reloj() -> None:
    """On 29 March 2026 clocks in Madrid go from 02:00 to 03:00, which is 01:00 UTC."""
    assert seguidas("30 2 * * *", MADRID, utc(28, 12, mes=3), 2) == ["29 01:00", "30 00:30"]


def test_la_hora_que_se_repite_se_hace_una_vez() -> None:
    """On 25 October 2026 clocks in Madrid go from 03:00 back to 02:00; 02:30 is 00:30 UTC, and 01:30 again."""
    assert seguidas("30 2 * * *", MADRID, utc(24, 12, mes=10), 2) == ["25 00:30", "26 01:30"]


def test_entre_las_dos_horas_iguales_no_se_repite_lo_hecho_en_la_primera() -> None:
    assert seguidas("30 2 * * *", MADRID, utc(25, 1, 10, mes=10), 1) == ["26 01:30"]
    assert seguidas("45 2 * * *", MADRID, utc(25, 1, 30, mes=10), 1) == ["26 01:45"]


def test_cada_media_hora_sigue_el_tiempo_real_en_el_cambio_de_hora() -> None:
    assert seguidas("*/30 * * * *", MADRID, utc(25, 0, mes=10), 4) == ["25 00:30", "25 01:00", "25 01:30", "25 02:00"]


def test_el_29_de_febrero_se_encuentra_aunque_falten_anos() -> None:
    assert cron.siguiente("0 0 29 2 *", "UTC", ENERO) == datetime(2028, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    "expresion",
    [
        "",
        "* * * *",
        "* * * * * *",
        "@daily",
        "60 * * * *",
        "0 24 * * *",
        "0 0 30 2 *",
        "*/0 * * * *",
        "a b c d e",
        "-1 * * * *",
    ],
)
def test_lo_que_cron_no_entiende_o_nunca_llega_se_rechaza(expresion: str) -> None:
    with pytest.raises(cron.CronInvalido):
        cron.validar(expresion)


@pytest.mark.parametrize(
    ("expresion", "motivo"),
    [
        ("* * * *", cron.CINCO_CAMPOS),
        ("61 * * * *", "El minuto «61» no se entiende: va de 0 a 59."),
        ("0 24 * * *", "La hora «24» no se entiende: va de 0 a 23."),
        ("0 0 0-5 * *", "El día del mes «0-5» no se entiende: va de 1 a 31, o L, el último."),
        ("0 0 * ENE *", "El mes «ENE» no se entiende: va de 1 a 12, o de JAN a DEC."),
        (
            "0 0 * * 1#9",
            "El día de la semana «1#9» no se entiende: va de 0 (domingo) a 7 (domingo también), o de SUN a SAT.",
        ),
        ("61 25 * * *", "El minuto «61» no se entiende: va de 0 a 59."),
        ("0 0 30 2 *", cron.NUNCA),
        ("0 0 31 2,4,6,9,11 *", cron.NUNCA),
    ],
)
def test_de_lo_que_se_rechaza_se_dice_que_parte_y_por_que(expresion: str, motivo: str) -> None:
    with pytest.raises(cron.CronInvalido) as e:
        cron.validar(expresion)
    assert str(e.value) == motivo


@pytest.mark.parametrize(
    "expresion", ["0 0 29 2 *", "0 0 30 2 1", "0 0 L 2 *", "0 0 LW * *", "0 0 * * 7", "0 0 31 * *"]
)
def test_lo_raro_que_algun_dia_llega_se_acepta(expresion: str) -> None:
    cron.validar(expresion)


def test_de_lo_vencido_cuenta_la_ultima_y_cuantas_van_antes() -> None:
    primera = utc(1, 7, mes=5)
    assert cron.vencidas("0 2 * * *", BOGOTA, primera, primera) == (primera, 0)
    assert cron.vencidas("0 2 * * *", BOGOTA, primera, utc(4, 6, 59, mes=5)) == (utc(3, 7, mes=5), 2)


@given(
    zona=st.sampled_from([BOGOTA, MADRID, "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
    minuto=st.integers(0, 59),
    hora=st.integers(0, 23),
    desde=st.integers(1_577_836_800, 1_893_456_000).map(lambda x: datetime.fromtimestamp(x, UTC)),
)
def test_cada_dia_a_una_hora_es_una_vez_al_dia_y_siempre_despues(
    zona: str, minuto: int, hora: int, desde: datetime
) -> None:
    anterior, dias = desde, []
    for _ in range(5):
        siguiente = cron.siguiente(f"{minuto} {hora} * * *", zona, anterior)
        assert siguiente > anterior
        dias.append(siguiente.astimezone(ZoneInfo(zona)).date())
        anterior = siguiente
    assert dias == [dias[0] + timedelta(n) for n in range(5)]


@pytest.mark.parametrize(
    ("expresion", "segundos"),
    [
        ("* * * * *", 60),
        ("*/15 * * * *", 900),
        ("*/20 3 * * *", 1200),
        ("0,14 3 * * 1", 840),
        ("55,5 0,23 * * *", 600),  # over midnight
        ("0 2 * * *", 86_400),
        ("0 2 29 2 *", 4 * 365 * 86_400 + 86_400),
        ("59 23 31 12 *", 365 * 86_400),
    ],
)
def test_el_intervalo_es_el_menor_entre_dos_seguidas(expresion: str, segundos: float) -> None:
    assert cron.intervalo_s(expresion) == segundos
