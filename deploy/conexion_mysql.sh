# shellcheck shell=bash
# Sourced by backup.sh and restore.sh: settings, and a connection to MySQL or MariaDB whose password is only ever in a
# file that nobody else can read. Sets trabajo (a private folder, gone at the end), opciones (an option file), base.

# shellcheck disable=SC2034
USO=2 CONFIGURACION=3 OTRO_EN_MARCHA=4 FALLO=5 NO_VERIFICA=6 NO_VACIA=7

decir() { printf '%s\n' "$*"; }

morir() { # code, sentence
    local codigo=$1
    shift
    printf 'Error: %s\n' "$*" >&2
    exit "$codigo"
}

falta_valor() { morir "$USO" "$1 necesita un valor. Vea --help."; }

necesitar() { # programs
    local programa
    for programa in "$@"; do
        command -v "$programa" >/dev/null || morir "$CONFIGURACION" "falta el programa «$programa»: instálelo."
    done
}

primero() { # the first of these programs that is there
    local programa
    for programa in "$@"; do
        command -v "$programa" && return
    done
    morir "$CONFIGURACION" "falta $1 (o $2): instale mariadb-client o mysql-client."
}

es_de_mariadb() { "$1" --no-defaults --version | grep -q MariaDB; }

# Lines NAME=value of a file as systemd's EnvironmentFile= reads them; what the environment already has wins.
leer_entorno() { # file
    [ -r "$1" ] || morir "$CONFIGURACION" "no se puede leer $1."
    [ $((0$(stat -Lc %a "$1") & 7)) -eq 0 ] || morir "$CONFIGURACION" "$1 lo puede leer cualquiera: chmod 0640 $1."
    local linea nombre valor
    while IFS= read -r linea || [ -n "$linea" ]; do
        [[ $linea =~ ^(DATABASE_URL|DB_[A-Z]+|RESPALDO_[A-Z]+)=(.*)$ ]] || continue
        nombre=${BASH_REMATCH[1]} valor=${BASH_REMATCH[2]%$'\r'}
        [[ $valor =~ ^\"(.*)\"$ || $valor =~ ^\'(.*)\'$ ]] && valor=${BASH_REMATCH[1]}
        [ -n "${!nombre:-}" ] || printf -v "$nombre" %s "$valor"
    done <"$1"
}

carpeta_privada() {
    provisional=""
    trabajo=$(mktemp -d)
    trap 'rm -rf "$trabajo" ${provisional:+"$provisional"}' EXIT
    trap 'exit 130' INT TERM HUP
}

# The connection, from an option file of the operator's, or from DATABASE_URL or DB_* as the application reads them.
preparar_conexion() {
    base=${RESPALDO_BASE:-}
    if [ -n "${RESPALDO_OPCIONES:-}" ]; then
        opciones=$RESPALDO_OPCIONES
        [ -r "$opciones" ] || morir "$CONFIGURACION" "no se puede leer $opciones."
        [ $((0$(stat -Lc %a "$opciones") & 077)) -eq 0 ] ||
            morir "$CONFIGURACION" "$opciones guarda una clave y otros lo pueden leer: chmod 0600 $opciones."
        base=${base:-${DB_NAME:-climaguru}}
    else
        opciones=$trabajo/cliente.cnf
        if [ -n "${DATABASE_URL:-}" ]; then
            de_url
        else
            [ -n "${DB_HOST:-}" ] || morir "$CONFIGURACION" \
                "no se sabe a qué servidor ir: use --opciones, --entorno, o defina DATABASE_URL o DB_HOST."
            base=${base:-${DB_NAME:-climaguru}}
            escribir_opciones "$DB_HOST" "${DB_PORT:-3306}" "${DB_USER:-climaguru_user}" "${DB_PASSWORD:-}"
        fi
    fi
    [[ $base =~ ^[A-Za-z0-9_-]+$ ]] || morir "$CONFIGURACION" "el nombre de la base no sirve: letras, cifras, _ y -."
}

de_url() {
    local resto=${DATABASE_URL#*://} cuenta="" parametros="" sitio servidor puerto=3306
    [[ $DATABASE_URL =~ ^(mysql|mariadb)(\+pymysql)?:// ]] ||
        morir "$CONFIGURACION" "DATABASE_URL no es de MySQL ni de MariaDB: aquí no hay nada que respaldar así."
    if [[ $resto == *@* ]]; then cuenta=${resto%%@*} resto=${resto#*@}; fi
    if [[ $resto == *\?* ]]; then parametros=${resto#*\?} resto=${resto%%\?*}; fi
    sitio=${resto%%/*} servidor=$sitio
    if [[ $sitio =~ ^(.*):([0-9]+)$ ]]; then servidor=${BASH_REMATCH[1]} puerto=${BASH_REMATCH[2]}; fi
    servidor=${servidor#\[} servidor=${servidor%\]}
    base=${base:-$(descifrar_url "${resto#*/}")}
    local clave=""
    [[ $cuenta == *:* ]] && clave=${cuenta#*:}
    escribir_opciones "$servidor" "$puerto" "$(descifrar_url "${cuenta%%:*}")" "$(descifrar_url "$clave")" "$parametros"
}

descifrar_url() { # text with %XX
    local texto=${1//\\/\\\\}
    printf %b "${texto//%/\\x}"
}

escribir_opciones() { # host, port, user, password, parameters of the URL
    local cliente parametro valor
    cliente=$(primero mariadb mysql)
    {
        printf '[client]\nhost="%s"\nport=%s\nuser="%s"\npassword="%s"\n' "$1" "$2" "$(entre_comillas "$3")" "$(entre_comillas "$4")"
        printf 'default-character-set=utf8mb4\n'
        while IFS= read -r -d '&' parametro; do
            valor=$(descifrar_url "${parametro#*=}")
            case $parametro in
                ssl_ca=*) printf 'ssl-ca="%s"\n%s\n' "$valor" "$(comprobar_servidor "$cliente")" ;;
                ssl_cert=* | ssl_key=*) printf 'ssl-%s="%s"\n' "$(cut -c 5-8 <<<"$parametro" | tr -d =)" "$valor" ;;
                unix_socket=*) printf 'socket="%s"\n' "$valor" ;;
            esac
        done <<<"${5:-}&"
    } >"$opciones"
}

comprobar_servidor() { if es_de_mariadb "$1"; then echo ssl-verify-server-cert; else echo ssl-mode=VERIFY_IDENTITY; fi; }

entre_comillas() { # text as an option file has it between double quotes
    local texto=${1//\\/\\\\}
    printf %s "${texto//\"/\\\"}"
}
