#!/bin/sh
# VM 1 (Debian, Ubuntu): install ClimaGuru from this checkout, or upgrade it without losing anything.
set -eu

uso() {
    cat <<'FIN'
Uso: instalar.sh [opciones]

Instala ClimaGuru en esta máquina desde este repositorio, o lo actualiza; repetirlo sin cambios no hace nada.
Primero prepara MySQL en la otra máquina: deploy/mysql/preparar.sh.

  --nombre DOMINIO   server_name de nginx, la primera vez (climaguru.example.co)
  --registro abierto|cerrado
                     si cualquiera puede crear una cuenta, la primera vez (REGISTRO_ABIERTO). Sin esta opción lo
                     pregunta si hay una terminal, y si no la hay queda abierto
  --sin-nginx        no toca nginx
  --dry-run          muestra lo que haría y no cambia nada
  --help             esto

Del entorno, la primera vez: DATABASE_URL y REDIS_URL, que pasan a /etc/climaguru/climaguru.env. Ese fichero nunca se
sobrescribe. Sin REDIS_URL se usa el Redis de esta máquina, con contraseña y permisos (deploy/redis/proteger.sh).
Si existe /etc/climaguru/migraciones.env (modo 0600), su DATABASE_URL se usa solo para migrar. De
/etc/climaguru/retencion.env (modo 0600) los trabajadores leen RETENCION_DATABASE_URL.
PYTHON: con qué intérprete (3.11 o posterior). RAIZ: instala bajo esa carpeta sin tocar el sistema; con ella, SYSTEMCTL
es la orden que gobierna los servicios, y sin SYSTEMCTL no se arrancan; CONSTRUCTOR, el usuario que ejecuta pip, que sin
RAIZ es climaguru-pip: pip nunca corre como root.

Al actualizar: migra (las migraciones admiten el código anterior), recarga la API y reinicia los trabajadores de uno en
uno, cada uno cuando el anterior ya responde. Termina con 3 si falta DATABASE_URL: complétela y repita.
FIN
}

mal() {
    echo "instalar.sh: $1" >&2
    exit 2
}

decir() { echo "· $*"; }

hacer() { # run it, or with --dry-run only say it
    if [ "$simular" = si ]; then echo "  $*"; else "$@"; fi
}

sistema() { # what belongs to the machine and not to the folder of RAIZ
    [ -n "$raiz" ] || hacer "$@"
}

leer_orden() {
    simular=no nginx=si nombre=climaguru.example.co registro=
    while [ $# -gt 0 ]; do
        case "$1" in
            --nombre)
                [ $# -ge 2 ] || mal "--nombre necesita un valor."
                nombre=$2
                shift
                ;;
            --registro)
                registro=${2:-}
                case "$registro" in abierto | cerrado) shift ;; *) mal "--registro es abierto o cerrado." ;; esac
                ;;
            --sin-nginx) nginx=no ;;
            --dry-run) simular=si ;;
            -h | --help) uso && exit 0 ;;
            *) mal "no existe la opción $1; véase --help." ;;
        esac
        shift
    done
    case "$nombre" in *[!a-zA-Z0-9.-]* | '') mal "--nombre es un dominio, como climaguru.example.co." ;; esac
}

elegir_python() {
    for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    mal "hace falta Python 3.11 o posterior (Ubuntu 24.04, Debian 12); o diga cuál con PYTHON=/ruta/python3."
}

paquetes() {
    faltan=
    for paquete in python3-venv redis-server $([ "$nginx" = no ] || echo nginx); do
        dpkg -s "$paquete" >/dev/null 2>&1 || faltan="$faltan $paquete"
    done
    [ -n "$faltan" ] || return 0
    decir "paquetes:$faltan"
    hacer apt-get update -qq
    # shellcheck disable=SC2086  # several words
    hacer env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $faltan
}

usuario() { # NAME HOME
    getent passwd "$1" >/dev/null && return
    decir "usuario $1, sin contraseña ni consola"
    hacer useradd --system --user-group --home-dir "$2" --shell /usr/sbin/nologin "$1"
}

elegir_registro() {
    [ ! -f "$entorno" ] || return 0
    if [ -z "$registro" ] && [ -t 0 ] && [ "$simular" = no ]; then
        printf '¿Puede cualquiera crear una cuenta (registro abierto)? [S/n] '
        read -r respuesta || respuesta=
        case "$respuesta" in [nN]*) registro=cerrado ;; esac
    fi
    registro=${registro:-abierto}
    decir "registro $registro; se cambia con REGISTRO_ABIERTO en $entorno"
}

