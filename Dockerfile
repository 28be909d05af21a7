# A node of Sluice: docker build -t sluice . && docker run -p 8000:8000 sluice. docs/packaging.md says more.
ARG SWIFT_VERSION=6.3
ARG DEBIAN=bookworm

FROM swift:${SWIFT_VERSION}-${DEBIAN} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libuv1-dev libssl-dev zlib1g-dev libhiredis-dev pkg-config g++ binutils \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
# Sources change more often than what they depend on.
RUN swift package resolve
COPY . .
RUN ./release.sh --binary /out/sluice

FROM debian:${DEBIAN}-slim
# OpenSSL and the authorities come from the distribution, whose updates reach them with a new image.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl3 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sluice
COPY --from=build /out/sluice /usr/local/bin/sluice
COPY LICENSE /usr/share/doc/sluice/LICENSE
# By number: Kubernetes' runAsNonRoot looks at that.
USER 10001:10001
WORKDIR /var/empty
ENV SWIFT_BACKTRACE=registers=none
EXPOSE 8000
# The node itself closes its connections over DRAIN_SECONDS; give docker stop longer than that (--time).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s --retries=3 CMD ["sluice", "health"]
ENTRYPOINT ["sluice"]
CMD ["serve"]
