# A slim image of the current Node LTS. To pin one: --build-arg NODE_IMAGE=docker.io/library/node@sha256:...
ARG NODE_IMAGE=docker.io/library/node:26-trixie-slim

# Nothing is compiled for a processor here, so this stage runs on the builder's own processor for any target.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package needs its install scripts. classic-level contains its binaries, and bufferutil those for some systems.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts
# The command `quire`, for `docker exec`.
RUN mkdir bin && ln -s ../dist/server/cli/main.js bin/quire && chmod +x dist/server/cli/main.js
# Removes unused files, which are half of all: binaries for other systems, C++ sources, and maps, types and tests of packages.
RUN cd node_modules && rm -rf classic-level/deps classic-level/prebuilds/[adw]* bufferutil/prebuilds/[adw]* bufferutil/src \
 && find . -name '*.map' -delete -o -name '*.d.ts' -delete -o -name '*.d.[cm]ts' -delete \
 && find . -type d '(' -name test -o -name benchmarks -o -name coverage ')' -prune -exec rm -r '{}' + \
 && mkdir /data

FROM ${NODE_IMAGE}
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Quire" \
      org.opencontainers.image.description="Yjs sync server over wss: every edit is on disk before another client receives it" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# By default glibc adapts and keeps freed blocks of up to 32 MB. This setting returns them (docs/performance.md, Memory).
ENV NODE_ENV=production \
    MALLOC_MMAP_THRESHOLD_=131072 \
    PATH=/app/bin:$PATH \
    QUIRE_HOST=0.0.0.0 \
    QUIRE_DATA=/data
WORKDIR /app
# Only copies files, so an image for another processor needs no emulation. The program belongs to root and cannot change itself.
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
