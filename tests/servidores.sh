#!/bin/sh
# Make sure what the tests start is installed: MariaDB, Redis, nginx and Chromium, from Debian packages where apt is;
# and what the files of deploy/ need or are checked with: mariadb-dump, age, zstd, shellcheck, systemd-analyze.
set -eu
PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin"

faltan=""
command -v mariadbd >/dev/null 2>&1 && command -v mariadb-install-db >/dev/null 2>&1 || faltan="$faltan mariadb-server-core mariadb-client-core"
command -v redis-server >/dev/null 2>&1 || faltan="$faltan redis-server"
command -v nginx >/dev/null 2>&1 || faltan="$faltan nginx-light"
command -v mariadb-dump >/dev/null 2>&1 || faltan="$faltan mariadb-client"
for programa in age zstd shellcheck; do
    command -v "$programa" >/dev/null 2>&1 || faltan="$faltan $programa"
done
if [ "$(uname)" = Linux ] && command -v apt-get >/dev/null 2>&1; then
    command -v systemd-analyze >/dev/null 2>&1 || faltan="$faltan systemd"
fi
navegador=no
for nombre in chromium-headless-shell chromium chromium-browser google-chrome; do
    command -v "$nombre" >/dev/null 2>&1 && navegador=si
done
[ "$navegador" = si ] || faltan="$faltan chromium-headless-shell"
# "sh servidores.sh caos" wants two tools more; without them two faults of make chaos say that they could not be run
if [ "${1:-}" = caos ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    command -v ip >/dev/null 2>&1 && ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || faltan="$faltan iproute2 libfaketime"
fi
[ -n "$faltan" ] || exit 0

ayuda() {
    echo "The tests need MariaDB, Redis, nginx and Chromium (or Chrome), and these packages are missing:$faltan" >&2
    echo "  Debian:   sudo apt-get install --no-install-recommends$faltan" >&2
    echo "  Ubuntu:   the same, with google-chrome or the snap chromium in place of chromium-headless-shell" >&2
    echo "  Fedora:   sudo dnf install mariadb-server redis nginx chromium" >&2
    echo "  macOS:    brew install mariadb redis nginx && brew install --cask chromium" >&2
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
