# shellcheck shell=bash
# Sourced by run-tests and its cases: one trial is a load and a watcher, started before and judged after something is done.
RESULTS=${RESULTS:?}
export ROLLBOOK_HOME=$RESULTS/home         # runs of tests are not runs of whoever tests
programs=$LAB_BIN/../../target/debug/examples       # as `cargo test` builds them anyway
rollbook=${ROLLBOOK_BIN:-$LAB_BIN/../../target/release/rollbook}
points=$NET.11,$NET.12,$NET.13,$NET.14,$NET.15,$NET.16
in_lab() { "$LAB_BIN/exec" "$@" </dev/null; }

# The keyspace under load, and its ring as a node that has heard of it tells it.
orders() {
  local i
  in_lab "$programs/cql-load" "$points" --schema-only --out /dev/null
  for ((i = 0; i < 30; i++)); do
    if in_lab ssh h1 nodetool describering orders >"$RESULTS/ring" 2>/dev/null; then return 0; fi
    sleep 1
  done
  die "h1 does not know the keyspace orders"
}

# check WORDS… with a status before it: check STATUS "what must hold" "what was seen"
check() {
  local word=ok
  if [ "$1" != 0 ]; then word=FAILED; fi
  printf '%s\t%s\t%s\t%s\n' "$word" "$trial" "$2" "$3" >>"$RESULTS/checks.tsv"
  printf '  %-6s  %s: %s\n' "$word" "$2" "$3"
}
holds() { if "$@"; then echo 0; else echo 1; fi; }        # a status for check
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a <= b) }'; }

# begin NAME: load and watcher run from here to `end`.
begin() {
  trial=$1 dir=$RESULTS/$1
  mkdir -p "$dir"
  printf '\n%s\n' "$trial"
  calls_before=$(calls)
  in_lab "$programs/lab-watch" record --out "$dir/record" --stop "$dir/stop" 2>"$dir/watch.err" &
  watcher=$!
  in_lab "$programs/cql-load" "$points" --rate "${LAB_RATE:-50}" --out "$dir/load.tsv" --stop "$dir/stop" >"$dir/load.sum" 2>"$dir/load.err" &
  load=$!
  sleep 5                                                 # connections, JIT: not what is being measured
  [ -s "$dir/record" ] || die "the watcher does not run: $(cat "$dir/watch.err")"
  kill -0 "$load" || die "the load does not run: $(cat "$dir/load.err")"
  started=$(date +%s%3N)
}
# end: the hosts get time to be judged up again, then both programs stop.
end() {
  wall=$(($(date +%s%3N) - started))
  sleep 3
  : >"$dir/stop"
  local failed=0
  wait "$watcher" || failed=1
  wait "$load" || failed=1
  [ $failed = 0 ] || die "watcher or load failed: $(cat "$dir/watch.err" "$dir/load.err")"
  jvms=$(($(calls) - calls_before))
  "$programs/lab-watch" judge "$dir/record" --ring "$RESULTS/ring" >"$dir/judged"
}
judged() { awk -v word="$1" '$1 == word { print $2 }' "$dir/judged"; }
# How many requests of the trial ended so: outcome NAME…
outcomes() {
  local name sum=0
  for name; do sum=$((sum + $(awk -F'\t' -v n="$name" '$4 == n' "${of:-$dir}/load.tsv" | wc -l))); done
  echo "$sum"
}
requests() { wc -l <"$dir/load.tsv"; }
summary() { tr '\t\n' ' ,' <"${of:-$dir}/load.sum" | sed 's/,$//; s/,/, /g'; }
# All nodetool calls that the hosts have ever seen.
calls() { local h sum=0; for h in $(hosts); do sum=$((sum + $(cat "$LIVE/hosts/$h/upper/var/tmp/nodetool.calls" 2>/dev/null | wc -l))); done; echo "$sum"; }

# Which process serves on each host now: h1=PID…, unlike any before it.
server_pids() {
  local h
  for h in $(hosts); do echo "$h=$("$LAB_BIN/exec" ssh "$h" 'echo $(systemctl show --property=MainPID --value cassandra).$(systemctl show --property=ExecMainStartTimestampMonotonic --value cassandra)' </dev/null)"; done | xargs
}

# What holds for every reboot of all six hosts, however it was asked for.
check_rebooted_once() {
  local boots
  boots=$(awk '$1 == "boots" { printf "%s%s:%s", s, $2, $3; s = " " }' "$dir/judged")
  check "$(holds [ "$(awk '$1 == "boots" && $3 == 1' "$dir/judged" | wc -l)" = 6 ])" "each of 6 hosts booted anew exactly once" "$boots"
}
check_never_two_replicas() {
  check "$(holds [ "$(judged conflicts)" = 0 ])" "never two replicas of a range down together" \
    "$(judged conflicts) times; at most $(judged most-down) hosts down at once"
  check "$(holds [ "$(judged down-at-end)" = 0 ])" "every host is up at the end" "$(judged down-at-end) down"
}
check_exit() { check "$(holds [ "$1" = 0 ])" "exit status 0" "$1 after $((wall / 1000)) s"; }
note_load() { check 0 "load, for the record" "$(requests) requests: $(summary); $jvms nodetool calls"; }
