#!/bin/bash
# A consistent backup of ClimaGuru's database: dumped in one transaction, compressed (zstd), encrypted if told (age),
# checked, and the old ones rotated. --help says the rest.
# age, because the machine that makes the backups needs only the public half: whoever takes it over can read none.
set -euo pipefail
umask 077
export LC_ALL=C
# shellcheck source=deploy/conexion_mysql.sh
. "$(dirname "$(readlink -f "$0")")/conexion_mysql.sh"

ayuda() {
    cat <<'FIN'
Uso: backup.sh [opciones]

Hace un respaldo de la base de datos mientras todo sigue en marcha: una sola transacción (con vistas y disparadores),
comprimido con zstd, cifrado con age si se le da una clave pública, y comprobado antes de darle su nombre. Después
borra los que sobran: conserva el último de cada uno de los N días, y de las N semanas (UTC), más recientes con alguno.

  --entorno FICHERO        de donde leer DATABASE_URL o DB_*, y RESPALDO_* (por ejemplo /etc/climaguru/climaguru.env)
  --opciones FICHERO       conexión: fichero de opciones de MySQL ([client] host, user, password), modo 0600
  --base NOMBRE            base de datos (por defecto la de DATABASE_URL, DB_NAME o climaguru)
  --destino CARPETA        dónde dejarlo (RESPALDO_DESTINO; por defecto /var/backups/climaguru)
  --destinatarios FICHERO  claves públicas de age, una por línea: el respaldo va cifrado (RESPALDO_DESTINATARIOS)
  --diarios N              RESPALDO_DIARIOS; por defecto 7, al menos 1
  --semanales N            RESPALDO_SEMANALES; por defecto 4
  --metrica FICHERO.prom   escribe en él cuándo terminó y cuánto ocupa, para Prometheus: la carpeta que lee el
                           textfile de node_exporter (RESPALDO_METRICA)
  --solo-rotar             no hace ninguno; sólo borra los que sobran
  --dry-run                dice qué haría; comprueba programas, ajustes y conexión, y no escribe ni borra nada
  -h, --help               esta ayuda

La clave de la base de datos nunca va en una orden: sale del entorno, de --entorno o de --opciones.
El usuario de la base necesita SELECT, SHOW VIEW y TRIGGER sobre ella. No migre el esquema mientras respalda.

LO QUE EL RESPALDO NO LLEVA. Los secretos no están en la base: ENCRYPTION_KEY (sin ella no se lee ninguna clave de
proveedor restaurada), JWT_SECRET_KEY, SECRET_KEY, las claves de los proveedores y la clave privada de age. Guarde
/etc/climaguru/climaguru.env y la clave privada aparte, cifrados y en otro sitio que los respaldos (un gestor de
secretos, o papel en una caja fuerte), y una copia por cada ENCRYPTION_KEY mientras exista un respaldo hecho con ella.

  age-keygen -o respaldo.key      en otra máquina: guárdela aparte; su línea «public key» es el destinatario

Termina con 0 si quedó bien; 2 uso; 3 ajustes o programas; 4 ya hay otro en marcha; 5 falló el volcado;
6 lo escrito no se pudo comprobar (no se conserva). El nombre del respaldo es la última línea que escribe.
FIN
}

leer_orden() {
    local nombre
    ensayo=no solo_rotar=no
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) ayuda && exit 0 ;;
            --dry-run) ensayo=si ;;
            --solo-rotar) solo_rotar=si ;;
            --entorno | --opciones | --base | --destino | --destinatarios | --diarios | --semanales | --metrica)
                [ -n "${2:-}" ] || falta_valor "$1"
                nombre=${1#--}
                printf -v "RESPALDO_${nombre^^}" %s "$2"
                shift
                ;;
            *) morir "$USO" "no se entiende «$1». Vea --help." ;;
        esac
        shift
    done
    [ -z "${RESPALDO_ENTORNO:-}" ] || leer_entorno "$RESPALDO_ENTORNO"
    destino=${RESPALDO_DESTINO:-/var/backups/climaguru}
    destinatarios=${RESPALDO_DESTINATARIOS:-}
    metrica=${RESPALDO_METRICA:-}
    diarios=${RESPALDO_DIARIOS:-7} semanales=${RESPALDO_SEMANALES:-4}
    [[ $diarios =~ ^[1-9][0-9]{0,3}$ ]] || morir "$USO" "--diarios debe ser un número de 1 en adelante."
    [[ $semanales =~ ^(0|[1-9][0-9]{0,3})$ ]] || morir "$USO" "--semanales debe ser un número, 0 o mayor."
}

opciones_del_volcado() { # one a line; what MySQL's own mysqldump has and MariaDB's has not comes last
    printf '%s\n' --single-transaction --quick --triggers --skip-lock-tables --no-tablespaces --hex-blob --comments \
        --dump-date --default-character-set=utf8mb4 --max-allowed-packet=1G
    es_de_mariadb "$volcador" || printf '%s\n' --set-gtid-purged=OFF --column-statistics=0
}

cifrar() { if [ -n "$destinatarios" ]; then age -R "$destinatarios"; else cat; fi; }

