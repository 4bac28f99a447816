package spool

import "golang.org/x/sys/unix"

// diskFree returns how many bytes of the folder's disk may still be taken.
func diskFree(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil //nolint:gosec // a block has a size
}
