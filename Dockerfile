# docker build -t portkey-sync:0.1.0 .               the program, for Kubernetes and by hand
# docker build -t portkey-sync:0.1.0-ci --target ci . with a shell, git, curl and jq, for GitLab
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src ./src
COPY examples/organisation.yaml ./examples/organisation.yaml
# Not built, but cargo looks for what Cargo.toml names.
COPY benches ./benches
COPY tests ./tests
RUN cargo install --locked --path . --root /out

FROM debian:12-slim AS base
# Certificates for HTTPS; git for --base-ref and to see whether a sink's file is tracked.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 65532 --user-group --create-home portkey
COPY --from=build /out/bin/portkey-sync /usr/local/bin/portkey-sync

FROM base AS ci
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends bash curl jq \
    && rm -rf /var/lib/apt/lists/*
COPY scripts/ci/gitlab-note.sh /usr/local/share/portkey-sync/gitlab-note.sh
USER 65532:65532

FROM base
USER 65532:65532
WORKDIR /keys
ENTRYPOINT ["portkey-sync"]
