#!/bin/sh
# VM 2: the database and its four users, each with no more than it needs. Run it as often as you like.
# What is granted table by table comes after the tables: `climaguru db upgrade` does it (shared/permisos.py).
set -eu

uso() {
    cat <<'FIN'
Uso: preparar.sh [opciones] [-- opciones del cliente mariadb o mysql]

Crea en el servidor MySQL 8 o MariaDB de esta máquina la base de datos y sus usuarios. Repetirlo no cambia
ninguna clave ni quita permisos.

  climaguru_user         la aplicación: SELECT; en cada tabla INSERT, UPDATE, DELETE, y en logs_actividad solo INSERT
  climaguru_retencion    quien borra registros de actividad viejos: en logs_actividad SELECT, DELETE, y nada más
  climaguru_migraciones  climaguru db upgrade y restore.sh: SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX,
                         REFERENCES, LOCK TABLES, CREATE VIEW, SHOW VIEW, y darlos a otros en esta base (GRANT OPTION)
  climaguru_respaldo     copias de seguridad: SELECT, LOCK TABLES, SHOW VIEW, TRIGGER, EVENT

Los permisos por tabla los da «climaguru db upgrade» después de migrar, a los usuarios de la red desde la que migra. Una
instalación en la que climaguru_user puede todo se estrecha así: este guion, y luego «climaguru db upgrade».

  --desde RED        desde dónde entran: una dirección de la VPN o una red (por defecto 100.64.0.0/255.192.0.0, Tailscale)
  --base NOMBRE      la base de datos (climaguru)
  --claves FICHERO   dónde se guardan las claves, que se generan la primera vez (/etc/climaguru/mysql.env, modo 0600)
  --tls              desde ahora esos usuarios solo entran con TLS (en la URL: ?ssl_ca=/ruta/ca.pem)
  --escuchar IP      copia climaguru.cnf a la configuración del servidor, con esta dirección de la VPN
  --dry-run          muestra lo que haría, sin claves, y no cambia nada
  --help             esto

Se ejecuta como root, que entra por el socket: preparar.sh --escuchar "$(tailscale ip -4)"
FIN
}

mal() {
    echo "preparar.sh: $1" >&2
    exit 2
}

desde=100.64.0.0/255.192.0.0 base=climaguru claves=/etc/climaguru/mysql.env tls=no escuchar='' simular=no
while [ $# -gt 0 ]; do
    case "$1" in
        --desde | --base | --claves | --escuchar)
            [ $# -ge 2 ] || mal "$1 necesita un valor."
            case "$1" in --desde) desde=$2 ;; --base) base=$2 ;; --claves) claves=$2 ;; *) escuchar=$2 ;; esac
            shift
            ;;
        --tls) tls=si ;;
        --dry-run) simular=si ;;
        -h | --help) uso && exit 0 ;;
        --) shift && break ;;
        *) mal "no existe la opción $1; véase --help." ;;
    esac
    shift
done
# they become part of SQL and of a configuration file
case "$base" in *[!a-zA-Z0-9_]* | '') mal "--base solo admite letras, cifras y _." ;; esac
case "$desde" in *[!0-9a-fA-F.:/]* | '') mal "--desde es una dirección o red, como 100.64.0.0/255.192.0.0." ;; esac
case "$escuchar" in *[!0-9a-fA-F.:]*) mal "--escuchar es una dirección, como 100.64.1.2." ;; esac
case "$desde" in */[0-9] | */[0-9][0-9]) mal "--desde lleva la máscara entera: /255.192.0.0, no /10." ;; esac

