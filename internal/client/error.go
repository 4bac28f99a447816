package client

import (
	"context"
	"maps"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// domain is that of every ErrorInfo of Takt's.
const domain = "takt"

// reasons are what ErrorInfo says, by the code that they come from.
var reasons = map[string]mes.Code{
	reason(taktv1.ErrorReason_ERROR_REASON_INTERNAL):          mes.CodeInternal,
	reason(taktv1.ErrorReason_ERROR_REASON_INVALID_FIELD):     mes.CodeInvalid,
	reason(taktv1.ErrorReason_ERROR_REASON_NOT_FOUND):         mes.CodeNotFound,
	reason(taktv1.ErrorReason_ERROR_REASON_IDENTITY_CONFLICT): mes.CodeConflict,
	reason(taktv1.ErrorReason_ERROR_REASON_OFFSET_GAP):        mes.CodeOffsetGap,
	reason(taktv1.ErrorReason_ERROR_REASON_TOO_LARGE):         mes.CodeTooLarge,
	reason(taktv1.ErrorReason_ERROR_REASON_STORE_BUSY):        mes.CodeBusy,
	reason(taktv1.ErrorReason_ERROR_REASON_TOKEN_MISMATCH):    mes.CodeTokenMismatch,
	reason(taktv1.ErrorReason_ERROR_REASON_TOKEN_FOREIGN):     mes.CodeTokenForeign,
	reason(taktv1.ErrorReason_ERROR_REASON_STREAM_TAKEN_OVER): mes.CodeTakenOver,
	reason(taktv1.ErrorReason_ERROR_REASON_POSITION_AHEAD):    mes.CodePositionAhead,
	reason(taktv1.ErrorReason_ERROR_REASON_DAMAGED):           mes.CodeDamaged,
	reason(taktv1.ErrorReason_ERROR_REASON_UNAVAILABLE):       mes.CodeUnavailable,
	reason(taktv1.ErrorReason_ERROR_REASON_FORMAT):            mes.CodeFormat,
	reason(taktv1.ErrorReason_ERROR_REASON_LOCKED):            mes.CodeLocked,
}

// reason is the enumeration's name less the prefix, as it is sent.
func reason(r taktv1.ErrorReason) string { return r.String()[len("ERROR_REASON_"):] }

// Error turns an error of a call into the mes.Error that the server made it of.
// A status of gRPC itself becomes the nearest code; the end of the caller's own
// context stays what it is, and so does an error that is no status.
func Error(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	switch st.Code() {
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	default:
		return statusError(st.Proto())
	}
}

func statusError(p *spb.Status) error {
	st := status.FromProto(p)
	e := &mes.Error{Message: st.Message(), Err: st.Err()}
	switch st.Code() {
	case codes.OK:
		return nil
	case codes.Unavailable:
		e.Code = mes.CodeUnavailable
	case codes.InvalidArgument:
		e.Code = mes.CodeInvalid
	case codes.ResourceExhausted:
		e.Code = mes.CodeBusy
	case codes.NotFound:
		e.Code = mes.CodeNotFound
	case codes.DataLoss:
		e.Code = mes.CodeDamaged
	default:
	}
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if code, ok := reasons[d.GetReason()]; ok && d.GetDomain() == domain {
				e.Code = code
				if len(d.GetMetadata()) > 0 {
					e.Values = maps.Clone(d.GetMetadata())
				}
			}
		case *errdetails.RetryInfo:
			_ = e.With("retry_delay", d.GetRetryDelay().AsDuration().String())
		}
	}
	return e
}
