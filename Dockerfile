# A slim image of the current Node LTS; to build on exactly one: --build-arg NODE_IMAGE=docker.io/library/node@sha256:...
ARG NODE_IMAGE=docker.io/library/node:26-trixie-slim

# Nothing is compiled for a processor here, so this stage runs on the builder's own, whatever the image is for.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package needs its scripts: classic-level brings its binaries along, and bufferutil where it has any.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts
# A command of its own, for `docker exec`.
RUN mkdir bin && ln -s ../dist/server/cli/main.js bin/quire && chmod +x dist/server/cli/main.js
# What nobody runs, half of it all: binaries for other systems and C++ sources; maps, types and tests of packages.
RUN cd node_modules && rm -rf classic-level/deps classic-level/prebuilds/[adw]* bufferutil/prebuilds/[adw]* bufferutil/src \
 && find . -name '*.map' -delete -o -name '*.d.ts' -delete -o -name '*.d.[cm]ts' -delete \
 && find . -type d '(' -name test -o -name benchmarks -o -name coverage ')' -prune -exec rm -r '{}' + \
 && mkdir /data

FROM ${NODE_IMAGE}
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Quire" \
      org.opencontainers.image.description="Yjs sync server over wss: on disk before anyone sees it" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# glibc learns to keep what was freed, up to 32 MB a piece; so much goes back to the system (docs/performance.md, Memory).
ENV NODE_ENV=production \
    MALLOC_MMAP_THRESHOLD_=131072 \
    PATH=/app/bin:$PATH \
    QUIRE_HOST=0.0.0.0 \
    QUIRE_DATA=/data
WORKDIR /app
# Only copies from here on: an image for another processor needs no emulation. The program belongs to root; it cannot change itself.
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/package.json /app/LICENSE /app/CHANGELOG.md ./
COPY --from=build /app/bin ./bin
COPY --from=build /app/dist/persistence ./dist/persistence
COPY --from=build /app/dist/server ./dist/server
COPY --from=build /app/dist/client-demo/site ./dist/client-demo/site
COPY --from=build --chown=1000:1000 /data /data
# The image's user `node`, by number, so that Kubernetes can tell that it is not root.
USER 1000:1000
VOLUME /data
EXPOSE 8443
# A large database takes some seconds to open.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["node", "dist/server/cli/health.js"]
ENTRYPOINT ["node", "dist/server/cli/main.js"]
CMD ["serve"]
