package powercut

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// inode is what the kernel knows of a node. It may forget it, and ask anew.
type inode struct {
	fs.Inode
	*node
}

// node is a file or a directory.
type node struct {
	disk    *Disk
	number  uint64
	changed time.Time

	// names are a directory's, kept those that outlast a cut.
	names, kept map[string]*node

	// data is a file's, synced how long it is on the disk.
	data   []byte
	synced int
	// before has what the sectors that were written since held then.
	before map[int64][]byte
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

var (
	_ fs.NodeLookuper  = (*inode)(nil)
	_ fs.NodeReaddirer = (*inode)(nil)
	_ fs.NodeCreater   = (*inode)(nil)
	_ fs.NodeMkdirer   = (*inode)(nil)
	_ fs.NodeUnlinker  = (*inode)(nil)
	_ fs.NodeRmdirer   = (*inode)(nil)
	_ fs.NodeRenamer   = (*inode)(nil)
	_ fs.NodeOpener    = (*inode)(nil)
	_ fs.NodeReader    = (*inode)(nil)
	_ fs.NodeWriter    = (*inode)(nil)
	_ fs.NodeGetattrer = (*inode)(nil)
	_ fs.NodeSetattrer = (*inode)(nil)
	_ fs.NodeFsyncer   = (*inode)(nil)
	_ fs.NodeAllocater = (*inode)(nil)
	_ fs.NodeStatfser  = (*inode)(nil)
	_ fs.NodeOpendirer = (*inode)(nil)
)

// begin takes the disk for one operation, if it has power.
func (n *node) begin() syscall.Errno {
	n.disk.mu.Lock()
	if n.disk.off {
		n.disk.mu.Unlock()
		return syscall.EIO
	}
	return 0
}

// change is begin for an operation that writes, names or syncs something.
func (n *node) change(operation string) syscall.Errno {
	if e := n.begin(); e != 0 {
		return e
	}
	d := n.disk
	d.operations++
	switch {
	case d.operations == d.cutAt:
		d.off = true
		d.mu.Unlock()
		return syscall.EIO
	case d.operations == d.failAt, d.forGood && d.operations > d.failAt:
		if d.failed == "" {
			d.failed = operation
		}
		d.mu.Unlock()
		return d.failure
	}
	return 0
}

func (n *node) end() { n.disk.mu.Unlock() }

func (n *node) mode() uint32 {
	if n.names != nil {
		return syscall.S_IFDIR | 0o755
	}
	return syscall.S_IFREG | 0o644
}

func (n *node) attr(a *fuse.Attr) {
	a.Mode, a.Size, a.Nlink = n.mode(), uint64(len(n.data)), 1
	a.Blocks = (a.Size + sector - 1) / sector
	a.SetTimes(&n.changed, &n.changed, &n.changed)
}

// child returns what the kernel knows a child by.
func (n *inode) child(ctx context.Context, child *node, out *fuse.EntryOut) *fs.Inode {
	child.attr(&out.Attr)
	return n.NewInode(ctx, &inode{node: child}, fs.StableAttr{Mode: child.mode(), Ino: child.number})
}

// Lookup implements fs.NodeLookuper.
func (n *inode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.begin(); e != 0 {
		return nil, e
	}
	defer n.end()
	child := n.names[name]
	if child == nil {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, child, out), 0
}

// Readdir implements fs.NodeReaddirer.
func (n *inode) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	if e := n.begin(); e != 0 {
		return nil, e
	}
	defer n.end()
	var entries []fuse.DirEntry
	for _, name := range sorted(n.names) {
		entries = append(entries, fuse.DirEntry{Name: name, Mode: n.names[name].mode()})
	}
	return fs.NewListDirStream(entries), 0
}

// Opendir implements fs.NodeOpendirer.
func (n *inode) Opendir(context.Context) syscall.Errno {
	if e := n.begin(); e != 0 {
		return e
	}
	n.end()
	return 0
}

// Create implements fs.NodeCreater.
func (n *inode) Create(ctx context.Context, name string, _, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if e := n.change("create"); e != 0 {
		return nil, nil, 0, e
	}
	defer n.end()
	child := n.names[name]
	if child == nil {
		child = n.disk.newNode(false)
		n.disk.rename(n.node, name, child, false)
	}
	return n.child(ctx, child, out), nil, 0, 0
}

