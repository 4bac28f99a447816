// Package web serves people and programs over HTTP: pages, the same answers as
// JSON, metrics and health. It only reads.
//
// Every page is a question of the API under a path: /items/{item} is
// GetItemRecord, /ledger is ListLedgerEntries. With `?format=json` or `Accept:
// application/json` the same path answers the API's response message as
// protobuf's JSON, and an error as google.rpc.Status. A page has at most 200
// rows; the next one is named by next_page_token, and in a Link header where the
// message has no such field.
//
// There is no authentication: it is for the machine that it runs on, or behind a
// proxy that knows who may ask.
package web
