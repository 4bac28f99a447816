package store

import (
	"iter"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
)

// Lot is what is known of a lot.
type Lot struct {
	// ID is its name.
	ID mes.ID
	// Number orders lots by when they were first named.
	Number uint64
	// Definition is what it is.
	Definition string
	// Status, Supplier and SupplierLot are of its last report that says so.
	Status      mes.LotStatus
	Supplier    string
	SupplierLot mes.ID
	// Quantities are how much was received, by its last report that says, and
	// how much was produced; a sum for each unit, and beside it what cannot be
	// added to it exactly.
	Quantities []mes.Quantity
	// Consumed is how much was reported as consumed by name, likewise.
	Consumed []mes.Quantity
	// Flags are what contradicts itself.
	Flags []Flag
}

// Lot returns a lot by its id. CodeNotFound where no event names it.
func (v *View) Lot(id mes.ID) (Lot, error) {
	t := mes.Thing{Kind: mes.RefLot, ID: id}
	n, err := v.thingNumber(t)
	if err != nil {
		return Lot{}, err
	}
	if n == 0 {
		return Lot{}, notFound(t)
	}
	return v.lot(n)
}

// Lots yields the lots behind a number in the order in which they were first
// named; of one material definition where it is not empty.
func (v *View) Lots(definition string, after uint64) iter.Seq2[Lot, error] {
	return func(yield func(Lot, error) bool) {
		for t, err := range v.things(mes.RefLot, definition, after) {
			var lot Lot
			if err == nil {
				lot, err = v.lot(t.number)
			}
			if !yield(lot, err) || err != nil {
				return
			}
		}
	}
}

func (v *View) lot(number uint64) (Lot, error) {
	t, err := v.thing(number)
	if err != nil {
		return Lot{}, err
	}
	lot := Lot{ID: t.thing.ID, Number: number, Definition: t.definition}
	if err := v.lotReports(number, &lot); err != nil {
		return Lot{}, err
	}
	for _, q := range []struct {
		role role
		of   func(*mes.Work) []mes.Actual
		sum  *[]mes.Quantity
	}{
		{roleProduced, func(w *mes.Work) []mes.Actual { return w.Produced }, &lot.Quantities},
		{roleConsumed, func(w *mes.Work) []mes.Actual { return w.Consumed }, &lot.Consumed},
	} {
		err := v.mentions(number, q.role, func(m mention) (bool, error) {
			e, err := v.read(m.position, true)
			if err != nil {
				return false, err
			}
			work, ok := e.event.Fact.(*mes.Work)
			if !ok {
				return true, nil
			}
			for _, a := range q.of(work) {
				if a.Ref.Thing == t.thing && a.Quantity != nil {
					*q.sum = addQuantity(*q.sum, *a.Quantity)
				}
			}
			return true, nil
		})
		if err != nil {
			return Lot{}, err
		}
	}
	lot.Flags, err = v.flagsOf(number)
	return lot, err
}

// lotReports reads what reports say of a lot, the last word of each field.
func (v *View) lotReports(number uint64, lot *Lot) error {
	type report struct {
		genealogy.Moment
		fact *mes.LotReport
	}
	var reports []report
	err := v.mentions(number, roleReported, func(m mention) (bool, error) {
		e, err := v.read(m.position, true)
		if err != nil {
			return false, err
		}
		if f, ok := e.event.Fact.(*mes.LotReport); ok {
			reports = append(reports, report{genealogy.Moment{Identity: e.record.Identity, Time: e.event.EventTime}, f})
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	var received *mes.Quantity
	for _, r := range genealogy.InOrder(reports, func(r report) genealogy.Moment { return r.Moment }) {
		lot.Status = r.fact.Status
		if r.fact.Supplier != "" {
			lot.Supplier = r.fact.Supplier
		}
		if r.fact.SupplierLot != "" {
			lot.SupplierLot = r.fact.SupplierLot
		}
		if r.fact.Quantity != nil {
			received = r.fact.Quantity
		}
	}
	if received != nil {
		lot.Quantities = []mes.Quantity{*received}
	}
	return nil
}

// addQuantity adds to the sum of the quantity's unit. What is too large or too
// fine to be added exactly stands beside it: one such amount must not hide the
// others.
func addQuantity(sums []mes.Quantity, q mes.Quantity) []mes.Quantity {
	for i := range sums {
		if sums[i].Unit != q.Unit {
			continue
		}
		if sum, err := sums[i].Value.Add(q.Value); err == nil {
			sums[i].Value = sum
			return sums
		}
	}
	return append(sums, q)
}
