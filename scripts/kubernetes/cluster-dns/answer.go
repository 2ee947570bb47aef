package main

import (
	"log"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const specification = "1.1.0"

// Aliases that one answer follows. A longer chain is a loop.
const maximumAliases = 8

// The largest answer over UDP, whatever the client would take.
const maximumUDPSize = 4096

type server struct {
	domain   string
	ttl      uint32
	upstream *upstream
	current  atomic.Value // *records
}

func (s *server) use(records *records) {
	s.current.Store(records)
}

// ServeDNS answers one question. What is wrong with a question costs its own answer at most.
func (s *server) ServeDNS(writer dns.ResponseWriter, request *dns.Msg) {
	_, overTCP := writer.RemoteAddr().(*net.TCPAddr)
	reply := s.reply(request, overTCP)
	if limit := sizeLimit(request); !overTCP && reply.Len() > limit {
		// The client asks again over TCP.
		option := reply.IsEdns0()
		reply.Truncated, reply.Answer, reply.Ns, reply.Extra = true, nil, nil, nil
		if option != nil {
			reply.Extra = []dns.RR{option}
		}
	}
	if err := writer.WriteMsg(reply); err != nil {
		log.Printf("the answer to %v cannot be sent: %v", request.Question, err)
		writer.WriteMsg(failure(request))
	}
}

func failure(request *dns.Msg) *dns.Msg {
	return new(dns.Msg).SetRcode(request, dns.RcodeServerFailure)
}

func sizeLimit(request *dns.Msg) int {
	option := request.IsEdns0()
	switch {
	case option == nil || option.UDPSize() < dns.MinMsgSize:
		return dns.MinMsgSize
	case option.UDPSize() > maximumUDPSize:
		return maximumUDPSize
	}
	return int(option.UDPSize())
}

func (s *server) reply(request *dns.Msg, overTCP bool) (reply *dns.Msg) {
	defer func() {
		if reason := recover(); reason != nil {
			log.Printf("the question %v: %v", request.Question, reason)
			reply = failure(request)
		}
	}()
	if request.Opcode != dns.OpcodeQuery {
		return new(dns.Msg).SetRcode(request, dns.RcodeNotImplemented)
	}
	if len(request.Question) != 1 {
		return new(dns.Msg).SetRcodeFormatError(request)
	}
	question := request.Question[0]
	if question.Qtype == dns.TypeAXFR || question.Qtype == dns.TypeIXFR {
		return new(dns.Msg).SetRcode(request, dns.RcodeRefused)
	}
	records := s.current.Load().(*records)
	if !records.have(question.Name) {
		return s.upstream.forward(request, overTCP)
	}
	reply = new(dns.Msg).SetReply(request)
	reply.Authoritative = true
	reply.RecursionAvailable = true
	if question.Qclass == dns.ClassINET || question.Qclass == dns.ClassANY {
		s.answer(reply, records, question)
	}
	if request.IsEdns0() != nil {
		reply.SetEdns0(maximumUDPSize, false)
	}
	return reply
}

func (s *server) header(owner string, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: kind, Class: dns.ClassINET, Ttl: s.ttl}
}

// answer follows the aliases from the question's name: into the cluster's domain, or out of it once. Programs do not
// ask for the target of an alias themselves.
func (s *server) answer(reply *dns.Msg, records *records, question dns.Question) {
	owner := question.Name
	for followed := 0; ; followed++ {
		target, found := records.aliases[strings.ToLower(owner)]
		if !found {
			s.answerOwn(reply, records, owner, question.Qtype)
			return
		}
		if followed == maximumAliases {
			reply.Rcode, reply.Answer = dns.RcodeServerFailure, nil
			return
		}
		reply.Answer = append(reply.Answer, &dns.CNAME{Hdr: s.header(owner, dns.TypeCNAME), Target: target})
		if question.Qtype == dns.TypeCNAME {
			return
		}
		if !records.have(target) {
			s.answerFromUpstream(reply, target, question.Qtype)
			return
		}
		owner = target
	}
}

// answerFromUpstream adds the records of the target of an alias, and the outcome, to the reply.
func (s *server) answerFromUpstream(reply *dns.Msg, target string, kind uint16) {
	found := s.upstream.ask(target, kind)
	reply.Rcode = found.Rcode
	if found.Rcode != dns.RcodeSuccess && found.Rcode != dns.RcodeNameError {
		reply.Answer = nil
		return
	}
	reply.Answer = append(reply.Answer, found.Answer...)
	reply.Ns = found.Ns
}

// answerOwn adds the records of a name in the cluster's domain, which is no alias, to the reply.
func (s *server) answerOwn(reply *dns.Msg, records *records, owner string, kind uint16) {
	name := strings.ToLower(owner)
	addresses := func(owner string, ips []net.IP, kind uint16) (found []dns.RR) {
		for _, ip := range ips {
			if four := ip.To4(); four != nil && kind == dns.TypeA {
				found = append(found, &dns.A{Hdr: s.header(owner, dns.TypeA), A: four})
			} else if four == nil && kind == dns.TypeAAAA {
				found = append(found, &dns.AAAA{Hdr: s.header(owner, dns.TypeAAAA), AAAA: ip})
			}
		}
		return found
	}
	exists := records.known[name]
	var found []dns.RR

	if target, pointer := records.pointers[name]; pointer {
		exists = true
		if kind == dns.TypePTR {
			found = append(found, &dns.PTR{Hdr: s.header(owner, dns.TypePTR), Ptr: target})
		}
	} else if name == "dns-version."+s.domain {
		exists = true
		if kind == dns.TypeTXT {
			found = append(found, &dns.TXT{Hdr: s.header(owner, dns.TypeTXT), Txt: []string{specification}})
		}
	} else if ip := records.podAddress(name); ip != nil {
		exists = true
		found = addresses(owner, []net.IP{ip}, kind)
	} else if kind == dns.TypeSRV {
		for _, service := range records.services[name] {
			service := service
			service.Hdr = s.header(owner, dns.TypeSRV)
			found = append(found, &service)
			for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
				reply.Extra = append(reply.Extra, addresses(service.Target, records.addresses[service.Target], kind)...)
			}
		}
	} else {
		found = addresses(owner, records.addresses[name], kind)
	}

	reply.Answer = append(reply.Answer, found...)
	if len(found) == 0 {
		if !exists {
			reply.Rcode = dns.RcodeNameError
		}
		reply.Ns = append(reply.Ns, &dns.SOA{
			Hdr: s.header(s.domain, dns.TypeSOA), Ns: "ns.dns." + s.domain, Mbox: "hostmaster." + s.domain,
			Serial: uint32(time.Now().Unix()), Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: s.ttl,
		})
	}
}
