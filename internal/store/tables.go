package store

import "github.com/takt-mes/takt/internal/store/table"

// The tables of the index, all derived from the log.
const (
	tableSchema table.ID = iota
	tableName
	tableIdentity
	tableCoverage
	tableThing
	tableMention
	tableContent
	tableDefinition
	tableAlias
	tableSlot
	tableWithdrawn
	tableAttempt
	tableFlag
	tableLedger
	tableTransport
	tableQuarantine
	tableEquipment
	tableTested
	tableOnward
	tableTombstone
)

// tableNames are the names that the tables have in the index's file.
var tableNames = []string{
	tableSchema: "schema", tableName: "name", tableIdentity: "identity", tableCoverage: "coverage", tableThing: "thing",
	tableMention: "mention", tableContent: "content", tableDefinition: "definition", tableAlias: "alias", tableSlot: "slot",
	tableWithdrawn: "withdrawn", tableAttempt: "attempt", tableFlag: "flag", tableLedger: "ledger",
	tableTransport: "transport", tableQuarantine: "quarantine", tableEquipment: "equipment",
	tableTested: "tested", tableOnward: "onward", tableTombstone: "tombstone",
}
