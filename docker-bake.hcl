# All images at once, for both architectures, under one prefix:
#
#     REGISTRY=me docker buildx bake --push              # me/vote, worker, result, crowd, proxy: :latest and :$TAG
#     docker buildx bake --load --set '*.platform='      # only for this machine
#     docker buildx bake dependencies                    # only what they share
#
# Two architectures need a builder that has both (native nodes, or QEMU) and a driver that can hold them
# (`docker buildx create --use`).

variable "REGISTRY" { default = "scrutin" }
variable "TAG" { default = "0.2.0" }
variable "FEATURES" { default = "" } # "otel" for traces

function "names" {
  params = [service]
  result = ["${REGISTRY}/${service}:${TAG}", "${REGISTRY}/${service}:latest"]
}

group "default" { targets = ["vote", "worker", "result", "crowd", "proxy"] }

target "platforms" { platforms = ["linux/amd64", "linux/arm64"] }

target "service" {
  name       = service
  inherits   = ["platforms"]
  matrix     = { service = ["vote", "worker", "result", "crowd"] }
  context    = "."
  dockerfile = "${service}/Dockerfile"
  target     = "release"
  args       = { FEATURES = FEATURES }
  tags       = names(service)
}

target "proxy" {
  inherits = ["platforms"]
  context  = "proxy"
  tags     = names("proxy")
}

target "dependencies" {
  inherits   = ["platforms"]
  context    = "."
  dockerfile = "vote/Dockerfile"
  target     = "dependencies"
  args       = { FEATURES = FEATURES }
  output     = ["type=cacheonly"]
}
