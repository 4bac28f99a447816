// Package client is the caller's side of Takt's gRPC API: it connects, appends
// events over one stream, and turns a status back into the mes.Error that it was
// made of.
package client
