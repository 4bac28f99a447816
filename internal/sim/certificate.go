package sim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// certificates gives each PLC a certificate of its own, signed by itself, over
// one key that the simulated PLCs share. They stay from one start to the next,
// so that a gateway can pin them.
type certificates struct {
	dir string
	key *rsa.PrivateKey
}

const keyFile = "key.pem"

func openCertificates(dir string) (*certificates, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make folder of certificates: %w", err)
	}
	c := &certificates{dir: dir}
	path := filepath.Join(dir, keyFile)
	data, err := os.ReadFile(path) //nolint:gosec // the simulator's own folder
	if errors.Is(err, fs.ErrNotExist) {
		// The library takes the length of the private exponent for that of a
		// block: a key in twelve has one that is a byte shorter, and could
		// decrypt no password.
		for c.key == nil || len(c.key.D.Bytes()) != c.key.Size() {
			if c.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
				return nil, fmt.Errorf("make key: %w", err)
			}
		}
		return c, writePEM(path, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(c.key))
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s is no key; remove it, and a new one is made", path)
	}
	if c.key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
		return nil, fmt.Errorf("%s is no key (%w); remove it, and a new one is made", path, err)
	}
	return c, nil
}

// of returns the files of a PLC's certificate and key.
func (c *certificates) of(plc, applicationURI string) (certificate, key string, err error) {
	key = filepath.Join(c.dir, keyFile)
	certificate = filepath.Join(c.dir, url.PathEscape(plc)+".pem")
	if _, err := os.Stat(certificate); err == nil {
		return certificate, key, nil
	}
	uri, err := url.Parse(applicationURI)
	if err != nil {
		return "", "", fmt.Errorf("application URI %q: %w", applicationURI, err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return "", "", fmt.Errorf("number certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: plc, Organization: []string{"takt sim"}},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(20, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:         []*url.URL{uri},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},

		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &c.key.PublicKey, c.key)
	if err != nil {
		return "", "", fmt.Errorf("make certificate of %s: %w", plc, err)
	}
	return certificate, key, writePEM(certificate, "CERTIFICATE", der)
}

// writePEM writes a file so that a kill leaves all of it or nothing.
func writePEM(path, kind string, der []byte) error {
	partial := path + ".new"
	if err := os.WriteFile(partial, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", kind, err)
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("write %s: %w", kind, err)
	}
	return nil
}
