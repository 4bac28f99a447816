package line

import (
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// Record is one record of a PLC: an event with the number that its block gave
// it, and what is really so beside it.
type Record struct {
	// Due is the virtual time at which the PLC has it ready; the event's own
	// time is never later.
	Due time.Time
	// Block is an index into the Line's Blocks.
	Block int
	// Identity is the block's source, epoch 1, and a sequence that is dense
	// from 1 in each block.
	Identity mes.Identity
	// Event is valid, states nothing that the standard block cannot carry, and
	// must not be changed.
	Event *mes.Event
	// Truth is what the record may not say, or not exactly.
	Truth Truth
}

// Truth is what really happened: without error of measurement, and with the
// lots that were on the slots.
type Truth struct {
	// Links say what went into what.
	Links []Link
	// Losses are what was thrown away.
	Losses []Loss
	// Touches say what a fault has done to.
	Touches []Touch
}

// Touch says that a fault concerns a thing: the answer to a recall of it.
type Touch struct {
	// Fault is which, as `F3@2h0m0s`.
	Fault string
	// Thing is the item, lot or coil that it concerns.
	Thing mes.Thing
	// Certain says that it really is so; otherwise nobody can tell it from one
	// that is, by what was reported.
	Certain bool
	// Interval is which metres of a coil, nil where it is none.
	Interval *mes.Interval
	// Why is what happened to it, for people.
	Why string
}

// Link says that something of one thing went into another. What was put together
// in a mixer or a tank is stirred: any part of a batch or a blend holds what went
// into it in the proportions of the links' quantities, however many steps back.
type Link struct {
	// From is what was used, Into what it became part of.
	From, Into mes.Thing
	// With is what Into is welded to already, and so part of the same; zero for
	// most.
	With mes.Thing
	// Quantity is how much of From.
	Quantity mes.Quantity
	// Interval is which metres of the coil From, as produced, nil where it is
	// no electrode. Its Delta is 0.
	Interval *mes.Interval
	// Place is the metres of the coil Into that it went to, nil where it is
	// none.
	Place *mes.Interval
	// Slot is the slot it was on; empty where it was on none.
	Slot string
}

// Loss is something of a lot or a coil that was thrown away: what was received
// or produced is what its Links and Losses have taken and what remains.
type Loss struct {
	// Thing is what it was taken from.
	Thing mes.Thing
	// Quantity is how much.
	Quantity mes.Quantity
	// Interval is which metres of a coil, nil where it is none.
	Interval *mes.Interval
}
