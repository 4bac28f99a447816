package plc

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// certificate is who the gateway is on a secured channel.
type certificate struct {
	key *rsa.PrivateKey
	der []byte
}

// newCertificate makes a self-signed certificate for one life of the program. A
// PLC that keeps a trust list has to be told of a lasting one; that comes with
// the other checks of certificates.
func newCertificate(gateway mes.Gateway) (*certificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "takt gateway " + gateway.String()},
		NotBefore:             now.Add(-24 * time.Hour), // The PLC's clock may be behind.
		NotAfter:              now.AddDate(5, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{host},
		URIs:                  []*url.URL{{Scheme: "urn", Opaque: "takt:gateway:" + gateway.String()}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return &certificate{key: key, der: der}, nil
}

// checkPin refuses a server whose certificate is not among the pinned ones. Of a
// chain the first certificate counts, which is the server's own.
func checkPin(chain []byte, pins []string) error {
	own := chain
	if certs, err := x509.ParseCertificates(chain); err == nil && len(certs) > 0 {
		own = certs[0].Raw
	}
	sum := sha256.Sum256(own)
	got := hex.EncodeToString(sum[:])
	for _, pin := range pins {
		if strings.EqualFold(pin, got) {
			return nil
		}
	}
	return mes.Errorf(mes.CodeInvalid, "the server shows a certificate with the SHA-256 %s, which is not pinned; if it is the PLC's, put it into trust.pin_sha256", got)
}
