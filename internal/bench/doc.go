// Package bench measures Takt over its gRPC API, alone or beside PostgreSQL, which
// is what a plant would use instead: the same events, made from a seed, go into
// both in turns of one load; both are asked the same questions in turns; answers
// are compared before a ratio of their times counts.
package bench
