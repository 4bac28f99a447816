package config

import (
	"math"
	"strconv"
	"strings"

	"github.com/takt-mes/takt/internal/mes"
)

// Size is an amount of bytes, written as `20GiB`.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes Size
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// String returns the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return "0B"
}

// MarshalYAML is goccy's.
func (s Size) MarshalYAML() (any, error) { return s.String(), nil }

// UnmarshalYAML is goccy's.
func (s *Size) UnmarshalYAML(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return err
	}
	var err error
	*s, err = ParseSize(text)
	return err
}

// ParseSize reads what String returns.
func ParseSize(text string) (Size, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/int64(u.bytes) {
			break
		}
		return Size(n) * u.bytes, nil
	}
	return 0, mes.Errorf(mes.CodeInvalid, "%q is no size; write it as 20GiB", text)
}
