package block

// fieldKind says what a length-delimited field of a message holds.
type fieldKind uint8

// The kinds. Whatever the table does not name is text: exact bytes.
const (
	fieldText fieldKind = iota
	fieldMessage
	fieldTime
	fieldDoubles
)

// field is a length-delimited field that is more than text.
type field struct {
	kind    fieldKind
	message *message
}

// message is which fields of a message are more than text, by number.
type message [28]field

func nested(m *message) field { return field{fieldMessage, m} }

// The messages of takt.v1 that are in the log. A test compares them with the
// descriptors. They only help to make a block small: a field that is missing
// here comes back as exactly.
var (
	timeField    = field{kind: fieldTime}
	doublesField = field{kind: fieldDoubles}

	leafMessage  = &message{} // only text and numbers
	quantity     = &message{1: nested(leafMessage)}
	actual       = &message{1: nested(leafMessage), 3: nested(quantity), 4: nested(leafMessage)}
	measurements = &message{2: doublesField, 3: nested(leafMessage)}
	work         = &message{
		1: nested(leafMessage), 4: nested(measurements), 5: nested(leafMessage), 6: nested(leafMessage),
		9: nested(quantity), 10: nested(leafMessage), 11: nested(actual), 12: nested(actual),
	}
	coilMark     = &message{1: nested(leafMessage)}
	coilGeometry = &message{6: nested(leafMessage), 7: nested(leafMessage), 8: nested(coilMark)}
	slotChange   = &message{3: nested(leafMessage), 4: nested(quantity), 5: nested(leafMessage)}
	child        = &message{1: nested(leafMessage)}
	placement    = &message{2: nested(leafMessage), 3: nested(child)}
	aliasBinding = &message{1: nested(leafMessage)}
	lotReport    = &message{1: nested(leafMessage), 5: nested(quantity), 6: nested(measurements), 7: timeField, 8: nested(leafMessage)}
	equipment    = &message{5: nested(leafMessage), 6: timeField, 7: nested(measurements)}
	verdict      = &message{2: nested(leafMessage), 5: nested(leafMessage)}
	selection    = &message{1: nested(leafMessage)}
	decision     = &message{2: nested(selection), 5: nested(leafMessage), 7: nested(leafMessage)}
	correction   = &message{1: nested(leafMessage), 3: nested(leafMessage)}
	sourceFact   = &message{6: timeField, 7: timeField}
	event        = &message{
		1: timeField, 2: timeField, 7: nested(leafMessage),
		16: nested(work), 17: nested(coilGeometry), 18: nested(slotChange), 19: nested(placement),
		20: nested(aliasBinding), 21: nested(lotReport), 22: nested(equipment), 23: nested(verdict),
		24: nested(decision), 25: nested(correction), 26: nested(sourceFact), 27: nested(leafMessage),
	}
	provenance = &message{4: timeField, 5: timeField, 6: timeField, 7: timeField}
)

// of returns what field n is.
func (m *message) of(n uint64) field {
	if n < uint64(len(m)) {
		return m[n]
	}
	return field{}
}
