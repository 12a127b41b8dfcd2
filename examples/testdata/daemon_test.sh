#!/usr/bin/env bash
# Runs the daemon with the files in examples/daemon. First it runs kv-sync.service under systemd, in
# a Debian system in systemd-nspawn. Then it runs the container image. In both, the daemon fetches
# over ssh with the key of the examples, and deploys to the local platform. The test needs root,
# Linux, Debian's packages and the ports of the examples. daemon_test.go checks the compose file.
set -euo pipefail
cd "$(dirname "$0")/../.."
. examples/testdata/forge.sh
need mmdebstrap=mmdebstrap systemd-nspawn=systemd-container buildah=buildah curl=curl ssh-keygen=openssh-client

[ -s /usr/share/keyrings/debian-archive-keyring.gpg ] || fail "install debian-archive-keyring first"

CGO_ENABLED=0 go build -buildvcs=false -o "$tmp/kv-sync" ./cmd/kv-sync
root="$tmp/root"
debian "$root" systemd-sysv,libnss-systemd,dbus,git,openssh-client,openssh-server,nodejs
start_platform
start_forge "$root"

# Install the daemon as in docs/daemon.md. Only the forge, the account and the build command differ
# from the examples.
etc="$root/etc/kv-sync" secrets="$tmp/secrets"
install -d "$etc" "$secrets"
echo "$CLOUDFLARE_API_TOKEN" > "$secrets/token"
echo "a secret of the webhook's" > "$secrets/github-secret"
echo "a password of the page's" > "$secrets/password"
cp "$tmp/deploy-key" "$secrets/"
chmod 400 "$secrets"/*
cp --preserve=mode "$secrets"/* "$etc/"
cp "$tmp/known_hosts" "$etc/"
adapt() { # adapt EXAMPLE FILE: copies a configuration with this test's forge, account and build command
  local forge="ssh://git@127.0.0.1:$ssh_port/srv/git/"
  sed -e "s|git@github.com:example/|$forge|" -e "s|https://github.com/example/|$forge|" -e "s|npm ci && npm run build|node build.mjs|" \
    -e "s|0123456789abcdef0123456789abcdef|$CLOUDFLARE_ACCOUNT_ID|" -e 's|^poll = "5m"|poll = "1s"|' "$1" > "$2"
}

echo "== The unit"
push blog public/index.html "page 1"
blog=$head
push handbook site/build.mjs '
import {existsSync, mkdirSync, writeFileSync} from "node:fs"; import os from "node:os"
mkdirSync("dist"); os.networkInterfaces(); os.cpus()
writeFileSync(os.homedir() + "/kept", "")
let wrote = false; try { writeFileSync("/etc/written", ""); wrote = true } catch {}
writeFileSync("dist/index.html", "built")
if (wrote || Object.keys(process.env).some(n => n.startsWith("CLOUDFLARE_"))) process.exit(1)'
handbook=$head
install -m 0755 "$tmp/kv-sync" "$root/usr/local/bin/"
install -m 0644 examples/daemon/kv-sync.service "$root/etc/systemd/system/"
adapt examples/daemon/kv-sync-daemon.toml "$etc/daemon.toml"
install -d "$root/etc/systemd/system/kv-sync.service.d" # for the address of the local platform
printf '[Service]\nEnvironment=CLOUDFLARE_API_BASE_URL=%s\n' "$CLOUDFLARE_API_BASE_URL" > "$root/etc/systemd/system/kv-sync.service.d/test.conf"
chroot "$root" systemctl enable -q kv-sync.service 2> /dev/null

systemd-nspawn --quiet --register=no --keep-unit --resolv-conf=off --boot --directory "$root" > "$tmp/console" 2>&1 < /dev/null &
machine=$!
stop_daemon() {
  kill "$machine" 2> /dev/null && wait "$machine" 2> /dev/null || true
}
in_machine() { nsenter --all --target "$(tr -d ' ' < "/proc/$machine/task/$machine/children")" -- "$@"; }
service_log() { in_machine journalctl --no-pager -o cat -u kv-sync.service; }
print_logs() { { service_log || cat "$tmp/console"; } >&2; }
main_pid() { in_machine systemctl show --property MainPID --value kv-sync.service; }
restarted() { local now; now=$(main_pid) && [ "$now" != 0 ] && [ "$now" != "$first" ]; }

wait_for "the unit is active" in_machine systemctl -q is-active kv-sync.service
head=$blog wait_for "blog is live" live blog
head=$handbook wait_for "handbook is built in the sandbox, and live" live handbook
[ -e "$root/var/lib/private/kv-sync/sites/handbook/home/kept" ] || fail "the build has no home"
wait_for "/healthz is ok" healthy
wait_for "the page asks for the password" password_page
first=$(main_pid)
in_machine systemctl kill --signal KILL --kill-who main kv-sync.service
push blog public/index.html "page 2"
wait_for "systemd has started the daemon again after kill -9" restarted
wait_for "the push during the restart is live" live blog
in_machine systemctl stop kv-sync.service
service_log | grep -q "level=INFO msg=stopped" || fail "the daemon did not stop after SIGTERM: $(service_log | tail -n 3)"
[ "$(in_machine systemctl show --property Result --value kv-sync.service)" = success ] || fail "the result of the service is not success"
echo "  ✓ the daemon stops after SIGTERM"
stop_daemon
stop_daemon() { :; }

echo "== The image"
. .ci/buildah.sh
debian "$tmp/debian" ""
base=$(b from scratch)
b copy -q "$base" "$tmp/debian" / > /dev/null
b commit -q "$base" localhost/debian > /dev/null
build examples/daemon/Dockerfile localhost/kv-sync-daemon --ignorefile examples/daemon/Dockerfile.dockerignore \
  --build-arg DEBIAN_IMAGE=localhost/debian
image=$(b from --pull-never localhost/kv-sync-daemon)
files=$(b mount "$image")
[ "$(b inspect --format '{{.OCIv1.Config.User}}' "$image")" = 10001:10001 ] || fail "the image runs as another user"
[ "$(stat -c %u:%g:%a "$files/var/lib/kv-sync")" = 10001:10001:700 ] || fail "the state's folder is $(stat -c %u:%g:%a "$files/var/lib/kv-sync")"
[ -s "$files/etc/ssl/certs/ca-certificates.crt" ] && [ -x "$files/usr/lib/git-core/git-remote-https" ] || fail "git cannot reach https"
[ -z "$(ls -A "$files/var/lib/apt/lists")" ] && [ ! -e "$files/src" ] || fail "the image contains files of its build"
echo "  ✓ $(du -sm "$files" | cut -f1) MB: git, ssh, certificates; not root"

install -d "$tmp/etc"
chown 10001 "$secrets"/*
cp "$tmp/known_hosts" "$tmp/etc/"
adapt examples/daemon/compose.toml "$tmp/etc/daemon.toml"
ssh=$(sed -n 's/^ *GIT_SSH_COMMAND: //p' examples/daemon/compose.yaml)
b run --isolation chroot --env CLOUDFLARE_API_BASE_URL="$CLOUDFLARE_API_BASE_URL" --env GIT_SSH_COMMAND="$ssh" \
  --volume "$tmp/etc:/etc/kv-sync:ro" --volume "$secrets:/run/secrets:ro" \
  "$image" -- /usr/local/bin/kv-sync daemon --config /etc/kv-sync/daemon.toml > "$tmp/container" 2>&1 &
container=$!
# buildah does not forward signals, so the test sends them to the daemon.
daemon() { # daemon PID: prints the process id of the daemon among PID and its descendants
  local child
  [ "$(< "/proc/$1/comm")" != kv-sync ] || { echo "$1"; return; }
  for child in $(cat "/proc/$1"/task/*/children); do daemon "$child"; done # each thread has children
}
stop_daemon() {
  local pid
  pid=$(daemon "$container" 2> /dev/null) && [ -n "$pid" ] && kill "$pid" && wait "$container" 2> /dev/null || true
  b rm --all > /dev/null 2>&1 || true
}
print_logs() { cat "$tmp/container" >&2; }
push blog public/index.html "page 3"
wait_for "blog is live" live blog
wait_for "/healthz is ok" healthy
wait_for "the page asks for the password" password_page
push blog public/index.html "page 4"
wait_for "the next push is live" live blog
stop_daemon
grep -q "level=INFO msg=stopped" "$tmp/container" || fail "the daemon did not stop after SIGTERM: $(tail -n 3 "$tmp/container")"
echo "  ✓ the daemon stops after SIGTERM"
