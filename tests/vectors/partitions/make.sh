#!/usr/bin/env bash
# Makes the files of this directory again. Needs JDK 17, Maven, Python 3.9 with venv, and Go 1.26.
# Usage: make.sh [DIRECTORY FOR THE CLIENTS]. Without an argument, a temporary directory that is removed at the end.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ $# -gt 0 ]; then
    mkdir -p "$1"
    work=$(cd "$1" && pwd)
else
    work=$(mktemp -d)
    trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
fi
export PYTHONDONTWRITEBYTECODE=1
counts=(1 3 6 7 64 1000)

python3 -m venv "$work/python"
python=$work/python/bin/python
"$python" -m pip install --quiet kafka-python==3.0.12 confluent-kafka==2.16.1 hash_ring==1.3.1

mkdir -p "$work/java"
cp "$here/pom.xml" "$work/java"
mvn -q -B -f "$work/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/java/jars"

mkdir -p "$work/go"
cp "$here/sarama.go" "$work/go"
(
    cd "$work/go"
    [ -e go.mod ] || go mod init partitions
    go get github.com/IBM/sarama@v1.61.1
    go build -o sarama .
) 2> "$work/go.log" || { cat "$work/go.log" >&2; exit 1; }

cd "$here"
"$python" keys.py > keys.txt
# partitions FILE PROGRAM [ARGUMENT...]
partitions() {
    local file=$1
    shift
    "$@" "${counts[@]}" < keys.txt > "$file"
}
partitions java-murmur2.txt java -cp "$work/java/jars/*" JavaMurmur2.java
partitions kafka-python-murmur2.txt "$python" kafka_python.py
for name in consistent murmur2 fnv1a; do partitions "librdkafka-$name.txt" "$python" librdkafka.py "$name"; done
"$python" librdkafka.py no-key > librdkafka-no-key.txt
for name in hash reference crc32; do partitions "sarama-$name.txt" "$work/go/sarama" "$name"; done
partitions sha256.txt "$python" sha256.py
partitions hash-ring.txt "$python" ring.py

"$python" check.py .
# Sarama's other partitioners are the same as those of files that exist.
same() {
    partitions "$work/same.txt" "$work/go/sarama" "$1"
    cmp "$work/same.txt" "$2"
    echo "Sarama's $1 is the same as $2."
}
same abs-first sarama-reference.txt
same consistent-crc librdkafka-consistent.txt
same murmur2 java-murmur2.txt
echo "librdkafka $("$python" librdkafka.py version)"
"$python" ring_moves.py < keys.txt
