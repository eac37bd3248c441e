#!/bin/sh
# A peer for the ingest figure: PostgreSQL taking ROWS made-up records of 634 bytes with a 16-byte
# primary key in random order by COPY, 8,000 rows a transaction, every commit synced. It checks no
# signatures and keeps one copy; it is what a database alone does with these rows on this machine.
#   bench/peer_postgres.sh [ROWS] [DIR]
set -eu
rows=${1:-500000} dir=${2:-/var/tmp/lienthong-bench-postgres} port=27700
bin=$(dirname "$(ls -d /usr/lib/postgresql/*/bin/postgres | tail -n 1)")
rm -rf "$dir" && mkdir -p "$dir" && chown postgres "$dir"
as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
trap 'as "$bin/pg_ctl" -D "$dir/db" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
as "$bin/initdb" -D "$dir/db" --auth=trust --encoding=UTF8 --locale=C >/dev/null
as "$bin/pg_ctl" -D "$dir/db" -l "$dir/log" -w -o \
    "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir -c max_wal_size=8GB -c shared_buffers=1GB" \
    start >/dev/null
/usr/bin/python3 - "$rows" >"$dir/load.sql" <<'PYTHON'
import random
import sys

rng, left = random.Random(1), int(sys.argv[1])
print("CREATE TABLE r (id bytea PRIMARY KEY, v1 text, v2 text, v3 text, v4 text, v5 text);")
pool = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=1 << 16))
while left > 0:
    print("COPY r FROM STDIN;")
    for _ in range(min(8000, left)):
        texts = (pool[at:at + n] for n in (14, 109, 196, 10, 289) for at in (rng.randrange(60000),))
        print(f"\\\\x{rng.randbytes(16).hex()}", *texts, sep="\t")
    print("\\.")
    left -= 8000
PYTHON
start=$(date +%s%N)
psql -q -h 127.0.0.1 -p "$port" -U postgres -v ON_ERROR_STOP=1 -f "$dir/load.sql" postgres
end=$(date +%s%N)
held=$(psql -At -h 127.0.0.1 -p "$port" -U postgres -c "SELECT count(*) FROM r" postgres)
[ "$held" = "$rows" ]
awk -v n="$rows" -v ns=$((end - start)) 'BEGIN { printf "postgres COPY %d records/s  %.2f s\n", n / ns * 1e9, ns / 1e9 }'
