// Package rpc serves the API takt.v1 over gRPC: appending events, and the
// questions. It holds no state but the open streams; what it answers comes from
// the store.
package rpc
