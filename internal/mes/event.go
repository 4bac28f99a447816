package mes

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// MaxEventBytes is how long an event may be, encoded.
const MaxEventBytes = 256 << 10

// Hash is a SHA-256.
type Hash [sha256.Size]byte

// HashEvent returns the hash of an event's canonical bytes: what conflicting
// claims to one identity are told apart by. Provenance is no part of an event,
// so two gateways' copies of one event agree.
func HashEvent(canonical []byte) Hash { return sha256.Sum256(canonical) }

// Mode says whether an event counts.
type Mode uint8

// The modes. Only production enters yield, conflicts and recalls, unless asked.
const (
	// ModeProduction counts; an event that does not say is production too.
	ModeProduction Mode = iota
	// ModeCommissioning is a line that is being set up.
	ModeCommissioning
	// ModeReference is a golden or master part, whose serial comes back daily.
	ModeReference
	// ModeDryRun is a machine that moves without material.
	ModeDryRun
)

var modeNames = [...]string{"production", "commissioning", "reference", "dry-run"}

// String returns the mode as `production` or `dry-run`.
func (m Mode) String() string { return nameOf(modeNames[:], uint64(m)) }

// ParseMode reads what String returns.
func ParseMode(s string) (Mode, error) { return parseName[Mode]("mode", modeNames[:], s) }

// Recipe is a named set of set points, in a version.
type Recipe struct {
	// Name is the recipe's.
	Name string
	// Version is as the station reports it.
	Version string
}

func (r *Recipe) walk(c *codec) {
	text(c, 1, &r.Name)
	text(c, 2, &r.Version)
}

// Event is one immutable fact from the line. A mistake is put right by a later
// event, a Correction, that names it.
type Event struct {
	// EventTime is when it happened (when the work ended), by the source's
	// clock. It orders nothing: sequences do.
	EventTime time.Time
	// StartTime is when the work began; zero where it was not said.
	StartTime time.Time
	// UTCOffset is the offset from UTC at EventTime in seconds, as it came.
	UTCOffset int32
	// Equipment is where it happened, the machine itself.
	Equipment EquipmentID
	// ProcessSegment is the step of the route that it belongs to.
	ProcessSegment string
	// JobOrder is what it was made under; may be empty.
	JobOrder ID
	// Recipe is what the equipment ran; may be zero.
	Recipe Recipe
	// Operator is a pseudonymous id; names are kept outside the log.
	Operator ID
	// Mode says whether it counts.
	Mode Mode
	// Fact is what happened; never nil in a valid event.
	Fact Fact
}

// Fact is what an event states: one of *Work, *CoilGeometry, *SlotChange,
// *Placement, *AliasBinding, *LotReport, *EquipmentReport, *Verdict,
// *Decision, *Correction, *SourceFact and *MasterData.
type Fact interface {
	walker
	// Kind returns the fact's name, as `work` or `slot`.
	Kind() string
	// Validate returns an Error with CodeInvalid that names the first field
	// that breaks a rule which needs no other event.
	Validate() error
}

func (e *Event) walk(c *codec) {
	c.time(1, &e.EventTime)
	c.time(2, &e.StartTime)
	signed(c, 3, &e.UTCOffset)
	octets(c, 4, &e.Equipment)
	text(c, 5, &e.ProcessSegment)
	octets(c, 6, &e.JobOrder)
	message(c, 7, &e.Recipe)
	octets(c, 8, &e.Operator)
	number(c, 9, &e.Mode)
	fact[Work](c, 16, &e.Fact)
	fact[CoilGeometry](c, 17, &e.Fact)
	fact[SlotChange](c, 18, &e.Fact)
	fact[Placement](c, 19, &e.Fact)
	fact[AliasBinding](c, 20, &e.Fact)
	fact[LotReport](c, 21, &e.Fact)
	fact[EquipmentReport](c, 22, &e.Fact)
	fact[Verdict](c, 23, &e.Fact)
	fact[Decision](c, 24, &e.Fact)
	fact[Correction](c, 25, &e.Fact)
	fact[SourceFact](c, 26, &e.Fact)
	fact[MasterData](c, 27, &e.Fact)
}

// pointerToFact is the pointer to a message that is a fact.
type pointerToFact[T any] interface {
	*T
	Fact
}

// fact shows one alternative of an event's fact.
func fact[T any, P pointerToFact[T]](c *codec, n int, v *Fact) {
	var p *T
	if !c.reading {
		if held, ok := (*v).(P); ok {
			p = (*T)(held)
		}
	}
	optional[T, P](c, n, &p)
	if c.reading && p != nil {
		if *v != nil {
			c.fail("field %d is a second fact; an event states one", n)
			return
		}
		*v = P(p)
	}
}

// maxUTCOffset is wider than any zone's.
const maxUTCOffset = 18 * 60 * 60

// Validate returns an Error with CodeInvalid that names the first field that
// breaks a rule which needs no other event. What contradicts the state of the
// line is valid: it is stored, and flagged.
func (e *Event) Validate() error {
	if e.EventTime.IsZero() {
		return Invalid("event_time", "is missing")
	}
	if e.UTCOffset < -maxUTCOffset || e.UTCOffset > maxUTCOffset {
		return Invalid("utc_offset", fmt.Sprintf("is %d s; a zone is at most 18 h from UTC", e.UTCOffset))
	}
	if err := validateOptionalID("equipment", string(e.Equipment)); err != nil {
		return err
	}
	if err := validateOptionalID("job_order", string(e.JobOrder)); err != nil {
		return err
	}
	if err := validateOptionalID("operator", string(e.Operator)); err != nil {
		return err
	}
	if err := validateEnum("mode", modeNames[:], e.Mode, false); err != nil {
		return err
	}
	if e.Fact == nil {
		return Invalid("fact", "is missing; an event states one")
	}
	return e.Fact.Validate()
}
