// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registries

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// authority is a certificate authority of one test, and the one certificate that it has signed: for all that the test serves
// on loopback, and for the signatures of tokens.
type authority struct {
	pool             *x509.CertPool
	certificate, key string // PEM files
	pair             tls.Certificate
	signing          *ecdsa.PrivateKey // the pair's
}

// newAuthority writes ca.pem, server.pem and server-key.pem into the folder.
func newAuthority(dir string) (*authority, error) {
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "refract tests' authority"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caBytes, err := x509.CreateCertificate(rand.Reader, ca, ca, root.Public(), root)
	if err != nil {
		return nil, err
	}
	a := &authority{
		pool: x509.NewCertPool(), certificate: filepath.Join(dir, "server.pem"), key: filepath.Join(dir, "server-key.pem"),
	}
	if a.signing, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "refract tests"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	leafBytes, err := x509.CreateCertificate(rand.Reader, leaf, ca, a.signing.Public(), root)
	if err != nil {
		return nil, err
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(a.signing)
	if err != nil {
		return nil, err
	}
	for path, block := range map[string]*pem.Block{
		filepath.Join(dir, "ca.pem"): {Type: "CERTIFICATE", Bytes: caBytes},
		a.certificate:                {Type: "CERTIFICATE", Bytes: leafBytes},
		a.key:                        {Type: "PRIVATE KEY", Bytes: keyBytes},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, err
		}
	}
	trusted, err := x509.ParseCertificate(caBytes)
	if err != nil {
		return nil, err
	}
	a.pool.AddCert(trusted)
	a.pair = tls.Certificate{Certificate: [][]byte{leafBytes}, PrivateKey: a.signing}
	return a, nil
}

// client is one that trusts the authority.
func (a *authority) client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.pool}, ForceAttemptHTTP2: true}}
}
