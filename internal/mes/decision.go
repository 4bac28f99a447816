package mes

import (
	"fmt"
	"time"
)

// DecisionKind is what was decided.
type DecisionKind uint8

// The kinds of decisions.
const (
	// DecisionHold stops what is selected.
	DecisionHold DecisionKind = 1 + iota
	// DecisionRelease ends a hold.
	DecisionRelease
	// DecisionGrade sets a grade.
	DecisionGrade
	// DecisionScrap takes it out.
	DecisionScrap
	// DecisionSample takes it for a destructive test.
	DecisionSample
	// DecisionConcession lets it go on in spite of something.
	DecisionConcession
	// DecisionShip sends it to a customer.
	DecisionShip
)

var decisionKindNames = [...]string{DecisionHold: "hold", DecisionRelease: "release", DecisionGrade: "grade", DecisionScrap: "scrap", DecisionSample: "sample", DecisionConcession: "concession", DecisionShip: "ship"}

// String returns the kind as `hold`.
func (k DecisionKind) String() string { return nameOf(decisionKindNames[:], uint64(k)) }

// ParseDecisionKind reads what String returns.
func ParseDecisionKind(s string) (DecisionKind, error) {
	return parseName[DecisionKind]("decision", decisionKindNames[:], s)
}

// Selection is what a decision is about.
type Selection struct {
	// Things are named one by one.
	Things []Ref
	// Query names them by a rule, for what is not made yet; may be empty.
	Query string
}

func (s *Selection) walk(c *codec) {
	messages(c, 1, &s.Things)
	text(c, 2, &s.Query)
}

// Decision is what a person or a rule decided about things.
type Decision struct {
	// Decision is what was decided.
	Decision DecisionKind
	// Selection is what about.
	Selection Selection
	// Who decided, a pseudonymous id or a rule's name.
	Who ID
	// Why, for people.
	Why string
	// Evidence is what it was based on.
	Evidence []Attachment
	// Grade is the grade that was given, or the customer of a shipment.
	Grade string
	// Ends names the decision that this one ends, as a release does a hold.
	Ends *Identity
}

// Kind returns `decision`.
func (d *Decision) Kind() string { return "decision" }

func (d *Decision) walk(c *codec) {
	number(c, 1, &d.Decision)
	message(c, 2, &d.Selection)
	octets(c, 3, &d.Who)
	text(c, 4, &d.Why)
	messages(c, 5, &d.Evidence)
	text(c, 6, &d.Grade)
	optional(c, 7, &d.Ends)
}

// Validate is a Fact's.
func (d *Decision) Validate() error {
	if err := validateEnum("decision.decision", decisionKindNames[:], d.Decision, true); err != nil {
		return err
	}
	if len(d.Selection.Things) == 0 && d.Selection.Query == "" && d.Ends == nil {
		return Invalid("decision.selection", "is empty")
	}
	for i, t := range d.Selection.Things {
		if err := t.validate(fmt.Sprintf("decision.selection.things[%d]", i)); err != nil {
			return err
		}
	}
	if err := validateID("decision.who", string(d.Who)); err != nil {
		return err
	}
	if d.Ends != nil {
		return d.Ends.Validate()
	}
	return nil
}

// Correction withdraws an event by its identity, so that it may arrive before
// what it corrects.
type Correction struct {
	// Withdraws is the event that no longer holds.
	Withdraws Identity
	// Reason is why, for people.
	Reason string
	// Replacement is the event that holds instead, nil where there is none.
	Replacement *Identity
}

// Kind returns `correction`.
func (k *Correction) Kind() string { return "correction" }

func (k *Correction) walk(c *codec) {
	message(c, 1, &k.Withdraws)
	text(c, 2, &k.Reason)
	optional(c, 3, &k.Replacement)
}

// Validate is a Fact's.
func (k *Correction) Validate() error {
	if err := k.Withdraws.Validate(); err != nil {
		return err
	}
	if k.Reason == "" {
		return Invalid("correction.reason", "is empty; say why the event is withdrawn")
	}
	if k.Replacement != nil {
		return k.Replacement.Validate()
	}
	return nil
}

// SourceTopic is what a SourceFact is about.
type SourceTopic uint8

// The topics.
const (
	// SourceEpochOpened says that the source numbers anew from here on.
	SourceEpochOpened SourceTopic = 1 + iota
	// SourceGap says that the numbers First to Last are lost for good.
	SourceGap
	// SourceOffline says that the source could not be reached from From to To.
	SourceOffline
)

var sourceTopicNames = [...]string{SourceEpochOpened: "epoch-opened", SourceGap: "gap", SourceOffline: "offline"}

// String returns the topic as `gap`.
func (t SourceTopic) String() string { return nameOf(sourceTopicNames[:], uint64(t)) }

// SourceFact is what is known of a source rather than of the line.
type SourceFact struct {
	// Topic is what it is about.
	Topic SourceTopic
	// Source is which.
	Source Source
	// Epoch is the one that was opened, or in which the gap is.
	Epoch Epoch
	// First and Last bound a gap, both included.
	First, Last Sequence
	// From and To bound an offline window.
	From, To time.Time
	// Evidence is what was seen, for people: boot ids, numbers.
	Evidence string
	// OpenTail says that the epoch before may have lost its last records.
	OpenTail bool
}

// Kind returns `source`.
func (f *SourceFact) Kind() string { return "source" }

func (f *SourceFact) walk(c *codec) {
	number(c, 1, &f.Topic)
	octets(c, 2, &f.Source)
	number(c, 3, &f.Epoch)
	number(c, 4, &f.First)
	number(c, 5, &f.Last)
	c.time(6, &f.From)
	c.time(7, &f.To)
	text(c, 8, &f.Evidence)
	c.bool(9, &f.OpenTail)
}

// Validate is a Fact's.
func (f *SourceFact) Validate() error {
	if err := validateEnum("source.topic", sourceTopicNames[:], f.Topic, true); err != nil {
		return err
	}
	if f.Last < f.First {
		return Invalid("source.last", "is below source.first")
	}
	return validateID("source.source", string(f.Source))
}

// MasterData is a revision of something that people maintain: equipment, a
// specification, a route, a job order.
type MasterData struct {
	// Resource is its name, as `equipment/L1.WND.07`.
	Resource string
	// Revision is the maintainer's, as `12`.
	Revision string
	// Content is the whole revision as JSON, in the resource's own form.
	Content string
	// Deleted says that the resource is gone from here on.
	Deleted bool
}

// Kind returns `master`.
func (m *MasterData) Kind() string { return "master" }

func (m *MasterData) walk(c *codec) {
	text(c, 1, &m.Resource)
	text(c, 2, &m.Revision)
	text(c, 3, &m.Content)
	c.bool(4, &m.Deleted)
}

// Validate is a Fact's.
func (m *MasterData) Validate() error {
	if m.Resource == "" {
		return Invalid("master.resource", "is empty")
	}
	return nil
}
