# The GitHub Action's image: one static binary, the certificate authorities and an empty
# /tmp. No shell, no git, no Node.
#
# Build arguments can replace both base images, for example by those of a mirror. The Go image has
# a tag and no digest, because only its compiler and certificates affect the result. A release
# names the result by its digest.
ARG GO_IMAGE=docker.io/library/golang:1.26-bookworm
ARG FINAL_IMAGE=scratch

FROM ${GO_IMAGE} AS build
WORKDIR /src
# The modules are in a layer before the code, because they change less often.
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
# The container runs as root, because GitHub's files for outputs and summaries belong to root or to
# the runner's user. kv-sync writes nothing into the workspace.
ENTRYPOINT ["/kv-sync-action"]
