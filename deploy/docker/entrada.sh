#!/bin/sh
# Entry point of the image: every secret becomes an environment variable, then the command takes this process's place.
# A secret NAME is the file /run/secrets/NAME, or the file that NAME_FILE names (…_KEY,
# …_SECRET, …_PASSWORD, …_TOKEN, …_URL, …_AUTH). Values are never printed.
set -eu

CARPETA=${SECRETOS_DIR:-/run/secrets}

detener() {
    echo "ClimaGuru no puede arrancar: $*" >&2
    exit 78
}

poner() { # name, file
    case $1 in
        '' | [!A-Z]* | *[!A-Z0-9_]*) detener "«$1» no es el nombre de un ajuste." ;;
    esac
    eval "[ -z \"\${$1:-}\" ]" || detener "$1 está en el entorno y también en un fichero: deje sólo uno."
    [ -r "$2" ] || detener "no se puede leer el fichero de $1 (el contenedor corre como uid $(id -u))."
    valor=$(cat "$2") # without the line break at its end
    [ -n "$valor" ] || detener "el fichero de $1 está vacío."
    export "$1=$valor"
    unset valor
}

# only what is secret, or may hold something secret: SSL_CERT_FILE, for one, is the name of a file
for nombre in $(env | sed -En 's/^([A-Z][A-Z0-9_]*_(KEY|SECRET|PASSWORD|TOKEN|URL|AUTH))_FILE=.*/\1/p'); do
    eval "fichero=\$${nombre}_FILE"
    poner "$nombre" "$fichero"
    unset "${nombre}_FILE" fichero
done
for fichero in "$CARPETA"/*; do
    [ ! -f "$fichero" ] || poner "${fichero##*/}" "$fichero"
done
unset fichero nombre CARPETA SECRETOS_DIR

[ $# -gt 0 ] || detener "falta la orden."
exec "$@"
