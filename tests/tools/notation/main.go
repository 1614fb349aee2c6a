// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Command notation-sign signs an image as `notation sign --force-referrers-tag=false` does, with notation's own library: the
// command itself is not among Go's modules. The key is thrown away afterwards.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"flag"
	"fmt"
	"math/big"
	"os"
	"time"

	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/signer"
	"oras.land/oras-go/v2/registry/remote"
)

func main() {
	format := flag.String("format", "jws", "jws or cose")
	flag.Parse()
	if err := sign(context.Background(), *format, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "notation-sign:", err)
		os.Exit(1)
	}
}

func sign(ctx context.Context, format, reference string) error {
	mediaType, known := map[string]string{"jws": jws.MediaTypeEnvelope, "cose": cose.MediaTypeEnvelope}[format]
	if !known {
		return fmt.Errorf("--format %q is neither jws nor cose", format)
	}
	repository, err := remote.NewRepository(reference)
	if err != nil {
		return err
	}
	repository.PlainHTTP = true
	// As the command has it: an index that a newer one has taken the place of may stay.
	repository.SkipReferrersGC = true
	key, certificate, err := keyPair()
	if err != nil {
		return err
	}
	with, err := signer.NewGenericSigner(key, []*x509.Certificate{certificate})
	if err != nil {
		return err
	}
	_, err = notation.Sign(ctx, with, registry.NewRepository(repository), notation.SignOptions{
		SignerSignOptions: notation.SignerSignOptions{SignatureMediaType: mediaType, SigningAgent: "notation-go"},
		ArtifactReference: reference,
	})
	return err
}

// keyPair makes a key and its self-signed certificate, as notation asks of a code signer.
func keyPair() (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "refract tests", Organization: []string{"refract"}, Country: []string{"DE"}, Province: []string{"BE"}},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		BasicConstraintsValid: true,
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := x509.ParseCertificate(encoded)
	return key, certificate, err
}
