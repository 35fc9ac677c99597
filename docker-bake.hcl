# All images at once, for both architectures, under one prefix:
#
#     REGISTRY=me docker buildx bake --push              # me/scrutin, vote, worker, result, crowd, proxy
#     LOCAL=1 docker buildx bake --load                  # only for this machine
#     docker buildx bake dependencies                    # only what they share
#
# Two architectures need a builder that has both (native nodes, or QEMU) and a driver that can hold them and attest
# (`docker buildx create --use`).
#
# What is pushed has a bill of materials (SPDX) and its provenance with it. Docker's own store of images can hold
# neither, nor a second architecture, so they are left out of what is only for this machine.

variable "REGISTRY" { default = "scrutin" }
variable "VERSION" { default = "0.2.0" }
variable "TAG" { default = VERSION }
# The commit that is built, and where its sources are.
variable "REVISION" { default = "" }
variable "SOURCE" { default = "" }
# When it was built, as 2026-11-29T12:00:00Z. Without it, images of the same bytes are the same image.
variable "CREATED" { default = "" }
variable "LOCAL" { default = "" }
# Other base images than those that the Dockerfiles name by digest.
variable "RUST_IMAGE" { default = "" }
variable "RUNTIME_IMAGE" { default = "" }
variable "NGINX_IMAGE" { default = "" }

function "names" {
  params = [service]
  result = ["${REGISTRY}/${service}:${TAG}", "${REGISTRY}/${service}:latest"]
}

function "known" {
  params = [values]
  result = { for key, value in values : key => value if value != "" }
}

function "labels" {
  params = [title, description]
  result = known({
    "org.opencontainers.image.title"       = title
    "org.opencontainers.image.description" = description
    "org.opencontainers.image.version"     = VERSION
    "org.opencontainers.image.licenses"    = "MIT"
    "org.opencontainers.image.revision"    = REVISION
    "org.opencontainers.image.source"      = SOURCE
    "org.opencontainers.image.created"     = CREATED
  })
}

group "default" { targets = ["scrutin", "vote", "worker", "result", "crowd", "proxy"] }

target "every" {
  platforms = LOCAL == "" ? ["linux/amd64", "linux/arm64"] : []
  attest    = LOCAL == "" ? ["type=provenance,mode=max", "type=sbom"] : []
}

target "program" {
  name     = program.name
  inherits = ["every"]
  matrix = {
    program = [
      { name = "scrutin", file = "Dockerfile", is = "Live voting, all in one: a page to vote, a page with the result" },
      { name = "vote", file = "vote/Dockerfile", is = "The page on which people vote, on a log in Redis" },
      { name = "worker", file = "worker/Dockerfile", is = "Counts the ballots of the log into PostgreSQL" },
      { name = "result", file = "result/Dockerfile", is = "The page on which everybody watches the result" },
      { name = "crowd", file = "crowd/Dockerfile", is = "Simulated voters and viewers, who check the promise" },
    ]
  }
  context    = "."
  dockerfile = program.file
  target     = "release"
  args = known({
    RUST_IMAGE     = RUST_IMAGE
    RUNTIME_IMAGE  = RUNTIME_IMAGE
    SCRUTIN_COMMIT = substr(REVISION, 0, 12)
  })
  labels     = labels("Scrutin: ${program.name}", program.is)
  tags       = names(program.name)
}

target "proxy" {
  inherits = ["every"]
  context  = "proxy"
  args     = known({ NGINX_IMAGE = NGINX_IMAGE })
  labels   = labels("Scrutin: proxy", "nginx before vote and result")
  tags     = names("proxy")
}

target "dependencies" {
  inherits   = ["every"]
  context    = "."
  dockerfile = "vote/Dockerfile"
  target     = "dependencies"
  args       = known({ RUST_IMAGE = RUST_IMAGE })
  output     = ["type=cacheonly"]
}