preparar_claves() { # one line CLAVE_…=… per user, made once: those of before stay as they are
    faltan=
    for nombre in USER RETENCION MIGRACIONES RESPALDO; do
        grep -q "^CLAVE_$nombre=" "$claves" 2>/dev/null || faltan="$faltan $nombre"
    done
    [ -n "$faltan" ] || return 0
    mkdir -p "$(dirname "$claves")"
    (
        umask 077
        {
            [ ! -s "$claves" ] || awk 1 "$claves" # its last line ended
            for nombre in $faltan; do
                echo "CLAVE_$nombre=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')"
            done
        } >"$claves.nuevo"
        mv "$claves.nuevo" "$claves"
    )
    echo "Claves nuevas en $claves (de$faltan): llévelas a VM 1 por un medio cifrado."
}

clave_de() {
    valor=$(sed -n "s/^CLAVE_$1=//p" "$claves")
    case "$valor" in *[!a-zA-Z0-9_=-]* | '') mal "CLAVE_$1 falta en $claves o lleva signos que no son letras, cifras, - _ =." ;; esac
    printf %s "$valor"
}

usuario() { # NAME KEY PRIVILEGES: the password only if the user is new; nothing is revoked, the application may be at work
    quien="'$1'@'$desde'"
    echo "CREATE USER IF NOT EXISTS $quien IDENTIFIED BY '$2';"
    [ "$tls" = no ] || echo "ALTER USER $quien REQUIRE SSL;"
    [ -z "$3" ] || echo "GRANT $3 ON \`$base_escapada\`.* TO $quien${4:+ $4};"
}

sentencias() { # KEY KEY KEY KEY
    base_escapada=$(printf %s "$base" | sed 's/_/\\_/g') # in GRANT, _ stands for any character
    echo "CREATE DATABASE IF NOT EXISTS \`$base\` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;"
    usuario climaguru_user "$1" SELECT
    usuario climaguru_retencion "$2" ''
    datos='SELECT, INSERT, UPDATE, DELETE' esquema='CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW'
    usuario climaguru_migraciones "$3" "$datos, $esquema, LOCK TABLES" 'WITH GRANT OPTION' # a dump locks what it fills
    usuario climaguru_respaldo "$4" 'SELECT, LOCK TABLES, SHOW VIEW, TRIGGER, EVENT'
}

configurar() {
    aqui=$(dirname "$0")
    for destino in /etc/mysql/mysql.conf.d /etc/mysql/mariadb.conf.d /etc/mysql/conf.d; do
        [ -d "$destino" ] && break
    done
    [ -d "$destino" ] || mal "no hay /etc/mysql: ¿está instalado el servidor?"
    sed "s/^bind-address = .*/bind-address = $escuchar/" "$aqui/climaguru.cnf" >"$destino/zz-climaguru.cnf.nuevo"
    mv "$destino/zz-climaguru.cnf.nuevo" "$destino/zz-climaguru.cnf"
    # the server may start before the VPN gives it its address
    echo 'net.ipv4.ip_nonlocal_bind = 1' >/etc/sysctl.d/60-climaguru.conf
    sysctl -q -p /etc/sysctl.d/60-climaguru.conf
    echo "Configuración en $destino/zz-climaguru.cnf; reinicie el servidor: systemctl restart mysql (o mariadb)."
}

if [ "$simular" = si ]; then
    [ -s "$claves" ] || echo "# generaría las claves en $claves"
    sentencias '***' '***' '***' '***'
    [ -z "$escuchar" ] || echo "# copiaría climaguru.cnf a /etc/mysql con bind-address = $escuchar"
    exit 0
fi
cliente=$(command -v mariadb || command -v mysql) || mal "falta el cliente mariadb o mysql."
preparar_claves
uno=$(clave_de USER) dos=$(clave_de RETENCION) tres=$(clave_de MIGRACIONES) cuatro=$(clave_de RESPALDO)
sentencias "$uno" "$dos" "$tres" "$cuatro" | "$cliente" "$@" --batch # through a pipe: a command line is seen by everybody
echo "Base de datos $base y usuarios listos; entran desde $desde. Los permisos por tabla: «climaguru db upgrade»."
[ -z "$escuchar" ] || configurar
