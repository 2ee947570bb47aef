package main

import (
	"net"
	"strings"

	"github.com/miekg/dns"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
)

// records is everything that the cluster's domain holds at one moment. Names are in lower
// case and end in a dot.
type records struct {
	domain    string
	addresses map[string][]net.IP
	services  map[string][]dns.SRV
	aliases   map[string]string
	pointers  map[string]string
	known     map[string]bool
}

func collect(domain string, services, endpoints cache.Store) *records {
	r := &records{
		domain:    domain,
		addresses: map[string][]net.IP{},
		services:  map[string][]dns.SRV{},
		aliases:   map[string]string{},
		pointers:  map[string]string{},
		known:     map[string]bool{},
	}
	r.know("svc." + domain)
	r.know("pod." + domain)
	for _, object := range services.List() {
		service := object.(*v1.Service)
		name := strings.ToLower(service.Name + "." + service.Namespace + ".svc." + domain)
		r.know(name)
		switch {
		case service.Spec.Type == v1.ServiceTypeExternalName:
			r.aliases[name] = dns.Fqdn(service.Spec.ExternalName)
		case service.Spec.ClusterIP == v1.ClusterIPNone:
			if object, found, _ := endpoints.GetByKey(service.Namespace + "/" + service.Name); found {
				r.addHeadless(name, service, object.(*v1.Endpoints))
			}
		default:
			r.addService(name, service)
		}
	}
	return r
}

// have tells whether a name is the cluster's: in its domain, or the reverse name of an address of it.
func (r *records) have(name string) bool {
	name = strings.ToLower(name)
	_, pointer := r.pointers[name]
	return pointer || dns.IsSubDomain(r.domain, name)
}

// know makes a name exist, and with it every name between it and the domain, so that an
// existing name without records of the type asked for is told from one that does not exist.
func (r *records) know(name string) {
	for strings.HasSuffix(name, "."+r.domain) && !r.known[name] {
		r.known[name] = true
		name = name[strings.Index(name, ".")+1:]
	}
	r.known[r.domain] = true
}

func (r *records) addAddress(name string, address net.IP) {
	r.know(name)
	r.addresses[name] = append(r.addresses[name], address)
}

func (r *records) addPort(service, port string, protocol v1.Protocol, number int32, target string) {
	if port == "" {
		return // only named ports have SRV records
	}
	name := strings.ToLower("_" + port + "._" + string(protocol) + "." + service)
	r.know(name)
	r.services[name] = append(r.services[name], dns.SRV{Weight: 100, Port: uint16(number), Target: target})
}

func (r *records) addPointer(address, name string) {
	if reverse, err := dns.ReverseAddr(address); err == nil {
		r.pointers[reverse] = name
	}
}

func (r *records) addService(name string, service *v1.Service) {
	addresses := service.Spec.ClusterIPs
	if len(addresses) == 0 {
		addresses = []string{service.Spec.ClusterIP}
	}
	for _, address := range addresses {
		if ip := net.ParseIP(address); ip != nil {
			r.addAddress(name, ip)
			r.addPointer(address, name)
		}
	}
	for _, port := range service.Spec.Ports {
		r.addPort(name, port.Name, port.Protocol, port.Port, name)
	}
}

// addHeadless gives the Service the addresses of its pods, and each pod a name below it.
func (r *records) addHeadless(name string, service *v1.Service, endpoints *v1.Endpoints) {
	for _, subset := range endpoints.Subsets {
		pods := subset.Addresses
		if service.Spec.PublishNotReadyAddresses {
			pods = append(append([]v1.EndpointAddress{}, pods...), subset.NotReadyAddresses...)
		}
		for _, pod := range pods {
			ip := net.ParseIP(pod.IP)
			if ip == nil {
				continue
			}
			host := strings.ToLower(pod.Hostname)
			if host == "" {
				host = strings.NewReplacer(".", "-", ":", "-").Replace(pod.IP)
			} else {
				r.addPointer(pod.IP, host+"."+name)
			}
			r.addAddress(name, ip)
			r.addAddress(host+"."+name, ip)
			for _, port := range subset.Ports {
				r.addPort(name, port.Name, port.Protocol, port.Port, host+"."+name)
			}
		}
	}
}

// podAddress reads the address out of a name such as 10-244-1-7.default.pod.cluster.local.
func (r *records) podAddress(name string) net.IP {
	labels := strings.Split(strings.TrimSuffix(name, ".pod."+r.domain), ".")
	if !strings.HasSuffix(name, ".pod."+r.domain) || len(labels) != 2 {
		return nil
	}
	if ip := net.ParseIP(strings.Replace(labels[0], "-", ".", -1)); ip != nil {
		return ip
	}
	return net.ParseIP(strings.Replace(labels[0], "-", ":", -1))
}