# What was compressed can be expanded, and is a dump to its last line.
comprobar_volcado() {
    [[ $(zstd -qdc | tail -c 200 | tail -n 1) == "-- Dump completed"* ]]
}

respaldar() {
    local nombre verificador ajustes
    nombre=$base-$(date -u +%Y%m%dT%H%M%SZ).sql.zst${destinatarios:+.age}
    [ ! -e "$destino/$nombre" ] || morir "$FALLO" "$destino/$nombre ya existe."
    provisional=$destino/.en-curso-$nombre
    mkfifo "$trabajo/copia"
    mapfile -t ajustes < <(opciones_del_volcado)
    comprobar_volcado <"$trabajo/copia" &
    verificador=$!
    "$volcador" --defaults-file="$opciones" "${ajustes[@]}" "$base" | zstd -qc -3 -T0 --check |
        tee "$trabajo/copia" | cifrar | tee "$provisional" | sha256sum >"$trabajo/suma" ||
        morir "$FALLO" "el volcado de «$base» falló; no queda ningún respaldo a medias."
    sync "$provisional"
    if ! wait "$verificador" || [ "$(sha256sum <"$provisional")" != "$(<"$trabajo/suma")" ]; then
        morir "$NO_VERIFICA" "lo escrito no se pudo comprobar; no se conserva."
    fi
    printf '%s  %s\n' "$(cut -d ' ' -f 1 "$trabajo/suma")" "$nombre" >"$provisional.sha256"
    mv "$provisional.sha256" "$destino/$nombre.sha256"
    mv "$provisional" "$destino/$nombre"
    sync "$destino"
    hecho=$destino/$nombre
}

medir() { # for others to read, and whole or not at all
    [ -n "$metrica" ] || return 0
    printf '# TYPE %s gauge\n%s %s\n' climaguru_respaldo_terminado_seconds climaguru_respaldo_terminado_seconds \
        "$(date +%s)" climaguru_respaldo_bytes climaguru_respaldo_bytes "$(stat -c %s "$hecho")" >"$metrica.nuevo"
    chmod 0644 "$metrica.nuevo"
    mv "$metrica.nuevo" "$metrica"
}

# The backups of this database that rotation does not keep, newest first.
sobrantes() {
    local -A dias=() semanas=()
    local f fecha dia semana
    while IFS= read -r f; do
        [[ $f =~ ^"$base"-([0-9]{8})T[0-9]{6}Z\.sql\.zst(\.age)?$ ]] || continue
        dia=${BASH_REMATCH[1]} fecha=${dia:0:4}-${dia:4:2}-${dia:6}
        semana=$(date -u -d "$fecha" +%GW%V 2>/dev/null) || continue
        local guardar=no
        [ -n "${dias[$dia]:-}" ] || [ ${#dias[@]} -ge "$diarios" ] || { dias[$dia]=1 && guardar=si; }
        [ -n "${semanas[$semana]:-}" ] || [ ${#semanas[@]} -ge "$semanales" ] || { semanas[$semana]=1 && guardar=si; }
        [ $guardar = si ] || [ "$destino/$f" = "${hecho:-}" ] || printf '%s\n' "$f"
    done < <(find "$destino" -maxdepth 1 -type f -printf '%f\n' | sort -r)
}

rotar() {
    local f
    [ -d "$destino" ] || return 0
    while IFS= read -r f; do
        if [ $ensayo = si ]; then
            decir "Borraría $destino/$f"
        else
            rm -f "$destino/$f" "$destino/$f.sha256"
            decir "Borrado $destino/$f"
        fi
    done < <(sobrantes)
}

ensayar() {
    "$cliente" --defaults-file="$opciones" -e "SELECT 1" "$base" >/dev/null ||
        morir "$CONFIGURACION" "no se puede abrir la base «$base»."
    decir "Respaldaría «$base» con $(basename "$volcador") en $destino, $([ -n "$destinatarios" ] && echo cifrado con age ||
        echo sin cifrar). Conservaría $diarios diarios y $semanales semanales."
}

leer_orden "$@"
carpeta_privada
necesitar zstd sha256sum flock
if [ -n "$destinatarios" ]; then
    necesitar age
    [ -r "$destinatarios" ] || morir "$CONFIGURACION" "no se puede leer $destinatarios: sin él no se respalda en claro."
fi
preparar_conexion
volcador=$(primero mariadb-dump mysqldump) cliente=$(primero mariadb mysql)
if [ $ensayo = si ]; then
    [ $solo_rotar = si ] || ensayar
    rotar
    exit 0
fi
mkdir -p "$destino"
exec 9>"$destino/.cerrojo"
flock -n 9 || morir "$OTRO_EN_MARCHA" "ya hay otro respaldo en marcha en $destino."
rm -f "$destino"/.en-curso-*
[ $solo_rotar = si ] || respaldar
rotar
[ $solo_rotar = si ] || medir
[ $solo_rotar = si ] ||
    decir "Respaldo listo y comprobado ($([ -n "$destinatarios" ] && echo cifrado || echo sin cifrar))," \
        "$(stat -c %s "$hecho") bytes:" $'\n'"$hecho"
