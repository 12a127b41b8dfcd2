# The GitHub Action's image: one static binary, the certificate authorities and an empty
# /tmp. No shell, no git, no Node.
#
# Arguments can replace both base images, for example by a mirror's. The Go image has a tag
# and no digest: only its compiler and certificates affect the result, and releases name
# the result by digest.
ARG GO_IMAGE=docker.io/library/golang:1.26-bookworm
ARG FINAL_IMAGE=scratch

FROM ${GO_IMAGE} AS build
WORKDIR /src
# Modules first, because they change less often than the code.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/kv-sync-action ./cmd/action \
 && mkdir -p /out/tmp /out/etc/ssl/certs \
 && chmod 1777 /out/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/

FROM ${FINAL_IMAGE}
COPY --from=build /out/ /
# It runs as root, because GitHub's files for outputs and summaries belong to root or to the
# runner's user. It writes nothing into the workspace.
ENTRYPOINT ["/kv-sync-action"]
