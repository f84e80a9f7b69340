# shellcheck shell=bash
# Sourced by run-tests: the words that faults share. A fault is a trial with fewer hosts under work; it ends by
# making the lab whole again, so that the next one can begin.

# playbook SECONDS STEP…: written into the trial's folder; SECONDS is what `wait-up` may take.
playbook() {
  local wait=$1 step
  shift
  { printf 'rollbook: 1\nname: %s\nblocked-timeout: 60s\nsteps:\n' "$trial"
    for step; do printf '  - %s\n' "$step"; done
    printf '  - wait-up:\n    timeout: %ss\n    poll: 2s\n    stable: 2\n' "$wait"; } >"$dir/playbook.yaml"
}
# start_run [OPTION…]: the run goes on in the background; its words lie in out and err.
start_run() {
  in_lab "$rollbook" run "$dir/playbook.yaml" --seed-host "$NET.11" --yes "$@" >"$dir/out" 2>"$dir/err" &
  run=$!
}
end_run() { status=0; wait "$run" || status=$?; }
go_on() { status=0; in_lab "$rollbook" resume last "$@" >>"$dir/out" 2>>"$dir/err" || status=$?; }
# said SECONDS PATTERN: waits until the run has said so.
said() {
  local left
  for ((left = $1 * 5; left > 0; left--)); do
    if grep -qE "$2" "$dir/out" "$dir/err"; then return 0; fi
    sleep 0.2
  done
  check 1 "the run says \`$2\` within $1 s" "$(tail -n 1 "$dir/err")"
  return 1
}
tells() { check "$(holds grep -qE "$1" "$dir/out" "$dir/err")" "it says \`$1\`" "$(grep -hoEm1 ".{0,60}$1.{0,40}" "$dir/out" "$dir/err" | head -n 1)"; }
check_status() { check "$(holds [ "$status" = "$1" ])" "exit status $1: $2" "$status after $((($(date +%s%3N) - started) / 1000)) s"; }
check_within() { check "$(holds less $((($(date +%s%3N) - started) / 1000)) "$1")" "within $1 s" "$((($(date +%s%3N) - started) / 1000)) s"; }
# booted HOST TIMES: as the watcher saw it, after `end`.
check_booted() { local n; n=$(awk -v h="$1" '$1 == "boots" && $2 == h { print $3 }' "$dir/judged"); check "$(holds [ "${n:-0}" = "$2" ])" "$1 booted $2 times" "${n:-0}"; }
# check_untouched HOST…: by the record, never down. (`booted` alone would not show a host that was only stopped.)
check_untouched() {
  local h down
  for h; do
    down=$(awk -v a="$(address "$h")" '$1 == "wave" { for (i = 4; i <= NF; i++) if ($i == a) n++ } END { print n + 0 }' "$dir/judged")
    check "$(holds [ "$down" = 0 ])" "$h was never down" "$down times"
  done
}
far() { local h=$1; shift; in_lab ssh "$h" "$@"; }
boots() { cat "$LIVE/hosts/$1/boots"; }
# un_at HOST PEER SECONDS: waits until PEER shows HOST as UN.
un_at() {
  local left
  for ((left = $3; left > 0; left -= 2)); do
    if far "$2" nodetool status 2>/dev/null | grep -q "^UN  *$(address "$1") "; then return 0; fi
    sleep 1
  done
  die "$2 does not show $1 as UN within $3 s"
}

# The lab as it was: no cut, nobody frozen or off, every Cassandra up.
all_well() {
  local h
  # What a broken trial left running on this machine; the lab's own group lists it.
  xargs -r kill -9 <"$(lab_group)/exec/cgroup.procs" 2>/dev/null || true
  "$LAB_BIN/host" heal
  for h in $(hosts); do
    "$LAB_BIN/host" thaw "$h" 2>/dev/null || true
    "$LAB_BIN/host" boot-ok "$h"
    "$LAB_BIN/host" boot-delay 0 "$h"
    if [ "$(cat "$LIVE/hosts/$h/power")" = off ]; then "$LAB_BIN/host" power on "$h"; fi
  done
  # shellcheck disable=SC2046
  "$LAB_BIN/host" wait-ssh 90 $(hosts) || return 1
  for h in $(hosts); do
    # a node that was drained runs, and takes no requests: only a restart brings it back
    far "$h" 'test "$(nodetool netstats 2>/dev/null | head -n 1)" != "Mode: DRAINED" || sudo systemctl restart cassandra' || true
    far "$h" 'systemctl is-active -q cassandra || sudo systemctl start cassandra' || true
  done
  # shellcheck disable=SC2046
  "$LAB_BIN/host" wait-cassandra 240 $(hosts) || return 1
  sleep 5
}
