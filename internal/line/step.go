package line

import (
	"math/rand/v2"

	"github.com/takt-mes/takt/internal/mes"
)

// step is one row of the table of what the line does.
type step struct {
	// code names the machines and the defects, segment the step of the route.
	code, segment string
	// plc is the number of the PLC that the machines hang on.
	plc int
	// machines is how many there are.
	machines func(*Machines) int
	// recipe is what they run; the zero Recipe is none.
	recipe mes.Recipe
	// attended says that a person is named in the records.
	attended bool
	// schema is the name of the list of characteristics; empty where nothing is
	// measured.
	schema          string
	characteristics []characteristic
	// yield is the share that passes at the first attempt; 1 where zero.
	yield float64
	// defects are what the others have, with shares that add up to 1.
	defects []defect
	// tool is what wears; zero where nothing does.
	tool tool
	// calibrated names the device that is calibrated daily; may be empty.
	calibrated string
	// alarm is a warning that comes and goes.
	alarm alarm
}

// defect is one way to fail, which is always seen in a characteristic.
type defect struct {
	code  string
	share float64
	// shows is the characteristic that is out, high beyond which limit.
	shows string
	high  bool
	// first is what becomes of the thing at the first attempt.
	first mes.Disposition
	// recovered is the share of them that passes at the second; final is what
	// becomes of the others.
	recovered float64
	final     mes.Disposition
}

// tool is what wears out, counted in life's unit.
type tool struct {
	place string
	kind  string
	life  uint64
}

// alarm is a warning of a machine's.
type alarm struct{ code, message string }

const (
	scrap     = mes.DispositionScrap
	rework    = mes.DispositionRework
	retest    = mes.DispositionRetest
	downgrade = mes.DispositionDowngrade
)

var (
	single    = func(*Machines) int { return 1 }
	mixers    = func(m *Machines) int { return m.Mixers }
	coaters   = func(m *Machines) int { return m.Coaters }
	slitters  = func(m *Machines) int { return m.Slitters }
	winders   = func(m *Machines) int { return m.Winders }
	inserters = func(m *Machines) int { return m.Inserters }
	fillers   = func(m *Machines) int { return m.Fillers }
	loaders   = func(m *Machines) int { return m.Loaders }
	cabinets  = func(m *Machines) int { return m.Cabinets }
	testers   = func(m *Machines) int { return m.Testers }
	stackers  = func(m *Machines) int { return m.Stackers }
	packers   = func(m *Machines) int { return m.Packers }
)

