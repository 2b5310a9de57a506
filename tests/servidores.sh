#!/bin/sh
# Make sure the servers that the tests start are installed: MariaDB and Redis, from Debian packages where apt is.
set -eu
PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin"

faltan=""
command -v mariadbd >/dev/null 2>&1 && command -v mariadb-install-db >/dev/null 2>&1 || faltan="$faltan mariadb-server-core mariadb-client-core"
command -v redis-server >/dev/null 2>&1 || faltan="$faltan redis-server"
# "sh servidores.sh caos" wants two tools more; without them two faults of make chaos say that they could not be run
if [ "${1:-}" = caos ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    command -v ip >/dev/null 2>&1 && ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || faltan="$faltan iproute2 libfaketime"
fi
[ -n "$faltan" ] || exit 0

ayuda() {
    echo "The tests need MariaDB and Redis servers, and these packages are missing:$faltan" >&2
    echo "  Debian, Ubuntu:  sudo apt-get install --no-install-recommends$faltan" >&2
    echo "  Fedora:          sudo dnf install mariadb-server redis" >&2
    echo "  macOS:           brew install mariadb redis" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || ayuda
if [ "$(id -u)" = 0 ]; then
    con=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    con="sudo"
else
    ayuda
fi
echo "Installing$faltan"
# RUNLEVEL=1: the packages' own services are not started; the tests start private instances.
$con env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends $faltan" >/dev/null || ayuda
