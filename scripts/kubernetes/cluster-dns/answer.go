package main

import (
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const specification = "1.1.0"

type server struct {
	domain     string
	ttl        uint32
	forwarders []string
	current    atomic.Value // *records
}

func (s *server) use(records *records) {
	s.current.Store(records)
}

// ServeDNS answers one question.
func (s *server) ServeDNS(writer dns.ResponseWriter, request *dns.Msg) {
	_, overTCP := writer.RemoteAddr().(*net.TCPAddr)
	reply := new(dns.Msg)
	if len(request.Question) != 1 {
		writer.WriteMsg(reply.SetRcodeFormatError(request))
		return
	}
	name := strings.ToLower(request.Question[0].Name)
	_, pointer := s.current.Load().(*records).pointers[name]
	if !pointer && !dns.IsSubDomain(s.domain, name) {
		writer.WriteMsg(s.forward(request, overTCP))
		return
	}
	reply.SetReply(request)
	reply.Authoritative = true
	reply.RecursionAvailable = true
	s.answer(reply, request.Question[0], name)
	if limit := sizeLimit(request); !overTCP && reply.Len() > limit {
		// The client asks again over TCP.
		reply.Truncated, reply.Answer, reply.Extra = true, nil, nil
	}
	writer.WriteMsg(reply)
}

func sizeLimit(request *dns.Msg) int {
	if option := request.IsEdns0(); option != nil && option.UDPSize() > dns.MinMsgSize {
		return int(option.UDPSize())
	}
	return dns.MinMsgSize
}

func (s *server) answer(reply *dns.Msg, question dns.Question, name string) {
	records := s.current.Load().(*records)
	header := func(owner string, kind uint16) dns.RR_Header {
		return dns.RR_Header{Name: owner, Rrtype: kind, Class: dns.ClassINET, Ttl: s.ttl}
	}
	addresses := func(owner string, ips []net.IP, kind uint16) (found []dns.RR) {
		for _, ip := range ips {
			if four := ip.To4(); four != nil && kind == dns.TypeA {
				found = append(found, &dns.A{Hdr: header(owner, dns.TypeA), A: four})
			} else if four == nil && kind == dns.TypeAAAA {
				found = append(found, &dns.AAAA{Hdr: header(owner, dns.TypeAAAA), AAAA: ip})
			}
		}
		return found
	}
	exists := records.known[name]

	if target, found := records.pointers[name]; found {
		exists = true
		if question.Qtype == dns.TypePTR {
			reply.Answer = append(reply.Answer, &dns.PTR{Hdr: header(question.Name, dns.TypePTR), Ptr: target})
		}
	} else if target, found := records.aliases[name]; found {
		reply.Answer = append(reply.Answer, &dns.CNAME{Hdr: header(question.Name, dns.TypeCNAME), Target: target})
	} else if name == "dns-version."+s.domain {
		exists = true
		if question.Qtype == dns.TypeTXT {
			reply.Answer = append(reply.Answer, &dns.TXT{Hdr: header(question.Name, dns.TypeTXT), Txt: []string{specification}})
		}
	} else if ip := records.podAddress(name); ip != nil {
		exists = true
		reply.Answer = addresses(question.Name, []net.IP{ip}, question.Qtype)
	} else if question.Qtype == dns.TypeSRV {
		for _, service := range records.services[name] {
			service := service
			service.Hdr = header(question.Name, dns.TypeSRV)
			reply.Answer = append(reply.Answer, &service)
			for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
				reply.Extra = append(reply.Extra, addresses(service.Target, records.addresses[service.Target], kind)...)
			}
		}
	} else {
		reply.Answer = addresses(question.Name, records.addresses[name], question.Qtype)
	}

	if len(reply.Answer) == 0 {
		if !exists {
			reply.Rcode = dns.RcodeNameError
		}
		reply.Ns = append(reply.Ns, &dns.SOA{
			Hdr: header(s.domain, dns.TypeSOA), Ns: "ns.dns." + s.domain, Mbox: "hostmaster." + s.domain,
			Serial: uint32(time.Now().Unix()), Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: s.ttl,
		})
	}
}

// forwarders reads host:port,... or, if that is empty, the name servers of this machine.
func forwarders(list string) ([]string, error) {
	if list != "" {
		return strings.Split(list, ","), nil
	}
	config, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil {
		return nil, err
	}
	found := []string{}
	for _, host := range config.Servers {
		found = append(found, net.JoinHostPort(host, config.Port))
	}
	return found, nil
}

// forward asks one name server after the other until one answers.
func (s *server) forward(request *dns.Msg, overTCP bool) *dns.Msg {
	client := &dns.Client{Timeout: 2 * time.Second, UDPSize: dns.MaxMsgSize}
	if overTCP {
		client.Net = "tcp"
	}
	for _, forwarder := range s.forwarders {
		if reply, _, err := client.Exchange(request, forwarder); err == nil {
			return reply
		}
	}
	return new(dns.Msg).SetRcode(request, dns.RcodeServerFailure)
}
