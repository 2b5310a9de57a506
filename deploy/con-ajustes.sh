#!/bin/sh
# con-ajustes.sh COMMAND…: run it as the services run, with their settings, their venv first on PATH, and as their user.
# The settings are read as systemd reads them, not by a shell. MIGRAR=si: with the database user of migrations.
# RAIZ: as for instalar.sh.
set -eu

[ $# -gt 0 ] || { echo "Uso: con-ajustes.sh ORDEN…, por ejemplo: con-ajustes.sh celery -A worker.app inspect active" >&2 && exit 2; }
raiz=${RAIZ:-} etc=${RAIZ:-}/etc/climaguru
for fichero in "$etc/climaguru.env" "$etc/retencion.env" ${MIGRAR:+"$etc/migraciones.env"}; do
    [ -f "$fichero" ] || continue
    [ -r "$fichero" ] || { echo "No se puede leer $fichero: ejecútelo como root (sudo)." >&2 && exit 1; }
    while IFS= read -r linea || [ -n "$linea" ]; do
        case "$linea" in [A-Z]*=*) ;; *) continue ;; esac
        valor=${linea#*=}
        case "$valor" in \"*\" | \'*\') valor=${valor#?} valor=${valor%?} ;; esac
        export "${linea%%=*}=$valor"
    done <"$fichero"
done
# the password of Redis for `redis-cli --user climaguru`, which would show it to everybody on its command line
case "${REDIS_URL:-}" in redis://*:*@*) clave=${REDIS_URL#redis://*:} && export REDISCLI_AUTH="${clave%%@*}" ;; esac
export PATH="$raiz/opt/climaguru/venv/bin:$PATH"
cd /
if [ -n "$raiz" ] || [ "$(id -un)" = climaguru ]; then exec "$@"; else exec runuser -u climaguru -- "$@"; fi
