#!/usr/bin/env bash
# chaos.sh [ours|java|librdkafka|kafka-python]...
# Plays the script of tests/real_chaos.rs to each of them. README.md says what is printed.
set -euo pipefail
cd "$(dirname "$0")"
BUILT=$(cd ../.. && pwd)/target/peers-chaos
mkdir -p "$BUILT"
[ $# -gt 0 ] || set -- ours java librdkafka kafka-python
: "${CHAOS_SECS:=60}" "${CHAOS_MODES:=all}" "${CHAOS_SEED:=$RANDOM}"
export CHAOS_SECS CHAOS_MODES CHAOS_SEED

python_with() {
  local venv=$BUILT/$1
  if [ ! -e "$venv/complete" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q "$2"
    touch "$venv/complete"
  fi
  echo "$venv/bin/python"
}

for peer in "$@"; do
  unset CHAOS_CLIENT
  case $peer in
    ours) ;;
    java)
      # The jars that the tests' brokers run from are there after the first of them.
      libs=$(cd ../.. && pwd)/target/kafka/4.3.1/libs
      [ -d "$libs" ] || (cd ../.. && cargo test -q --all-features --test kafka_harness >/dev/null)
      javac -d "$BUILT/java" -cp "$libs/*" Chaos.java
      export CHAOS_CLIENT="java -Xmx512m -cp $BUILT/java:$libs/* Chaos" ;;
    librdkafka) export CHAOS_CLIENT="$(python_with librdkafka confluent-kafka==2.16.1) $PWD/librdkafka.py" ;;
    kafka-python) export CHAOS_CLIENT="$(python_with kafka-python kafka-python==3.0.12) $PWD/kafka_python.py" ;;
    *) echo "there is no peer '$peer'" >&2; exit 2 ;;
  esac
  printf '\n== %s\n' "$peer"
  (cd ../.. && cargo test -q --all-features --test real_chaos) || echo "$peer: the run has failed"
done
