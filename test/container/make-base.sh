#!/usr/bin/env bash
# Makes the image that the Dockerfile builds on, under its name, where no image registry can be reached: Debian by
# debootstrap, Node and npm from the npm registry, the user `node`. As root.
#
#   make-base.sh IMAGE      e.g. docker.io/library/node:26-trixie-slim
set -euo pipefail

image=$1
tag=${image##*:}
node_version=${tag%%-*}
suite=${tag#*-}
suite=${suite%-slim}
case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) echo "no Node package is known for $(uname -m)" >&2; exit 1 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

# libatomic1: Node 26 is linked with it, and the official image has it.
debootstrap --variant=minbase --include=libatomic1 "$suite" "$root" http://deb.debian.org/debian >"$work/debootstrap.log" 2>&1 ||
  { tail -20 "$work/debootstrap.log" >&2; exit 1; }
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*

# What the package `node` would fetch by an install script.
npm install --silent --no-save --prefix "$work/npm" "node-linux-$arch@$node_version" npm@11
cp "$work/npm/node_modules/node-linux-$arch/bin/node" "$root/usr/local/bin/node"
mkdir -p "$root/usr/local/lib/node_modules"
cp -r "$work/npm/node_modules/npm" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"

# The build's npm must trust what this machine's npm trusts to reach its registry.
cafile=$(npm config get cafile)
if [ -f "$cafile" ]; then
  mkdir -p "$root/usr/local/etc" "$root/etc/ssl/certs"
  cp "$cafile" "$root/etc/ssl/certs/ca-certificates.crt"
  echo 'cafile=/etc/ssl/certs/ca-certificates.crt' >"$root/usr/local/etc/npmrc"
fi

chroot "$root" groupadd --gid 1000 node
chroot "$root" useradd --uid 1000 --gid node --shell /bin/bash --create-home node

container=$(buildah from scratch)
buildah add --quiet "$container" "$root" / >/dev/null
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd node "$container"
buildah commit --quiet --rm "$container" "$image"
