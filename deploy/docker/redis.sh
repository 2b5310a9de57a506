#!/bin/sh
# The command of the container of Redis: deploy/redis/climaguru.conf with the password and the database of the secret
# REDIS_URL in it, and then what the image does by itself with these arguments.
set -eu

url=$(cat "${SECRETOS_DIR:-/run/secrets}/REDIS_URL")
clave=$(printf %s "$url" | sed -n 's|^redis://climaguru:\([^@]*\)@.*/[0-9]*$|\1|p')
[ -n "$clave" ] || { echo "REDIS_URL no es redis://climaguru:contraseña@redis:6379/0." >&2 && exit 78; }
huella=$(printf %s "$clave" | sha256sum | cut -c 1-64)
sed -e "s/#CLAVE/#$huella/" -e "s|/BASE\.|/${url##*/}.|g" "${REGLAS:-/etc/redis/climaguru.conf}" >"${TMPDIR:-/tmp}/climaguru.conf"
exec docker-entrypoint.sh redis-server "${TMPDIR:-/tmp}/climaguru.conf" "$@"
