#!/usr/bin/env bash
# deb.sh - make deb: make install into an empty tree, and dpkg-deb packs it.
#
#     MAKE=make BUILD=build VERSION=0.3 deb.sh
#
# make -> BUILD/deb/ (with Debian's flags) -> BUILD/deb/root -> .deb
set -euo pipefail
cd "$(dirname "$0")/../.."
here=docs/operate/debian
out=$BUILD/deb root=$BUILD/deb/root
arch=$(dpkg --print-architecture)
deb=$BUILD/fivefold_${VERSION}_$arch.deb

for tool in dpkg-deb dpkg-shlibdeps dpkg-buildflags; do
    command -v $tool >/dev/null ||
        { echo "deb: no $tool; get it by: make setup-all" >&2; exit 1; }
done

# Position independent, with stack protector, read-only relocations and so on;
# the environment, which our own flags are added to.
eval "$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --export=sh)"
rm -rf "$root"
"$MAKE" -s -j2 BUILD="$out" CC="${CC:-gcc}" OPT= DESTDIR="$PWD/$root" \
    PREFIX=/usr install

find "$root/usr/sbin" -type f -exec strip --strip-unneeded {} +
find "$root/usr/share/man" -type f -exec gzip -9n {} +
# dpkg shows it and nobody else needs it in /etc before the group is there.
chmod 640 "$root/etc/fivefold/fivefold.ini"

mkdir -p "$root/DEBIAN"
for script in postinst prerm postrm; do
    install -m 755 "$here/$script" "$root/DEBIAN/$script"
done
(cd "$root" && find etc -type f -printf '/%p\n' | sort) >"$root/DEBIAN/conffiles"
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) \
    >"$root/DEBIAN/md5sums"
# dpkg-shlibdeps looks at debian/control of where it is called.
mkdir -p "$out/shlibs/debian"
printf 'Source: fivefold\n\nPackage: fivefold\nArchitecture: any\n' \
    >"$out/shlibs/debian/control"
libraries=$(cd "$out/shlibs" &&
    dpkg-shlibdeps -O "$OLDPWD/$root"/usr/sbin/fivefold-? |
    sed -n 's/^shlibs:Depends=//p')
sed -e "s|@VERSION@|$VERSION|" -e "s|@ARCH@|$arch|" \
    -e "s|@LIBRARIES@|$libraries|" \
    -e "s|@SIZE@|$(du -sk --exclude=DEBIAN "$root" | cut -f 1)|" \
    "$here/control.in" >"$root/DEBIAN/control"
dpkg-deb --root-owner-group -Zxz --build "$root" "$deb" >/dev/null
echo "deb: $deb"
