#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command of the unpacked npm package. The install script replaces it by the standalone executable if it can. Otherwise
# this launcher runs the executable for the machine; if the package has none, it runs the program for Node. Engines call it
# with an empty environment. The usual case creates no further process, because one would cost as much as the whole start.
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
