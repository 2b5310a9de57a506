#!/bin/sh
# VM 1: its Redis asks everybody for a password, and lets the services do what they need and no more.
set -eu

uso() {
    cat <<'FIN'
Uso: proteger.sh [--dry-run]

Pone contraseña y permisos al Redis de esta máquina: escribe /etc/redis/climaguru.conf, hace que redis.conf lo incluya y
reinicia Redis. La contraseña es la de REDIS_URL en /etc/climaguru/climaguru.env; si ahí no hay ninguna, crea una y la
escribe también, y después hay que reiniciar los servicios: systemctl restart climaguru.target
Mientras tanto nada aceptado se pierde. Repetirlo sin cambios no hace nada. instalar.sh lo hace en una instalación nueva.

RAIZ, SYSTEMCTL: como en instalar.sh.
FIN
}

mal() {
    echo "proteger.sh: $1" >&2
    exit 1
}

decir() { echo "· $*"; }

hacer() {
    if [ "$simular" = si ]; then echo "  $*"; else "$@"; fi
}

dar() { # OWNER MODE FILE
    [ -n "$raiz" ] || hacer chown "$1" "$3"
    hacer chmod "$2" "$3"
}

leer_url() {
    [ -r "$entorno" ] || mal "no se puede leer $entorno: ejecútelo como root (sudo), después de instalar.sh."
    url=$(sed -n 's/^REDIS_URL=//p' "$entorno" | tail -n 1)
    case "$url" in
        redis://climaguru:*@127.0.0.1:* | redis://climaguru:*@localhost:*)
            clave=${url#redis://climaguru:}
            clave=${clave%%@*}
            ;;
        *@*) mal "REDIS_URL ya lleva un usuario que no es climaguru de esta máquina: nada que hacer aquí." ;;
        redis://127.0.0.1:* | redis://localhost:*) clave= ;;
        *) mal "REDIS_URL no nombra el Redis de esta máquina (redis://127.0.0.1:6379/0)." ;;
    esac
    base=${url##*/}
    case "$base" in '' | *[!0-9]*) mal "REDIS_URL debe acabar en el número de la base, como /0." ;; esac
}

escribir_url() { # what is secret passes through the shell itself and pipes, never a command line
    decir "contraseña nueva para Redis, en REDIS_URL de $entorno"
    [ "$simular" = no ] || return 0
    umask 077
    while IFS= read -r linea || [ -n "$linea" ]; do
        case "$linea" in REDIS_URL=*) linea="REDIS_URL=redis://climaguru:$clave@${url#redis://}" ;; esac
        printf '%s\n' "$linea"
    done <"$entorno" >"$entorno.nuevo"
    dar root:climaguru 0640 "$entorno.nuevo"
    mv "$entorno.nuevo" "$entorno"
}

permitir() { # the file of permissions, and its place in redis.conf; tells by $cambios
    cambios=no
    huella=$(printf %s "$clave" | sha256sum | cut -c 1-64)
    reglas=$(sed -e "s/#CLAVE/#$huella/" -e "s|/BASE\.|/$base.|g" "$aqui/climaguru.conf")
    if [ "$(cat "$redis/climaguru.conf" 2>/dev/null)" != "$reglas" ]; then
        decir "fichero $redis/climaguru.conf"
        [ "$simular" = si ] || printf '%s\n' "$reglas" >"$redis/climaguru.conf.nuevo"
        dar root:redis 0640 "$redis/climaguru.conf.nuevo"
        hacer mv "$redis/climaguru.conf.nuevo" "$redis/climaguru.conf"
        cambios=si
    fi
    if ! grep -qxF "include $redis/climaguru.conf" "$redis/redis.conf"; then
        decir "$redis/redis.conf lo incluye"
        [ "$simular" = si ] || printf '\ninclude %s\n' "$redis/climaguru.conf" >>"$redis/redis.conf"
        cambios=si
    fi
}

simular=no
case "${1:-}" in
    '') ;;
    --dry-run) simular=si ;;
    -h | --help) uso && exit 0 ;;
    *) mal "no existe la opción $1; véase --help." ;;
esac
raiz=${RAIZ:-} aqui=$(cd "$(dirname "$0")" && pwd)
entorno=$raiz/etc/climaguru/climaguru.env redis=$raiz/etc/redis
systemctl=${SYSTEMCTL:-}
[ -n "$raiz" ] || systemctl=systemctl
leer_url
[ -z "$raiz" ] || [ "$simular" = si ] || { mkdir -p "$redis" && touch "$redis/redis.conf"; }
[ -f "$redis/redis.conf" ] || mal "no está $redis/redis.conf: instale redis-server, o ponga en REDIS_URL otro Redis."
! grep -Eq '^[[:space:]]*(requirepass|aclfile|user)[[:space:]]' "$redis/redis.conf" ||
    mal "$redis/redis.conf ya tiene contraseña o usuarios: póngalos en REDIS_URL (redis://usuario:contraseña@127.0.0.1:6379/0)."
con_clave=$clave
[ -n "$clave" ] || clave=$(od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n')
permitir
[ -n "$con_clave" ] || escribir_url
if [ "$cambios" = si ] && [ -n "$systemctl" ]; then
    decir "reinicio de Redis"
    hacer "$systemctl" restart redis-server.service
fi
