package config

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// PatternHandshakeSeq is the pattern of a numbered record that the PLC keeps
// until it is acknowledged.
const PatternHandshakeSeq = "handshake_seq"

var (
	patterns = []string{PatternHandshakeSeq}
	policies = []string{"None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"}
	modes    = []string{"None", "Sign", "SignAndEncrypt"}
)

// OwnSource is the source of what the gateway itself says.
func (g Gateway) OwnSource() mes.Source { return mes.Source("gateway/" + g.Name) }

// Validate returns an error with CodeInvalid that holds the first PlaceError, in the
// order of the file.
func (c *Config) Validate() error {
	if err := c.Gateway.validate(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Schemas)) {
		s := c.MesSchema(name)
		if len(s.Columns) == 0 {
			return At([]any{"schemas", name}, "is empty; list its characteristics")
		}
		if err := s.Validate(); err != nil {
			return At([]any{"schemas", name}, "cannot be a schema: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Templates)) {
		if err := c.Templates[name].validate([]any{"templates", name}); err != nil {
			return err
		}
	}
	if len(c.PLCs) == 0 {
		return At([]any{"plcs"}, "is empty; a gateway reads at least one PLC")
	}
	names := make(map[string]bool)
	sources := map[string]string{string(c.Gateway.OwnSource()): "the gateway itself"}
	for i := range c.PLCs {
		p, path := &c.PLCs[i], []any{"plcs", i}
		if names[p.Name] {
			return At(step(path, "name"), "%q comes twice", p.Name)
		}
		names[p.Name] = true
		if err := p.validate(path); err != nil {
			return err
		}
		for j := range p.Stations {
			s, path := &p.Stations[j], step(path, "stations", j)
			if owner, ok := sources[s.Source]; ok {
				return At(step(path, "source"), "%q is taken by %s; two blocks under one name would be one source", s.Source, owner)
			}
			sources[s.Source] = fmt.Sprintf("station %d of %s", j, p.Name)
			if err := c.validateStation(p, s, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// step returns a longer path without touching the one that it begins with.
func step(path []any, steps ...any) []any { return append(slices.Clip(path), steps...) }

func (g Gateway) validate() error {
	path := []any{"gateway"}
	if g.Name == "" {
		return At(step(path, "name"), "is missing; the server tells gateways apart by it")
	}
	if most := mes.MaxIDBytes - len("gateway/"); len(g.Name) > most {
		return At(step(path, "name"), "has %d bytes; at most %d are taken", len(g.Name), most)
	}
	if _, err := time.LoadLocation(g.Zone); err != nil || g.Zone == "Local" {
		return At(step(path, "zone"), "%q is no time zone; write it as Europe/Berlin", g.Zone)
	}
	if g.Spool.MaxBytes < 1<<20 {
		return At(step(path, "spool", "max_bytes"), "is %s; a spool needs at least 1MiB", g.Spool.MaxBytes)
	}
	if g.Spool.Retention < 0 {
		return At(step(path, "spool", "retention"), "is negative")
	}
	if _, _, err := net.SplitHostPort(g.Server.Addr); err != nil {
		return At(step(path, "server", "addr"), "%q is no address; write it as host:7600", g.Server.Addr)
	}
	return nil
}

func (p *PLC) validate(path []any) error {
	if p.Name == "" {
		return At(step(path, "name"), "is missing")
	}
	u, err := url.Parse(p.Endpoint)
	if err != nil || u.Scheme != "opc.tcp" || u.Hostname() == "" || u.Port() == "" {
		return At(step(path, "endpoint"), "%q is no endpoint; write it as opc.tcp://host:4840", p.Endpoint)
	}
	if err := p.validateSecurity(path); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.Namespaces)) {
		if p.Namespaces[name] == "" {
			return At(step(path, "namespaces", name), "is empty; write the namespace's URI")
		}
	}
	const least, most = 10 * time.Second, time.Hour
	if p.SessionTimeout < least || p.SessionTimeout > most {
		return At(step(path, "session_timeout"), "is %s; %s to %s are taken", p.SessionTimeout, least, most)
	}
	if p.Subscription.Publish < time.Millisecond {
		return At(step(path, "subscription", "publish"), "is %s; at least 1ms is taken", p.Subscription.Publish)
	}
	if p.Clock.MaxOffset < 0 {
		return At(step(path, "clock", "max_offset"), "is negative")
	}
	if p.BootID != "" {
		if err := p.validateTag(p.BootID, nil); err != nil {
			return At(step(path, "boot_id"), "%w", err)
		}
	}
	if len(p.Stations) == 0 {
		return At(step(path, "stations"), "is empty; a PLC has at least one station")
	}
	return nil
}

func (p *PLC) validateSecurity(path []any) error {
	s, security := p.Security, step(path, "security")
	switch {
	case s.Policy == "" || s.Mode == "":
		return At(security, "must say policy and mode, as {policy: Basic256Sha256, mode: SignAndEncrypt}")
	case !slices.Contains(policies, s.Policy):
		return At(step(security, "policy"), "%q is not one of %s%s", s.Policy, strings.Join(policies, ", "), DidYouMean(s.Policy, slices.Values(policies)))
	case !slices.Contains(modes, s.Mode):
		return At(step(security, "mode"), "%q is not one of %s%s", s.Mode, strings.Join(modes, ", "), DidYouMean(s.Mode, slices.Values(modes)))
	case (s.Policy == "None") != (s.Mode == "None"):
		return At(security, "has policy %s with mode %s; None goes with None alone", s.Policy, s.Mode)
	case s.Policy == "None" && !s.AllowNone:
		return At(security, "leaves the channel open; add allow_none: true where that is meant")
	}
	for i, pin := range p.Trust.PinSHA256 {
		if b, err := hex.DecodeString(pin); err != nil || len(b) != 32 {
			return At(step(path, "trust", "pin_sha256", i), "%q is no SHA-256 in 64 hexadecimal digits", pin)
		}
	}
	if s.Secure() && len(p.Trust.PinSHA256) == 0 {
		return At(step(path, "trust"), "names no certificate; give the SHA-256 of the PLC's in pin_sha256, for without it anybody could be the PLC")
	}
	a, auth := p.Auth, step(path, "auth")
	switch {
	case (a.Username == "") != (a.PasswordFile == ""):
		return At(auth, "must have username and password_file, or neither")
	case a.Username != "" && !s.Secure():
		return At(auth, "would send a password over an open channel; choose a security policy")
	}
	return nil
}

// validateTag refuses a tag that cannot be a node id of this PLC.
func (p *PLC) validateTag(tag string, vars map[string]string) error {
	tag, err := Expand(tag, vars)
	if err != nil {
		return err
	}
	namespace, _, err := SplitTag(tag)
	if err != nil {
		return err
	}
	if _, ok := p.Namespaces[namespace]; !ok && namespace != "" {
		return mes.Errorf(mes.CodeInvalid, "%q begins with %q, which is not among the PLC's namespaces%s", tag, namespace, DidYouMean(namespace, maps.Keys(p.Namespaces)))
	}
	return nil
}

func (c *Config) validateStation(p *PLC, s *Station, path []any) error {
	switch {
	case s.Source == "":
		return At(step(path, "source"), "is missing; events are known by it")
	case len(s.Source) > mes.MaxIDBytes:
		return At(step(path, "source"), "has %d bytes; at most %d are taken", len(s.Source), mes.MaxIDBytes)
	}
	t, ok := c.Templates[s.Template]
	if !ok {
		return At(step(path, "template"), "%q is not among the templates%s", s.Template, DidYouMean(s.Template, maps.Keys(c.Templates)))
	}
	if _, ok := c.Schemas[s.Schema]; !ok && s.Schema != "" {
		return At(step(path, "schema"), "%q is not among the schemas%s", s.Schema, DidYouMean(s.Schema, maps.Keys(c.Schemas)))
	}
	for _, tag := range t.tags() {
		if err := p.validateTag(tag, s.Vars); err != nil {
			return At(path, "does not fit template %q: %w", s.Template, err)
		}
	}
	for _, r := range t.Records {
		for _, name := range r.Paths() {
			if _, err := Expand(r.Fields[name].Const, s.Vars); err != nil {
				return At(path, "does not fit template %q: %w", s.Template, err)
			}
		}
	}
	return nil
}

func (t Template) validate(path []any) error {
	if !slices.Contains(patterns, t.Pattern) {
		return At(step(path, "pattern"), "%q is not one of %s", t.Pattern, strings.Join(patterns, ", "))
	}
	if t.Ready == "" || t.Ack == "" {
		return At(path, "must name the tags ready and ack")
	}
	if len(t.Records) == 0 || t.Kind == "" && len(t.Records) > 1 {
		return At(step(path, "records"), "has %d records; a template without a kind tag has exactly one", len(t.Records))
	}
	kinds := make(map[int64]bool)
	for i, r := range t.Records {
		path := step(path, "records", i)
		if kinds[r.Kind] {
			return At(step(path, "kind"), "%d comes twice", r.Kind)
		}
		kinds[r.Kind] = true
		if _, ok := r.Fields["event_time"]; !ok {
			return At(step(path, "fields"), "does not say event_time, which every event has")
		}
		for _, name := range r.Paths() {
			if err := r.Fields[name].validate(); err != nil {
				return At(step(path, "fields", name), "%w", err)
			}
		}
	}
	return nil
}

// tags returns all of the template's node ids.
func (t Template) tags() []string {
	tags := []string{t.Ready, t.Ack}
	for _, tag := range []string{t.Seq, t.Kind} {
		if tag != "" {
			tags = append(tags, tag)
		}
	}
	for _, r := range t.Records {
		for _, name := range r.Paths() {
			tags = append(tags, r.Fields[name].tags()...)
		}
	}
	return tags
}
