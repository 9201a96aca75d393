#!/usr/bin/env bash
# run.sh [--size 1000] [--round-trip-ms 10] [--linger-ms 5] [--partitions 6] [--threads 1] [--records 3000000]
#        [--rounds 5] [--peers "ours franz-go"] [--set key=value]... [--tls yes] [--nodes 3 [--slow-node-ms 200]]
#        [--keys 10000] [--get-each yes [--bulk same|other]]
# Builds the peers and a broker that only acknowledges, runs the peers in turn, and prints each run, the medians of each
# peer, and ours as a share of each other's. --set, --keys, --get-each and --bulk are for ours. Peers: ours, franz-go (Go), java (JDK, Maven),
# librdkafka (a C compiler, through rust-rdkafka); with --tls (and a round trip of 0): ours, librdkafka, bare (OpenSSL).
set -euo pipefail
cd "$(dirname "$0")"
SIZE=1000 ROUND_TRIP=10 LINGER=5 PARTITIONS=6 THREADS=1 RECORDS=3000000 ROUNDS=5 PEERS="ours franz-go" SET=() TLS=no NODES=1 SLOW=() FEATURES=()
while [ $# -gt 0 ]; do
  case $1 in
    --size) SIZE=$2 ;;
    --round-trip-ms) ROUND_TRIP=$2 ;;
    --linger-ms) LINGER=$2 ;;
    --partitions) PARTITIONS=$2 ;;
    --threads) THREADS=$2 ;;
    --records) RECORDS=$2 ;;
    --rounds) ROUNDS=$2 ;;
    --peers) PEERS=$2 ;;
    --set) SET+=(--set "$2") ;;
    --keys | --bulk) SET+=("$1" "$2") ;;
    --get-each) SET+=(--get-each) ;;
    --tls) TLS=$2 ;;
    --nodes) NODES=$2 ;;
    --slow-node-ms) SLOW=(--slow-node-ms "$2") ;;
    *) sed -n '2,7s/^# //p' "$0" >&2; exit 2 ;;
  esac
  shift 2
done
BUILT=$(cd ../.. && pwd)/target/peers
mkdir -p "$BUILT"

SINK_OPTIONS=(--partitions "$PARTITIONS" --round-trip-ms "$ROUND_TRIP" --nodes "$NODES" "${SLOW[@]}")
declare -A OPTIONS
if [ "$TLS" = yes ]; then
  # `--set tls_backend=rustls` for the other.
  FEATURES=(--features tls,rustls)
  SINK_OPTIONS+=(--tls "$BUILT/sink-ca.pem")
  OPTIONS[ours]="--set security.protocol=SSL --set ssl.ca.location=$BUILT/sink-ca.pem"
  OPTIONS[librdkafka]=${OPTIONS[ours]}
  OPTIONS[bare]="--authority $BUILT/sink-ca.pem --partitions $PARTITIONS"
fi

bench() { cargo bench "${FEATURES[@]}" --bench "$1" --no-run --message-format json | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'; }
SINK_BIN=$(bench peers_sink)
declare -A RUN
for peer in $PEERS; do
  case $peer in
    ours) RUN[$peer]=$(bench peers_ours) ;;
    franz-go) (cd franz-go && go build -o "$BUILT/franz-go" .); RUN[$peer]=$BUILT/franz-go ;;
    java)
      mvn -q -B -f java/pom.xml dependency:copy-dependencies -DoutputDirectory="$BUILT/java/libs"
      javac -d "$BUILT/java/classes" -cp "$BUILT/java/libs/*" java/Load.java
      # UTF-8 for the line it prints.
      RUN[$peer]="java -Dstdout.encoding=UTF-8 -cp $BUILT/java/classes:$BUILT/java/libs/* Load" ;;
    bare) RUN[$peer]=$(bench peers_bare) ;;
    librdkafka)
      (cd librdkafka && CARGO_TARGET_DIR=$BUILT/librdkafka cargo build -q --release)
      RUN[$peer]=$BUILT/librdkafka/release/librdkafka-peer ;;
    *) echo "there is no peer '$peer'" >&2; exit 2 ;;
  esac
done

# It ends when this script does, however that comes: its input ends.
coproc SINK { exec "$SINK_BIN" "${SINK_OPTIONS[@]}"; }
read -r ADDRESS <&"${SINK[0]}"
counted() { echo >&"${SINK[1]}"; read -r line <&"${SINK[0]}"; echo "$line"; }

echo "$RECORDS records of $SIZE B, $PARTITIONS partitions, $THREADS threads, linger $LINGER ms, round trip $ROUND_TRIP ms, $NODES nodes ${SLOW[*]}"
LINES=$(mktemp)
trap 'rm -f "$LINES"' EXIT
counted >/dev/null
for round in $(seq "$ROUNDS"); do
  for peer in $PEERS; do
    own=(); [ "$peer" = ours ] && own=("${SET[@]}")
    # Word splitting is wanted: a command with its arguments. A glob of a class path is not.
    set -f
    line=$(${RUN[$peer]} --address "$ADDRESS" --records "$RECORDS" --size "$SIZE" --threads "$THREADS" \
      --linger-ms "$LINGER" "${own[@]}" ${OPTIONS[$peer]:-})
    set +f
    sink=$(counted)
    echo "$round $line; the broker: $sink"
    # One more than was asked for: each sends one before it measures.
    stored=${sink#records=}
    [ "${stored%% *}" -gt "$((RECORDS / THREADS * THREADS))" ] || { echo "records are missing" >&2; exit 1; }
    echo "$peer ${line#*: }" >>"$LINES"
  done
done

median() { awk -v peer="$1" -v field="$2" '$1 == peer { print $field }' "$LINES" | sort -g |
  awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
for peer in $PEERS; do
  echo "median $peer: $(median "$peer" 2) records/s, $(median "$peer" 4) µs of CPU a record"
done
case " $PEERS " in *" ours "*) ;; *) exit 0 ;; esac
for peer in $PEERS; do
  [ "$peer" = ours ] || awk -v a="$(median ours 2)" -v b="$(median "$peer" 2)" -v c="$(median ours 4)" -v d="$(median "$peer" 4)" \
    -v peer="$peer" 'BEGIN { printf "ours / %s: %.2f of its records/s, %.2f of its CPU a record\n", peer, a / b, c / d }'
done