poner() { # FILE DESTINATION MODE: copied whole or not at all, only if it differs; tells by $cambios
    if [ -f "$2" ] && cmp -s "$1" "$2"; then return 0; fi
    decir "fichero $2"
    hacer install -D -m "$3" "$1" "$2.nuevo"
    hacer mv "$2.nuevo" "$2"
    cambios=si
}

valor_de() { # NAME FILE: what systemd would read
    sed -n "s/^$1=//p" "$2" | tail -n 1
}

proteger() { # FILE: read by root and the services
    sistema chown root:climaguru "$1"
    hacer chmod 0640 "$1"
}

ajustes() { # the environment of the services, made once; secrets pass through pipes, never a command line
    if [ ! -f "$entorno" ]; then
        decir "ajustes en $entorno, con secretos nuevos"
        hacer install -d -m 755 "$etc"
        [ "$simular" = si ] || escribir_ajustes
        proteger "$entorno"
        [ -n "${REDIS_URL:-}" ] || redis_con_clave
    else
        revisar_redis
    fi
    if [ ! -f "$etc/flower.env" ]; then
        decir "clave de Flower en $etc/flower.env"
        [ "$simular" = si ] || (
            umask 077
            "$nueva/bin/python" -c 'import secrets; print("FLOWER_BASIC_AUTH=operador:" + secrets.token_urlsafe(24))' >"$etc/flower.env"
        )
        proteger "$etc/flower.env"
    fi
}

escribir_ajustes() {
    umask 077
    {
        "$nueva/bin/climaguru" generar-secretos
        echo "DATABASE_URL=${DATABASE_URL:-}"
        echo "REDIS_URL=${REDIS_URL:-redis://127.0.0.1:6379/0}"
        echo "REGISTRO_ABIERTO=$([ "$registro" = cerrado ] && echo false || echo true)"
        echo "PROXIES_DE_CONFIANZA=1"
    } | awk -v ejemplo="$repo/deploy/env.example" '
        { puestos[substr($0, 1, index($0, "=") - 1)] = $0 }
        END {
            while ((getline linea < ejemplo) > 0) {
                clave = linea
                sub(/^# /, "", clave)
                sub(/=.*/, "", clave)
                print (clave in puestos) ? puestos[clave] : linea
            }
        }' >"$entorno.nuevo"
    umask 022
    mv "$entorno.nuevo" "$entorno"
}

redis_con_clave() { hacer env RAIZ="$raiz" SYSTEMCTL="$systemctl" sh "$repo/deploy/redis/proteger.sh"; }

revisar_redis() { # its permissions are those of this release; one that has no password yet goes on without
    case "$(valor_de REDIS_URL "$entorno")" in
        redis://climaguru:*@127.0.0.1:*) [ ! -f "$raiz/etc/redis/climaguru.conf" ] || redis_con_clave ;;
        redis://127.0.0.1:* | redis://localhost:*)
            decir "Redis no pide contraseña. Para que la pida: $opt/deploy/redis/proteger.sh && systemctl restart climaguru.target"
            ;;
    esac
}

con_ajustes() { # COMMAND…: as the services run it
    RAIZ="$raiz" MIGRAR="$migrar" sh "$repo/deploy/con-ajustes.sh" "$@"
}

ficheros() {
    cambios=no
    for guion in "$repo"/deploy/*.sh "$repo"/deploy/systemd/worker.sh "$repo"/deploy/redis/proteger.sh; do
        poner "$guion" "$opt/deploy/${guion#"$repo"/deploy/}" 755
    done
    poner "$repo/deploy/redis/climaguru.conf" "$opt/deploy/redis/climaguru.conf" 644
    poner "$repo/README.md" "$opt/README.md" 644
    poner "$repo/deploy/RUNBOOK.md" "$opt/deploy/RUNBOOK.md" 644
    poner "$repo/deploy/climaguru.sh" "$raiz/usr/local/sbin/climaguru" 755
    cambios=no
    for unidad in "$repo"/deploy/systemd/climaguru*; do
        poner "$unidad" "$raiz/etc/systemd/system/${unidad##*/}" 644
    done
    [ "$cambios" = no ] || servicios daemon-reload
}

