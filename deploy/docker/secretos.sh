#!/bin/sh
# Makes the secrets that docker-compose.yml mounts, one file each, in deploy/docker/secretos (or the folder given). What
# is there already is left as it is. The folder is its owner's alone; the files can be read by all, because Compose
# mounts them as they are and the containers run as other users.
set -eu

carpeta=${1:-$(dirname "$(readlink -f "$0")")/secretos}
case $carpeta in
    -h | --help)
        echo "Uso: secretos.sh [CARPETA]. Crea los secretos que falten para docker-compose.yml; no cambia ninguno."
        exit 0
        ;;
esac
command -v openssl >/dev/null || { echo "Error: falta openssl." >&2 && exit 1; }
umask 077
mkdir -p "$carpeta"

crear() { # name, command that prints it
    destino=$carpeta/$1
    shift
    [ -s "$destino" ] && return
    "$@" >"$destino.nuevo"
    chmod 0444 "$destino.nuevo"
    mv "$destino.nuevo" "$destino"
    echo "Creado $destino"
}

hexadecimal() { openssl rand -hex 32; }
fernet() { openssl rand -base64 32 | tr '+/' '-_'; }
redis() { echo "redis://climaguru:$(openssl rand -hex 32)@redis:6379/0"; }
flower() { echo "operador:$(openssl rand -hex 16)"; }

for nombre in SECRET_KEY JWT_SECRET_KEY DB_PASSWORD MYSQL_ROOT_PASSWORD; do crear $nombre hexadecimal; done
crear ENCRYPTION_KEY fernet
crear REDIS_URL redis
crear FLOWER_BASIC_AUTH flower
