// Package line is a simulated battery line as a pure generator: a configuration
// with a seed goes in, the records of the line's PLCs come out, on a virtual
// clock and in the order in which they are ready. The same configuration gives
// the same records, to the byte; what is really so stands beside each record, so
// that what a service answers can be scored.
//
// The line makes cells from supplier lots by way of slurry batches, coils in
// metres, jelly rolls, trays, modules and packs. Inside it is a simulation of
// discrete events: an agenda of activities ordered by time, machines that take
// from stocks and queues, and a table of steps (step.go) that says what each of
// them measures, how often it fails, and how that shows.
package line
