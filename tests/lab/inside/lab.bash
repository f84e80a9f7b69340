# shellcheck shell=bash
# Sourced by every command of the lab: where things lie, and the few words they share.
#
# $LAB        what is kept between two labs: image/, releases/
# $LIVE       what exists only while a lab is up: hosts/, common/, ssh keys, the pid of its first process
# $LAB_GROUP  the cgroup that holds every process of the lab; it, and no pid file, says what `down` ends
set -euo pipefail
LAB_BIN=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LAB=${ROLLBOOK_LAB_DIR:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/rollbook-lab}
LIVE=$LAB/live
NET=10.77.0                     # a /24 that exists only inside the lab's own network namespace
GROUP_NAME=rollbook-lab-$(cksum <<<"$LAB" | cut -d' ' -f1)
[ -e /proc/self/fd/0 ] || exec </dev/null      # CI may have closed it

say() { printf 'lab: %s\n' "$*" >&2; }
die() { printf 'lab: %s\n' "$*" >&2; exit 1; }

# The machine's cgroup2 tree: /sys/fs/cgroup, or a folder below it where version 1 still rules.
cgroup2_root() { findmnt -rn -t cgroup2 -o TARGET | head -n 1; }
lab_group() { printf '%s/%s\n' "$(cgroup2_root)" "$GROUP_NAME"; }

# Prints why there can be no lab on this machine; prints nothing if there can be one.
impossible() {
  [ "$(id -u)" = 0 ] || { echo "it needs root"; return; }
  local c
  for c in systemd-nspawn mmdebstrap nft ip ssh ssh-keygen unshare nsenter findmnt flock mvn; do
    command -v "$c" >/dev/null || { echo "\`$c\` is missing (tests/lab/install brings it)"; return; }
  done
  [ -n "$(java17)" ] || { echo "there is no Java 17 under /usr/lib/jvm (tests/lab/install brings it)"; return; }
  [ -n "$(cgroup2_root)" ] || { echo "no cgroup2 is mounted"; return; }
  mkdir -p "$LAB"
  case $(stat -f -c %T "$LAB") in overlayfs) echo "$LAB lies on an overlay; set ROLLBOOK_LAB_DIR to a real disk"; return ;; esac
  case $LAB in *[:,\ ]*) echo "$LAB: a colon, comma or blank in the path"; return ;; esac
  unshare --mount --pid --fork --net --uts --ipc --time true 2>/dev/null || echo "namespaces are not allowed here"
}

# The java that runs Cassandra 5.0 (11 or 17 only), on this machine and, bound to the same path, on the hosts.
java17() { compgen -G '/usr/lib/jvm/java-17-openjdk-*/bin/java' | head -n 1 || true; }

# There is one lab in $LAB. Whoever works with it for a while claims it, and waits for whoever did before;
# `up` and `down` by hand refuse meanwhile.
claim() {
  mkdir -p "$LAB"
  exec 7>"$LAB/claim"
  if ! flock -n 7; then
    say "another test is using the lab; waiting for it"
    flock -w 3600 7 || die "the lab was not free within an hour"
  fi
  export LAB_CLAIMED=$$
}
refuse_if_claimed() {
  [ -z "${LAB_CLAIMED:-}" ] || return 0
  mkdir -p "$LAB"
  ( exec 7>"$LAB/claim"; flock -n 7 ) || die "a test is using the lab; ROLLBOOK_LAB_DIR names a place for another"
}

hosts() { ls "$LIVE/hosts" 2>/dev/null | sort -V; }
address() { cat "$LIVE/hosts/$1/address"; }

# The pid of the lab's first process, but only if the number still belongs to the lab.
first_pid() {
  local p
  p=$(cat "$LIVE/pid" 2>/dev/null) && grep -qs "/$GROUP_NAME/" "/proc/$p/cgroup" && printf '%s\n' "$p"
}
need_lab() { LAB_PID=$(first_pid) || die "no lab is up; start one with tests/lab/up"; }
