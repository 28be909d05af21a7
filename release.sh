#!/usr/bin/env bash
# Makes what is handed on: ./release.sh [--out DIR] [--binary FILE] [--deb]; --help says more.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")"

# Linked into the binary from their archives. OpenSSL and glibc stay shared on purpose: see docs/packaging.md.
readonly STATIC=(libuv libhiredis libz libstdc++)
readonly LIBRARIES="libuv1-dev libssl-dev zlib1g-dev libhiredis-dev pkg-config g++ binutils"

usage() {
    cat <<'END'
usage: ./release.sh [--out DIR] [--binary FILE] [--deb]

Builds a stripped binary that needs only glibc, libgcc and OpenSSL 3 of the machine that it runs on, and writes
sluice-VERSION-linux-ARCH.tar.gz and SHA256SUMS to DIR (dist).

  --binary FILE  the binary alone, to this file
  --deb          the Debian package, too (packaging/deb/build.sh)

Exit status: 0, 64 for wrong usage, 69 when something that is needed is missing, 1 when a step fails.
END
}

fail() { # exit code, words of one line
    local code=$1
    shift
    printf 'release.sh: %s\n' "$*" >&2
    exit "$code"
}

out=dist only_binary="" deb=""
while [ $# -gt 0 ]; do
    case $1 in
        --out) [ -n "${2:-}" ] || fail 64 "--out needs a folder"; out=$2; shift ;;
        --binary) [ -n "${2:-}" ] || fail 64 "--binary needs a file"; only_binary=$2; shift ;;
        --deb) deb=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 64 ;;
    esac
    shift
done

for tool in swift gcc pkg-config objdump strip readelf; do
    command -v "$tool" >/dev/null || fail 69 "$tool is missing (Debian's packages: $LIBRARIES; Swift: swift.org)"
done
pkg-config --exists libuv hiredis zlib openssl || fail 69 "development files are missing: apt-get install $LIBRARIES"

version=$(sed -nE 's/.*number = "(.*)"/\1/p' Sources/Core/Version.swift)
architecture=$(uname -m)
[ -n "$version" ] || fail 1 "Sources/Core/Version.swift has no version"

# Where the compiler finds the archive of a library; Debian calls the one of libuv libuv_a.a.
archive() { # library
    local file
    file=$(gcc -print-file-name="$1.a")
    [ -f "$file" ] || file=$(gcc -print-file-name="$1_a.a")
    [ -f "$file" ] && realpath "$file"
}

# A folder with nothing but archives, in which the linker finds no shared library for -luv. The package manager reads
# from pkg-config's files where the linker looks; what those of the system say comes behind.
archives=$PWD/.build/archives
rm -rf "$archives"
mkdir -p "$archives"
for library in "${STATIC[@]}"; do
    file=$(archive "$library") || fail 69 "there is no archive (.a) of $library"
    ln -s "$file" "$archives/$library.a"
done
for name in libuv zlib openssl; do
    sed "s|^Libs:|Libs: -L$archives|" "$(pkg-config --variable=pcfiledir "$name")/$name.pc" >"$archives/$name.pc"
done

printf 'Building sluice %s for %s …\n' "$version" "$architecture"
PKG_CONFIG_PATH=$archives swift build -c release --static-swift-stdlib --product sluice
built=$(swift build -c release --static-swift-stdlib --show-bin-path)/sluice

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strip -o "$work/sluice" "$built"

# What is linked shared must be what the documents say, or the archive would fail where it is unpacked.
needed=$(readelf -d "$work/sluice" | sed -nE 's/.*NEEDED.*\[(.*)\]/\1/p' | sort | tr '\n' ' ')
for library in $needed; do
    case $library in
        libc.so.* | libm.so.* | ld-linux*.so.* | libgcc_s.so.* | libssl.so.* | libcrypto.so.*) ;;
        *) fail 1 "the binary needs $library, which should be linked into it" ;;
    esac
done
glibc=$(objdump -T "$work/sluice" | grep -oE 'GLIBC_[0-9.]+' | sort -Vu | tail -n 1)
[ "$("$work/sluice" version)" = "sluice $version" ] || fail 1 "the binary is not of version $version"

summary() { # file
    local size
    size=$(stat -c %s "$work/sluice")
    printf '  %s: %s bytes; needs %sand %s or newer\n' "$1" "$size" "$needed" "${glibc/GLIBC_/glibc }"
}
if [ -n "$only_binary" ]; then
    install -D -m 755 "$work/sluice" "$only_binary"
    summary "$only_binary"
    exit 0
fi

# The licences of what is inside.
third_parties() {
    local file
    printf 'Sluice contains the following software, linked into the binary.\n'
    for file in .build/checkouts/*/LICENSE*; do
        printf '\n==== %s\n\n' "$(basename "$(dirname "$file")")"
        cat "$file"
    done
    for file in /usr/share/doc/{libuv1-dev,libhiredis-dev,zlib1g-dev,libstdc++-*-dev}/copyright; do
        [ -f "$file" ] || continue
        printf '\n==== %s\n\n' "$(basename "$(dirname "$file")")"
        cat "$file"
    done
    printf '\n==== Swift standard library, Foundation-free runtime: https://www.swift.org/legal/license.html\n'
}

name=sluice-$version-linux-$architecture
folder=$work/$name
install -D -m 755 "$work/sluice" "$folder/bin/sluice"
for file in README.md README.zh-CN.md CHANGELOG.md LICENSE SECURITY.md .env.example; do
    [ ! -f "$file" ] || install -m 644 "$file" "$folder/$file"
done
cp -r docs nginx monitoring "$folder/"
install -D -m 644 packaging/systemd/sluice.service "$folder/systemd/sluice.service"
third_parties >"$folder/THIRD-PARTY"
chmod -R u=rwX,go=rX "$folder"

# The same sources and tools give the same bytes: times are those of the commit.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
mkdir -p "$out"
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" -cf - "$name" |
    gzip -9n >"$out/$name.tar.gz"
made=("$name.tar.gz")
if [ -n "$deb" ]; then
    SOURCE_DATE_EPOCH=$epoch packaging/deb/build.sh "$work/sluice" "$folder/THIRD-PARTY" "$out"
    made+=("sluice_${version}_$(dpkg --print-architecture).deb")
fi
(cd "$out" && sha256sum "${made[@]}" >SHA256SUMS)

printf '\nMade in %s:\n' "$out"
summary "bin/sluice"
for file in "${made[@]}" SHA256SUMS; do printf '  %s: %s bytes\n' "$file" "$(stat -c %s "$out/$file")"; done
