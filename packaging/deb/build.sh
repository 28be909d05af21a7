#!/usr/bin/env bash
# Makes the Debian package: packaging/deb/build.sh BINARY THIRD-PARTY OUT. ./release.sh --deb calls it with the binary
# that it has built, and the licences of what is inside.
set -euo pipefail
[ $# = 3 ] || { printf 'usage: packaging/deb/build.sh BINARY THIRD-PARTY OUT; or ./release.sh --deb\n' >&2; exit 64; }
binary=$(realpath "$1") licences=$(realpath "$2")
mkdir -p "$3"
out=$(realpath "$3")
cd -P "$(dirname "${BASH_SOURCE[0]}")/../.."
for tool in dpkg-deb dpkg-shlibdeps fakeroot; do
    command -v "$tool" >/dev/null ||
        { printf 'deb/build.sh: %s is missing: apt-get install dpkg-dev fakeroot\n' "$tool" >&2; exit 69; }
done

version=$("$binary" version)
version=${version#sluice }
architecture=$(dpkg --print-architecture)
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
share=$root/usr/share/doc/sluice

install -D -m 755 "$binary" "$root/usr/bin/sluice"
install -D -m 644 packaging/systemd/sluice.service "$root/usr/lib/systemd/system/sluice.service"
# Secrets may come to stand in it; the service manager reads it as root.
install -d -m 750 "$root/etc/sluice"
{
    printf '# Settings of the service sluice: after a change, systemctl restart sluice.\n'
    printf '# One NAME=value per line; what begins with # is not in force. An empty value is as good as none.\n'
    tail -n +3 .env.example
} >"$root/etc/sluice/sluice.env"
chmod 600 "$root/etc/sluice/sluice.env"

install -d "$share/examples"
cp -r docs README.md LICENSE SECURITY.md "$share/"
[ ! -f README.zh-CN.md ] || cp README.zh-CN.md "$share/"
cp -r nginx monitoring "$share/examples/"
gzip -9n <CHANGELOG.md >"$share/changelog.gz"
{
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n'
    printf 'Upstream-Name: sluice\n\nFiles: *\n'
    printf 'Copyright: %s\nLicense: Expat\n' "$(sed -nE 's/^Copyright \(c\) //p' LICENSE)"
    sed -n '/^Permission/,$p' LICENSE | sed -e 's/^$/./' -e 's/^/ /'
    printf '\nComment: What is linked into the binary has the licences of the file THIRD-PARTY.\n'
} >"$share/copyright"
gzip -9n <"$licences" >"$share/THIRD-PARTY.gz"
find "$root/usr" -type d -exec chmod 755 {} +
find "$share" -type f -exec chmod 644 {} +

# The shared libraries, in the versions whose symbols it uses.
mkdir -p "$work/debian"
printf 'Source: sluice\n\nPackage: sluice\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/sluice" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || { printf 'deb/build.sh: dpkg-shlibdeps found no libraries\n' >&2; exit 1; }

install -d "$root/DEBIAN"
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@DEPENDS@/$depends/" \
    -e "s/@SIZE@/$(du -sk --apparent-size "$root/usr" | cut -f 1)/" packaging/deb/control >"$root/DEBIAN/control"
printf '/etc/sluice/sluice.env\n' >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 755 "packaging/deb/$script" "$root/DEBIAN/$script"; done
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)

package=sluice_${version}_$architecture.deb
SOURCE_DATE_EPOCH=$epoch fakeroot dpkg-deb -Zxz --build "$root" "$out/$package" >/dev/null
printf '%s\n' "$out/$package"
