#!/usr/bin/env bash
# boot.sh DIR BUILD - becomes the first process of a root that is thrown away.
#
# Called by run.sh in new namespaces. / is read through an overlay whose upper
# layer is memory, mounted at DIR; what systemd needs is mounted, and it runs.
set -eu
dir=$1 build=$2
here=$(cd "$(dirname "$0")" && pwd)

mount -t tmpfs -o mode=755 none "$dir"
mkdir "$dir/upper" "$dir/work" "$dir/root"
root=$dir/root
mount -t overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" none "$root"

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for place in run tmp dev; do
    mount -t tmpfs -o mode=755 tmpfs "$root/$place"
done
chmod 1777 "$root/tmp"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s pts/ptmx "$root/dev/ptmx"
mkdir "$root/dev/shm" "$root/dev/pts"
ip link set lo up

mkdir -p "$root/srv/install-check"
cp "$here/inside.sh" "$here/../interop/lib.sh" "$build"/fivefold_*.deb \
    "$root/srv/install-check/"
# What belongs to this machine: containers forbid services and manual pages;
# devices would only take time.
rm -f "$root/usr/sbin/policy-rc.d"
grep -ls path-exclude "$root"/etc/dpkg/dpkg.cfg.d/* | xargs -r rm -f
for unit in systemd-udevd.service systemd-udev-trigger.service \
    systemd-modules-load.service systemd-hwdb-update.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# Not chroot: the namespaces of units are made from what is really the root.
cd "$root"
mkdir -p run/machine
pivot_root . run/machine
exec env -i container=install-check PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    sh -c 'umount -l /run/machine && cd / && exec /lib/systemd/systemd --system \
        --unit=basic.target --show-status=false --log-target=journal'
