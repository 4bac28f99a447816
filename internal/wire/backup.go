package wire

import (
	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// BackupFile returns the message of a file of a backup.
func BackupFile(f store.BackupFile) *taktv1.BackupFile {
	return &taktv1.BackupFile{FirstPosition: uint64(f.First), LastPosition: uint64(f.Last), ChainHash: f.Chain[:], Expired: f.Expired}
}

// BackupFileFrom returns the file of a backup that a message is of. A hash of
// another length is the hash of nothing.
func BackupFileFrom(m *taktv1.BackupFile) store.BackupFile {
	f := store.BackupFile{First: mes.Position(m.GetFirstPosition()), Last: mes.Position(m.GetLastPosition()), Expired: m.GetExpired()}
	if len(m.GetChainHash()) == len(f.Chain) {
		f.Chain = mes.Hash(m.GetChainHash())
	}
	return f
}
