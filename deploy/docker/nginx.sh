#!/bin/sh
# Run by nginx's image before it starts (/docker-entrypoint.d): deploy/nginx/climaguru.conf as it is, but for where the
# API and Flower are, in place of the site that the image brings. It is default.conf so that there is no other site.
# Flower is looked up when it is asked for: without it nginx goes on. CLIMAGURU_PROXIES: addresses or networks, separated by
# commas, of proxies before this nginx whose X-Forwarded-For tells who the client is; nobody else's is believed (README.md).
set -eu

origen=${CLIMAGURU_CONF:-/etc/nginx/climaguru.conf}
destino=${CLIMAGURU_DESTINO:-/etc/nginx/conf.d/default.conf}

grep -q 'server 127\.0\.0\.1:8000 ' "$origen" || { echo "$origen no nombra 127.0.0.1:8000" >&2 && exit 1; }
# shellcheck disable=SC2016  # the names of nginx's variables
flower='set $climaguru_flower '${CLIMAGURU_FLOWER:-flower:5555}'; proxy_pass http://$climaguru_flower;'
proxies=
for proxy in $(printf %s "${CLIMAGURU_PROXIES:-}" | tr , ' '); do
    case "$proxy" in *[!0-9a-fA-F.:/]*) echo "CLIMAGURU_PROXIES: «$proxy» no es una dirección ni una red." >&2 && exit 1 ;; esac
    proxies="${proxies}set_real_ip_from $proxy; "
done
{
    [ -z "$proxies" ] || echo "${proxies}real_ip_header X-Forwarded-For; real_ip_recursive on;"
    cat "$origen"
} | sed -e "s/127\.0\.0\.1:8000/${CLIMAGURU_API:-api:8000}/" \
    -e "s|proxy_pass http://127\.0\.0\.1:5555;|resolver ${CLIMAGURU_RESOLVER:-127.0.0.11} valid=10s; $flower|" \
    -e 's/^\( *\)allow 127\.0\.0\.1;/\1allow 127.0.0.1;\n\1allow 172.16.0.0\/12;  # Docker, through which this machine arrives/' \
    >"$destino"
[ -e /proc/net/if_inet6 ] || sed -i '/listen \[::\]/d' "$destino"
