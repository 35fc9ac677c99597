# The image of `scrutin`, the all-in-one: voting and results with everything embedded, on the volume /data.
#
#     docker build -t NAME/scrutin .
#     docker run -p 8080:8080 -p 8081:8081 -v scrutin:/data NAME/scrutin

# ── From here to the next such line these stages are word for word the same in Dockerfile and those of vote/, worker/,
#    result/ and crowd/: so images share them, and dependencies are built once, and again only when a Cargo.toml
#    or Cargo.lock changes. (tests/stack holds the files against one another.)

# By digest, which scripts/renew-base-images renews. Others serve with --build-arg RUST_IMAGE=NAME.
ARG RUST_IMAGE=rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1
ARG RUNTIME_IMAGE=gcr.io/distroless/static-debian12:nonroot@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab

FROM ${RUST_IMAGE} AS toolchain
WORKDIR /app
ENV CARGO_TARGET_DIR=/target
# How SQLite is built.
COPY .cargo .cargo

# What decides the dependencies: the manifests, with an empty program in each package.
FROM toolchain AS manifests
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock -delete && find . -mindepth 1 -type d -empty -delete \
 && find . -name Cargo.toml -printf '%h\n' | while read -r package; do \
      mkdir -p "$package/src" && : >"$package/src/lib.rs" && echo 'fn main() {}' >"$package/src/main.rs"; \
    done

# All three in one call, here and below, so that Cargo chooses the same features of each dependency every time, and
# builds it once. What Cargo noted of the empty programs is forgotten, or it would take them for the real ones.
FROM toolchain AS dependencies
COPY --from=manifests /app .
RUN cargo build --release --locked -p scrutin-vote -p scrutin-worker -p scrutin-result \
 && rm -rf /target/release/.fingerprint/scrutin-*

# Our own crates, which all of them use.
FROM dependencies AS crates
COPY crates crates
RUN cargo build --release --locked -p scrutin-vote -p scrutin-worker -p scrutin-result \
 && rm -rf /target/release/.fingerprint/scrutin-vote-* /target/release/.fingerprint/scrutin-worker-* \
      /target/release/.fingerprint/scrutin-result-*

FROM toolchain AS development-dependencies
COPY --from=manifests /app .
RUN cargo build --locked -p scrutin-vote -p scrutin-worker -p scrutin-result \
 && rm -rf /target/debug/.fingerprint/scrutin-*
# ── Here ends what the files share.

# What the all-in-one needs beside: SQLite, and a client's half of HTTP.
FROM crates AS scrutin-dependencies
RUN cargo build --release --locked -p scrutin-vote -p scrutin-worker -p scrutin-result -p scrutin \
 && rm -rf /target/release/.fingerprint/scrutin-vote-* /target/release/.fingerprint/scrutin-result-* \
      /target/release/.fingerprint/scrutin-????????????????

FROM scrutin-dependencies AS build
COPY vote vote
COPY result result
COPY src src
# The commit, where it is known, for `--version`.
ARG SCRUTIN_COMMIT=""
RUN rm src/lib.rs \
 && cargo build --release --locked -p scrutin-vote -p scrutin-worker -p scrutin-result -p scrutin --bin scrutin \
 && mkdir -p /image/app /image/lib /image/lib64 && cp /target/release/scrutin /image/app/ \
 && ldd /target/release/scrutin | grep -o '/lib[^ ]*' | xargs cp --dereference --parents --target-directory=/image \
 && mkdir -p -m 700 /volume/data

# No shell and no tools, as a user who owns nothing but the volume. An address inside of a container leads nowhere from
# a phone: `container` tells the program, as other engines do. Health is asked for inside, where nobody else comes.
FROM ${RUNTIME_IMAGE} AS release
COPY --from=build /image/lib/ /lib/
COPY --from=build /image/lib64/ /lib64/
COPY --from=build /image/app/ /app/
COPY --from=build --chown=65532:65532 /volume/ /
USER 65532:65532
ENV container=oci DATA_DIR=/data ADMIN_ADDR=127.0.0.1:9090
VOLUME /data
# What `backup copy.db` writes is kept, too.
WORKDIR /data
EXPOSE 8080 8081
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s CMD ["/app/scrutin", "healthcheck"]
ENTRYPOINT ["/app/scrutin"]
