package mes

import "time"

// LotStatus is where a lot stands.
type LotStatus uint8

// The statuses.
const (
	// LotReceived has arrived and waits for inspection.
	LotReceived LotStatus = 1 + iota
	// LotReleased may be used.
	LotReleased
	// LotRejected must not be used.
	LotRejected
	// LotExpired may no longer be used.
	LotExpired
	// LotQuarantined is set aside.
	LotQuarantined
)

var lotStatusNames = [...]string{LotReceived: "received", LotReleased: "released", LotRejected: "rejected", LotExpired: "expired", LotQuarantined: "quarantined"}

// String returns the status as `released`.
func (s LotStatus) String() string { return nameOf(lotStatusNames[:], uint64(s)) }

// ParseLotStatus reads what String returns.
func ParseLotStatus(s string) (LotStatus, error) {
	return parseName[LotStatus]("status", lotStatusNames[:], s)
}

// LotReport says that a lot was received, released, rejected or expired.
type LotReport struct {
	// Lot is the lot, with what it is.
	Lot Ref
	// Status is where it stands now.
	Status LotStatus
	// Supplier is who it came from; may be empty.
	Supplier string
	// SupplierLot is the supplier's own name for it; may be empty.
	SupplierLot ID
	// Quantity is how much, nil where it was not said.
	Quantity *Quantity
	// Certificate holds the values of the supplier's certificate, or nil.
	Certificate *Measurements
	// ExpiryTime is when it expires; zero where it does not.
	ExpiryTime time.Time
	// Attachments are the certificate itself and what came with it.
	Attachments []Attachment
}

// Kind returns `lot`.
func (l *LotReport) Kind() string { return "lot" }

func (l *LotReport) walk(c *codec) {
	message(c, 1, &l.Lot)
	number(c, 2, &l.Status)
	text(c, 3, &l.Supplier)
	octets(c, 4, &l.SupplierLot)
	optional(c, 5, &l.Quantity)
	optional(c, 6, &l.Certificate)
	c.time(7, &l.ExpiryTime)
	messages(c, 8, &l.Attachments)
}

// Validate is a Fact's.
func (l *LotReport) Validate() error {
	if err := l.Lot.validate("lot.lot"); err != nil {
		return err
	}
	if err := validateEnum("lot.status", lotStatusNames[:], l.Status, true); err != nil {
		return err
	}
	if err := validateOptionalID("lot.supplier_lot", string(l.SupplierLot)); err != nil {
		return err
	}
	if err := l.Quantity.validate("lot.quantity"); err != nil {
		return err
	}
	return l.Certificate.validate("lot.certificate")
}
