// Package app builds Takt's programs from their parts and runs them: the
// service, the gateway, the simulated line, and the demo, which is the three of
// them in one process that share nothing but sockets.
package app
