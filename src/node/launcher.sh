#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command of the npm package as it is unpacked; its install script puts the executable itself in this place. Where
# scripts are not run, this finds the executable for the machine, or else runs the program for Node. Engines call with an
# empty environment, and a process more would cost them as much as the whole start: so there is none in the usual case.
self=$0
if [ -L "$self" ]; then
  # what npm makes: a link in node_modules/.bin or in PREFIX/bin
  for guess in "${0%/*}/../tsubo/dist/tsubo" "${0%/*}/../lib/node_modules/tsubo/dist/tsubo"; do
    [ "$0" -ef "$guess" ] && self=$guess && break
  done
  [ -L "$self" ] && self=$(readlink -f "$0")
fi
home=${self%/*}/..
{ read -r machine </proc/sys/kernel/arch; } 2>/dev/null || machine=$(uname -m)
case $machine in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) arch=none ;;
esac
executable=$home/prebuilds/linux-$arch/tsubo
[ -x "$executable" ] && exec "$executable" "$@"
exec node "$home/dist/tsubo.cjs" "$@"
