#!/bin/bash
# Restores a backup made by backup.sh: checked whole before anything is touched, into an empty database unless told
# otherwise by its name. --help says the rest.
set -euo pipefail
umask 077
export LC_ALL=C
# shellcheck source=deploy/conexion_mysql.sh
. "$(dirname "$(readlink -f "$0")")/conexion_mysql.sh"

ayuda() {
    cat <<'FIN'
Uso: restore.sh [opciones] RESPALDO

Restaura un respaldo de backup.sh (…sql.zst o …sql.zst.age, con su .sha256 al lado). Antes de tocar nada lo lee entero:
su suma, su cifrado, su compresión y su última línea. Si la base no existe, la crea; si no está vacía, se niega.

  --entorno FICHERO       de donde leer DATABASE_URL o DB_*, y RESPALDO_*
  --opciones FICHERO      conexión: fichero de opciones de MySQL ([client] host, user, password), modo 0600
  --base NOMBRE           base de datos (por defecto la de DATABASE_URL, DB_NAME o climaguru)
  --identidad FICHERO     clave privada de age, modo 0600, para un respaldo cifrado (RESPALDO_IDENTIDAD)
  --reemplazar NOMBRE     borra antes todo lo que haya en la base NOMBRE; debe ser la misma que se restaura
  --dry-run               comprueba el respaldo y la conexión, dice qué haría, y no toca nada
  -h, --help              esta ayuda

Antes: pare la API, los trabajadores y beat (systemctl stop climaguru.target). El usuario de la base necesita todos los
permisos sobre ella (el de las migraciones los tiene). Las vistas quedan a nombre de quien restaura.
Después: ponga la ENCRYPTION_KEY con la que se hizo el respaldo (no está en él: se guarda aparte, como dice
«backup.sh --help»); si ya se rotó, «ENCRYPTION_KEY=nueva,antigua» y «climaguru rotar-clave». Luego «climaguru db
upgrade», y arranque. Redis puede vaciarse. Las sesiones cerradas y las contraseñas cambiadas después del respaldo
vuelven a ser las de entonces: con una JWT_SECRET_KEY nueva todos entran de nuevo.

Termina con 0 si quedó bien; 2 uso; 3 ajustes, programas o clave privada; 5 falló la carga (repítala con --reemplazar);
6 el respaldo está dañado o no es uno; 7 la base no está vacía.
FIN
}

leer_orden() {
    local nombre
    ensayo=no reemplazar="" respaldo=""
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) ayuda && exit 0 ;;
            --dry-run) ensayo=si ;;
            --entorno | --opciones | --base | --identidad | --reemplazar)
                [ -n "${2:-}" ] || falta_valor "$1"
                nombre=${1#--}
                printf -v "RESPALDO_${nombre^^}" %s "$2"
                [ "$1" != --reemplazar ] || reemplazar=$2 # never from the environment
                shift
                ;;
            -*) morir "$USO" "no se entiende «$1». Vea --help." ;;
            *) [ -z "$respaldo" ] || morir "$USO" "sólo se restaura un respaldo. Vea --help." && respaldo=$1 ;;
        esac
        shift
    done
    [ -n "$respaldo" ] || morir "$USO" "falta el respaldo. Vea --help."
    [ -z "${RESPALDO_ENTORNO:-}" ] || leer_entorno "$RESPALDO_ENTORNO"
    identidad=${RESPALDO_IDENTIDAD:-}
}

volcado() { # the dump in the clear, on standard output
    case $respaldo in
        *.age) age -d -i "$identidad" "$respaldo" | zstd -qdc ;;
        *) zstd -qdc "$respaldo" ;;
    esac
}

comprobar_respaldo() {
    local esperada
    [ -r "$respaldo" ] || morir "$USO" "no se puede leer $respaldo."
    [ -r "$respaldo.sha256" ] || morir "$NO_VERIFICA" "falta $respaldo.sha256, que dice si está entero."
    read -r esperada _ <"$respaldo.sha256" || true
    [ "$esperada" = "$(sha256sum <"$respaldo" | cut -d ' ' -f 1)" ] ||
        morir "$NO_VERIFICA" "$respaldo está dañado: no es lo que dice su suma."
    if [[ $respaldo == *.age ]]; then comprobar_identidad; fi
    # one pass: its first line, its last, and what there is between them
    volcado | sed -n -e '1,3{/^-- \(MariaDB\|MySQL\) dump/p}' -e '/^CREATE TABLE /p' -e '/^-- Dump completed/p' \
        >"$trabajo/indice" || morir "$NO_VERIFICA" "$respaldo no se puede descifrar o descomprimir entero."
    tablas=$(grep -c '^CREATE TABLE ' "$trabajo/indice" || true)
    { head -n 1 "$trabajo/indice" | grep -q ' dump' && tail -n 1 "$trabajo/indice" | grep -q '^-- Dump completed' &&
        grep -q '^CREATE TABLE .alembic_version' "$trabajo/indice"; } ||
        morir "$NO_VERIFICA" "$respaldo no es un volcado completo de ClimaGuru."
    decir "El respaldo está entero: $tablas tablas."
}

