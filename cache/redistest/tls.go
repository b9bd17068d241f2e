package redistest

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
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// StartTLS starts a server that speaks only TLS, and returns the file with the
// certificate of its authority (PEM), which no system trusts. The server's
// certificate is for 127.0.0.1 and localhost; clients need none. args are as for
// Start.
func StartTLS(t testing.TB, args ...string) (s *Server, caFile string) {
	t.Helper()
	dir := t.TempDir()
	caFile = filepath.Join(dir, "ca.pem")
	certFile, keyFile := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server-key.pem")
	ca := writeCertificates(t, caFile, certFile, keyFile)
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	s = newServer("rediss", args)
	s.tls = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	s.launch(t, func(port int) []string {
		return append([]string{
			"--port", "0",
			"--tls-port", strconv.Itoa(port),
			"--tls-ca-cert-file", caFile,
			"--tls-cert-file", certFile,
			"--tls-key-file", keyFile,
			"--tls-auth-clients", "no",
		}, options(args)...)
	})
	return s, caFile
}

// writeCertificates makes an authority and a server certificate by it.
func writeCertificates(t testing.TB, caFile, certFile, keyFile string) (ca *x509.Certificate) {
	t.Helper()
	caKey, ca := certificate(t, &x509.Certificate{
		Subject:  pkix.Name{CommonName: "redistest authority"},
		IsCA:     true,
		KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	key, cert := certificate(t, &x509.Certificate{
		Subject:     pkix.Name{CommonName: "redistest server"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, ca, caKey)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	writePEM(t, caFile, "CERTIFICATE", ca.Raw)
	writePEM(t, certFile, "CERTIFICATE", cert.Raw)
	writePEM(t, keyFile, "PRIVATE KEY", der)
	return ca
}

// certificate signs what with the parent's key, or with its own if there is none.
func certificate(t testing.TB, what, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	if parent == nil {
		parent, by = what, key
	}
	what.SerialNumber = big.NewInt(time.Now().UnixNano())
	what.NotBefore, what.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	what.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, what, parent, &key.PublicKey, by)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return key, cert
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
