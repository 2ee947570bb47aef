package main

import (
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Questions that wait for an upstream name server at the same time; further ones fail at once, so that a name server
// which does not answer does not take all memory.
const maximumForwarded = 1000

// The time that one name server has for an answer.
const upstreamTimeout = 2 * time.Second

// What a name server sends over UDP without fragments.
const upstreamUDPSize = 1232

// upstream is the name servers that know the names outside the cluster.
type upstream struct {
	servers []string
	waiting chan struct{}
}

// newUpstream reads host:port,... or, if the list is empty, the name servers of this machine. There may be none.
func newUpstream(list string) (*upstream, error) {
	u := &upstream{waiting: make(chan struct{}, maximumForwarded)}
	if list != "" {
		u.servers = strings.Split(list, ",")
		return u, nil
	}
	config, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil {
		return nil, err
	}
	for _, host := range config.Servers {
		u.servers = append(u.servers, net.JoinHostPort(host, config.Port))
	}
	return u, nil
}

// forward asks one name server after the other until one can answer, as a program on the node does with the same list:
// one that fails or refuses says nothing about the name. If none can, the reply is SERVFAIL. REFUSED would be about this
// server, and a program that reads it ends its search: it never asks for the name without a search domain.
func (u *upstream) forward(request *dns.Msg, overTCP bool) *dns.Msg {
	select {
	case u.waiting <- struct{}{}:
		defer func() { <-u.waiting }()
	default:
		return failure(request)
	}
	client := &dns.Client{Timeout: upstreamTimeout, UDPSize: dns.MaxMsgSize}
	if overTCP {
		client.Net = "tcp"
	}
	for _, server := range u.servers {
		reply, _, err := client.Exchange(request, server)
		if err != nil || !isReplyTo(request, reply) {
			continue
		}
		if reply.Rcode != dns.RcodeServerFailure && reply.Rcode != dns.RcodeRefused {
			return reply
		}
	}
	return failure(request)
}

// ask asks for the records of a name.
func (u *upstream) ask(name string, kind uint16) *dns.Msg {
	request := new(dns.Msg).SetQuestion(name, kind)
	request.SetEdns0(upstreamUDPSize, false)
	reply := u.forward(request, false)
	if reply.Truncated {
		reply = u.forward(request, true)
	}
	return reply
}

func isReplyTo(request, reply *dns.Msg) bool {
	if !reply.Response || len(reply.Question) != 1 {
		return false
	}
	asked, answered := request.Question[0], reply.Question[0]
	return strings.EqualFold(asked.Name, answered.Name) && asked.Qtype == answered.Qtype && asked.Qclass == answered.Qclass
}
