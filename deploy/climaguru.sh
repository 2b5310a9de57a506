#!/bin/sh
# /usr/local/sbin/climaguru: the command, as the services run.
exec "${RAIZ:-}/opt/climaguru/deploy/con-ajustes.sh" climaguru "$@"
