package rpc

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/takt-mes/takt/internal/mes"
)

// codec is protobuf's, but takes bytes that are no message for a message that
// nobody can have meant: gRPC would end the call with INTERNAL before anyone
// sees it, as if the fault were the server's. The interceptors refuse it.
type codec struct{ encoding.CodecV2 }

// unreadable is the field that stands in such a message, with what is wrong. It
// is the highest number that protobuf has, and no message of Takt's uses it.
const unreadable = protowire.MaxValidNumber

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	err := c.CodecV2.Unmarshal(data, v)
	m, ok := v.(proto.Message)
	if err == nil || !ok {
		return err
	}
	proto.Reset(m)
	m.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, unreadable, protowire.BytesType), err.Error()))
	return nil
}

// checkReadable returns the error of a message that could not be read.
func checkReadable(message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return nil
	}
	unknown := m.ProtoReflect().GetUnknown()
	n, typ, k := protowire.ConsumeTag(unknown)
	if n != unreadable || typ != protowire.BytesType {
		return nil
	}
	problem, _ := protowire.ConsumeString(unknown[k:])
	return mes.Invalid("message", "cannot be read as the one that this call takes: "+problem)
}

// receiver is a stream that refuses what could not be read.
type receiver struct{ grpc.ServerStream }

// RecvMsg implements grpc.ServerStream.
func (r receiver) RecvMsg(m any) error {
	if err := r.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return checkReadable(m)
}
