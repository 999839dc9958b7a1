#!/usr/bin/env bash
# prepare.sh DOMAIN EMAIL: make a bare Debian or Ubuntu server ready for deploy.sh. As root, from a clone on that server; again is harmless.
# EMAIL is for the certificate's authority. The domain must lead to this server already.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ "$(id -u)" = 0 ] || fail "prepare.sh wants to be root"
# The pipeline looks for it there, and root's home is closed to the user that deploys.
[ "$HERE" = /opt/holdfast/deploy/vps ] || fail "the clone belongs into /opt/holdfast"
DOMAIN=${1:?usage: prepare.sh DOMAIN EMAIL}
EMAIL=${2:?usage: prepare.sh DOMAIN EMAIL}

main() {
  packages
  people
  firewall
  state
  certificate
  nightly
  echo "Ready. Put HOLDFAST_SMTP_URL into $STATE/holdfast.env, then, as holdfast: $HERE/deploy.sh IMAGE"
}

packages() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq ca-certificates certbot curl openssl ufw unattended-upgrades
  command -v docker >/dev/null && docker compose version >/dev/null 2>&1 && return
  # Docker's own packages: what Debian 12 has of compose cannot wait for a health check.
  . /etc/os-release
  install -d -m 755 /etc/apt/keyrings
  curl -fsSL "https://download.docker.com/linux/$ID/gpg" -o /etc/apt/keyrings/docker.asc
  echo "deb [signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.com/linux/$ID $VERSION_CODENAME stable" >/etc/apt/sources.list.d/docker.list
  apt-get update -qq
  apt-get install -y -qq docker-ce docker-ce-cli containerd.io docker-buildx-plugin docker-compose-plugin
}

people() {
  # Who may use Docker may become root: this account is for deploys only, by key.
  id holdfast >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --groups docker holdfast
  if [ -s /root/.ssh/authorized_keys ]; then
    install -d -o holdfast -g holdfast -m 700 /home/holdfast/.ssh
    [ -f /home/holdfast/.ssh/authorized_keys ] || install -o holdfast -g holdfast -m 600 /root/.ssh/authorized_keys /home/holdfast/.ssh/
    # Only where a key opens the door already.
    echo 'PasswordAuthentication no' >/etc/ssh/sshd_config.d/50-holdfast.conf
    systemctl reload ssh
  fi
}

firewall() {
  # Docker's published ports pass by ufw; compose.yaml publishes 80 and 443 and no other.
  ufw default deny incoming
  ufw allow OpenSSH
  ufw allow 80/tcp
  ufw allow 443/tcp
  ufw --force enable
}

state() {
  install -d -o holdfast -g holdfast -m 711 "$STATE"
  new_state "$DOMAIN"
  chown holdfast: "$STATE"/{serving,tls,acme} "$STATE"/*.env
}

certificate() {
  local live=/etc/letsencrypt/live/$DOMAIN
  certificate_of_its_own "$DOMAIN"
  [ -f "$STATE/serving/colour.conf" ] || echo 'return 503;' >"$STATE/serving/colour.conf"
  chown -R holdfast: "$STATE/serving"
  docker compose --file "$HERE/compose.yaml" up --detach --no-deps proxy
  # -D: certbot makes the folder when it first runs, which is below.
  install -D -m 755 /dev/stdin /etc/letsencrypt/renewal-hooks/deploy/holdfast <<HOOK
#!/bin/sh
set -e
cp -L $live/fullchain.pem $live/privkey.pem $STATE/tls/
docker compose --file $HERE/compose.yaml exec -T proxy nginx -s reload
HOOK
  # certbot's package brings the timer that renews.
  certbot certonly --non-interactive --agree-tos --keep-until-expiring --webroot --webroot-path "$STATE/acme" --domain "$DOMAIN" --email "$EMAIL"
  /etc/letsencrypt/renewal-hooks/deploy/holdfast
}

nightly() {
  cat >/etc/systemd/system/holdfast-backup.service <<UNIT
[Service]
Type=oneshot
User=holdfast
ExecStart=$HERE/backup.sh
UNIT
  cat >/etc/systemd/system/holdfast-backup.timer <<'UNIT'
[Timer]
OnCalendar=03:17
RandomizedDelaySec=10m
Persistent=true
[Install]
WantedBy=timers.target
UNIT
  systemctl daemon-reload
  systemctl enable --now holdfast-backup.timer
}

main
