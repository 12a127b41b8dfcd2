# Functions for daemon_test.sh, which sources this file at the top of the repository. They start a
# forge and the local platform. This file creates the temporary folder $tmp. At the end of the
# script it removes the folder and ends the processes that it started.

fail() {
  echo "$0: $*" >&2
  exit 1
}
need() { # need COMMAND=PACKAGE…: installs the packages of missing commands
  local pair missing=()
  for pair in "$@"; do command -v "${pair%%=*}" > /dev/null || missing+=("${pair#*=}"); done
  [ ${#missing[@]} = 0 ] && return
  [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null || fail "install ${missing[*]} first"
  {
    flock 9 # tests of several packages may install at the same time
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "${missing[@]}" > /dev/null
  } 9> /tmp/kv-sync-apt.lock
}

tmp=$(mktemp -d)
chmod 711 "$tmp"
started=()
stop_daemon() { :; }    # the script redefines it to end its own processes
print_logs() { :; } # the script redefines it to print logs after a failure
end() {
  stop_daemon
  for pid in "${started[@]}"; do kill "$pid" 2> /dev/null && wait "$pid" 2> /dev/null; done || true
  rm -rf "$tmp"
}
trap end EXIT
trap 'exit 130' INT TERM

wait_for() { # wait_for WHAT COMMAND…: runs the command until it succeeds, for at most five minutes
  local what=$1
  shift
  for _ in $(seq 1500); do
    if "$@" > /dev/null 2>&1; then
      echo "  ✓ $what"
      return
    fi
    sleep 0.2
  done
  print_logs
  fail "timed out after five minutes: $what"
}

debian() { # debian FOLDER PACKAGES: installs a small Debian system into a folder
  mmdebstrap --quiet --variant=apt --mode=root ${2:+--include="$2"} bookworm "$1"
}

start_platform() { # starts the local platform, and exports its variables
  mkdir "$tmp/platform"
  (cd "$tmp/platform" && XDG_CACHE_HOME="$tmp/cache" exec "$tmp/kv-sync" dev) > "$tmp/platform/log" 2>&1 &
  started+=($!)
  wait_for "the local platform runs" grep -q "Ctrl-C stops it" "$tmp/platform/log"
  eval "$(grep -o 'export CLOUDFLARE_.*' "$tmp/platform/log")"
}

# start_forge ROOT starts sshd and git in the Debian system in ROOT, with the repositories of the
# examples and a key that may fetch them.
start_forge() {
  local root=$1 name
  printf '[safe]\n\tdirectory = *\n' > "$tmp/gitconfig" # git may push into repositories of another user
  forge=$root/srv/git ssh_port=2222
  chroot "$root" useradd --create-home --home-dir /srv/git --shell /usr/bin/git-shell --password '*' git
  ssh-keygen -q -t ed25519 -N '' -C test -f "$tmp/deploy-key"
  ssh-keygen -q -t ed25519 -N '' -C test -f "$root/etc/ssh/forge"
  install -D -m 0644 "$tmp/deploy-key.pub" "$forge/.ssh/authorized_keys"
  for name in blog handbook; do chroot "$root" git init -q --bare -b main "/srv/git/$name.git"; done
  chroot "$root" chown -R git:git /srv/git
  mkdir -p "$root/run/sshd"
  printf '[127.0.0.1]:%s %s\n' "$ssh_port" "$(cut -d' ' -f1,2 "$root/etc/ssh/forge.pub")" > "$tmp/known_hosts"
  chroot "$root" /usr/sbin/sshd -D -e -p "$ssh_port" -h /etc/ssh/forge -o ListenAddress=127.0.0.1 -o UsePAM=no -o PidFile=none \
    > "$tmp/sshd.log" 2>&1 &
  started+=($!)
}

push() { # push REPOSITORY FILE TEXT: pushes a commit with that file to main
  local dir="$tmp/work/$1"
  [ -d "$dir" ] || git init -q -b main "$dir"
  mkdir -p "$(dirname "$dir/$2")"
  printf '%s\n' "$3" > "$dir/$2"
  git -C "$dir" add -A
  git -C "$dir" -c user.name=Test -c user.email=test@example.com commit -q -m "$2"
  GIT_CONFIG_GLOBAL="$tmp/gitconfig" git -C "$dir" push -q "$forge/$1.git" main
  chown -R --reference="$forge" "$forge/$1.git"
  head=$(git -C "$dir" rev-parse HEAD)
}

live() { # live SITE: succeeds if the last pushed commit is live
  (cd "$tmp" && timeout 120 "$tmp/kv-sync" history --name "$1" --json) | grep -qF "\"commit\":\"$head\",\"url\""
}
healthy() { [ "$(curl -sf --max-time 60 http://127.0.0.1:8792/healthz)" = ok ]; }
password_page() { curl -sfL --max-time 60 http://127.0.0.1:8791/ | grep -qi password; }
