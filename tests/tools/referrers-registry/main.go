// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Command referrers-registry is go-containerregistry's registry with its referrers API (distribution-spec 1.1), which
// `crane registry serve` does not turn on. It keeps everything in memory. What is asked for is logged as it comes; a
// second listener, which is for filling it, is neither logged nor encrypted.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	certificate := flag.String("certificate", "", "PEM file with the certificate; none means plain HTTP")
	key := flag.String("key", "", "PEM file with the certificate's key")
	flag.Parse()
	if err := serve(*certificate, *key); err != nil {
		fmt.Fprintln(os.Stderr, "referrers-registry:", err)
		os.Exit(1)
	}
}

func serve(certificate, key string) error {
	stored := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	logged := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// As distribution writes it, but for the time and what is only known afterwards.
		fmt.Printf("%s - - [] \"%s %s %s\" 0 0\n", r.RemoteAddr, r.Method, r.URL.RequestURI(), r.Proto)
		stored.ServeHTTP(w, r)
	})
	filling, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return err
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}})
	}
	fmt.Printf("filled at %s\nlistening on %s\n", filling.Addr(), listener.Addr())
	ended := make(chan error, 2)
	go func() { ended <- http.Serve(filling, stored) }()
	go func() { ended <- http.Serve(listener, logged) }()
	return <-ended
}
