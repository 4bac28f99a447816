package mes

import (
	"fmt"
	"time"
)

// EquipmentTopic is what an EquipmentReport is about.
type EquipmentTopic uint8

// The topics.
const (
	// EquipmentState is a change of state: Code names the new one.
	EquipmentState EquipmentTopic = 1 + iota
	// EquipmentAlarm came or went: Code names it, Active says which.
	EquipmentAlarm
	// EquipmentTool was changed: Tool is the one put in, Code the place.
	EquipmentTool
	// EquipmentCalibration was done: Code names the device, ValidUntil its end,
	// Active whether it passed.
	EquipmentCalibration
	// EquipmentRecipe was activated; the event's recipe says which.
	EquipmentRecipe
)

var equipmentTopicNames = [...]string{EquipmentState: "state", EquipmentAlarm: "alarm", EquipmentTool: "tool", EquipmentCalibration: "calibration", EquipmentRecipe: "recipe"}

// String returns the topic as `state`.
func (t EquipmentTopic) String() string { return nameOf(equipmentTopicNames[:], uint64(t)) }

// ParseEquipmentTopic reads what String returns.
func ParseEquipmentTopic(s string) (EquipmentTopic, error) {
	return parseName[EquipmentTopic]("topic", equipmentTopicNames[:], s)
}

// EquipmentReport is what the event's equipment says of itself.
type EquipmentReport struct {
	// Topic is what it is about.
	Topic EquipmentTopic
	// Code is the state, the alarm, the place of the tool or the device.
	Code string
	// Active is whether an alarm came, or a calibration passed.
	Active bool
	// Message is the text for people; may be empty.
	Message string
	// Tool is the one that was put in, with its counter.
	Tool Tool
	// ValidUntil is the end of a calibration; zero where it has none.
	ValidUntil time.Time
	// Measurements may be nil.
	Measurements *Measurements
}

// Kind returns `equipment`.
func (r *EquipmentReport) Kind() string { return "equipment" }

func (r *EquipmentReport) walk(c *codec) {
	number(c, 1, &r.Topic)
	text(c, 2, &r.Code)
	c.bool(3, &r.Active)
	text(c, 4, &r.Message)
	message(c, 5, &r.Tool)
	c.time(6, &r.ValidUntil)
	optional(c, 7, &r.Measurements)
}

// Validate is a Fact's.
func (r *EquipmentReport) Validate() error {
	if err := validateEnum("equipment.topic", equipmentTopicNames[:], r.Topic, true); err != nil {
		return err
	}
	return r.Measurements.validate("equipment.measurements")
}

// Answer is what the interlock said.
type Answer uint8

// The answers.
const (
	// AnswerGo lets the thing go on.
	AnswerGo Answer = 1 + iota
	// AnswerNoGo stops it.
	AnswerNoGo
	// AnswerUnknown could not be decided in time.
	AnswerUnknown
)

var answerNames = [...]string{AnswerGo: "go", AnswerNoGo: "no-go", AnswerUnknown: "unknown"}

// String returns the answer as `no-go`.
func (a Answer) String() string { return nameOf(answerNames[:], uint64(a)) }

// Input is one named value that a verdict was based on.
type Input struct {
	// Name is what was looked at.
	Name string
	// Value is what was found, as text.
	Value string
}

func (i *Input) walk(c *codec) {
	text(c, 1, &i.Name)
	text(c, 2, &i.Value)
}

// Verdict is an answer of the interlock to a station's question.
type Verdict struct {
	// Question is what was asked, as `may-enter`.
	Question string
	// Subjects are what it was asked about.
	Subjects []Ref
	// Rule and RuleVersion name what decided.
	Rule, RuleVersion string
	// Inputs are what the rule looked at.
	Inputs []Input
	// Answer is what it said.
	Answer Answer
	// Reason is why, for people.
	Reason string
	// Latency is from question to answer.
	Latency time.Duration
	// Offline says that the server was not asked.
	Offline bool
}

// Kind returns `verdict`.
func (v *Verdict) Kind() string { return "verdict" }

func (v *Verdict) walk(c *codec) {
	text(c, 1, &v.Question)
	messages(c, 2, &v.Subjects)
	text(c, 3, &v.Rule)
	text(c, 4, &v.RuleVersion)
	messages(c, 5, &v.Inputs)
	number(c, 6, &v.Answer)
	text(c, 7, &v.Reason)
	signed(c, 8, &v.Latency)
	c.bool(9, &v.Offline)
}

// Validate is a Fact's.
func (v *Verdict) Validate() error {
	for i, s := range v.Subjects {
		if err := s.validate(fmt.Sprintf("verdict.subjects[%d]", i)); err != nil {
			return err
		}
	}
	return validateEnum("verdict.answer", answerNames[:], v.Answer, true)
}
