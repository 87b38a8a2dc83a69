#!/vm/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The first process of the machine: finds the disks, makes the mounts, and executes the command or systemd.
PATH=/vm/bin
/vm/busybox mkdir -p /vm/bin /proc /sys /dev /root
/vm/busybox --install -s /vm/bin
. /vm/settings
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do
  insmod "/vm/modules/$module" || echo "the module $module cannot be loaded"
done </vm/modules/order

tries=0
while [ ! -b /dev/vdc ] && [ $tries -lt 200 ]; do
  sleep 0.05
  tries=$((tries + 1))
done
mount -t ext4 -o noatime /dev/vda /root || poweroff -f
mount -t ext4 -o noatime /dev/vdb /root/tsubo || poweroff -f
mkdir -p "/root/usr/lib/modules/$VERSION"
mount -t ext4 -o ro /dev/vdc "/root/usr/lib/modules/$VERSION" || poweroff -f

# The file io.bfq.weight needs bfq; this disk is rarely read.
echo bfq >/sys/block/vdc/queue/scheduler

cd /root
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs dev dev
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p run/lock run/vm
cp -a /vm/busybox /vm/run /vm/command /vm/settings run/vm
# The modprobe of Debian reads only an index that busybox depmod does not make.
ln -s busybox run/vm/modprobe
echo /run/vm/modprobe >/proc/sys/kernel/modprobe
if [ "$INIT" = tiny ]; then
  mkdir -p dev/pts dev/shm dev/mqueue
  mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts dev/pts
  mount -t tmpfs -o mode=1777 tmpfs dev/shm
  mount -t mqueue mqueue dev/mqueue
  mount -t cgroup2 -o nsdelegate cgroup2 sys/fs/cgroup
  mount -t securityfs securityfs sys/kernel/security
  mount -t bpf bpf sys/fs/bpf
  if [ -e sys/fs/selinux ]; then
    mount -t selinuxfs selinuxfs sys/fs/selinux
    chroot . /usr/bin/secilc -c 33 -o /run/vm/policy -f /dev/null /tsubo/test/vm/guest/policy.cil || poweroff -f
    dd if=run/vm/policy of=sys/fs/selinux/load bs=1M 2>run/vm/loaded || poweroff -f
  fi
  exec switch_root /root /run/vm/run
fi
mkdir -p run/systemd/system run/user/1000
chown 1000:1000 run/user/1000
chmod 700 run/user/1000
cp /vm/units/* run/systemd/system
exec switch_root /root /usr/lib/systemd/systemd
