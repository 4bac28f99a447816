// Package scenario says in small files what Takt answers to what happened: each
// tells the events of a small world, asks questions about it, and has the
// answers that an engineer expects. README.md describes the language.
//
// It holds tests only. Each file runs against the store, against the service
// over gRPC, against a store that was rebuilt from its log, with the events in
// other orders of arrival, and with every event sent again; all must agree.
package scenario
