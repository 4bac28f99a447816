package disk

import "golang.org/x/sys/unix"

// Free returns how many bytes of a directory's disk may still be taken, and how
// many it has in all.
func Free(dir string) (free, all uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	block := uint64(st.Bsize) //nolint:gosec // a block has a size
	return st.Bavail * block, st.Blocks * block, nil
}