// steps is the table, in the order of the route; its values come from the
// reference line. A block's records all stand under one schema, so incoming
// inspection has a row for each kind of certificate.
var steps = [...]step{
	{
		code: "IQC-P", segment: "incoming-inspection", plc: 1, machines: single, attended: true,
		schema: "certificate-powder", characteristics: activeMaterial.certificate,
	},
	{
		code: "IQC-L", segment: "incoming-inspection", plc: 1, machines: single, attended: true,
		schema: "certificate-liquid", characteristics: solvent.certificate,
	},
	{
		code: "IQC-W", segment: "incoming-inspection", plc: 1, machines: single, attended: true,
		schema: "certificate-web", characteristics: separator.certificate,
	},
	{code: "IQC-X", segment: "incoming-inspection", plc: 1, machines: single, attended: true},
	{
		code: "MIX-C", segment: "cathode-mixing", plc: 1, machines: mixers, attended: true,
		recipe: mes.Recipe{Name: "R105-MIX-C", Version: "7"}, schema: "cathode-mixing",
		characteristics: []characteristic{
			{"solids", "%", 62, 61, 63, 0.25, normal, 2},
			{"viscosity_25C", "mPa.s", 12000, 8000, 18000, 1200, lognormal, -1},
			{"fineness", "um", 18, none, 25, 2, normal, 0},
			{"slurry_temp", "Cel", 27, 20, 35, 1.5, normal, 1},
			{"magnetic_impurity", "[ppb]", 40, none, 150, 20, lognormal, 0},
			{"mix_time", "min", 260, 240, 320, 6, normal, 1},
		},
		alarm: alarm{"MIX-A12", "jacket water warm"},
	},
	{
		code: "MIX-A", segment: "anode-mixing", plc: 1, machines: mixers, attended: true,
		recipe: mes.Recipe{Name: "R105-MIX-A", Version: "5"}, schema: "anode-mixing",
		characteristics: []characteristic{
			{"solids", "%", 52, 51, 53, 0.25, normal, 2},
			{"viscosity_25C", "mPa.s", 4500, 3000, 6500, 450, lognormal, -1},
			{"fineness", "um", 28, none, 40, 3, normal, 0},
			{"pH", "[pH]", 8.2, 7.5, 9, 0.15, normal, 2},
			{"mix_time", "min", 200, 180, 260, 5, normal, 1},
		},
		alarm: alarm{"MIX-A12", "jacket water warm"},
	},
	{
		code: "COT-C", segment: "coating", plc: 1, machines: coaters, attended: true,
		recipe: mes.Recipe{Name: "R105-COT-C", Version: "11"}, schema: "cathode-coating",
		characteristics: []characteristic{
			{"areal_density_single", "mg/cm2", 19.5, 19.2, 19.8, 0.08, normal, 2},
			{"areal_density_total", "mg/cm2", 39, 38.5, 39.5, 0.12, normal, 2},
			{"coat_width", "mm", 178, 177.5, 178.5, 0.12, normal, 2},
			{"AB_misalignment", "mm", 0, -0.5, 0.5, 0.12, normal, 2},
			{"residual_NMP", "[ppm]", 300, none, 600, 60, lognormal, -1},
			{"web_speed", "m/min", 80, 70, 85, 0.4, normal, 1},
			{"oven_zone_temp_1", "Cel", 115, 110, 120, 0.8, normal, 1},
			{"oven_zone_temp_2", "Cel", 115, 110, 120, 0.8, normal, 1},
			{"oven_zone_temp_3", "Cel", 115, 110, 120, 0.8, normal, 1},
			{"oven_zone_temp_4", "Cel", 115, 110, 120, 0.8, normal, 1},
			{"oven_zone_temp_5", "Cel", 115, 110, 120, 0.8, normal, 1},
			{"oven_zone_temp_6", "Cel", 115, 110, 120, 0.8, normal, 1},
			{"web_tension", "N", 180, 160, 200, 4, normal, 0},
		},
		alarm: alarm{"COT-A03", "web edge off centre"},
	},
	{
		code: "COT-A", segment: "coating", plc: 1, machines: coaters, attended: true,
		recipe: mes.Recipe{Name: "R105-COT-A", Version: "9"}, schema: "anode-coating",
		characteristics: []characteristic{
			{"areal_density_single", "mg/cm2", 9.4, 9.22, 9.58, 0.05, normal, 2},
			{"areal_density_total", "mg/cm2", 18.8, 18.5, 19.1, 0.08, normal, 2},
			{"coat_width", "mm", 182, 181.5, 182.5, 0.12, normal, 2},
			{"residual_water", "[ppm]", 4000, none, 6000, 400, lognormal, -1},
			{"web_speed", "m/min", 80, 70, 85, 0.4, normal, 1},
		},
		alarm: alarm{"COT-A03", "web edge off centre"},
	},
	{
		code: "SLT-C", segment: "slitting", plc: 1, machines: slitters,
		recipe: mes.Recipe{Name: "R105-SLT-C", Version: "4"}, schema: "slitting",
		characteristics: slitting, tool: tool{"blades", "BL", 600_000},
		alarm: alarm{"SLT-A07", "trim suction weak"},
	},
	{
		code: "SLT-A", segment: "slitting", plc: 1, machines: slitters,
		recipe: mes.Recipe{Name: "R105-SLT-A", Version: "4"}, schema: "slitting",
		characteristics: slitting, tool: tool{"blades", "BL", 600_000},
		alarm: alarm{"SLT-A07", "trim suction weak"},
	},
	{
		code: "WND", segment: "winding", plc: 2, machines: winders,
		recipe: mes.Recipe{Name: "R105-WND", Version: "13"}, schema: "winding", yield: 0.9955,
		characteristics: []characteristic{
			{"cathode_length", "m", 5.2, 5.19, 5.21, 0.002, normal, 4},
			{"anode_length", "m", 5.35, 5.34, 5.36, 0.002, normal, 4},
			{"overhang_AC_left", "mm", 2, 1.2, 2.8, 0.15, normal, 1},
			{"overhang_AC_right", "mm", 2, 1.2, 2.8, 0.15, given, 1},
			{"overhang_SA", "mm", 1.5, 0.8, 2.5, 0.2, normal, 1},
			{"tab_alignment", "mm", 0.5, none, 1.5, 0.25, folded, 2},
			{"tension_sep", "N", 3.5, 3, 4, 0.1, normal, 2},
			{"cycle_time", "s", 11, none, 14, 0.3, normal, 1},
		},
		defects: []defect{
			{code: "WND-01", share: 0.3, shows: "overhang_AC_left", high: true, first: scrap},
			{code: "WND-02", share: 0.3, shows: "tab_alignment", high: true, first: scrap},
			{code: "WND-03", share: 0.2, shows: "overhang_SA", first: scrap},
			{code: "WND-06", share: 0.2, shows: "cathode_length", first: scrap},
		},
		tool: tool{"knife", "KN", 20_000}, alarm: alarm{"WND-A21", "separator tension near its limit"},
	},
	{
		code: "INS", segment: "insertion", plc: 3, machines: inserters,
		recipe: mes.Recipe{Name: "R105-INS", Version: "6"}, schema: "insertion", yield: 0.9995,
		characteristics: []characteristic{
			{"insertion_force", "N", 140, none, 250, 22, normal, 0},
			{"can_code_grade", "1", 3.6, 2, 4, 0.3, normal, 1},
		},
		defects: []defect{
			{code: "INS-02", share: 0.5, shows: "insertion_force", high: true, first: scrap},
			{code: "INS-03", share: 0.5, shows: "can_code_grade", first: rework, recovered: 1},
		},
		tool: tool{"gripper", "GR", 100_000}, alarm: alarm{"INS-A02", "can feeder low"},
	},
	{
		code: "FIL", segment: "filling", plc: 3, machines: fillers,
		recipe: mes.Recipe{Name: "R105-FIL", Version: "8"}, schema: "filling", yield: 0.9985,
		characteristics: []characteristic{
			{"dry_room_dewpoint", "Cel", -45, none, -40, 1.2, normal, 1},
			{"weight_before", "g", 1600, 1575, 1625, 6, normal, 1},
			{"weight_after", "g", 1910, none, above, 6.2, given, 1},
			{"electrolyte_mass_1", "g", 310, 306, 314, 0.9, normal, 1},
			{"vacuum", "kPa", -95, -99, -92, 0.6, normal, 1},
			{"nozzle_shots", "{shots}", 0, none, 500_000, 0, given, 0},
		},
		defects: []defect{
			{code: "FIL1-01", share: 0.8, shows: "electrolyte_mass_1", first: rework, recovered: 1},
			{code: "FIL1-02", share: 0.2, shows: "electrolyte_mass_1", high: true, first: scrap},
		},
		tool: tool{"nozzle", "NZ", 500_000}, calibrated: "scale", alarm: alarm{"FIL-A04", "dew point rising"},
	},
	{code: "TRL", segment: "formation", plc: 4, machines: loaders, alarm: alarm{"TRL-A01", "no empty tray in the buffer"}},
	{
		code: "FRM", segment: "formation", plc: 4, machines: cabinets,
		recipe: mes.Recipe{Name: "R105-FRM", Version: "21"}, schema: "formation", yield: 0.9960,
		characteristics: []characteristic{
			{"charge_capacity", "A.h", 75.6, 73.5, 77.5, 0.35, normal, 2},
			{"end_voltage", "V", 3.4, 3.37, 3.44, 0.006, normal, 4},
			{"contact_resistance", "mOhm", 1.5, none, 5, 0.5, lognormal, 2},
			{"neg_pressure", "kPa", -70, -85, -55, 2.5, normal, 1},
			{"channel_temp", "Cel", 45, 42, 48, 0.6, normal, 1},
			{"ocv1", "V", 3.2935, 3.285, 3.302, 0.0012, normal, 4},
		},
		defects: []defect{
			{code: "FRM-01", share: 0.85, shows: "contact_resistance", high: true, first: retest, recovered: 0.941, final: scrap},
			{code: "FRM-02", share: 0.05, shows: "charge_capacity", first: scrap},
			{code: "FRM-03", share: 0.05, shows: "end_voltage", high: true, first: scrap},
			{code: "FRM-04", share: 0.05, shows: "channel_temp", high: true, first: scrap},
		},
		alarm: alarm{"FRM-A31", "cooling fan slow"},
	},
	{code: "TRU", segment: "formation", plc: 4, machines: single, alarm: alarm{"TRU-A01", "gripper vacuum low"}},
	{
		code: "OCV", segment: "ocv", plc: 4, machines: testers,
		recipe: mes.Recipe{Name: "R105-OCV", Version: "3"}, schema: "ocv", yield: 0.9955,
		characteristics: []characteristic{
			{"ocv2", "V", 3.2912, 3.283, 3.3, 0.0013, given, 4},
			{"k_value", "mV/d", 0.45, none, 1.2, 0.1, given, 2},
			{"acir2", "mOhm", 0.202, 0.15, 0.25, 0.01, normal, 3},
		},
		defects: []defect{
			{code: "OC2-01", share: 0.15, shows: "ocv2", first: scrap},
			{code: "OC2-02", share: 0.25, shows: "acir2", high: true, first: retest, recovered: 0.4, final: downgrade},
			{code: "OC2-03", share: 0.6, shows: "k_value", high: true, first: scrap},
		},
		tool: tool{"probe", "PR", 50_000}, calibrated: "meter", alarm: alarm{"OCV-A05", "probe resistance rising"},
	},
	{
		code: "MOD", segment: "module-assembly", plc: 5, machines: stackers,
		recipe: mes.Recipe{Name: "R105-MOD", Version: "2"}, schema: "module-assembly",
		characteristics: []characteristic{
			{"stack_force", "kN", 5, 4, 6, 0.15, normal, 2},
			{"ocv_spread", "mV", 2, none, 5, 0.7, folded, 1},
			{"capacity_spread", "A.h", 0.45, none, 1, 0.15, folded, 2},
			{"laser_power", "W", 2000, 1900, 2100, 12, normal, 0},
			{"weld_resistance", "mOhm", 0.045, none, 0.08, 0.005, lognormal, 3},
			{"insulation_R", "MOhm", 3000, 500, above, 0.35, lognormal10, 0},
			{"module_voltage", "V", 52.66, 52.5, 52.85, 0.03, given, 3},
			{"cell_delta", "mV", 3, none, 10, 1, folded, 1},
		},
		alarm: alarm{"MOD-A09", "glue cartridge low"},
	},
	{
		code: "PCK", segment: "pack-assembly", plc: 5, machines: packers, attended: true,
		recipe: mes.Recipe{Name: "R105-PCK", Version: "2"}, schema: "pack-assembly",
		characteristics: []characteristic{
			{"coolant_leak", "mL/min", 0.01, none, 0.05, 0.006, lognormal, 3},
			{"bolt_torque", "N.m", 12, 11, 13, 0.2, normal, 1},
			{"isolation", "kOhm/V", 20, 0.5, above, 0.3, lognormal10, 1},
			{"pack_voltage", "V", 315.9, 314, 318, 0.2, given, 2},
		},
		alarm: alarm{"PCK-A01", "torque tool battery low"},
	},
}

