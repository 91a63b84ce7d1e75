#!/bin/sh
# OpenStack Swift with its s3api on loopback: the S3 service of the tests that nobody here wrote.
#
#   sudo tests/swift/setup.sh          installs it from Debian's packages where it is missing, and starts it
#   tests/swift/setup.sh stop          ends what it started and removes its data
#
# One proxy, one account, container and object server, one replica, credentials of its own (tempauth). Everything lies
# in $BACKHAUL_SWIFT_DIR (default /var/tmp/backhaul-swift), which must be on a file system with extended attributes;
# nothing listens but on 127.0.0.1, and no service of the distribution's is started. The tests find it by the
# file `env.json` there, and skip with a note when it is not running. Starting it twice does nothing.
set -eu

dir=${BACKHAUL_SWIFT_DIR:-/var/tmp/backhaul-swift}
port=${BACKHAUL_SWIFT_PORT:-16280}
account_port=$((port + 1)) container_port=$((port + 2)) object_port=$((port + 3)) cache_port=$((port + 4))
packages="swift-proxy swift-account swift-container swift-object memcached"

say() { echo "tests/swift/setup.sh: $*" >&2; }

alive() { curl --silent --fail --max-time 5 "http://127.0.0.1:$port/healthcheck" >/dev/null 2>&1; }

stop() {
  for file in "$dir"/run/*.pid; do
    [ -e "$file" ] || continue
    # The servers' own process groups: each was started as a session of its own.
    kill -TERM "-$(cat "$file")" 2>/dev/null || true
    rm -f "$file"
  done
  rm -rf "$dir"
}

install_packages() {
  command -v swift-proxy-server >/dev/null && command -v memcached >/dev/null && command -v curl >/dev/null && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "needs root and apt-get to install $packages"
    exit 1
  fi
  command -v curl >/dev/null || packages="$packages curl"
  # The packages would start services on ports of theirs.
  policy=/usr/sbin/policy-rc.d
  made=
  if [ ! -e $policy ]; then
    made=1
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
  fi
  status=0
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages; } >&2 || status=$?
  [ -z "$made" ] || rm -f $policy
  [ $status = 0 ] || { say "apt-get failed"; exit 1; }
}

server_conf() { # kind port
  cat >"$dir/etc/$1-server.conf" <<EOF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $2
workers = 0
swift_dir = $dir/etc
devices = $dir/devices
mount_check = false
# Test machines have few cores and slow disks; nothing here outlives a run.
fallocate_reserve = 0
disable_fallocate = true
[pipeline:main]
pipeline = healthcheck $1-server
[app:$1-server]
use = egg:swift#$1
[filter:healthcheck]
use = egg:swift#healthcheck
EOF
}

proxy_conf() {
  cat >"$dir/etc/proxy-server.conf" <<EOF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
workers = 0
swift_dir = $dir/etc
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$cache_port
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
min_segment_size = 1048576
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing-secret .admin
user_test_stranger = stranger-secret
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
EOF
}

ring() { # kind port
  swift-ring-builder "$dir/etc/$1.builder" create 4 1 0
  swift-ring-builder "$dir/etc/$1.builder" add "r1z1-127.0.0.1:$2/d1" 1
  swift-ring-builder "$dir/etc/$1.builder" rebalance
}

launch() { # name command…
  name=$1
  shift
  as=
  [ "$user" = "$(id -un)" ] || as="setpriv --reuid $user --regid $user --init-groups"
  # shellcheck disable=SC2086
  setsid $as "$@" >"$dir/log/$name.log" 2>&1 </dev/null &
  echo $! >"$dir/run/$name.pid"
}

start() {
  if [ -e "$dir/env.json" ] && alive; then
    say "runs already at http://127.0.0.1:$port"
    return
  fi
  stop
  install_packages
  user=$(id -un)
  mkdir -p "$dir/etc" "$dir/log" "$dir/run" "$dir/devices/d1"
  if [ "$(id -u)" = 0 ]; then
    user=swift
    chown -R swift "$dir"
  fi
  server_conf account $account_port
  server_conf container $container_port
  server_conf object $object_port
  proxy_conf
  { ring account $account_port; ring container $container_port; ring object $object_port; } >"$dir/log/rings.log"
  # tempauth keeps its sessions there; Debian's package would start one for everybody.
  launch memcached memcached -l 127.0.0.1 -p $cache_port -U 0 -m 16
  for kind in account container object proxy; do
    launch $kind swift-$kind-server "$dir/etc/$kind-server.conf" -v
  done
  for _ in $(seq 60); do
    alive && break
    sleep 0.5
  done
  for file in "$dir"/run/*.pid; do
    # A server that ended found its port taken, by somebody whose answers are not ours.
    kill -0 "$(cat "$file")" 2>/dev/null || { say "$(basename "$file" .pid) ended: is port $port taken?"; broken=1; }
  done
  if [ -n "${broken:-}" ] || ! alive; then
    say "did not come up; the logs:"
    for log in "$dir"/log/*.log; do tail -n 5 "$log" >&2; done
    exit 1
  fi
  cat >"$dir/env.json" <<EOF
{
  "endpointUrl": "http://127.0.0.1:$port",
  "region": "us-east-1",
  "accessKeyId": "test:tester",
  "secretAccessKey": "testing-secret",
  "stranger": { "accessKeyId": "test:stranger", "secretAccessKey": "stranger-secret" }
}
EOF
  say "runs at http://127.0.0.1:$port, data in $dir"
}

case ${1:-start} in
  start) start ;;
  stop) stop ;;
  *) say "start or stop?"; exit 2 ;;
esac
