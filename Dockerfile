# The GitHub Action's image: one static binary, the certificate authorities and
# an empty /tmp. No shell, no git, no Node.
#
# Both images may be replaced, by a mirror's or, in the test, by local ones. Go's
# is named by its tag: of it only the compiler and the certificates end up in
# ours, which releases name by digest.
ARG GO_IMAGE=docker.io/library/golang:1.26-bookworm
ARG FINAL_IMAGE=scratch

FROM ${GO_IMAGE} AS build
WORKDIR /src
# Modules first: they change less often than the code.
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
# As root, because GitHub's files for outputs and summaries belong to root or to
# the runner's user; nothing is written into the workspace.
ENTRYPOINT ["/kv-sync-action"]