var slitting = []characteristic{
	{"width", "mm", 200, 199.9, 200.1, 0.025, normal, 3},
	{"burr_height", "um", 5, none, 12, 1.5, lognormal, 0},
	{"camber", "mm/m", 0.3, none, 1, 0.15, folded, 2},
	{"blade_km", "km", 0, none, 600, 0, given, 1},
}

// process is a step in a run: its row, compiled, with its own chance, so that a
// change of one step leaves the others' as they are.
type process struct {
	*step
	chance   *rand.Rand
	schemaID mes.SchemaID
	// shows is the place of each defect's characteristic.
	shows []int
	// stations are its machines.
	stations []*station
}

func newProcess(s *step, seed uint64) *process {
	p := &process{step: s, chance: rand.New(rand.NewPCG(seed, fnv1a(s.code)))} //nolint:gosec // a simulation that repeats
	if schema := schemaOf(s.characteristics); schema != nil {
		p.schemaID = schema.ID()
	}
	for _, d := range s.defects {
		p.shows = append(p.shows, s.column(d.shows))
	}
	return p
}

// column returns the place of a characteristic.
func (s *step) column(name string) int {
	for i := range s.characteristics {
		if s.characteristics[i].name == name {
			return i
		}
	}
	panic("line: " + s.code + " has no characteristic " + name)
}

// judge says which defect a thing has, by its place, or −1. At a second attempt
// before is the first one's.
func (p *process) judge(before int) int {
	if before >= 0 {
		if p.chance.Float64() < p.defects[before].recovered {
			return -1
		}
		return before
	}
	if p.yield == 0 || p.chance.Float64() < p.yield {
		return -1
	}
	u := p.chance.Float64()
	for i, d := range p.defects {
		if u -= d.share; u < 0 {
			return i
		}
	}
	return len(p.defects) - 1
}

// measure draws the values of a thing with that defect, or of one that conforms.
func (p *process) measure(found int) []float64 {
	values := make([]float64, len(p.characteristics))
	for i := range p.characteristics {
		if found >= 0 && p.shows[found] == i {
			values[i] = p.characteristics[i].failing(p.chance, p.defects[found].high)
		} else {
			values[i] = p.characteristics[i].conforming(p.chance)
		}
	}
	return values
}

// disposition is what becomes of a thing with that defect at that attempt.
func (p *process) disposition(found int, attempt uint32) mes.Disposition {
	switch {
	case found < 0:
		return mes.DispositionConformant
	case attempt == 1:
		return p.defects[found].first
	default:
		return p.defects[found].final
	}
}
