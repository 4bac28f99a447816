// Package wire is the one place that converts between Takt's own words (mes and
// what the store answers in) and the API's messages (api/takt/v1).
//
// An event needs no field-by-field copy: mes.AppendEvent writes the protobuf
// encoding of takt.v1.Event. A test walks the API's descriptors and proves that
// no field is missing on either side.
package wire
