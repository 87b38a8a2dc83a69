#!/run/vm/busybox sh
# SPDX-License-Identifier: Apache-2.0
# Runs the command of this run, reports its result, and powers the machine off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
busybox=/run/vm/busybox
. /run/vm/settings
$busybox hostname "$NAME"
$busybox ip link set lo up
for port in /sys/class/virtio-ports/*; do
  read -r name <"$port/name"
  eval "$name=/dev/${port##*/}"
done
exec 7>"$control"
read -r up idle </proc/uptime
echo "begin $up" >&7

# A port can be opened only once, but a program may reopen its standard output.
$busybox mkfifo /run/vm/out /run/vm/err
$busybox cat </run/vm/out >"$output" &
output=$!
$busybox cat </run/vm/err >"$errors" &
errors=$!
cd /tsubo || exit
$busybox setsid /bin/bash /run/vm/command </dev/null >/run/vm/out 2>/run/vm/err 7>&-
status=$?
# They end with the last writer; a process that the command left behind may run forever.
($busybox sleep 3; kill $output $errors) 2>/dev/null 7>&- &
wait $output $errors
read -r up idle </proc/uptime
echo "end $up" >&7
[ ! -e /run/vm/summary ] || echo "summary $($busybox cat /run/vm/summary)" >&7
echo "status $status" >&7
exec $busybox poweroff -f
