module github.com/refract-oci/refract/tests/tools/referrers-registry

go 1.26.6

tool github.com/refract-oci/refract/tests/tools/referrers-registry

require github.com/google/go-containerregistry v0.22.1
