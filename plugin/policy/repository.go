// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	containerd "github.com/containerd/containerd/v2/pkg/reference"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"golang.org/x/net/idna"
)

// dockerHub is how Docker's registry is called in names of images; it has other names, too.
const dockerHub = "docker.io"

// repositoryOf is the repository that containerd would ask for an image of that name, in one spelling. Whoever may choose the name
// of an image must not get another policy by spelling it in another way that leads to the same content.
func repositoryOf(image string) (string, error) {
	// As containerd reads it, not as Docker: there may be escapes, a user's name, empty parts of a path.
	spec, err := containerd.Parse(image)
	if err != nil {
		return "", unruly(image, err)
	}
	registry, path, _ := strings.Cut(spec.Locator, "/")
	if registry, err = registryOf(registry); err != nil {
		return "", unruly(image, err)
	}
	spec.Locator = registry + "/" + path
	// What no repository, tag or digest can be may still lead to one as a part of a URL, as "v1/../../other/manifests/v1" does.
	parsed, err := reference.Parse(spec.String())
	if err != nil {
		return "", unruly(image, err)
	}
	named, ok := parsed.(reference.Named)
	if !ok {
		return "", unruly(image, reference.ErrNameEmpty)
	}
	if registry == dockerHub {
		// The short names there leave "library" out.
		if named, err = reference.ParseNormalizedNamed(named.Name()); err != nil {
			return "", unruly(image, err)
		}
	}
	return named.Name(), nil
}

func unruly(image string, err error) error {
	return fmt.Errorf("image %q: its policy cannot be told, because %s goes by names of repositories and this is none: %w: %w",
		image, keyRules, err, errdefs.ErrInvalidArgument)
}

// registryOf spells the host and port of a registry in one way: connections are made to the same one by any.
func registryOf(authority string) (string, error) {
	host, port, err := net.SplitHostPort(authority)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(authority, "["), "]"), ""
	}
	if address, err := netip.ParseAddr(host); err == nil {
		host = address.Unmap().String()
	} else if host, err = asciiOf(host); err != nil {
		return "", err
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if hub, err := docker.DefaultHost(dockerHub); err == nil && host == hub || host == "index."+dockerHub {
		host = dockerHub
	}
	if port == "" {
		return host, nil
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", err
	}
	if number == httpsPort {
		return host, nil
	}
	return host + ":" + strconv.FormatUint(number, 10), nil
}

// asciiOf spells a host's name as it is looked up: net/http leaves plain ones alone, too, so that they may be none for IDNA.
func asciiOf(host string) (string, error) {
	if strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", err
		}
		host = ascii
	}
	return strings.TrimRight(strings.ToLower(host), "."), nil
}

// httpsPort is where a registry is whose name tells no port.
const httpsPort = 443
