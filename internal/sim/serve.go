package sim

import (
	"net"
	"sync"
	_ "unsafe" // For go:linkname.

	"github.com/awcullen/opcua/server"
)

// serve accepts connections until the listener is closed; wg is done when they
// all are. The library's own ListenAndServe listens on every interface of the
// machine, can be given no port of the system's choice, and takes three seconds
// to close. A simulated PLC lets anybody on its port write, so that port belongs
// to this machine alone. The version of the library is pinned.
//
//go:linkname serve github.com/awcullen/opcua/server.(*Server).serve
func serve(srv *server.Server, listener net.Listener, wg *sync.WaitGroup) error
