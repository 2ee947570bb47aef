// cluster-dns answers names of Services and pods (Kubernetes DNS specification 1.1.0) from
// the API's Services and Endpoints, and passes every other question on to the node's own
// name servers. It is compiled inside Kubernetes' source tree and needs only what is
// vendored there.
package main

import (
	"flag"
	"log"
	"strings"
	"time"

	"github.com/miekg/dns"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig file; without it, the pod's service account")
	listen := flag.String("listen", ":53", "address to answer on, UDP and TCP")
	domain := flag.String("domain", "cluster.local", "the cluster's domain")
	nameServers := flag.String("upstream", "", "name servers for other names, host:port,...; without it, those of /etc/resolv.conf")
	ttl := flag.Uint("ttl", 5, "seconds that an answer may be remembered")
	flag.Parse()

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	upstream, err := newUpstream(*nameServers)
	if err != nil {
		log.Fatal(err)
	}
	server := &server{domain: dns.Fqdn(strings.ToLower(*domain)), ttl: uint32(*ttl), upstream: upstream}
	follow(kubernetes.NewForConfigOrDie(config), server)

	failed := make(chan error)
	for _, network := range []string{"udp", "tcp"} {
		listener := &dns.Server{Addr: *listen, Net: network, Handler: server}
		go func() { failed <- listener.ListenAndServe() }()
	}
	log.Printf("answering for %s on %s, other names from %v", server.domain, *listen, upstream.servers)
	log.Fatal(<-failed)
}

// follow returns once the server knows every Service, and keeps it up to date from then on.
func follow(client kubernetes.Interface, server *server) {
	factory := informers.NewSharedInformerFactory(client, 10*time.Minute)
	services := factory.Core().V1().Services().Informer()
	endpoints := factory.Core().V1().Endpoints().Informer()

	changed := make(chan struct{}, 1)
	notify := func() {
		select {
		case changed <- struct{}{}:
		default: // a rebuild is due already
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(interface{}) { notify() },
		UpdateFunc: func(interface{}, interface{}) { notify() },
		DeleteFunc: func(interface{}) { notify() },
	}
	services.AddEventHandler(handler)
	endpoints.AddEventHandler(handler)

	factory.Start(nil)
	cache.WaitForCacheSync(nil, services.HasSynced, endpoints.HasSynced)
	server.use(collect(server.domain, services.GetStore(), endpoints.GetStore()))
	go func() {
		for range changed {
			server.use(collect(server.domain, services.GetStore(), endpoints.GetStore()))
			time.Sleep(100 * time.Millisecond) // a rollout changes many objects in a row
		}
	}()
}
