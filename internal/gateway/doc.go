// Package gateway carries the records of PLCs to the service: stations into the
// spool, which is fsynced before a PLC is acknowledged, and the spool into the
// service over one stream that goes on where it broke.
package gateway