comprobar_identidad() {
    necesitar age
    [ -n "$identidad" ] || morir "$CONFIGURACION" "el respaldo está cifrado: diga la clave privada con --identidad."
    [ -r "$identidad" ] || morir "$CONFIGURACION" "no se puede leer $identidad."
    [ $((0$(stat -Lc %a "$identidad") & 077)) -eq 0 ] ||
        morir "$CONFIGURACION" "$identidad es una clave privada y otros la pueden leer: chmod 0600 $identidad."
    age -d -i "$identidad" "$respaldo" 2>&1 >/dev/null | head -n 1 >"$trabajo/age" || true
    ! grep -q "no identity matched" "$trabajo/age" ||
        morir "$CONFIGURACION" "la clave privada de $identidad no abre este respaldo."
}

sql() { "$cliente" --defaults-file="$opciones" --batch --skip-column-names "$@"; }

contar() { # what there is in the database
    sql -e "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '$base'"
}

comprobar_base() {
    existe=$(sql -e "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '$base'") ||
        morir "$CONFIGURACION" "no se puede abrir el servidor de la base de datos."
    hay=$(contar)
    if [ -n "$reemplazar" ] && [ "$reemplazar" != "$base" ]; then
        morir "$USO" "--reemplazar dice «$reemplazar», pero se restaura «$base»."
    fi
    if [ "$hay" -gt 0 ] && [ -z "$reemplazar" ]; then
        morir "$NO_VACIA" "la base «$base» no está vacía ($hay tablas y vistas). No se ha tocado nada; si de verdad debe" \
            "reemplazarse, añada --reemplazar $base."
    fi
}

vaciar() {
    if [ "$existe" -gt 0 ] && [ "$hay" -gt 0 ]; then sql -e "DROP DATABASE \`$base\`" && existe=0; fi
    [ "$existe" -gt 0 ] || sql -e "CREATE DATABASE \`$base\` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
}

# Views and triggers lose who defined them, whom another server need not have; MariaDB's «sandbox mode» line is one that
# clients of MySQL refuse. Data never begins a line with /*!: mysqldump writes line breaks as \n.
# shellcheck disable=SC2016
portable() {
    sed -e '/^\/\*!500[0-9][0-9] /s/DEFINER=`[^`]*`@`[^`]*` *//' -e '1{/enable the sandbox mode/d}'
}

cargar() {
    volcado | portable | sql --max-allowed-packet=1G "$base" ||
        morir "$FALLO" "la carga falló y «$base» quedó a medias: corrija la causa y repita con --reemplazar $base."
    local restauradas
    restauradas=$(sql -e "SELECT COUNT(*) FROM information_schema.tables
        WHERE table_schema = '$base' AND table_type = 'BASE TABLE'")
    [ "$restauradas" -eq "$tablas" ] || morir "$FALLO" "se esperaban $tablas tablas y hay $restauradas."
}

resumir() {
    local tabla
    decir "Restaurada «$base»: $tablas tablas y $(($(contar) - tablas)) vistas. Filas:"
    while IFS= read -r tabla; do
        decir "  $tabla: $(sql "$base" -e "SELECT COUNT(*) FROM \`$tabla\`")"
    done < <(sql -e "SELECT table_name FROM information_schema.tables
        WHERE table_schema = '$base' AND table_type = 'BASE TABLE' ORDER BY 1")
    decir "Esquema en la revisión $(sql "$base" -e 'SELECT version_num FROM alembic_version')." \
        "Falta poner la ENCRYPTION_KEY de entonces y ejecutar «climaguru db upgrade»."
}

leer_orden "$@"
carpeta_privada
necesitar zstd sha256sum
cliente=$(primero mariadb mysql)
comprobar_respaldo
preparar_conexion
comprobar_base
if [ $ensayo = si ]; then
    decir "Restauraría $respaldo en «$base»$([ -z "$reemplazar" ] || echo ", borrando antes lo que hay en ella ($hay)")."
    exit 0
fi
vaciar
cargar
resumir
