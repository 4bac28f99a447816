package line

// material is what a supplier delivers.
type material struct {
	// definition is what it is made to be, prefix what its lots' ids begin with.
	definition, prefix string
	unit               string
	// lot is how much a lot has: a bag, a roll, a drum, a box.
	lot amount
	// together is how many lots are of one lot of the supplier's.
	together int
	supplier string
	// inspected is the code of the step that receives it.
	inspected string
	// certificate are the values that come with it; may be empty.
	certificate []characteristic
	// perCell is how much a cell takes.
	perCell amount
	// days is the shelf life; 0 for what does not expire.
	days int
}

// The materials of the reference cell.
var (
	activeMaterial = &material{
		definition: "LFP", prefix: "LFP", unit: "kg", lot: 8000 * one, together: 1, supplier: "Nordic Cathode AS",
		inspected: "IQC-P", perCell: one * 700 / 1000, days: 365,
		certificate: []characteristic{
			{"d50", "um", 1.2, 0.8, 1.6, 0.08, normal, 2},
			{"specific_surface", "m2/g", 12, 9, 15, 0.6, normal, 1},
			{"moisture", "[ppm]", 600, none, 1000, 80, lognormal, -1},
		},
	}
	graphite = &material{
		definition: "graphite", prefix: "GRA", unit: "kg", lot: 6000 * one, together: 1, supplier: "Anthra Carbon GmbH",
		inspected: "IQC-P", perCell: one * 390 / 1000, days: 730,
		certificate: []characteristic{
			{"d50", "um", 16, 14, 18, 0.5, normal, 2},
			{"specific_surface", "m2/g", 1.4, 1, 2, 0.12, normal, 1},
			{"moisture", "[ppm]", 200, none, 500, 40, lognormal, -1},
		},
	}
	carbonBlack = &material{
		definition: "carbon-black", prefix: "SPB", unit: "kg", lot: 400 * one, together: 4, supplier: "Anthra Carbon GmbH",
		inspected: "IQC-X", perCell: one * 12 / 1000, days: 730,
	}
	solvent = &material{
		definition: "NMP", prefix: "NMP", unit: "kg", lot: 20_000 * one, together: 1, supplier: "Rhein Solvents AG",
		inspected: "IQC-L", perCell: one * 450 / 1000, days: 365,
		certificate: []characteristic{
			{"purity", "%", 99.95, 99.9, 100, 0.01, normal, 3},
			{"moisture", "[ppm]", 100, none, 200, 20, lognormal, -1},
		},
	}
	electrolyte = &material{
		definition: "electrolyte", prefix: "ELY", unit: "g", lot: 200_000 * one, together: 24, supplier: "Rhein Solvents AG",
		inspected: "IQC-L", perCell: 345 * one, days: 180,
		certificate: []characteristic{
			{"purity", "%", 99.97, 99.9, 100, 0.01, normal, 3},
			{"moisture", "[ppm]", 8, none, 20, 2, lognormal, 0},
		},
	}
	binder = &material{
		definition: "PVDF", prefix: "PVD", unit: "kg", lot: 600 * one, together: 2, supplier: "Polyfin SpA",
		inspected: "IQC-X", perCell: one * 15 / 1000, days: 730,
	}
	rubberBinder = &material{
		definition: "SBR", prefix: "SBR", unit: "kg", lot: 800 * one, together: 2, supplier: "Polyfin SpA",
		inspected: "IQC-X", perCell: one * 9 / 1000, days: 180,
	}
	thickener = &material{
		definition: "CMC", prefix: "CMC", unit: "kg", lot: 500 * one, together: 2, supplier: "Polyfin SpA",
		inspected: "IQC-X", perCell: one * 5 / 1000, days: 365,
	}
	water = &material{
		definition: "water", prefix: "DIW", unit: "kg", lot: 20_000 * one, together: 1, supplier: "site utilities",
		inspected: "IQC-X", perCell: one * 400 / 1000,
	}
	aluminiumFoil = &material{
		definition: "aluminium-foil", prefix: "ALF", unit: "m", lot: 9000 * one, together: 6, supplier: "Walzwerk Altena",
		inspected: "IQC-W", perCell: one * 1760 / 1000,
		certificate: webCertificate(13, 35.1),
	}
	copperFoil = &material{
		definition: "copper-foil", prefix: "CUF", unit: "m", lot: 9000 * one, together: 6, supplier: "Walzwerk Altena",
		inspected: "IQC-W", perCell: one * 1760 / 1000,
		certificate: webCertificate(6, 53.6),
	}
	separator = &material{
		definition: "separator", prefix: "SEP", unit: "m", lot: 4000 * one, together: 20, supplier: "Membra BV",
		inspected: "IQC-W", perCell: one * 22480 / 1000,
		certificate: webCertificate(14, 7.6),
	}
	can = &material{
		definition: "can", prefix: "CAN", unit: "1", lot: 5000 * one, together: 2, supplier: "Tiefzug Hagen",
		inspected: "IQC-X", perCell: one,
	}
	lid = &material{
		definition: "lid", prefix: "LID", unit: "1", lot: 5000 * one, together: 2, supplier: "Tiefzug Hagen",
		inspected: "IQC-X", perCell: one,
	}
	adapterPos = &material{
		definition: "adapter-Al", prefix: "ADL", unit: "1", lot: 6000 * one, together: 2, supplier: "Stanzteile Lenne",
		inspected: "IQC-X", perCell: one,
	}
	adapterNeg = &material{
		definition: "adapter-Cu", prefix: "ADC", unit: "1", lot: 6000 * one, together: 2, supplier: "Stanzteile Lenne",
		inspected: "IQC-X", perCell: one,
	}
	mylar = &material{
		definition: "insulation-film", prefix: "MYL", unit: "m", lot: 2000 * one, together: 4, supplier: "Membra BV",
		inspected: "IQC-X", perCell: one * 45 / 100,
	}
	film = &material{
		definition: "PET-film", prefix: "PET", unit: "m", lot: 2000 * one, together: 4, supplier: "Membra BV",
		inspected: "IQC-X", perCell: one * 55 / 100,
	}
	pin = &material{
		definition: "sealing-pin", prefix: "PIN", unit: "1", lot: 20_000 * one, together: 1, supplier: "Tiefzug Hagen",
		inspected: "IQC-X", perCell: one,
	}
	sidePlate = &material{
		definition: "side-plate", prefix: "SID", unit: "1", lot: 600 * one, together: 1, supplier: "Stanzteile Lenne",
		inspected: "IQC-X", perCell: one * 2 / 16,
	}
	housing = &material{
		definition: "pack-housing", prefix: "HSG", unit: "1", lot: 40 * one, together: 1, supplier: "Stanzteile Lenne",
		inspected: "IQC-X", perCell: one / 96,
	}
	harness = &material{
		definition: "harness", prefix: "HRN", unit: "1", lot: 80 * one, together: 1, supplier: "Kabelbau Ruhr",
		inspected: "IQC-X", perCell: one / 96,
	}
	busbar = &material{
		definition: "busbar", prefix: "BUS", unit: "1", lot: 3400 * one, together: 1, supplier: "Stanzteile Lenne",
		inspected: "IQC-X", perCell: one * 17 / 16,
	}
)

// materials is all of them, in the order in which they are first delivered.
var materials = [...]*material{
	activeMaterial, graphite, solvent, water, carbonBlack, binder, rubberBinder, thickener,
	aluminiumFoil, copperFoil, separator, electrolyte, can, lid,
	adapterPos, adapterNeg, mylar, film, pin, sidePlate, busbar, housing, harness,
}

func webCertificate(thickness, mass float64) []characteristic {
	return []characteristic{
		{"thickness", "um", thickness, thickness - 1, thickness + 1, 0.2, normal, 1},
		{"areal_mass", "g/m2", mass, mass * 0.95, mass * 1.05, mass * 0.01, normal, 1},
	}
}
