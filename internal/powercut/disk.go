package powercut

import (
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// sector is how much is written to a disk wholly or not at all.
const sector = 512

// Disk is a disk. What is called syncing here is what fsync and fdatasync do to
// a file, and fsync to a directory.
type Disk struct {
	// Lies has the disk say that it synced, and do nothing.
	Lies bool
	// Slow is how long it takes to sync anything; nil for no time.
	Slow func() time.Duration

	mu   sync.Mutex
	root *node
	// numbers are the nodes that were ever made; the root is the first.
	numbers uint64
	// names are the names that were given or taken and not synced, in order.
	names []naming
	// off says that the power is cut: everything fails.
	off bool
	// operations counts what was written, named and synced; the power is cut
	// instead of the one that cutAt says, and the one that failAt says fails.
	operations, cutAt, failAt int
	// forGood says that those behind it fail as well.
	forGood bool
	failure syscall.Errno
	failed  string
	server  *fuse.Server
}

// naming is a name that a directory gives to a node, nil where it takes it away.
type naming struct {
	dir  *node
	name string
	node *node
	// with says that the one before belongs to the same operation.
	with bool
}

// New returns an empty disk.
func New() *Disk {
	d := new(Disk)
	d.root = d.newNode(true)
	return d
}

func (d *Disk) newNode(dir bool) *node {
	d.numbers++
	n := &node{disk: d, number: d.numbers, changed: time.Now()}
	if dir {
		n.names, n.kept = make(map[string]*node), make(map[string]*node)
	}
	return n
}

// Mount makes the disk's files appear in a directory. It needs root and
// /dev/fuse.
func (d *Disk) Mount(dir string) (err error) {
	second := time.Second
	d.server, err = fs.Mount(dir, &inode{node: d.root}, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "powercut", Name: "powercut", MaxWrite: 1 << 17},
		EntryTimeout: &second, AttrTimeout: &second, RootStableAttr: &fs.StableAttr{Ino: 1},
	})
	return err
}

// Unmount ends what Mount began, as soon as nobody uses a file.
func (d *Disk) Unmount() error { return d.server.Unmount() }

// Operations returns how many operations there were that write, name or sync
// something.
func (d *Disk) Operations() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.operations
}

// CutAt cuts the power instead of the nth operation from here on, which writes,
// names or syncs something.
func (d *Disk) CutAt(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cutAt = d.operations + n
}

// FailAt has the nth operation from here on do nothing but fail. Those behind it
// succeed.
func (d *Disk) FailAt(n int, failure syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failAt, d.failure, d.forGood = d.operations+n, failure, false
}

// FailFrom has the nth operation from here on fail, and all behind it, as those of
// a disk that was made read-only do; reading goes on. Repair ends that.
func (d *Disk) FailFrom(n int, failure syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failAt, d.failure, d.forGood = d.operations+n, failure, true
}

// Repair has nothing fail any more.
func (d *Disk) Repair() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failAt, d.forGood = 0, false
}

// Failed returns which operation failed first of those that were to, "" where it
// has not come.
func (d *Disk) Failed() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// Cut cuts the power, if it is not, and returns what is on the disk afterwards, as a new one:
// all that was synced, and of the rest each sector with the given probability.
// Equal disks and chances give equal answers.
func (d *Disk) Cut(chance *rand.Rand, probability float64) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
	c := &cutting{chance: chance, probability: probability, disk: &Disk{Lies: d.Lies}, nodes: make(map[*node]*node)}
	left := chance.IntN(len(d.names) + 1)
	switch probability {
	case 0:
		left = 0
	case 1:
		left = len(d.names)
	}
	for left < len(d.names) && d.names[left].with {
		left++
	}
	for _, n := range d.names[:left] {
		n.apply()
	}
	c.disk.root = c.copy(d.root)
	return c.disk
}

// apply has a name outlast a cut.
func (n naming) apply() {
	if n.node == nil {
		delete(n.dir.kept, n.name)
		return
	}
	n.dir.kept[n.name] = n.node
}

// rename enters a name that was given or taken. The caller holds the lock.
func (d *Disk) rename(dir *node, name string, to *node, with bool) {
	if to == nil {
		delete(dir.names, name)
	} else {
		dir.names[name] = to
	}
	d.names = append(d.names, naming{dir, name, to, with})
}

// syncNames has the names in a directory outlast a cut. The caller holds the
// lock.
func (d *Disk) syncNames(dir *node) {
	var others []naming
	for i, n := range d.names {
		// Whoever was renamed is not in two directories, nor in none.
		pair := n.with || i+1 < len(d.names) && d.names[i+1].with
		if n.dir == dir || pair {
			n.apply()
			continue
		}
		others = append(others, n)
	}
	d.names = others
}

// cutting makes the disk that a cut leaves.
type cutting struct {
	chance      *rand.Rand
	probability float64
	disk        *Disk
	nodes       map[*node]*node
}

func (c *cutting) copy(n *node) *node {
	if have := c.nodes[n]; have != nil {
		return have
	}
	left := c.disk.newNode(n.names != nil)
	c.nodes[n] = left
	if n.names != nil {
		for _, name := range sorted(n.kept) {
			child := c.copy(n.kept[name])
			left.names[name], left.kept[name] = child, child
		}
		return left
	}
	left.data = c.contents(n)
	left.synced = len(left.data)
	return left
}

// contents returns what is left of a file.
func (c *cutting) contents(n *node) []byte {
	length := n.synced
	if len(n.data) != n.synced && c.happens() {
		length = len(n.data)
	}
	data := make([]byte, length)
	copy(data, n.data)
	for _, s := range sorted(n.before) {
		if !c.happens() {
			put(data, s, n.before[s])
		}
	}
	return data
}

func (c *cutting) happens() bool { return c.chance.Float64() < c.probability }

// put writes a sector as it was, as far as the file reaches.
func put(data []byte, s int64, old []byte) {
	from := min(int(s*sector), len(data))
	to := min(from+sector, len(data))
	clear(data[from:to])
	copy(data[from:to], old)
}

// Usable returns why no disk can be mounted here, nil where one can.
func Usable() (err error) {
	dir, err := os.MkdirTemp("", "powercut")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(dir)) }()
	d := New()
	if err := d.Mount(dir); err != nil {
		return err
	}
	return d.Unmount()
}
