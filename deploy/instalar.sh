#!/bin/sh
# VM 1 (Debian, Ubuntu): install ClimaGuru from this checkout, or upgrade it without losing anything.
set -eu

uso() {
    cat <<'FIN'
Uso: instalar.sh [opciones]

Instala ClimaGuru en esta máquina desde este repositorio, o lo actualiza; repetirlo sin cambios no hace nada.
Primero prepara MySQL en la otra máquina: deploy/mysql/preparar.sh.

  --nombre DOMINIO   server_name de nginx, la primera vez (climaguru.example.co)
  --sin-nginx        no toca nginx
  --dry-run          muestra lo que haría y no cambia nada
  --help             esto

Del entorno, la primera vez: DATABASE_URL y REDIS_URL, que pasan a /etc/climaguru/climaguru.env. Ese fichero nunca se
sobrescribe. Si existe /etc/climaguru/migraciones.env (modo 0600), su DATABASE_URL se usa solo para migrar. De
/etc/climaguru/retencion.env (modo 0600) los trabajadores leen RETENCION_DATABASE_URL.
PYTHON: con qué intérprete (3.11 o posterior). RAIZ: instala bajo esa carpeta sin tocar el sistema; con ella, SYSTEMCTL
es la orden que gobierna los servicios, y sin SYSTEMCTL no se arrancan.

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
    simular=no nginx=si nombre=climaguru.example.co
    while [ $# -gt 0 ]; do
        case "$1" in
            --nombre)
                [ $# -ge 2 ] || mal "--nombre necesita un valor."
                nombre=$2
                shift
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

usuario() {
    getent passwd climaguru >/dev/null && return
    decir "usuario climaguru, sin contraseña ni consola"
    hacer useradd --system --user-group --home-dir /var/lib/climaguru --shell /usr/sbin/nologin climaguru
}

poner() { # FILE DESTINATION MODE: copied whole or not at all, only if it differs; tells by $cambios
    if [ -f "$2" ] && cmp -s "$1" "$2"; then return 0; fi
    decir "fichero $2"
    hacer install -D -m "$3" "$1" "$2.nuevo"
    hacer mv "$2.nuevo" "$2"
    cambios=si
}

version() { # a name for exactly this code, with these packages and this Python
    {
        "$python" -c 'import sys; print(sys.version)'
        cd "$repo"
        find api worker shared migrations deploy pyproject.toml requirements.lock -type f ! -name '*.pyc' | LC_ALL=C sort |
            xargs -d '\n' sha256sum
    } | sha256sum | cut -c 1-12
}

paquetes_de_otros() { # a name for exactly these packages with this Python
    {
        "$python" -c 'import sys; print(sys.version)'
        cat "$repo/pyproject.toml" "$repo/requirements.lock"
    } | sha256sum | cut -c 1-12
}

instalar_version() {
    nueva=$opt/versiones/$(version)
    [ ! -f "$nueva/completa" ] || return 0
    hacer rm -rf "$nueva"
    hacer install -d -m 755 "$opt/versiones"
    enuso=$(readlink -f "$opt/venv" 2>/dev/null || true)
    if [ -n "$enuso" ] && [ "$(cat "$enuso/paquetes" 2>/dev/null)" = "$(paquetes_de_otros)" ]; then
        decir "versión nueva en $nueva, con los mismos paquetes"
        copiar_paquetes "$enuso"
    else
        decir "versión nueva en $nueva (unos minutos)"
        hacer "$python" -m venv "$nueva"
        hacer "$nueva/bin/pip" install --quiet --disable-pip-version-check -c "$repo/requirements.lock" "$repo"
    fi
    [ "$simular" = si ] || paquetes_de_otros >"$nueva/paquetes"
    hacer touch "$nueva/completa"
}

copiar_paquetes() { # RELEASE: the new one is a copy of it, in which only our own code is installed again
    hacer cp -a "$1" "$nueva"
    hacer rm -f "$nueva/completa"
    # a virtual environment writes its own name down: in the first line of its commands, in pyvenv.cfg and in activate
    for fichero in "$nueva/pyvenv.cfg" "$nueva"/bin/*; do
        if [ "$simular" = no ] && [ ! -L "$fichero" ] && grep -qIF "${1##*/}" "$fichero"; then
            sed -i "s/${1##*/}/${nueva##*/}/g" "$fichero"
        fi
    done
    hacer "$nueva/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall "$repo"
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

con_ajustes() { # COMMAND…: as the services run it
    RAIZ="$raiz" MIGRAR="$migrar" sh "$repo/deploy/con-ajustes.sh" "$@"
}

ficheros() {
    cambios=no
    for guion in "$repo"/deploy/*.sh "$repo"/deploy/systemd/worker.sh; do
        poner "$guion" "$opt/deploy/${guion#"$repo"/deploy/}" 755
    done
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

limpiar() { # the one in use and the two before stay, to go back to: ln -sfn, and reload as above
    sobran=$(find "$opt/versiones" -mindepth 1 -maxdepth 1 -type d ! -path "$nueva" -printf '%T@ %p\n' 2>/dev/null | sort -rn | tail -n +3 | cut -d ' ' -f 2-)
    for vieja in $sobran; do hacer rm -rf "$vieja"; done
}

leer_orden "$@"
raiz=${RAIZ:-} repo=$(cd "$(dirname "$0")/.." && pwd) migrar=
opt=$raiz/opt/climaguru etc=$raiz/etc/climaguru
entorno=$etc/climaguru.env
systemctl=${SYSTEMCTL:-}
if [ -z "$raiz" ]; then
    systemctl=systemctl
    [ "$simular" = si ] || [ "$(id -u)" = 0 ] || mal "se ejecuta como root (sudo)."
    command -v apt-get >/dev/null || mal "es para Debian o Ubuntu."
    paquetes
    usuario
fi
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
