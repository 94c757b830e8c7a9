#!/usr/bin/env bash
# debian.sh - builds and tests the project on another Debian than this one.
#
#     debian.sh [RELEASE]     default: trixie; on trixie: bookworm
#
# A root by debootstrap, kept in build/debian/RELEASE -> the files that git
# tracks -> make, unit tests, the behaviour suite of stages 1, 3 and 5 in there.
# Skipped, aloud, where that cannot be made.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
. /etc/os-release
release=${1:-$([ "${VERSION_CODENAME-}" = trixie ] && echo bookworm || echo trixie)}
root=$PWD/build/debian/$release
packages=gcc,make,libc6-dev,libsqlite3-dev,libjansson-dev,libinih-dev,libcrypt-dev,libseccomp-dev,libcmocka-dev,media-types

skip()
{
    echo "skipped: $*"
    exit 0
}

[ "$(id -u)" = 0 ] || skip "a root of another Debian takes root"
command -v debootstrap >/dev/null || skip "no debootstrap here; get it by: make setup-all"
# In a mount namespace of its own: what is mounted in the root ends with this
# script, even if it is killed. A /dev or /proc left there would be emptied by
# the next `rm -r build`, and /dev is the machine's.
if [ "${IN_NAMESPACE-}" != 1 ]; then
    unshare --mount true 2>/dev/null || skip "no mount namespace can be made here"
    IN_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi

# Where this machine's own packages come from.
mirror=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -v security | head -n 1)
if [ ! -e "$root/made" ]; then
    rm -rf "$root"
    mkdir -p "$root"
    # Some minutes; where the network is cut off it would try for hours.
    timeout 600 debootstrap --variant=minbase --include="$packages" "$release" "$root" \
        "$mirror" >"$root.log" 2>&1 || {
        tail -n 3 "$root.log"
        skip "no packages of $release from $mirror"
    }
    touch "$root/made"
fi

mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir -m 1777 "$root/dev/shm"
mkdir "$root/dev/pts"
rm -rf "$root/srv/fivefold"
mkdir -p "$root/srv/fivefold"
git ls-files -z -- . ':!tests/interop/captures' | xargs -0 tar cf - | tar xf - -C "$root/srv/fivefold"

echo "$release: $(chroot "$root" gcc --version | head -n 1)," \
    "SQLite $(chroot "$root" dpkg-query -W -f '${Version}' libsqlite3-dev)"
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 SLOW=2 \
    chroot "$root" sh -euc '
    cd /srv/fivefold
    make -s -j2 WERROR=1 all units build/tests/behaviour/suite
    for test in build/tests/unit/*/test_*; do
        [ ! -x "$test" ] || [ ! -f "$test" ] || "$test"
    done
    build/tests/behaviour/suite --stages 1,3,5'
