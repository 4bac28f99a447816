// Package line is a simulated battery line as a pure generator: a configuration
// with a seed goes in, the records of the line's PLCs come out, on a virtual
// clock and in the order in which they are ready. The same configuration gives
// the same records, to the byte; what is really so stands beside each record, so
// that what a service answers can be scored.
//
// The line makes cells from supplier lots by way of slurry batches, day tanks,
// coils in metres, jelly rolls, trays, oven loads, modules and packs: forty-two
// steps, drawn in LINE.md. Inside it is a simulation of discrete events:
//
//   - table.go says what each step measures, how often it fails, how that shows,
//     and on which PLC its machines hang.
//   - run.go has the agenda, an order of activities by time, and the state; a
//     machine is an actor on the agenda.
//   - electrode.go is the web, from mixers to winders, where what comes later
//     pulls; route.go is what becomes of a jelly roll, where each step hands on
//     to the next.
//   - fault.go is what can be made to go wrong; each kind has a file of its own.
//
// All chance comes from the seed by way of the step's own stream, so that a
// change of one step leaves the others' values as they are.
package line
