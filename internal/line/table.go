package line

import "github.com/takt-mes/takt/internal/mes"

// steps is the table of what the line does, in the order of the route: the one
// place that says which machines there are, what they measure, how often things
// fail and how that shows. The simulation, its documentation and its tests are
// made from it.
//
// Values, limits, defects and first-pass yields are those of the reference line.
// Steps without a yield there (mixing, modules, packs) have plausible ones, and
// so has what is done beside the route. A block's records all stand under one
// schema, so incoming inspection has a row for each kind of certificate.
var steps = [...]step{
	{
		number: 1, code: "IQC-P", segment: "incoming-inspection", title: "incoming inspection, powders", plc: 1, attended: true,
		schema: "certificate-powder", characteristics: activeMaterial.certificate,
	},
	{
		number: 1, code: "IQC-L", segment: "incoming-inspection", title: "incoming inspection, liquids", plc: 1, attended: true,
		schema: "certificate-liquid", characteristics: solvent.certificate,
	},
	{
		number: 1, code: "IQC-W", segment: "incoming-inspection", title: "incoming inspection, foils and films", plc: 1, attended: true,
		schema: "certificate-web", characteristics: separator.certificate,
	},
	{number: 1, code: "IQC-X", segment: "incoming-inspection", title: "incoming inspection, parts", plc: 1, attended: true},
	{
		number: 2, code: "MIX-C", segment: "cathode-mixing", title: "cathode mixing", level: levelBatch, plc: 1, machines: 7, attended: true,
		recipe: mes.Recipe{Name: "R105-MIX-C", Version: "7"}, schema: "cathode-mixing", yield: 0.985,
		characteristics: []characteristic{
			{"solids", "%", 62, 61, 63, 0.25, normal, 2},
			{"viscosity_25C", "mPa.s", 12000, 8000, 18000, 1200, lognormal, -1},
			{"fineness", "um", 18, none, 25, 2, normal, 0},
			{"slurry_temp", "Cel", 27, 20, 35, 1.5, normal, 1},
			{"magnetic_impurity", "[ppb]", 40, none, 150, 20, lognormal, 0},
			{"mix_time", "min", 260, 240, 320, 6, normal, 1},
		},
		defects: []defect{
			{code: "MIX-01", share: 0.6, shows: "viscosity_25C", high: true, first: rework, recovered: 1},
			{code: "MIX-02", share: 0.3, shows: "viscosity_25C", first: rework, recovered: 1},
			{code: "MIX-05", share: 0.1, shows: "magnetic_impurity", high: true, first: scrap},
		},
		alarm: alarm{"MIX-A12", "jacket water warm"},
	},
	{
		number: 3, code: "MIX-A", segment: "anode-mixing", title: "anode mixing", level: levelBatch, plc: 1, machines: 7, attended: true,
		recipe: mes.Recipe{Name: "R105-MIX-A", Version: "5"}, schema: "anode-mixing", yield: 0.985,
		characteristics: []characteristic{
			{"solids", "%", 52, 51, 53, 0.25, normal, 2},
			{"viscosity_25C", "mPa.s", 4500, 3000, 6500, 450, lognormal, -1},
			{"fineness", "um", 28, none, 40, 3, normal, 0},
			{"pH", "[pH]", 8.2, 7.5, 9, 0.15, normal, 2},
			{"mix_time", "min", 200, 180, 260, 5, normal, 1},
		},
		defects: []defect{
			{code: "MIX-01", share: 0.5, shows: "viscosity_25C", high: true, first: rework, recovered: 1},
			{code: "MIX-02", share: 0.3, shows: "viscosity_25C", first: rework, recovered: 1},
			{code: "MIX-03", share: 0.2, shows: "fineness", high: true, first: rework, recovered: 1},
		},
		alarm: alarm{"MIX-A12", "jacket water warm"},
	},
	{
		number: 4, code: "TNK-C", segment: "day-tank", title: "cathode day tank", level: levelBatch, plc: 2, machines: 2,
		alarm: alarm{"TNK-A02", "agitator current high"},
	},
	{
		number: 4, code: "TNK-A", segment: "day-tank", title: "anode day tank", level: levelBatch, plc: 2, machines: 2,
		alarm: alarm{"TNK-A02", "agitator current high"},
	},
	{
		number: 5, code: "COT-C", segment: "coating", title: "cathode coating and drying", level: levelWeb, plc: 2, machines: 2, attended: true,
		scan: 20, recipe: mes.Recipe{Name: "R105-COT-C", Version: "11"}, schema: "cathode-coating",
		characteristics: []characteristic{
			{"areal_density_single", "mg/cm2", 19.5, 19.2, 19.8, 0.08, web, 2},
			{"areal_density_total", "mg/cm2", 39, 38.5, 39.5, 0.12, web, 2},
			{"coat_width_1", "mm", 178, 177.5, 178.5, 0.12, normal, 2},
			{"coat_width_2", "mm", 178, 177.5, 178.5, 0.12, normal, 2},
			{"coat_width_3", "mm", 178, 177.5, 178.5, 0.12, normal, 2},
			{"coat_width_4", "mm", 178, 177.5, 178.5, 0.12, normal, 2},
			{"coat_width_5", "mm", 178, 177.5, 178.5, 0.12, normal, 2},
			{"coat_width_6", "mm", 178, 177.5, 178.5, 0.12, normal, 2},
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
		yield: 0.978, scrap: between{8 * mes.Metre, 15 * mes.Metre}, mark: between{2 * mes.Metre, 27 * mes.Metre},
		defects: []defect{
			{code: "COT-01", share: 0.15, shows: "areal_density_total", first: repair},
			{code: "COT-02", share: 0.1, shows: "areal_density_total", high: true, first: repair},
			{code: "COT-03", share: 0.2, first: repair},
			{code: "COT-04", share: 0.2, first: repair},
			{code: "COT-05", share: 0.2, first: repair},
			{code: "COT-06", share: 0.1, first: repair},
			{code: "COT-09", share: 0.05, shows: "AB_misalignment", high: true, first: repair},
		},
		alarm: alarm{"COT-A03", "web edge off centre"},
	},
	{
		number: 5, code: "COT-A", segment: "coating", title: "anode coating and drying", level: levelWeb, plc: 2, machines: 2, attended: true,
		scan: 20, recipe: mes.Recipe{Name: "R105-COT-A", Version: "9"}, schema: "anode-coating",
		characteristics: []characteristic{
			{"areal_density_single", "mg/cm2", 9.4, 9.22, 9.58, 0.05, web, 2},
			{"areal_density_total", "mg/cm2", 18.8, 18.5, 19.1, 0.08, web, 2},
			{"coat_width_1", "mm", 182, 181.5, 182.5, 0.12, normal, 2},
			{"coat_width_2", "mm", 182, 181.5, 182.5, 0.12, normal, 2},
			{"coat_width_3", "mm", 182, 181.5, 182.5, 0.12, normal, 2},
			{"coat_width_4", "mm", 182, 181.5, 182.5, 0.12, normal, 2},
			{"coat_width_5", "mm", 182, 181.5, 182.5, 0.12, normal, 2},
			{"coat_width_6", "mm", 182, 181.5, 182.5, 0.12, normal, 2},
			{"residual_water", "[ppm]", 4000, none, 6000, 400, lognormal, -1},
			{"web_speed", "m/min", 80, 70, 85, 0.4, normal, 1},
		},
		yield: 0.978, scrap: between{8 * mes.Metre, 15 * mes.Metre}, mark: between{2 * mes.Metre, 27 * mes.Metre},
		defects: []defect{
			{code: "COT-01", share: 0.15, shows: "areal_density_total", first: repair},
			{code: "COT-02", share: 0.1, shows: "areal_density_total", high: true, first: repair},
			{code: "COT-03", share: 0.2, first: repair},
			{code: "COT-04", share: 0.2, first: repair},
			{code: "COT-05", share: 0.2, first: repair},
			{code: "COT-06", share: 0.1, first: repair},
			{code: "COT-08", share: 0.05, first: repair},
		},
		alarm: alarm{"COT-A03", "web edge off centre"},
	},
	{
		number: 6, code: "CAL-C", segment: "calendering", title: "cathode calendering", level: levelWeb, plc: 3, machines: 2,
		scan: 20, recipe: mes.Recipe{Name: "R105-CAL-C", Version: "6"}, schema: "cathode-calendering",
		characteristics: []characteristic{
			{"thickness", "um", 172, 169, 175, 0.8, web, 0},
			{"density", "g/cm3", 2.45, 2.38, 2.52, 0.02, given, 3},
			{"line_load", "N/mm", 1600, 1400, 1800, 30, normal, 0},
			{"elongation", "%", 0.3, 0.1, 0.6, 0.04, normal, 4},
			{"speed", "m/min", 100, 80, 110, 0.5, normal, 1},
		},
		yield: 0.995, scrap: between{4 * mes.Metre, 8 * mes.Metre}, mark: between{3 * mes.Metre, 15 * mes.Metre},
		defects: []defect{
			{code: "CAL-01", share: 0.35, shows: "thickness", high: true, first: repair},
			{code: "CAL-02", share: 0.25, shows: "thickness", first: repair},
			{code: "CAL-03", share: 0.2, first: repair},
			{code: "CAL-04", share: 0.15, first: repair},
			{code: "CAL-05", share: 0.05, first: repair},
		},
		alarm: alarm{"CAL-A02", "roll temperature drifting"},
	},
	{
		number: 6, code: "CAL-A", segment: "calendering", title: "anode calendering", level: levelWeb, plc: 3, machines: 2,
		scan: 20, recipe: mes.Recipe{Name: "R105-CAL-A", Version: "6"}, schema: "anode-calendering",
		characteristics: []characteristic{
			{"thickness", "um", 124, 121, 127, 0.8, web, 0},
			{"density", "g/cm3", 1.6, 1.54, 1.66, 0.015, given, 3},
			{"elongation", "%", 0.15, 0.05, 0.4, 0.03, normal, 4},
		},
		yield: 0.995, scrap: between{4 * mes.Metre, 8 * mes.Metre}, mark: between{3 * mes.Metre, 15 * mes.Metre},
		defects: []defect{
			{code: "CAL-01", share: 0.35, shows: "thickness", high: true, first: repair},
			{code: "CAL-02", share: 0.25, shows: "thickness", first: repair},
			{code: "CAL-03", share: 0.2, first: repair},
			{code: "CAL-04", share: 0.15, first: repair},
			{code: "CAL-05", share: 0.05, first: repair},
		},
		alarm: alarm{"CAL-A02", "roll temperature drifting"},
	},
	{
		number: 7, code: "SLT-C", segment: "slitting", title: "cathode slitting", level: levelWeb, plc: 3, machines: 2,
		recipe: mes.Recipe{Name: "R105-SLT-C", Version: "4"}, schema: "slitting", scan: 100,
		characteristics: slitting, yield: 0.993, scrap: slittingScrap, mark: slittingMark, defects: slittingDefects,
		tool:  tool{"blades", "BL", 600_000},
		alarm: alarm{"SLT-A07", "trim suction weak"},
	},
	{
		number: 7, code: "SLT-A", segment: "slitting", title: "anode slitting", level: levelWeb, plc: 3, machines: 2,
		recipe: mes.Recipe{Name: "R105-SLT-A", Version: "4"}, schema: "slitting", scan: 100,
		characteristics: slitting, yield: 0.993, scrap: slittingScrap, mark: slittingMark, defects: slittingDefects,
		tool:  tool{"blades", "BL", 600_000},
		alarm: alarm{"SLT-A07", "trim suction weak"},
	},
	{
		number: 8, code: "NOT-C", segment: "notching", title: "cathode notching", level: levelWeb, plc: 4, machines: 7, share: 4,
		recipe: mes.Recipe{Name: "R105-NOT-C", Version: "5"}, schema: "notching", scan: 100,
		characteristics: notching, yield: 0.994, scrap: notchingScrap, mark: notchingMark, defects: notchingDefects,
		alarm: alarm{"NOT-A11", "laser window dirty"},
	},
	{
		number: 8, code: "NOT-A", segment: "notching", title: "anode notching", level: levelWeb, plc: 4, machines: 8, share: 4,
		recipe: mes.Recipe{Name: "R105-NOT-A", Version: "5"}, schema: "notching", scan: 100,
		characteristics: notching, yield: 0.994, scrap: notchingScrap, mark: notchingMark, defects: notchingDefects,
		alarm: alarm{"NOT-A11", "laser window dirty"},
	},
	{
		number: 9, code: "WND", segment: "winding", title: "winding", level: levelRoll, plc: 5, machines: 24, share: 4, seconds: 11,
		recipe: mes.Recipe{Name: "R105-WND", Version: "13"}, schema: "winding", yield: 0.9955,
		characteristics: []characteristic{
			{"cathode_length", "m", 5.2, 5.19, 5.21, 0.002, normal, 4},
			{"anode_length", "m", 5.35, 5.34, 5.36, 0.002, normal, 4},
			{"overhang_AC_left", "mm", 2, 1.2, 2.8, 0.15, given, 1},
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
			{code: "WND-04", first: scrap}, // of web, not of a jelly roll
			{code: "WND-05", first: scrap},
			{code: "WND-06", share: 0.2, shows: "cathode_length", first: scrap},
		},
		tool: tool{"knife", "KN", 20_000}, alarm: alarm{"WND-A21", "separator tension near its limit"},
	},
	{
		number: 10, code: "HPR", segment: "hot-press", title: "hot press", level: levelRoll, plc: 6, machines: 16, share: 4, seconds: 60,
		recipe: mes.Recipe{Name: "R105-HPR", Version: "3"}, schema: "hot-press", yield: 0.9997,
		characteristics: []characteristic{
			{"press_temp", "Cel", 85, 80, 90, 0.8, normal, 1},
			{"press_time", "s", 60, 58, 65, 0.5, normal, 1},
			{"jr_thickness", "mm", 15.9, 15.5, 16.3, 0.09, normal, 2},
		},
		defects: []defect{
			{code: "HPR-01", share: 0.8, shows: "jr_thickness", high: true, first: scrap},
			{code: "HPR-02", share: 0.2, shows: "press_temp", high: true, first: scrap},
		},
		alarm: alarm{"HPR-A04", "platen heating slow"},
	},
	{
		number: 11, code: "HP1", segment: "hipot-1", title: "Hi-Pot 1", level: levelRoll, plc: 6, machines: 4, share: 2, seconds: 2,
		recipe: mes.Recipe{Name: "R105-HP1", Version: "2"}, schema: "hipot-1", shorts: true, yield: 0.9980,
		characteristics: []characteristic{
			{"test_voltage", "V", 250, 245, 255, 0.5, normal, 1},
			{"insulation_R", "MOhm", 2000, 100, above, 0.5, lognormal10, 3},
		},
		defects: []defect{
			{code: "HP1-01", share: 0.85, shows: "insulation_R", first: scrap},
			{code: "HP1-02", share: 0.15, shows: "test_voltage", first: scrap},
		},
		alarm: alarm{"HP1-A01", "contact cleaning due"},
	},
	{
		number: 12, code: "UPW", segment: "pre-weld", title: "pairing and pre-weld", level: levelCell, plc: 6, machines: 2, seconds: 1.8,
		recipe: mes.Recipe{Name: "R105-UPW", Version: "4"}, schema: "pre-weld", yield: 0.9990,
		characteristics: []characteristic{
			{"pairing_thickness_sum", "mm", 31.8, 31.1, 32.5, 0.13, given, 2},
		},
		defects: []defect{
			{code: "UPW-05", share: 1, shows: "pairing_thickness_sum", high: true, first: rework, recovered: 0.5, final: scrap},
		},
		tool: tool{"horn", "HN", 300_000}, alarm: alarm{"UPW-A02", "pairing buffer low"},
	},
	{
		number: 13, code: "UMW", segment: "main-weld", title: "ultrasonic main weld", level: levelCell, plc: 6, machines: 4, share: 2, seconds: 3.8,
		recipe: mes.Recipe{Name: "R105-UMW", Version: "9"}, schema: "main-weld", yield: 0.9985,
		characteristics: []characteristic{
			{"weld_energy_pos", "J", 850, 750, 950, 18, normal, 0},
			{"weld_energy_neg", "J", 1050, 930, 1170, 22, normal, 0},
			{"collapse_pos", "mm", 0.42, 0.3, 0.55, 0.025, normal, 3},
			{"peak_power", "W", 3100, 2700, 3500, 70, normal, 0},
			{"horn_count", "{shots}", 0, none, 200_000, 0, given, 0},
		},
		defects: []defect{
			{code: "UMW-01", share: 0.4, shows: "weld_energy_pos", first: rework, recovered: 0.75, final: scrap},
			{code: "UMW-02", share: 0.2, shows: "weld_energy_neg", high: true, first: scrap},
			{code: "UMW-03", share: 0.3, shows: "collapse_pos", high: true, first: scrap},
			{code: "UMW-04", share: 0.1, shows: "peak_power", high: true, first: scrap},
		},
		feeds: []feed{{slot: "adapter-pos", material: adapterPos, each: one}, {slot: "adapter-neg", material: adapterNeg, each: one}},
		tool:  tool{"horn", "HN", 200_000}, alarm: alarm{"UMW-A06", "generator frequency drifting"},
	},
	{
		number: 13, code: "PEL", segment: "peel-test", title: "peel test (sample)", level: levelCell, plc: 18, attended: true, schema: "peel-test", sample: true,
		characteristics: []characteristic{{"peel_force_sample", "N", 220, 150, above, 18, normal, 0}},
		defects:         []defect{{code: "UMW-06", share: 1, shows: "peel_force_sample"}},
	},
	{
		number: 14, code: "CLW", segment: "adapter-weld", title: "adapter to lid laser weld", level: levelCell, plc: 7, machines: 3, seconds: 2.7,
		recipe: mes.Recipe{Name: "R105-CLW", Version: "7"}, schema: "adapter-weld", yield: 0.9993,
		characteristics: []characteristic{
			{"laser_power", "W", 2400, 2300, 2500, 12, normal, 0},
			{"joint_resistance", "uOhm", 15, none, 25, 1.6, lognormal, 1},
		},
		defects: []defect{
			{code: "CLW-02", share: 0.4, shows: "joint_resistance", high: true, first: rework, recovered: 0.75, final: scrap},
			{code: "CLW-01", share: 0.6, shows: "laser_power", high: true, first: scrap},
		},
		feeds: []feed{{slot: "lid", material: lid, each: one}},
		alarm: alarm{"CLW-A03", "protective gas low"},
	},
	{
		number: 15, code: "MYL", segment: "film-wrap", title: "fold and insulation film", level: levelCell, plc: 7, machines: 4, share: 2, seconds: 3.8,
		recipe: mes.Recipe{Name: "R105-MYL", Version: "2"}, schema: "film-wrap", yield: 0.9997,
		characteristics: []characteristic{
			{"hotmelt_temp", "Cel", 180, 170, 190, 1.5, normal, 1},
		},
		defects: []defect{
			{code: "MYL-01", share: 1, shows: "hotmelt_temp", high: true, first: rework, recovered: 0.9, final: scrap},
		},
		feeds: []feed{{slot: "film", material: mylar, each: one * 45 / 100, again: true}},
		alarm: alarm{"MYL-A05", "film splice ahead"},
	},
	{
		number: 16, code: "INS", segment: "insertion", title: "insertion into the can", level: levelCell, plc: 7, machines: 3, seconds: 2.7,
		recipe: mes.Recipe{Name: "R105-INS", Version: "6"}, schema: "insertion", yield: 0.9995,
		characteristics: []characteristic{
			{"insertion_force", "N", 140, none, 250, 22, normal, 0},
			{"can_code_grade", "1", 3.6, 2, 4, 0.3, cut, 1},
		},
		defects: []defect{
			{code: "INS-02", share: 0.5, shows: "insertion_force", high: true, first: scrap},
			{code: "INS-03", share: 0.5, shows: "can_code_grade", first: rework, recovered: 1},
			// Never drawn: a code that was read before.
			{code: "INS-04", shows: "can_code_grade", first: rework, recovered: 1},
		},
		feeds: []feed{{slot: "can", material: can, each: one}},
		tool:  tool{"gripper", "GR", 100_000}, alarm: alarm{"INS-A02", "can feeder low"},
	},
	{
		number: 17, code: "HP2", segment: "hipot-2", title: "Hi-Pot 2 in the can", level: levelCell, plc: 8, machines: 2, seconds: 1.8,
		recipe: mes.Recipe{Name: "R105-HP2", Version: "4"}, schema: "hipot-2", shorts: true, yield: 0.9990,
		characteristics: []characteristic{
			{"test_voltage", "V", 500, 495, 505, 0.6, normal, 1},
			{"insulation_R_pos_case", "MOhm", 3000, 200, above, 0.45, lognormal10, 3},
			{"insulation_R_pos_neg", "MOhm", 2500, 200, above, 0.45, lognormal10, 3},
		},
		defects: []defect{
			{code: "HP2-01", share: 0.5, shows: "insulation_R_pos_case", first: retest, recovered: 0.4, final: scrap},
			{code: "HP2-01", share: 0.2, shows: "insulation_R_pos_neg", first: scrap},
			{code: "HP2-02", share: 0.3, shows: "test_voltage", first: scrap},
		},
		alarm: alarm{"HP2-A01", "contact cleaning due"},
	},
	{
		number: 18, code: "SLW", segment: "seam-weld", title: "lid seam laser weld", level: levelCell, plc: 8, machines: 6, share: 3, seconds: 5.7,
		recipe: mes.Recipe{Name: "R105-SLW", Version: "13"}, schema: "seam-weld", yield: 0.9985,
		characteristics: []characteristic{
			{"laser_power", "W", 3300, 3200, 3400, 14, normal, 0},
			{"weld_speed", "mm/s", 220, 216, 224, 0.7, normal, 1},
			{"energy_per_mm", "J/mm", 15, 14.2, 15.8, 0.12, given, 2},
			{"photodiode_index", "1", 1, 0.85, 1.15, 0.035, normal, 3},
		},
		defects: []defect{
			{code: "SLW-02", share: 0.7, shows: "photodiode_index", first: repair, recovered: 0.857, final: scrap},
			{code: "SLW-01", share: 0.2, shows: "laser_power", high: true, first: scrap},
			{code: "SLW-04", share: 0.1, shows: "energy_per_mm", first: scrap},
		},
		alarm: alarm{"SLW-A08", "protective glass due"},
	},
	{
		number: 18, code: "XSC", segment: "cross-section", title: "cross section of a seam (sample)", level: levelCell, plc: 18, attended: true, schema: "cross-section", sample: true,
		characteristics: []characteristic{{"seam_depth_sample", "mm", 1.1, 0.8, 1.5, 0.08, normal, 2}},
		defects:         []defect{{code: "SLW-06", share: 1, shows: "seam_depth_sample"}},
	},
	{
		number: 19, code: "HL1", segment: "leak-test-1", title: "helium leak test 1", level: levelCell, plc: 8, machines: 10, share: 5, seconds: 9.5,
		recipe: mes.Recipe{Name: "R105-HL1", Version: "3"}, schema: "leak-test-1", yield: 0.9993,
		characteristics: []characteristic{
			{"leak_rate", "mbar.L/s", 2e-8, none, 1e-6, 0.45, lognormal10, 3},
		},
		defects: []defect{
			{code: "HL1-02", share: 0.5, shows: "leak_rate", high: true, first: retest, recovered: 0.6, final: scrap},
			{code: "HL1-01", share: 0.5, shows: "leak_rate", high: true, first: scrap},
		},
		calibrated: "spectrometer", alarm: alarm{"HL1-A02", "helium background rising"},
	},
	{number: 20, code: "TL1", segment: "tray-loading", title: "into trays, before the bake", level: levelTray, plc: 9, alarm: alarm{"TL1-A01", "no empty tray in the buffer"}},
	{
		number: 20, code: "BAK", segment: "vacuum-bake", title: "vacuum bake", level: levelTray, plc: 9, machines: 60, share: 12,
		recipe: mes.Recipe{Name: "R105-BAK", Version: "5"}, schema: "vacuum-bake", yield: 0.9999,
		characteristics: []characteristic{
			{"bake_temp", "Cel", 92, 88, 96, 0.9, normal, 1},
			{"bake_vacuum", "Pa", 30, none, 50, 4, lognormal, 0},
			{"bake_time", "h", 7, 6.5, 9, 0.1, dwell, 3},
		},
		defects: []defect{{code: "BAK-02", share: 1, shows: "bake_vacuum", high: true, first: scrap}},
		alarm:   alarm{"BAK-A03", "pump oil due"},
	},
	{
		number: 20, code: "KFT", segment: "moisture-test", title: "Karl Fischer titration (sample)", level: levelCell, plc: 18, attended: true, schema: "moisture-test", sample: true,
		yield: 0.9999,
		characteristics: []characteristic{
			{"moisture_cathode", "[ppm]", 190, none, 300, 28, normal, -1},
			{"moisture_anode", "[ppm]", 150, none, 250, 24, normal, -1},
		},
		defects: []defect{{code: "BAK-01", share: 1, shows: "moisture_cathode", high: true}},
	},
	{number: 20, code: "TU1", segment: "tray-unloading", title: "out of trays, after the bake", level: levelTray, plc: 9, alarm: alarm{"TU1-A01", "gripper vacuum low"}},
	{
		number: 21, code: "FIL1", segment: "filling-1", title: "electrolyte fill 1", level: levelCell, plc: 10, machines: 12, share: 4, seconds: 11,
		recipe: mes.Recipe{Name: "R105-FIL1", Version: "8"}, schema: "filling-1", yield: 0.9985,
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
		feeds: []feed{{slot: "electrolyte", material: electrolyte, each: 330 * one, metered: true}},
		tool:  tool{"nozzle", "NZ", 500_000}, calibrated: "scale", alarm: alarm{"FIL1-A04", "dew point rising"},
	},
	{number: 22, code: "TL2", segment: "tray-loading", title: "into trays, before the soak", level: levelTray, plc: 11, alarm: alarm{"TL2-A01", "no empty tray in the buffer"}},
	{
		number: 22, code: "SOK", segment: "soak", title: "wetting soak", level: levelTray, plc: 11, machines: 4, share: 4,
		recipe: mes.Recipe{Name: "R105-SOK", Version: "1"}, schema: "soak",
		characteristics: []characteristic{
			{"soak_temp", "Cel", 45, 43, 47, 0.4, normal, 1},
			{"soak_time", "h", 24, 22, 36, 0.5, dwell, 3},
		},
		alarm: alarm{"SOK-A01", "air circulation low"},
	},
	{
		number: 23, code: "FRM", segment: "formation", title: "formation", level: levelCell, plc: 11, machines: 8,
		recipe: mes.Recipe{Name: "R105-FRM", Version: "21"}, schema: "formation", yield: 0.9960,
		characteristics: []characteristic{
			{"charge_capacity", "A.h", 75.6, 73.5, 77.5, 0.35, normal, 2},
			{"end_voltage", "V", 3.4, 3.37, 3.44, 0.006, normal, 4},
			{"contact_resistance", "mOhm", 1.5, none, 5, 0.5, lognormal, 2},
			{"neg_pressure", "kPa", -70, -85, -55, 2.5, normal, 1},
			{"channel_temp", "Cel", 45, 42, 48, 0.6, normal, 1},
		},
		defects: []defect{
			{code: "FRM-01", share: 0.85, shows: "contact_resistance", high: true, first: retest, recovered: 0.941, final: scrap},
			{code: "FRM-02", share: 0.05, shows: "charge_capacity", first: scrap},
			{code: "FRM-03", share: 0.05, shows: "end_voltage", high: true, first: scrap},
			{code: "FRM-04", share: 0.05, shows: "channel_temp", high: true, first: scrap},
		},
		alarm: alarm{"FRM-A31", "cooling fan slow"},
	},
	{
		number: 24, code: "HTA", segment: "hot-ageing", title: "high-temperature ageing", level: levelTray, plc: 11, machines: 4, share: 4,
		recipe: mes.Recipe{Name: "R105-HTA", Version: "1"}, schema: "hot-ageing", yield: 0.9999,
		characteristics: []characteristic{
			{"age_temp", "Cel", 45, 43, 47, 0.4, normal, 1},
			{"age_time", "h", 24, 22, 48, 0.6, dwell, 3},
		},
		defects: []defect{{code: "HTA-01", share: 1, shows: "age_temp", high: true, first: scrap}},
		alarm:   alarm{"HTA-A01", "air circulation low"},
	},
	{number: 24, code: "TU2", segment: "tray-unloading", title: "out of trays, after hot ageing", level: levelTray, plc: 11, alarm: alarm{"TU2-A01", "gripper vacuum low"}},
	{
		number: 25, code: "FIL2", segment: "filling-2", title: "electrolyte fill 2", level: levelCell, plc: 12, machines: 8, share: 4, seconds: 7.5,
		recipe: mes.Recipe{Name: "R105-FIL2", Version: "6"}, schema: "filling-2", yield: 0.9988,
		characteristics: []characteristic{
			{"electrolyte_mass_2", "g", 35, 31, 39, 0.8, normal, 1},
			{"electrolyte_total_retained", "g", 343.5, 338, 351, 1.3, given, 1},
		},
		defects: []defect{
			{code: "FIL2-01", share: 0.8, shows: "electrolyte_mass_2", first: rework, recovered: 1},
			{code: "FIL2-02", share: 0.2, shows: "electrolyte_mass_2", high: true, first: scrap},
		},
		feeds: []feed{{slot: "electrolyte", material: electrolyte, each: 50 * one, metered: true}},
		tool:  tool{"nozzle", "NZ", 500_000}, calibrated: "scale", alarm: alarm{"FIL2-A04", "dew point rising"},
	},
	{
		number: 26, code: "SPW", segment: "pin-weld", title: "sealing pin weld", level: levelCell, plc: 12, machines: 3, seconds: 2.7,
		recipe: mes.Recipe{Name: "R105-SPW", Version: "4"}, schema: "pin-weld", yield: 0.9992,
		characteristics: []characteristic{
			{"laser_power", "W", 900, 870, 930, 5, normal, 0},
			{"pin_flush_height", "mm", 0, -0.1, 0.15, 0.03, normal, 2},
		},
		defects: []defect{
			{code: "SPW-02", share: 0.6, shows: "pin_flush_height", high: true, first: rework, recovered: 0.8333, final: scrap},
			{code: "SPW-01", share: 0.4, shows: "laser_power", high: true, first: scrap},
		},
		feeds: []feed{{slot: "pin", material: pin, each: one}},
		alarm: alarm{"SPW-A03", "pin feeder low"},
	},
	{
		number: 27, code: "HL2", segment: "leak-test-2", title: "helium leak test 2", level: levelCell, plc: 12, machines: 10, share: 5, seconds: 9.5,
		recipe: mes.Recipe{Name: "R105-HL2", Version: "3"}, schema: "leak-test-2", yield: 0.9995,
		characteristics: []characteristic{
			{"leak_rate", "mbar.L/s", 3e-8, none, 1e-6, 0.45, lognormal10, 3},
		},
		defects: []defect{
			{code: "HL2-02", share: 0.3, shows: "leak_rate", high: true, first: retest, recovered: 0.667, final: scrap},
			{code: "HL2-01", share: 0.7, shows: "leak_rate", high: true, first: scrap},
		},
		calibrated: "spectrometer", alarm: alarm{"HL2-A02", "helium background rising"},
	},
	{number: 28, code: "TL3", segment: "tray-loading", title: "into trays, before grading", level: levelTray, plc: 13, alarm: alarm{"TL3-A01", "no empty tray in the buffer"}},
	{
		number: 28, code: "GRD", segment: "grading", title: "capacity grading", level: levelCell, plc: 13, machines: 8,
		recipe: mes.Recipe{Name: "R105-GRD", Version: "15"}, schema: "grading", yield: 0.9930,
		characteristics: []characteristic{
			{"discharge_capacity_25C", "A.h", 107.4, 105, 111, 0.55, given, 2},
			{"charge_cv_time", "min", 11, none, 25, 1.5, normal, 1},
			{"coulombic_efficiency", "%", 99.2, 98.5, 100.2, 0.15, normal, 2},
			{"mid_voltage_discharge", "V", 3.205, 3.18, 3.23, 0.004, normal, 4},
			{"temp_mean", "Cel", 25.5, 23, 28, 0.6, normal, 1},
		},
		defects: []defect{
			{code: "GRD-02", share: 0.7, shows: "discharge_capacity_25C", first: retest, recovered: 0.7143, final: downgrade},
			{code: "GRD-06", share: 0.2, shows: "charge_cv_time", high: true, first: downgrade},
			{code: "GRD-03", share: 0.1, shows: "mid_voltage_discharge", first: scrap},
		},
		alarm: alarm{"GRD-A31", "cooling fan slow"},
	},
	{
		number: 29, code: "OC1", segment: "ocv-1", title: "first voltage and resistance", level: levelCell, plc: 14, machines: 2, seconds: 1.8,
		recipe: mes.Recipe{Name: "R105-OC1", Version: "3"}, schema: "ocv-1", yield: 0.9985,
		characteristics: []characteristic{
			{"ocv1", "V", 3.2935, 3.285, 3.302, 0.0012, normal, 4},
			{"acir1", "mOhm", 0.2, 0.15, 0.25, 0.01, normal, 3},
		},
		defects: []defect{
			{code: "OC1-01", share: 0.3, shows: "ocv1", first: scrap},
			{code: "OC1-02", share: 0.7, shows: "acir1", high: true, first: retest, recovered: 0.5714, final: downgrade},
		},
		tool: tool{"probe", "PR", 50_000}, calibrated: "meter", alarm: alarm{"OC1-A05", "probe resistance rising"},
	},
	{
		number: 30, code: "RTA", segment: "ageing", title: "room-temperature ageing", level: levelTray, plc: 14, machines: 6, share: 6,
		recipe: mes.Recipe{Name: "R105-RTA", Version: "1"}, schema: "ageing",
		characteristics: []characteristic{
			{"age_temp", "Cel", 25, 23, 27, 0.5, normal, 1},
			{"age_time", "h", 120, 72, 336, 4, dwell, 3},
		},
		alarm: alarm{"RTA-A01", "air conditioning in alarm"},
	},
	{
		number: 31, code: "OC2", segment: "ocv-2", title: "second voltage, K value", level: levelCell, plc: 14, machines: 2, seconds: 1.8,
		recipe: mes.Recipe{Name: "R105-OC2", Version: "3"}, schema: "ocv-2", shorts: true, yield: 0.9955,
		characteristics: []characteristic{
			{"ocv2", "V", 3.2912, 3.283, 3.3, 0.0013, given, 4},
			{"k_value", "mV/d", 0.45, none, 1.2, 0.1, given, 3},
			{"acir2", "mOhm", 0.202, 0.15, 0.25, 0.01, normal, 3},
		},
		defects: []defect{
			{code: "OC2-01", share: 0.15, shows: "ocv2", first: scrap},
			{code: "OC2-02", share: 0.25, shows: "acir2", high: true, first: retest, recovered: 0.4, final: downgrade},
			{code: "OC2-03", share: 0.6, shows: "k_value", high: true, first: scrap},
			// Never drawn: a cell within its limits and out of step with its tray.
			{code: "OC2-04", shows: "k_value", first: retest, recovered: 0.5, final: downgrade},
		},
		tool: tool{"probe", "PR", 50_000}, calibrated: "meter", alarm: alarm{"OC2-A05", "probe resistance rising"},
	},
	{number: 31, code: "TU3", segment: "tray-unloading", title: "out of trays, after ageing", level: levelTray, plc: 14, alarm: alarm{"TU3-A01", "gripper vacuum low"}},
	{
		number: 32, code: "DCR", segment: "dc-resistance", title: "direct-current resistance", level: levelCell, plc: 14, machines: 16, share: 8, seconds: 14.5,
		recipe: mes.Recipe{Name: "R105-DCR", Version: "2"}, schema: "dc-resistance", yield: 0.9990,
		characteristics: []characteristic{
			{"dcir_10s", "mOhm", 0.95, none, 1.25, 0.035, normal, 3},
		},
		defects: []defect{
			{code: "DCR-01", share: 1, shows: "dcir_10s", high: true, first: retest, recovered: 0.3, final: downgrade},
		},
		calibrated: "shunt", alarm: alarm{"DCR-A01", "probe resistance rising"},
	},
	{
		number: 33, code: "WRP", segment: "wrapping", title: "insulation film", level: levelCell, plc: 15, machines: 3, seconds: 2.7,
		recipe: mes.Recipe{Name: "R105-WRP", Version: "2"}, schema: "wrapping", yield: 0.9980,
		characteristics: []characteristic{
			{"film_insulation", "MOhm", 5000, 500, above, 0.35, lognormal10, 3},
		},
		defects: []defect{
			{code: "WRP-01", share: 0.6, shows: "film_insulation", first: rework, recovered: 0.95, final: scrap},
			{code: "WRP-02", share: 0.4, shows: "film_insulation", first: rework, recovered: 0.95, final: scrap},
		},
		feeds: []feed{{slot: "film", material: film, each: one * 55 / 100, again: true}},
		alarm: alarm{"WRP-A05", "film splice ahead"},
	},
	{
		number: 34, code: "DIM", segment: "dimensions", title: "dimensions and weight", level: levelCell, plc: 15, machines: 2, seconds: 1.8,
		recipe: mes.Recipe{Name: "R105-DIM", Version: "3"}, schema: "dimensions", yield: 0.9992,
		characteristics: []characteristic{
			{"thickness_3kN", "mm", 36.3, 35.8, 36.8, 0.1, normal, 2},
			{"height", "mm", 200.5, 200, 201, 0.08, normal, 2},
			{"weight", "g", 1955, 1915, 1995, 6.5, given, 1},
		},
		defects: []defect{
			{code: "DIM-03", share: 0.4, shows: "thickness_3kN", high: true, first: retest, recovered: 0.5, final: scrap},
			{code: "DIM-04", share: 0.4, shows: "height", first: downgrade},
			{code: "DIM-07", share: 0.2, shows: "weight", first: scrap},
		},
		calibrated: "scale", alarm: alarm{"DIM-A01", "reference block due"},
	},
	{
		number: 35, code: "AOI", segment: "appearance", title: "appearance", level: levelCell, plc: 15, machines: 2, seconds: 1.8,
		recipe: mes.Recipe{Name: "R105-AOI", Version: "27"}, schema: "appearance", yield: 0.9960,
		characteristics: []characteristic{
			{"defect_area", "mm2", 0, none, 4, 0.4, sparse, 2},
		},
		defects: []defect{
			{code: "AOI-05", share: 0.7, shows: "defect_area", high: true, first: rework, recovered: 1},
			{code: "AOI-06", share: 0.2, shows: "defect_area", high: true, first: scrap},
			{code: "AOI-04", share: 0.1, shows: "defect_area", high: true, first: downgrade},
		},
		alarm: alarm{"AOI-A02", "lighting low"},
	},
	{
		number: 36, code: "SRT", segment: "sorting", title: "grade, label, box", level: levelCell, plc: 15, machines: 2, seconds: 1.8,
		recipe: mes.Recipe{Name: "R105-GRADE", Version: "4"}, alarm: alarm{"SRT-A01", "label stock low"},
	},
	{
		number: 37, code: "PICK", segment: "module-infeed", title: "module infeed", level: levelCell, plc: 16, machines: 2, seconds: 1.8,
		recipe: mes.Recipe{Name: "R105-PICK", Version: "2"}, schema: "module-infeed",
		characteristics: []characteristic{
			{"ocv3", "V", 3.2905, 3.282, 3.3, 0.0014, given, 4},
			{"acir3", "mOhm", 0.203, 0.15, 0.255, 0.01, normal, 3},
		},
		tool: tool{"probe", "PR", 50_000}, calibrated: "meter", alarm: alarm{"PICK-A03", "plasma power low"},
	},
	{
		number: 38, code: "STK", segment: "stacking", title: "stack and compress", level: levelModule, plc: 16, machines: 2, seconds: 24,
		recipe: mes.Recipe{Name: "R105-STK", Version: "2"}, schema: "stacking",
		characteristics: []characteristic{
			{"stack_force", "kN", 5, 4, 6, 0.15, normal, 2},
			{"ocv_spread", "mV", 2, none, 5, 0.7, given, 1},
			{"capacity_spread", "A.h", 0.45, none, 1, 0.15, given, 2},
		},
		feeds: []feed{{slot: "side-plate", material: sidePlate, each: 2 * one}},
		alarm: alarm{"STK-A09", "glue cartridge low"},
	},
	{
		number: 39, code: "BBW", segment: "busbar-weld", title: "busbar laser weld", level: levelModule, plc: 16, machines: 2, seconds: 26,
		recipe: mes.Recipe{Name: "R105-BBW", Version: "8"}, schema: "busbar-weld", yield: 0.998,
		characteristics: []characteristic{
			{"laser_power", "W", 2000, 1900, 2100, 12, normal, 0},
			{"weld_resistance", "mOhm", 0.045, none, 0.08, 0.005, lognormal, 3},
		},
		defects: []defect{{code: "BBW-03", share: 1, shows: "weld_resistance", high: true, first: rework, recovered: 1}},
		feeds:   []feed{{slot: "busbar", material: busbar, each: (moduleCells + 1) * one}},
		alarm:   alarm{"BBW-A02", "protective glass due"},
	},
	{
		number: 40, code: "MEOL", segment: "module-end-of-line", title: "module end of line", level: levelModule, plc: 16, seconds: 14,
		recipe: mes.Recipe{Name: "R105-MEOL", Version: "5"}, schema: "module-end-of-line", yield: 0.995,
		characteristics: []characteristic{
			{"insulation_R", "MOhm", 3000, 500, above, 0.35, lognormal10, 3},
			{"module_voltage", "V", 52.66, 52.5, 52.85, 0.03, given, 3},
			{"cell_delta", "mV", 3, none, 10, 1, folded, 1},
		},
		defects: []defect{
			{code: "MEOL-04", share: 0.4, shows: "insulation_R", first: retest, recovered: 1},
			{code: "MEOL-02", share: 0.6, shows: "cell_delta", high: true, first: rework, recovered: 1},
		},
		alarm: alarm{"MEOL-A01", "adapter contact worn"},
	},
	{
		number: 41, code: "PACK", segment: "pack-assembly", title: "pack assembly", level: levelPack, plc: 17, machines: 2, seconds: 150, attended: true,
		recipe: mes.Recipe{Name: "R105-PACK", Version: "2"}, schema: "pack-assembly", yield: 0.995,
		characteristics: []characteristic{
			{"coolant_leak", "mL/min", 0.01, none, 0.05, 0.006, lognormal, 3},
			{"bolt_torque", "N.m", 12, 11, 13, 0.2, normal, 1},
		},
		defects: []defect{
			{code: "PACK-05", share: 0.5, shows: "bolt_torque", first: rework, recovered: 1},
			{code: "PACK-06", share: 0.5, shows: "coolant_leak", high: true, first: rework, recovered: 1},
		},
		feeds: []feed{{slot: "housing", material: housing, each: one}, {slot: "harness", material: harness, each: one}},
		alarm: alarm{"PACK-A01", "torque tool battery low"},
	},
	{
		number: 42, code: "PEOL", segment: "pack-end-of-line", title: "pack end of line, label", level: levelPack, plc: 17, machines: 2, seconds: 150, attended: true,
		recipe: mes.Recipe{Name: "R105-PEOL", Version: "11"}, schema: "pack-end-of-line", yield: 0.998,
		characteristics: []characteristic{
			{"isolation", "kOhm/V", 20, 0.5, above, 0.3, lognormal10, 3},
			{"pack_voltage", "V", 315.9, 314, 318, 0.2, given, 2},
		},
		defects: []defect{{code: "PEOL-07", share: 1, shows: "isolation", first: rework, recovered: 1}},
		alarm:   alarm{"PEOL-A01", "flash station slow"},
	},
}

// What slitting measures and finds, which is the same for both electrodes.
var slitting = []characteristic{
	{"width", "mm", 200, 199.9, 200.1, 0.025, normal, 3},
	{"burr_height", "um", 5, none, 12, 1.5, lognormal, 0},
	{"camber", "mm/m", 0.3, none, 1, 0.15, folded, 2},
	{"blade_km", "km", 0, none, 600, 0, given, 1},
}

var slittingDefects = []defect{
	{code: "SLT-01", share: 0.5, shows: "width", high: true, first: repair},
	{code: "SLT-03", share: 0.2, shows: "camber", high: true, first: repair},
	{code: "SLT-04", share: 0.3, first: repair},
}

var slittingScrap, slittingMark = between{4 * mes.Metre, 8 * mes.Metre}, between{2 * mes.Metre, 10 * mes.Metre}

// What notching measures and finds.
var notching = []characteristic{
	{"tab_pitch_error", "mm", 0, -0.3, 0.3, 0.07, normal, 2},
	{"tab_height", "mm", 17, 16.7, 17.3, 0.07, normal, 2},
	{"laser_power", "W", 260, 250, 270, 2, normal, 0},
	{"heat_affected_zone", "um", 60, none, 100, 10, lognormal, 0},
}

var notchingDefects = []defect{
	{code: "NOT-01", share: 0.15, first: repair},
	{code: "NOT-02", share: 0.25, first: repair},
	{code: "NOT-03", share: 0.3, shows: "tab_pitch_error", high: true, first: repair},
	{code: "NOT-04", share: 0.15, shows: "heat_affected_zone", high: true, first: repair},
	{code: "NOT-05", share: 0.15, first: repair},
}

var notchingScrap, notchingMark = between{3 * mes.Metre, 6 * mes.Metre}, between{mes.Metre, 4 * mes.Metre}