// Mkdir implements fs.NodeMkdirer.
func (n *inode) Mkdir(ctx context.Context, name string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.change("mkdir"); e != 0 {
		return nil, e
	}
	defer n.end()
	if n.names[name] != nil {
		return nil, syscall.EEXIST
	}
	child := n.disk.newNode(true)
	n.disk.rename(n.node, name, child, false)
	return n.child(ctx, child, out), 0
}

// Unlink implements fs.NodeUnlinker.
func (n *inode) Unlink(_ context.Context, name string) syscall.Errno {
	if e := n.change("unlink"); e != 0 {
		return e
	}
	defer n.end()
	if n.names[name] == nil {
		return syscall.ENOENT
	}
	n.disk.rename(n.node, name, nil, false)
	return 0
}

// Rmdir implements fs.NodeRmdirer.
func (n *inode) Rmdir(ctx context.Context, name string) syscall.Errno { return n.Unlink(ctx, name) }

// Rename implements fs.NodeRenamer.
func (n *inode) Rename(_ context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if e := n.change("rename"); e != 0 {
		return e
	}
	defer n.end()
	to, ok := parent.(*inode)
	child := n.names[name]
	switch {
	case !ok || flags != 0:
		return syscall.EINVAL
	case child == nil:
		return syscall.ENOENT
	}
	n.disk.rename(to.node, newName, child, false)
	n.disk.rename(n.node, name, nil, true)
	return 0
}

// Open implements fs.NodeOpener.
func (n *inode) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if e := n.begin(); e != 0 {
		return nil, 0, e
	}
	defer n.end()
	if flags&syscall.O_TRUNC != 0 {
		n.resize(0)
	}
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Read implements fs.NodeReader.
func (n *inode) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if e := n.begin(); e != 0 {
		return nil, e
	}
	defer n.end()
	if off >= int64(len(n.data)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(dest[:copy(dest, n.data[off:])]), 0
}

// Write implements fs.NodeWriter.
func (n *inode) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if e := n.change("write"); e != 0 {
		return 0, e
	}
	defer n.end()
	end := off + int64(len(data))
	n.remember(off, end)
	if end > int64(len(n.data)) {
		n.data = append(n.data, make([]byte, end-int64(len(n.data)))...)
	}
	copy(n.data[off:], data)
	n.changed = time.Now()
	return uint32(len(data)), 0 //nolint:gosec // at most MaxWrite
}

// remember keeps what the sectors hold that are about to change.
func (n *node) remember(from, to int64) {
	if n.before == nil {
		n.before = make(map[int64][]byte)
	}
	for s := from / sector; s*sector < to; s++ {
		if _, known := n.before[s]; known {
			continue
		}
		start := min(s*sector, int64(len(n.data)))
		end := min(start+sector, int64(len(n.data)))
		n.before[s] = slices.Clone(n.data[start:end])
	}
}

func (n *node) resize(length int) {
	if length <= len(n.data) {
		n.remember(int64(length), int64(len(n.data)))
		clear(n.data[length:]) // What it grows by again is zero.
		n.data = n.data[:length]
		return
	}
	n.data = append(n.data, make([]byte, length-len(n.data))...)
}

// Getattr implements fs.NodeGetattrer.
func (n *inode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if e := n.begin(); e != 0 {
		return e
	}
	defer n.end()
	n.attr(&out.Attr)
	return 0
}

// Setattr implements fs.NodeSetattrer.
func (n *inode) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if e := n.change("setattr"); e != 0 {
		return e
	}
	defer n.end()
	if size, ok := in.GetSize(); ok {
		n.resize(int(size)) //nolint:gosec // a test's file
	}
	n.attr(&out.Attr)
	return 0
}

// Allocate implements fs.NodeAllocater.
func (n *inode) Allocate(_ context.Context, _ fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	if e := n.change("allocate"); e != 0 {
		return e
	}
	defer n.end()
	if mode != 0 {
		return syscall.EOPNOTSUPP
	}
	n.resize(max(len(n.data), int(off+size))) //nolint:gosec // a test's file
	return 0
}

// Fsync implements fs.NodeFsyncer, of files and of directories.
func (n *inode) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if n.disk.Slow != nil {
		time.Sleep(n.disk.Slow())
	}
	if e := n.change("fsync"); e != 0 {
		return e
	}
	defer n.end()
	switch {
	case n.disk.Lies:
	case n.names != nil:
		n.disk.syncNames(n.node)
	default:
		n.before, n.synced = nil, len(n.data)
	}
	return 0
}

// Statfs implements fs.NodeStatfser.
func (n *inode) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	const blocks = 1 << 24
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	out.Blocks, out.Bfree, out.Bavail = blocks, blocks, blocks
	return 0
}
