#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command of the unpacked npm package; the install script replaces it by the standalone executable. If npm does not run
# scripts, this launcher finds the executable for the machine, or else runs the program for Node. Engines call it with an
# empty environment. A further process would cost as much as the whole start, so the usual case creates none.
self=$0
if [ -L "$self" ]; then
  # npm creates a link in node_modules/.bin or in PREFIX/bin
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
