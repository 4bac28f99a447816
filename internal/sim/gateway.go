package sim

import (
	"time"

	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/line"
)

// GatewayConfig returns the gateway file of a line whose PLCs are at these
// endpoints. Where gateway names no zone, it has the line's.
func GatewayConfig(l *line.Line, endpoints map[string]string, gateway config.Gateway) config.Config {
	const template = "std"
	if gateway.Zone == "" {
		gateway.Zone = l.Config().Zone.String()
	}
	c := config.Config{
		Gateway:   gateway,
		Schemas:   make(map[string][]config.Column),
		Templates: map[string]config.Template{template: config.StandardBlock()},
	}
	place := make(map[string]int)
	for _, b := range l.Blocks() {
		i, ok := place[b.PLC]
		if !ok {
			i = len(c.PLCs)
			place[b.PLC] = i
			c.PLCs = append(c.PLCs, config.PLC{
				Name:       b.PLC,
				Endpoint:   endpoints[b.PLC],
				Security:   config.Security{Policy: "None", Mode: "None", AllowNone: true},
				Namespaces: map[string]string{"p": Namespace},
				BootID:     "p;s=" + bootIDTag,
				// The simulated PLC has as many sessions as anybody wants, and its library
				// ends one that nobody uses while it still publishes to it.
				SessionTimeout: time.Hour,
			})
		}
		if _, ok := c.Schemas[b.SchemaName]; !ok && b.Schema != nil {
			columns := make([]config.Column, len(b.Schema.Columns))
			for k, column := range b.Schema.Columns {
				columns[k] = config.Column{
					Characteristic: column.Characteristic, Unit: column.Unit, LSL: column.LSL.Value(), USL: column.USL.Value(),
				}
			}
			c.Schemas[b.SchemaName] = columns
		}
		c.PLCs[i].Stations = append(c.PLCs[i].Stations, config.Station{
			Source:   string(b.Source),
			Template: template,
			Vars:     map[string]string{"block": b.Name},
			Schema:   b.SchemaName,
		})
	}
	return c.WithDefaults()
}