sitio_nginx() {
    sitio=$raiz/etc/nginx/sites-available/climaguru.conf
    if [ -f "$sitio" ]; then # it has this machine's name and certificates
        cmp -s "$repo/deploy/nginx/climaguru.conf" "$opt/deploy/nginx/climaguru.conf" ||
            decir "deploy/nginx/climaguru.conf cambió: compárelo con $sitio, que queda como está"
        poner "$repo/deploy/nginx/climaguru.conf" "$opt/deploy/nginx/climaguru.conf" 644
        return 0
    fi
    decir "sitio de nginx $sitio para $nombre"
    poner "$repo/deploy/nginx/climaguru.conf" "$opt/deploy/nginx/climaguru.conf" 644
    poner "$repo/deploy/nginx/climaguru.conf" "$sitio" 644
    hacer sed -i "s/climaguru\.example\.co/$nombre/g" "$sitio"
    hacer install -d "$raiz/etc/nginx/sites-enabled"
    hacer ln -sfn ../sites-available/climaguru.conf "$raiz/etc/nginx/sites-enabled/climaguru.conf"
    sistema nginx -t -q
    sistema systemctl reload nginx
}

servicios() { # systemctl's arguments
    [ -z "$systemctl" ] || hacer "$systemctl" "$@"
}

activo() { [ -n "$systemctl" ] && "$systemctl" is-active --quiet "$1"; }

poner_en_marcha() {
    antes=$(readlink "$opt/venv" || true)
    decir "esquema de la base de datos"
    migrar=si
    hacer con_ajustes "$nueva/bin/climaguru" db upgrade
    migrar=
    if [ "$antes" != "$nueva" ]; then
        decir "versión en uso: $nueva"
        hacer touch "$opt/por-rotar" # taken away when all have been: an upgrade that was cut short goes on
        hacer ln -sfn "$nueva" "$opt/venv.nuevo"
        hacer mv -T "$opt/venv.nuevo" "$opt/venv"
    fi
    servicios enable --quiet climaguru.target
    if [ -z "$antes" ] || ! activo climaguru-api.service; then
        servicios start climaguru.target
    elif [ -f "$opt/por-rotar" ] || [ "$antes" != "$nueva" ]; then
        rotar
    fi
    hacer rm -f "$opt/por-rotar"
}

rotar() {
    decir "recarga de la API"
    servicios reload climaguru-api.service
    for unidad in $("$systemctl" list-units --plain --no-legend --state=active 'climaguru-worker@*' | cut -d ' ' -f 1); do
        decir "reinicio de $unidad"
        servicios restart "$unidad"
        [ "$simular" = si ] || esperar_a "$unidad"
    done
    servicios try-restart climaguru-beat.service climaguru-flower.service
}

esperar_a() { # UNIT: until its worker answers, so that there is always one at work
    nodo=${1#climaguru-worker@}
    nodo=${nodo%.service}@$(uname -n)
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        con_ajustes "$nueva/bin/python" -m celery -A worker.app inspect ping -d "$nodo" -t 3 >/dev/null 2>&1 && return
    done
    mal "$1 no responde después de reiniciarse (journalctl -u $1). Los demás siguen con la versión anterior."
}

umask 022
leer_orden "$@"
raiz=${RAIZ:-} repo=$(cd "$(dirname "$0")/.." && pwd) migrar=
# shellcheck source=deploy/version.sh
. "$repo/deploy/version.sh"
opt=$raiz/opt/climaguru etc=$raiz/etc/climaguru
entorno=$etc/climaguru.env
systemctl=${SYSTEMCTL:-} constructor=${CONSTRUCTOR:-}
if [ -z "$raiz" ]; then
    systemctl=systemctl constructor=climaguru-pip
    [ "$simular" = si ] || [ "$(id -u)" = 0 ] || mal "se ejecuta como root (sudo)."
    command -v apt-get >/dev/null || mal "es para Debian o Ubuntu."
    paquetes
    usuario climaguru /var/lib/climaguru
    usuario climaguru-pip /nonexistent
fi
elegir_registro
elegir_python
instalar_version
ajustes
sistema install -d -m 750 -o climaguru -g climaguru /var/lib/climaguru
ficheros
[ "$nginx" = no ] || sitio_nginx
if [ -f "$entorno" ] && [ -z "$(valor_de DATABASE_URL "$entorno")$(valor_de DB_HOST "$entorno")" ]; then
    echo "Falta DATABASE_URL en $entorno: complétela y repita instalar.sh. Nada se ha arrancado."
    exit 3
fi
poner_en_marcha
limpiar
if [ "$simular" = si ]; then echo "Nada se ha cambiado (--dry-run)."; else decir "listo: curl http://127.0.0.1:8000/health/ready"; fi
