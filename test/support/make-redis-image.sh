#!/bin/sh
# Makes a local Docker image out of the redis-server binary of this machine, for an engine without a registry.
# Usage: make-redis-image.sh [tag]      (default: $REDIS_IMAGE, then redis:8-alpine)
# Without a registry the tests need TESTCONTAINERS_RYUK_DISABLED=true, too: the reaper is an image of its own.
set -eu

tag="${1:-${REDIS_IMAGE:-redis:8-alpine}}"
binary="$(command -v redis-server)" || { echo 'make-redis-image: no redis-server on the PATH' >&2; exit 1; }
root="$(mktemp -d)"
trap 'rm -rf "$root"' EXIT

mkdir -p "$root/usr/local/bin" "$root/tmp"
chmod 755 "$root"
chmod 1777 "$root/tmp"
cp -L "$binary" "$root/usr/local/bin/redis-server"
# A static binary has no libraries: ldd then fails, and there is nothing to copy.
{ ldd "$binary" 2>/dev/null || true; } | grep -o '/[^ ]*' | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done

tar -C "$root" -c . | docker import --change 'CMD ["redis-server"]' - "$tag" >/dev/null
echo "make-redis-image: $tag is $("$binary" --version)"
