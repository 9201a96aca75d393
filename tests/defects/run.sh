#!/usr/bin/env bash
# Plants each defect of this folder in a copy of the tree, one at a time, and runs the seeded simulation until a seed finds
# it. A seed finds a defect if it fails with the defect and passes without it: each seed that fails is run without it, too.
#
#   tests/defects/run.sh [--seeds 2000] [--from 0] [NAME...]
#
# NAME is how the name of a patch begins. It fails if the seeds miss a defect, and if a patch does not apply or build.
set -euo pipefail
cd "$(dirname "$0")/../.."

SEEDS=2000 FROM=0 STEP=100 NAMES=()
while [ $# -gt 0 ]; do
  case $1 in
    --seeds) SEEDS=$2; shift 2 ;;
    --from) FROM=$2; shift 2 ;;
    --*) echo "$1 is not an option; there are --seeds and --from" >&2; exit 2 ;;
    *) NAMES+=("$1"); shift ;;
  esac
done
[ ${#NAMES[@]} -gt 0 ] || NAMES=("")

ROOT=$PWD
WORK=$ROOT/target/defects
TREE=$WORK/tree
SAID=$WORK/said
TEST=whatever_happens_everything_gets_a_result_and_the_results_are_true
RED=0 COUNT=0
# One line of the producer changes from build to build: only what has changed is compiled again.
export CARGO_TARGET_DIR=$WORK/build CARGO_INCREMENTAL=1 CARGO_PROFILE_RELEASE_INCREMENTAL=true
export CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_DEBUG=0

# The copy is the tree again. Files that are the same keep their times, so that they are not compiled again.
renew() {
  local wanted file
  mkdir -p "$TREE"
  wanted=$(git ls-files --cached --others --exclude-standard | sort)
  while read -r file; do
    if [ -f "$file" ] && ! cmp -s "$file" "$TREE/$file"; then
      mkdir -p "$(dirname "$TREE/$file")"
      cp "$file" "$TREE/$file"
    fi
  done <<< "$wanted"
  comm -13 <(echo "$wanted") <(cd "$TREE" && find . -type f | sed 's|^\./||' | sort) |
    while read -r file; do rm "$TREE/$file"; done
}

# Builds the copy as `target/defects/$1`.
build() {
  local binary
  binary=$(cd "$TREE" && cargo test -q --release --lib --features mock --no-run --message-format=json 2> "$SAID" |
    grep -o '"executable":"[^"]*"' | tail -1 | cut -d'"' -f4) || return 1
  cp "$binary" "$WORK/$1"
}

# Runs seeds with the binary $1. True if all pass; if not, $SAID has lines `seed: check: what`.
seeds() {
  KAFKA_PRODUCER_SIMULATION_SEEDS=$2..$3 timeout 900 "$WORK/$1" --exact "mock::simulation::seeded::$TEST" > "$SAID" 2>&1
}

# Tells which seed has found the defect in the binary `planted` first, and by which check.
find_it() {
  local from=$FROM to failed seed check aside=
  while [ "$from" -lt $((FROM + SEEDS)) ]; do
    to=$((from + STEP))
    if ! seeds planted "$from" "$to"; then
      failed=$(sed -n '/ seeds failed:$/,$p' "$SAID" | grep -aoE '^[0-9]+: [^:]+' || true)
      if [ -z "$failed" ]; then
        echo "the run of the seeds $from..$to broke off: $(tail -c 300 "$SAID")"
        return 1
      fi
      while IFS=: read -r seed check; do
        if seeds clean "$seed" $((seed + 1)); then
          echo "found by seed $seed, after $((seed - FROM + 1)) seeds, by$check$aside"
          return 0
        fi
        aside="$aside; seed $seed fails without it, too, and does not count"
      done <<< "$failed"
    fi
    from=$to
  done
  echo "NOT FOUND by $SEEDS seeds$aside"
  return 1
}

renew
build clean || { cat "$SAID"; exit 1; }
for patch in tests/defects/*.patch; do
  name=$(basename "$patch" .patch)
  for wanted in "${NAMES[@]}"; do
    [[ $name == "$wanted"* ]] || continue
    COUNT=$((COUNT + 1))
    renew
    if ! (cd "$TREE" && patch -s -p1 --fuzz=0 < "$ROOT/$patch" > "$SAID"); then
      echo "$name: the patch does not apply any more"; RED=1
    elif ! build planted; then
      echo "$name: it does not build: $(tail -3 "$SAID")"; RED=1
    elif found=$(find_it); then
      echo "$name: $found"
    else
      echo "$name: $found"; RED=1
    fi
    break
  done
done
[ $COUNT -gt 0 ] || { echo "no patch has a name that begins so" >&2; exit 2; }
exit $RED
