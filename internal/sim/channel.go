package sim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"net"
	"sync"
	"time"

	"github.com/awcullen/opcua/server"
	"github.com/awcullen/opcua/ua"
)

// secureChannel is the beginning of the library's serverSecureChannel, field by
// field; only the library makes one. The version of the library is pinned.
type secureChannel struct {
	_                 sync.RWMutex
	_                 *server.Server
	_, _              []byte
	_                 *rsa.PrivateKey
	_                 *rsa.PublicKey
	_                 string
	localNonce        []byte
	remoteNonce       []byte
	_, _              uint32
	securityPolicyURI string
	securityPolicy    ua.SecurityPolicy
	securityMode      ua.MessageSecurityMode
	_                 []byte
	_                 ua.EndpointDescription
	_                 bool
	// sendingSemaphore is held by whoever sends a message.
	sendingSemaphore       sync.Mutex
	_                      sync.Mutex
	_                      uint32
	pendingTokenID         uint32
	pendingTokenExpiration time.Time
	tokenID                uint32
	tokenExpiration        time.Time
	_, _                   []byte
	// The vectors and keys are of the server (local) and of the client (remote).
	localInitializationVector  []byte
	_, _                       []byte
	remoteInitializationVector []byte
	_, _, _                    []byte
	_                          sync.Pool
	_                          any
	symSignHMAC                hash.Hash
	symVerifyHMAC              hash.Hash
	symEncryptingBlockCipher   cipher.Block
	symDecryptingBlockCipher   cipher.Block
}

// connection is a client's connection on the way to its secureChannel. When a
// client has renewed its token, the library goes over to the new one without
// regard to what it is sending at that moment: a notification could name the new
// token and be encrypted with the old keys, and a strict client breaks off. The
// connection therefore looks at each message before the library does, and goes
// over to a new token while nothing is sent.
type connection struct {
	net.Conn
	// channel is nil until it is open; only the goroutine that reads uses it.
	channel *secureChannel
	// header is how a message begins, ahead what of it the library has not had.
	header [16]byte
	ahead  []byte
	// left is how many bytes of a message the library has not had.
	left int
	// held says that nothing may be sent until release.
	held bool
}

// The types of messages, three letters each.
const (
	messageOpen  = "OPN"
	messageData  = "MSG"
	messageClose = "CLO"
)

// Read hands on at most what is left of a message.
func (c *connection) Read(p []byte) (int, error) {
	if c.left == 0 {
		if err := c.begin(); err != nil {
			return 0, err
		}
	}
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		c.ahead = c.ahead[n:]
		c.left -= n
		return n, nil
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err //nolint:wrapcheck // io.EOF as it is
}

// begin reads how the next message begins; there is none that is shorter.
func (c *connection) begin() error {
	if _, err := io.ReadFull(c.Conn, c.header[:]); err != nil {
		return err //nolint:wrapcheck // io.EOF as it is
	}
	c.ahead = c.header[:]
	c.left = int(binary.LittleEndian.Uint32(c.header[4:]))
	if c.left < len(c.header) {
		return fmt.Errorf("a message of %d bytes", c.left)
	}
	if c.channel == nil {
		return nil
	}
	switch string(c.header[:3]) {
	case messageOpen:
		// A renewal, which the library puts into what senders look at.
		c.channel.sendingSemaphore.Lock()
		c.held = true
	case messageData, messageClose:
		token := binary.LittleEndian.Uint32(c.header[12:])
		if token != c.channel.tokenID && token == c.channel.pendingTokenID {
			return c.channel.install(c)
		}
	}
	return nil
}

// release lets the server send again.
func (c *connection) release() {
	if c.held {
		c.held = false
		c.channel.sendingSemaphore.Unlock()
	}
}

// install goes over to the pending token, as the library would.
func (ch *secureChannel) install(conn net.Conn) error {
	ch.sendingSemaphore.Lock()
	defer ch.sendingSemaphore.Unlock()
	ch.tokenID, ch.tokenExpiration = ch.pendingTokenID, ch.pendingTokenExpiration
	if err := conn.SetDeadline(ch.tokenExpiration); err != nil {
		return fmt.Errorf("set the end of a token: %w", err)
	}
	if ch.securityMode != ua.MessageSecurityModeSign && ch.securityMode != ua.MessageSecurityModeSignAndEncrypt {
		return nil
	}
	var err error
	ch.symVerifyHMAC, ch.symDecryptingBlockCipher, ch.remoteInitializationVector, err = ch.keys(ch.localNonce, ch.remoteNonce)
	if err != nil {
		return err
	}
	ch.symSignHMAC, ch.symEncryptingBlockCipher, ch.localInitializationVector, err = ch.keys(ch.remoteNonce, ch.localNonce)
	return err
}

// keys derives what one side signs and encrypts with.
func (ch *secureChannel) keys(secret, seed []byte) (sign hash.Hash, encrypt cipher.Block, vector []byte, err error) {
	policy := ch.securityPolicy
	signing, encrypting := policy.SymSignatureKeySize(), policy.SymEncryptionKeySize()
	derived := calculatePSHA(secret, seed, signing+encrypting+policy.SymEncryptionBlockSize(), ch.securityPolicyURI)
	if encrypt, err = aes.NewCipher(derived[signing : signing+encrypting]); err != nil {
		return nil, nil, nil, fmt.Errorf("derive keys: %w", err)
	}
	return policy.SymHMACFactory(derived[:signing]), encrypt, derived[signing+encrypting:], nil
}
