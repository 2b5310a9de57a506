# Sourced by instalar.sh: a release, made beside those before it by a user who may write nowhere else (climaguru-pip), and
# root's before anybody runs it. Only packages whose hash is in requirements.lock; none is built here but our own.
# shellcheck shell=sh disable=SC2154  # instalar.sh sets raiz, repo, opt, python, simular

fuentes() { # the names of all that a release is made of; never what is secret
    (cd "$repo" && find api worker shared migrations deploy pyproject.toml requirements.lock README.md LICENSE \
        -type f ! -name '*.pyc' ! -path 'deploy/docker/secretos/*' | LC_ALL=C sort)
}

version() { # a name for exactly this code, with these packages and this Python
    {
        "$python" -c 'import sys; print(sys.version)'
        cd "$repo" && fuentes | xargs -d '\n' sha256sum
    } | sha256sum | cut -c 1-12
}

paquetes_de_otros() { # a name for exactly these packages with this Python
    {
        "$python" -c 'import sys; print(sys.version)'
        cat "$repo/requirements.lock"
    } | sha256sum | cut -c 1-12
}

como_constructor() { # COMMAND…
    if [ -z "$constructor" ]; then
        hacer "$@"
    else
        hacer runuser -u "$constructor" -- env HOME="$nueva" PIP_NO_CACHE_DIR=1 "$@"
    fi
}

instalar_version() {
    nueva=$opt/versiones/$(version)
    [ ! -f "$nueva/completa" ] || return 0
    hacer rm -rf "$nueva"
    hacer install -d -m 755 "$opt/versiones"
    hacer install -d -m 755 ${constructor:+-o "$constructor"} "$nueva" "$nueva/obra"
    [ "$simular" = si ] || fuentes | tar -c -C "$repo" --mode=a+rX -T - | tar -x -C "$nueva/obra" --no-same-owner
    enuso=$(readlink -f "$opt/venv" 2>/dev/null || true)
    if [ -n "$enuso" ] && [ "$(cat "$enuso/paquetes" 2>/dev/null)" = "$(paquetes_de_otros)" ]; then
        decir "versión nueva en $nueva, con los mismos paquetes"
        copiar_paquetes "$enuso"
    else
        decir "versión nueva en $nueva (unos minutos)"
        como_constructor "$python" -m venv "$nueva"
        con_pip --require-hashes --only-binary :all: -r "$nueva/obra/requirements.lock"
    fi
    con_pip --no-build-isolation --no-deps --force-reinstall "$nueva/obra"
    hacer rm -rf "$nueva/obra"
    [ -z "$constructor" ] || hacer chown -hR root:root "$nueva"
    hacer chmod -R go-w "$nueva"
    [ "$simular" = si ] || paquetes_de_otros >"$nueva/paquetes"
    hacer touch "$nueva/completa"
}

con_pip() { como_constructor "$nueva/bin/pip" install --quiet --disable-pip-version-check "$@"; }

copiar_paquetes() { # RELEASE: the new one is a copy of it, in which our own code is then installed again
    como_constructor cp -R --preserve=mode,timestamps,links "$1/." "$nueva"
    hacer rm -f "$nueva/completa"
    # a virtual environment writes its own name down: in the first line of its commands, in pyvenv.cfg and in activate
    for fichero in "$nueva/pyvenv.cfg" "$nueva"/bin/*; do
        if [ "$simular" = no ] && [ ! -L "$fichero" ] && grep -qIF "${1##*/}" "$fichero"; then
            como_constructor sed -i "s/${1##*/}/${nueva##*/}/g" "$fichero"
        fi
    done
}

limpiar() { # the one in use and the two before stay, to go back to: ln -sfn, and reload as instalar.sh does
    sobran=$(find "$opt/versiones" -mindepth 1 -maxdepth 1 -type d ! -path "$nueva" -printf '%T@ %p\n' 2>/dev/null | sort -rn | tail -n +3 | cut -d ' ' -f 2-)
    for vieja in $sobran; do hacer rm -rf "$vieja"; done
}
