package wire

import (
	"context"
	"errors"
	"maps"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// domain is that of every ErrorInfo of Takt's.
const domain = "takt"

// retryDelay is how long a sender should wait that was told to come again.
const retryDelay = 250 * time.Millisecond

// errorCodes says what each code of mes is on the wire.
var errorCodes = map[mes.Code]struct {
	code   codes.Code
	reason taktv1.ErrorReason
}{
	mes.CodeInternal:      {codes.Internal, taktv1.ErrorReason_ERROR_REASON_INTERNAL},
	mes.CodeInvalid:       {codes.InvalidArgument, taktv1.ErrorReason_ERROR_REASON_INVALID_FIELD},
	mes.CodeNotFound:      {codes.NotFound, taktv1.ErrorReason_ERROR_REASON_NOT_FOUND},
	mes.CodeConflict:      {codes.AlreadyExists, taktv1.ErrorReason_ERROR_REASON_IDENTITY_CONFLICT},
	mes.CodeOffsetGap:     {codes.OutOfRange, taktv1.ErrorReason_ERROR_REASON_OFFSET_GAP},
	mes.CodeTooLarge:      {codes.InvalidArgument, taktv1.ErrorReason_ERROR_REASON_TOO_LARGE},
	mes.CodeBusy:          {codes.ResourceExhausted, taktv1.ErrorReason_ERROR_REASON_STORE_BUSY},
	mes.CodeTokenMismatch: {codes.InvalidArgument, taktv1.ErrorReason_ERROR_REASON_TOKEN_MISMATCH},
	mes.CodeTokenForeign:  {codes.FailedPrecondition, taktv1.ErrorReason_ERROR_REASON_TOKEN_FOREIGN},
	mes.CodeTakenOver:     {codes.Aborted, taktv1.ErrorReason_ERROR_REASON_STREAM_TAKEN_OVER},
	mes.CodePositionAhead: {codes.FailedPrecondition, taktv1.ErrorReason_ERROR_REASON_POSITION_AHEAD},
	mes.CodeDamaged:       {codes.DataLoss, taktv1.ErrorReason_ERROR_REASON_DAMAGED},
	mes.CodeUnavailable:   {codes.Unavailable, taktv1.ErrorReason_ERROR_REASON_UNAVAILABLE},
	mes.CodeFormat:        {codes.FailedPrecondition, taktv1.ErrorReason_ERROR_REASON_FORMAT},
	mes.CodeLocked:        {codes.FailedPrecondition, taktv1.ErrorReason_ERROR_REASON_LOCKED},
}

// Status returns what an error is on the wire: a gRPC code, an ErrorInfo, and
// where a field is to blame or a retry helps, that. An error that is not Takt's
// own becomes INTERNAL without its text, which is for the operator; Status is
// nil for nil.
func Status(err error) *status.Status {
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.New(codes.Canceled, "the caller went away")
	case errors.Is(err, context.DeadlineExceeded):
		return status.New(codes.DeadlineExceeded, "the question took longer than its deadline; ask for less, or allow more time")
	}
	var e *mes.Error
	if !errors.As(err, &e) {
		if st, ok := status.FromError(err); ok {
			return st
		}
		e = &mes.Error{Message: "something went wrong that the server's log tells more of"}
	}
	on := errorCodes[e.Code]
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: reasonName(on.reason), Domain: domain, Metadata: e.Values}}
	if field := e.Values["field"]; field != "" {
		details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: e.Message}}})
	}
	if e.Code == mes.CodeBusy {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(retryDelay)})
	}
	st := status.New(on.code, e.Message)
	if with, err := st.WithDetails(details...); err == nil {
		return with
	}
	return st
}

// reasonName is the enumeration's name less the prefix, as it is sent.
func reasonName(r taktv1.ErrorReason) string { return r.String()[len("ERROR_REASON_"):] }

// Error turns an error of a call into the mes.Error that the server made it of.
// A status of gRPC itself becomes the nearest code; the end of the caller's own
// context stays what it is, and so does an error that is no status. Where the
// server says how long to wait, the value `retry_delay` has it as a duration.
func Error(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	switch st.Code() {
	case codes.OK:
		return nil
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	default:
	}
	e := &mes.Error{Code: nearest(st.Code()), Message: st.Message(), Err: st.Err()}
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() != domain {
				continue
			}
			for code, on := range errorCodes {
				if reasonName(on.reason) == d.GetReason() {
					e.Code = code
				}
			}
			if len(d.GetMetadata()) > 0 {
				e.Values = maps.Clone(d.GetMetadata())
			}
		case *errdetails.RetryInfo:
			_ = e.With("retry_delay", d.GetRetryDelay().AsDuration().String())
		}
	}
	return e
}

// nearest is the code of a status that did not come from Takt.
func nearest(c codes.Code) mes.Code {
	switch c {
	case codes.Unavailable:
		return mes.CodeUnavailable
	case codes.InvalidArgument:
		return mes.CodeInvalid
	case codes.ResourceExhausted:
		return mes.CodeBusy
	case codes.NotFound:
		return mes.CodeNotFound
	case codes.DataLoss:
		return mes.CodeDamaged
	default:
		return mes.CodeInternal
	}
}
