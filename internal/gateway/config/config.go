// Package config is the gateway file: which PLCs a gateway reads, how it reaches
// them, and how a station's tags become events. It is values in, values out: it
// opens no connection, so that a simulated line can write the file of the gateway
// that is to read it.
package config

import (
	"os"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// Config is a gateway file. Parse and Load return one that is valid and has its
// defaults; one that is put together by a program goes through WithDefaults and
// Validate.
type Config struct {
	// Gateway is the gateway itself.
	Gateway Gateway `yaml:"gateway"`
	// Schemas name the values of a station, in order; stations refer to them.
	Schemas map[string][]Column `yaml:"schemas,omitempty"`
	// PLCs are the OPC UA servers that it reads.
	PLCs []PLC `yaml:"plcs"`
	// Templates say how a station's tags become events; stations share them.
	Templates map[string]Template `yaml:"templates,omitempty"`
}

// Gateway is what a gateway is called, and where its records wait and go.
type Gateway struct {
	// Name is the transport's name for it, and of its own source
	// `gateway/<name>`; 1 to 248 bytes.
	Name string `yaml:"name"`
	// Zone is the time zone whose offset is written into events, as
	// `Europe/Berlin`; UTC where empty.
	Zone string `yaml:"zone,omitempty"`
	// Spool is where records wait for the server.
	Spool Spool `yaml:"spool,omitempty"`
	// Server is where they go.
	Server Server `yaml:"server,omitempty"`
}

// Spool is where records wait for the server. A relative folder counts from the
// working directory.
type Spool struct {
	// Dir is its folder; `takt-data/gateway` where empty.
	Dir string `yaml:"dir,omitempty"`
	// MaxBytes is how large it may grow; 20 GiB where 0.
	MaxBytes Size `yaml:"max_bytes,omitempty"`
	// Retention is how long records stay after the server has them; 72 h where 0.
	Retention time.Duration `yaml:"retention,omitempty"`
}

// Server is the service that takes the records.
type Server struct {
	// Addr is its gRPC address as host:port; `127.0.0.1:7600` where empty.
	Addr string `yaml:"addr,omitempty"`
	// Insecure allows a connection without encryption to another machine.
	Insecure bool `yaml:"insecure,omitempty"`
}

// Column is one value of a schema.
type Column struct {
	// Characteristic is what is measured, as `ocv1`.
	Characteristic string `yaml:"characteristic"`
	// Unit is the unit of measure, a UCUM code.
	Unit string `yaml:"unit,omitempty"`
	// LSL and USL are the specification limits by which the PLC judges, if there are
	// any. What was measured before they change keeps those that it was judged by.
	LSL *float64 `yaml:"lsl,omitempty"`
	USL *float64 `yaml:"usl,omitempty"`
}

// PLC is one OPC UA server, read over one session.
type PLC struct {
	// Name tells it from the others in logs.
	Name string `yaml:"name"`
	// Endpoint is its address as `opc.tcp://host:port`. It is dialled as it
	// stands, whatever host name the server gives itself.
	Endpoint string `yaml:"endpoint"`
	// Security is how the channel is secured. There is no default: what a server
	// offers first is not what a site wants.
	Security Security `yaml:"security"`
	// Trust says which server certificates are accepted.
	Trust Trust `yaml:"trust,omitempty"`
	// Auth is who the gateway is to the PLC; anonymous where empty.
	Auth Auth `yaml:"auth,omitempty"`
	// Namespaces give namespace URIs short names for the tags below. Indexes
	// move between starts of a PLC, so they are looked up at every connect.
	Namespaces map[string]string `yaml:"namespaces,omitempty"`
	// Subscription is the doorbell.
	Subscription Subscription `yaml:"subscription,omitempty"`
	// SessionTimeout is how long the PLC keeps the session of a gateway that is
	// gone, from 10 s to 1 h; 30 s where 0, for most PLCs have few sessions. The
	// server may revise it.
	SessionTimeout time.Duration `yaml:"session_timeout,omitempty"`
	// BootID is a tag that has another value after each start of the PLC; the
	// start time of its OPC UA server (i=2257) where empty.
	BootID string `yaml:"boot_id,omitempty"`
	// Clock bounds what is taken for a good clock.
	Clock Clock `yaml:"clock,omitempty"`
	// Stations are its record blocks.
	Stations []Station `yaml:"stations"`
}

// Security is how a channel is secured.
type Security struct {
	// Policy is None, Basic256Sha256, Aes128_Sha256_RsaOaep or
	// Aes256_Sha256_RsaPss.
	Policy string `yaml:"policy"`
	// Mode is None, Sign or SignAndEncrypt.
	Mode string `yaml:"mode"`
	// AllowNone must be true where policy and mode are None.
	AllowNone bool `yaml:"allow_none,omitempty"`
}

// Secure reports whether the channel is signed.
func (s Security) Secure() bool { return s.Policy != "None" }

// Trust says which server certificates are accepted.
type Trust struct {
	// PinSHA256 are SHA-256 fingerprints of server certificates in hexadecimal;
	// a server that shows another one is refused.
	PinSHA256 []string `yaml:"pin_sha256,omitempty"`
}

// Auth is who the gateway is to the PLC.
type Auth struct {
	// Username is its account.
	Username string `yaml:"username,omitempty"`
	// PasswordFile holds the password; white space at its end is not part of it.
	// A relative path counts from the working directory.
	PasswordFile string `yaml:"password_file,omitempty"`
}

// Subscription is how a PLC rings when a record is ready.
type Subscription struct {
	// Publish is the publishing interval to ask for; 100 ms where 0. The server
	// may revise it.
	Publish time.Duration `yaml:"publish,omitempty"`
}

// Clock bounds what is taken for a good clock.
type Clock struct {
	// MaxOffset is how far the PLC's clock may be from the gateway's; 2 s where 0.
	MaxOffset time.Duration `yaml:"max_offset,omitempty"`
}

// Station is one record block of a PLC, which is one source of events.
type Station struct {
	// Source names who numbers the records, as `L1/P2/WND01`; unique in the file.
	Source string `yaml:"source"`
	// Template says how its tags become events.
	Template string `yaml:"template"`
	// Vars stand for `{name}` in the template's tags and constants.
	Vars map[string]string `yaml:"vars,omitempty"`
	// Schema names the station's measured values; required where it measures
	// something.
	Schema string `yaml:"schema,omitempty"`
}

// MesSchema returns a named schema in the words of package mes.
func (c *Config) MesSchema(name string) mes.Schema {
	var s mes.Schema
	for _, col := range c.Schemas[name] {
		s.Columns = append(s.Columns, mes.Column{
			Characteristic: col.Characteristic, Unit: col.Unit, LSL: mes.SpecLimitOf(col.LSL), USL: mes.SpecLimitOf(col.USL),
		})
	}
	return s
}

// The defaults.
const (
	defaultZone      = "UTC"
	defaultSpoolDir  = "takt-data/gateway"
	defaultMaxBytes  = 20 << 30
	defaultRetention = 72 * time.Hour
	defaultAddr      = "127.0.0.1:7600"
	defaultPublish   = 100 * time.Millisecond
	defaultSession   = 30 * time.Second
	defaultMaxOffset = 2 * time.Second
)

// WithDefaults returns a copy with the defaults where nothing is said.
func (c Config) WithDefaults() Config {
	setDefault(&c.Gateway.Zone, defaultZone)
	setDefault(&c.Gateway.Spool.Dir, defaultSpoolDir)
	setDefault(&c.Gateway.Spool.MaxBytes, defaultMaxBytes)
	setDefault(&c.Gateway.Spool.Retention, defaultRetention)
	setDefault(&c.Gateway.Server.Addr, defaultAddr)
	plcs := make([]PLC, len(c.PLCs))
	for i, p := range c.PLCs {
		setDefault(&p.Subscription.Publish, defaultPublish)
		setDefault(&p.SessionTimeout, defaultSession)
		setDefault(&p.Clock.MaxOffset, defaultMaxOffset)
		plcs[i] = p
	}
	c.PLCs = plcs
	return c
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// Load reads a gateway file. Its errors name the file, the line, the column and
// the remedy.
func Load(path string) (Config, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the person who starts the gateway names the file
	if err != nil {
		return Config{}, mes.Errorf(mes.CodeNotFound, "read the gateway file: %w", err)
	}
	c, err := Parse(data)
	if err != nil {
		return Config{}, mes.Errorf(mes.CodeOf(err), "%s: %w", path, err)
	}
	return c, nil
}
