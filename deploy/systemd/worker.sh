#!/bin/sh
# worker.sh VENV INSTANCE: what climaguru-worker@INSTANCE runs. The instance's prefix chooses its queues; its own file,
# /etc/climaguru/worker-INSTANCE.env, may say otherwise with CLIMAGURU_COLAS and CLIMAGURU_CONCURRENCIA (threads).
set -eu

mal() {
    echo "climaguru-worker@$instancia: $1" >&2
    exit 78 # EX_CONFIG: the unit does not start it again
}

instancia=$2
case "$instancia" in
    tiempo-real | tiempo-real-*) colas=tiempo_real,mantenimiento ;;
    historico | historico-*) colas=historico,mantenimiento ;;
    mantenimiento | mantenimiento-*) colas=mantenimiento ;;
    *) colas= ;;
esac
colas=${CLIMAGURU_COLAS:-$colas}
[ -n "$colas" ] || mal "el nombre no empieza por tiempo-real, historico ni mantenimiento; póngale CLIMAGURU_COLAS en /etc/climaguru/worker-$instancia.env."
for cola in $(printf %s "$colas" | tr , ' '); do
    case "$cola" in
        tiempo_real | historico | mantenimiento) ;;
        *) mal "no existe la cola «$cola»: son tiempo_real, historico y mantenimiento." ;;
    esac
done
case "${CLIMAGURU_CONCURRENCIA:-1}" in
    *[!0-9]* | 0*) mal "CLIMAGURU_CONCURRENCIA debe ser un número de hilos." ;;
esac

# Heartbeats stay: it is through them that Flower turns events on.
# The venv of this release by its real path: an upgrade changes nothing under a worker until its turn to restart comes.
venv=$(readlink -f "$1")
exec "$venv/bin/python" -m celery -A worker.app worker -Q "$colas" -n "$instancia@%h" -l WARNING \
    ${CLIMAGURU_CONCURRENCIA:+-c "$CLIMAGURU_CONCURRENCIA"} --without-gossip --without-mingle
