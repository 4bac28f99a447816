package store

import "github.com/prometheus/client_golang/prometheus"

// metrics are the store's; they count whether or not anybody asks.
type metrics struct {
	commit   prometheus.Histogram
	seal     prometheus.Histogram
	appended prometheus.Counter
	busy     prometheus.Counter
	problems prometheus.Counter
	scrubbed prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "takt_store_commit_seconds", Help: "Time to commit a group, fsync included.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2},
		}),
		seal: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "takt_store_seal_seconds", Help: "Time to move what was in memory into the files.",
			Buckets: []float64{.05, .1, .2, .5, 1, 2, 5, 10, 20},
		}),
		appended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "takt_store_appended_total", Help: "Entries added to the log, quarantine included.",
		}),
		busy: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "takt_store_busy_total", Help: "Batches sent back because too much was waiting.",
		}),
		problems: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "takt_store_problems_total", Help: "Problems found by reading the files in the background, each at every reading.",
		}),
		scrubbed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "takt_store_scrubbed_timestamp_seconds", Help: "When all files had been read in the background last; 0 before the first time.",
		}),
	}
	if r != nil {
		r.MustRegister(m.commit, m.seal, m.appended, m.busy, m.problems, m.scrubbed)
	}
	return m
}
