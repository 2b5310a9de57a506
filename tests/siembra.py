"""Many rows at once, made by MariaDB itself: a year of consultas with their answers, and of what was done."""

from __future__ import annotations

from sqlalchemy import Engine

CIUDADES = """
'Medellín', 'Bogotá', 'Cali', 'Barranquilla', 'Cartagena', 'Cúcuta', 'Bucaramanga', 'Pereira', 'Ibagué',
'Pasto', 'Manizales', 'Neiva', 'Villavicencio', 'Armenia', 'Valledupar', 'Montería', 'Sincelejo', 'Popayán',
'Tunja', 'Riohacha', 'Florencia', 'Quibdó', 'Yopal', 'Mocoa', 'Leticia', 'Arauca', 'Inírida', 'Mitú',
'Envigado', 'Itagüí', 'Bello', 'Soacha', 'Palmira', 'Buenaventura', 'Tuluá', 'Girardot', 'Rionegro', 'Duitama',
'Sogamoso', 'Zipaquirá'
"""
USADAS = "'openmeteo', 'openmeteo,openweather', 'ideam,openmeteo', 'ideam,openmeteo,siata', 'openweather'"
DIAS = 365
LOTE = 50_000  # rows in one statement

_USUARIOS = """
INSERT INTO usuarios (id, username, email, password_hash, rol, creado_en, actualizado_en)
SELECT seq, CONCAT('u', seq), CONCAT('u', seq, '@ejemplo.co'), 'x', IF(seq = 1, 'admin', 'operario'),
  UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)
FROM seq_1_to_{usuarios}
"""
# Evenly over DIAS days that end now. One in ten is historico, one in thirteen failed; the last twenty wait.
_CONSULTAS = """
INSERT INTO consultas (id, usuario_id, tipo_consulta, ciudad, parametros_solicitados, estado, tiempo_respuesta_ms,
  creada_en, completada_en, disponible_en, fuentes_usadas, fuentes_fallidas, progreso)
SELECT seq, 1 + CRC32(seq) MOD {usuarios}, IF(seq MOD 10 = 0, 'historico', 'tiempo_real'),
  ELT(1 + CRC32(seq * 3) MOD 40, {ciudades}), '["temperatura"]',
  IF(seq > {n} - 20, 'pendiente', IF(seq MOD 13 = 0, 'error', 'completada')),
  IF(seq > {n} - 20, NULL, FLOOR(EXP(5 + 3 * RAND(seq) + 2 * RAND(seq + 7)))),
  @ahora - INTERVAL (({n} - seq) * {dias} * 86400 / {n}) SECOND,
  IF(seq > {n} - 20, NULL, @ahora - INTERVAL (({n} - seq) * {dias} * 86400 / {n} - 5) SECOND), @ahora,
  IF(seq > {n} - 20 OR seq MOD 13 = 0, NULL, ELT(1 + CRC32(seq * 5) MOD 5, {usadas})),
  IF(seq MOD 13 = 0, 'openmeteo,openweather', ELT(1 + CRC32(seq * 9) MOD 8, 'ideam', 'siata')), 100
FROM seq_{a}_to_{b}
"""
_DATOS = """
INSERT INTO datos_clima (consulta_id, temperatura_promedio, presion_atmosferica, humedad_relativa, velocidad_viento,
  fuentes_utilizadas, datos_completos, guardado_en)
SELECT id, CRC32(id) MOD 3000 / 100, 1000 + CRC32(id * 2) MOD 2000 / 100, CRC32(id * 3) MOD 101,
  CRC32(id * 4) MOD 3000 / 100, '["openmeteo"]', JSON_OBJECT('fuentes', JSON_ARRAY(REPEAT('x', 1000))), creada_en
FROM consultas WHERE estado = 'completada' AND id BETWEEN {a} AND {b}
"""
_ACTIVIDAD = """
INSERT INTO logs_actividad (usuario_id, accion, detalle, ip_address, user_agent, creado_en)
SELECT usuario_id, IF(id MOD 20 = 0, 'login', 'crear_consulta'), JSON_OBJECT('consulta_id', id),
  CONCAT('10.0.', id MOD 4, '.', id MOD 200), 'siembra', creada_en
FROM consultas WHERE id BETWEEN {a} AND {b}
"""


def sembrar(motor: Engine, n: int, usuarios: int) -> None:
    """`n` consultas of `usuarios` users, u1 being admin; 1 KB of datos_completos each."""
    valores = {"n": n, "usuarios": usuarios, "dias": DIAS, "ciudades": CIUDADES, "usadas": USADAS}
    with motor.connect().execution_options(isolation_level="AUTOCOMMIT") as conexion:
        conexion.detach()  # nobody else gets it with its checks off
        conexion.exec_driver_sql("SET @ahora = UTC_TIMESTAMP(6), unique_checks = 0, foreign_key_checks = 0")
        conexion.exec_driver_sql(_USUARIOS.format(**valores))
        for a in range(1, n + 1, LOTE):
            for orden in (_CONSULTAS, _DATOS, _ACTIVIDAD):
                conexion.exec_driver_sql(orden.format(a=a, b=min(n, a + LOTE - 1), **valores))
        conexion.exec_driver_sql("ANALYZE TABLE usuarios, consultas, datos_clima, logs_actividad")
