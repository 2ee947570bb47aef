package main

import (
	"fmt"
	"math/rand"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// listening starts a name server on this machine, UDP and TCP, and returns its address.
func listening(t *testing.T, handler dns.Handler) string {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := packets.LocalAddr().String()
	streams, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: streams, Handler: handler}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go server.ActivateAndServe()
		<-started
		t.Cleanup(func() { server.Shutdown() })
	}
	return address
}

// upstreamWith starts a name server that has these records, and answers every other question with the code.
func upstreamWith(t *testing.T, code int, asked *int32, records ...string) string {
	return listening(t, dns.HandlerFunc(func(writer dns.ResponseWriter, request *dns.Msg) {
		atomic.AddInt32(asked, 1)
		reply := new(dns.Msg).SetRcode(request, code)
		for _, text := range records {
			record, err := dns.NewRR(text)
			if err != nil {
				panic(err)
			}
			if record.Header().Rrtype == request.Question[0].Qtype && record.Header().Name == request.Question[0].Name {
				reply.Rcode = dns.RcodeSuccess
				reply.Answer = append(reply.Answer, record)
			}
		}
		_, overTCP := writer.RemoteAddr().(*net.TCPAddr)
		if !overTCP && len(reply.Answer) > 100 {
			reply.Truncated, reply.Answer = true, nil
		}
		writer.WriteMsg(reply)
	}))
}

func service(name, address, external string) *v1.Service {
	made := &v1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}}
	if external != "" {
		made.Spec = v1.ServiceSpec{Type: v1.ServiceTypeExternalName, ExternalName: external}
	} else {
		made.Spec = v1.ServiceSpec{Type: v1.ServiceTypeClusterIP, ClusterIP: address}
	}
	return made
}

// clusterDNS starts this server for some Services.
func clusterDNS(t *testing.T, upstreams ...string) string {
	const inCluster = ".default.svc.cluster.local"
	services := cache.NewStore(cache.MetaNamespaceKeyFunc)
	for _, each := range []*v1.Service{
		service("web", "10.96.0.80", ""),
		service("outside", "", "www.example.com"),
		service("alias", "", "WEB"+inCluster),
		service("alias-of-alias", "", "alias"+inCluster),
		service("alias-of-outside", "", "outside"+inCluster),
		service("alias-of-nothing", "", "nothing"+inCluster),
		service("many", "", "many.example.com"),
		service("loop-a", "", "loop-b"+inCluster),
		service("loop-b", "", "loop-a"+inCluster),
	} {
		services.Add(each)
	}
	up := &upstream{servers: upstreams, waiting: make(chan struct{}, maximumForwarded)}
	s := &server{domain: "cluster.local.", ttl: 5, upstream: up}
	s.use(collect(s.domain, services, cache.NewStore(cache.MetaNamespaceKeyFunc)))
	return listening(t, s)
}

// ask returns the outcome, and each record of the answer as "name type data".
func ask(t *testing.T, network, address, name string, kind uint16) (string, []string) {
	t.Helper()
	client := &dns.Client{Net: network, Timeout: 10 * time.Second}
	reply, _, err := client.Exchange(new(dns.Msg).SetQuestion(name, kind), address)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	records := []string{}
	for _, record := range reply.Answer {
		fields := strings.Fields(record.String())
		records = append(records, strings.Join(append(fields[:1], fields[3:]...), " "))
	}
	outcome := dns.RcodeToString[reply.Rcode]
	if reply.Truncated {
		outcome += ", truncated"
	}
	return outcome, records
}

func TestExternalNameIsAnsweredWithTheAddressesOfItsTarget(t *testing.T) {
	var asked int32
	address := clusterDNS(t, upstreamWith(t, dns.RcodeNameError, &asked,
		"www.example.com. 60 IN A 192.0.2.1", "www.example.com. 60 IN AAAA 2001:db8::1"))
	for _, test := range []struct {
		name    string
		kind    uint16
		outcome string
		records []string
	}{
		{"outside", dns.TypeA, "NOERROR", []string{"outside CNAME www.example.com.", "www.example.com. A 192.0.2.1"}},
		{"outside", dns.TypeAAAA, "NOERROR", []string{"outside CNAME www.example.com.", "www.example.com. AAAA 2001:db8::1"}},
		{"outside", dns.TypeCNAME, "NOERROR", []string{"outside CNAME www.example.com."}},
		{"outside", dns.TypeMX, "NXDOMAIN", []string{"outside CNAME www.example.com."}},
		{"alias", dns.TypeA, "NOERROR", []string{"alias CNAME WEB", "WEB A 10.96.0.80"}},
		{"alias", dns.TypeAAAA, "NOERROR", []string{"alias CNAME WEB"}},
		{"Alias-of-alias", dns.TypeA, "NOERROR", []string{"Alias-of-alias CNAME alias", "alias CNAME WEB", "WEB A 10.96.0.80"}},
		{"alias-of-outside", dns.TypeA, "NOERROR",
			[]string{"alias-of-outside CNAME outside", "outside CNAME www.example.com.", "www.example.com. A 192.0.2.1"}},
		{"alias-of-nothing", dns.TypeA, "NXDOMAIN", []string{"alias-of-nothing CNAME nothing"}},
		{"loop-a", dns.TypeA, "SERVFAIL", []string{}},
		{"nothing", dns.TypeA, "NXDOMAIN", []string{}},
	} {
		outcome, records := ask(t, "udp", address, test.name+".default.svc.cluster.local.", test.kind)
		for i := range records {
			records[i] = strings.ReplaceAll(records[i], ".default.svc.cluster.local.", "")
		}
		if outcome != test.outcome || !reflect.DeepEqual(records, test.records) {
			t.Errorf("%s %s: %s %q", test.name, dns.TypeToString[test.kind], outcome, records)
		}
	}
}

func TestAnAliasAloneIsAnsweredWithoutAskingUpstream(t *testing.T) {
	var asked int32
	address := clusterDNS(t, upstreamWith(t, dns.RcodeServerFailure, &asked))
	for _, name := range []string{"outside", "alias-of-outside", "loop-a"} {
		if outcome, records := ask(t, "udp", address, name+".default.svc.cluster.local.", dns.TypeCNAME); outcome != "NOERROR" || len(records) != 1 {
			t.Errorf("%s: %s %q", name, outcome, records)
		}
	}
	if asked != 0 {
		t.Errorf("upstream was asked %d times", asked)
	}
	if outcome, records := ask(t, "udp", address, "outside.default.svc.cluster.local.", dns.TypeA); outcome != "SERVFAIL" || len(records) != 0 {
		t.Errorf("%s %q", outcome, records)
	}
}

func TestAnotherNameServerIsAskedAfterOneThatFailsOrRefuses(t *testing.T) {
	const name, record = "www.example.com.", "www.example.com. A 192.0.2.1"
	closed := "127.0.0.1:1"
	for _, code := range []int{dns.RcodeServerFailure, dns.RcodeRefused} {
		var first, second int32
		address := clusterDNS(t, closed, upstreamWith(t, code, &first), upstreamWith(t, dns.RcodeNameError, &second, "www.example.com. 60 IN A 192.0.2.1"))
		if outcome, records := ask(t, "udp", address, name, dns.TypeA); outcome != "NOERROR" || !reflect.DeepEqual(records, []string{record}) {
			t.Errorf("%s: %s %q", dns.RcodeToString[code], outcome, records)
		}
		if first != 1 || second != 1 {
			t.Errorf("asked %d and %d times", first, second)
		}
	}
}

func TestANameThatDoesNotExistIsNotAskedOfAnotherNameServer(t *testing.T) {
	var first, second int32
	address := clusterDNS(t, upstreamWith(t, dns.RcodeNameError, &first), upstreamWith(t, dns.RcodeNameError, &second))
	if outcome, _ := ask(t, "udp", address, "nothing.example.com.", dns.TypeA); outcome != "NXDOMAIN" || first != 1 || second != 0 {
		t.Errorf("%s after %d and %d", outcome, first, second)
	}
}

func TestARefusalOfAllNameServersIsAFailure(t *testing.T) {
	var asked int32
	for _, upstreams := range [][]string{{upstreamWith(t, dns.RcodeRefused, &asked)}, {}} {
		for _, network := range []string{"udp", "tcp"} {
			began := time.Now()
			if outcome, _ := ask(t, network, clusterDNS(t, upstreams...), "www.example.com.search.example.", dns.TypeA); outcome != "SERVFAIL" {
				t.Errorf("%v %s: %s", upstreams, network, outcome)
			}
			if time.Since(began) > time.Second {
				t.Errorf("%v %s: %v", upstreams, network, time.Since(began))
			}
		}
	}
}

func TestALargeAnswerIsTruncatedOverUDPAndWholeOverTCP(t *testing.T) {
	var asked int32
	many := []string{}
	for i := 0; i < 200; i++ {
		many = append(many, fmt.Sprintf("many.example.com. 60 IN A 192.0.2.%d", i))
	}
	address := clusterDNS(t, upstreamWith(t, dns.RcodeNameError, &asked, many...))
	const name = "many.default.svc.cluster.local."
	if outcome, records := ask(t, "udp", address, name, dns.TypeA); outcome != "NOERROR, truncated" || len(records) != 0 {
		t.Errorf("UDP: %s %d", outcome, len(records))
	}
	if outcome, records := ask(t, "tcp", address, name, dns.TypeA); outcome != "NOERROR" || len(records) != 201 {
		t.Errorf("TCP: %s %d", outcome, len(records))
	}
}

func TestQuestionsForOneServerAreLimited(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	u := &upstream{servers: []string{silent.LocalAddr().String()}, waiting: make(chan struct{}, 1)}
	go u.forward(new(dns.Msg).SetQuestion("slow.example.com.", dns.TypeA), false)
	for len(u.waiting) == 0 {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	if reply := u.forward(new(dns.Msg).SetQuestion("next.example.com.", dns.TypeA), false); reply.Rcode != dns.RcodeServerFailure {
		t.Error(reply)
	}
	if time.Since(began) > upstreamTimeout/2 {
		t.Error("the second question waited")
	}
}

func TestWhatIsNoQuestionIsRefused(t *testing.T) {
	address := clusterDNS(t)
	for _, test := range []struct {
		change  func(*dns.Msg)
		outcome int
	}{
		{func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }, dns.RcodeNotImplemented},
		{func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }, dns.RcodeFormatError},
		{func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAXFR }, dns.RcodeRefused},
		{func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }, dns.RcodeFormatError},
		{func(m *dns.Msg) { m.Question = nil }, dns.RcodeFormatError},
		{func(m *dns.Msg) { m.SetEdns0(4096, true) }, dns.RcodeSuccess},
	} {
		request := new(dns.Msg).SetQuestion("web.default.svc.cluster.local.", dns.TypeA)
		test.change(request)
		reply, _, err := new(dns.Client).Exchange(request, address)
		if err != nil || reply.Rcode != test.outcome || (reply.IsEdns0() != nil) != (request.IsEdns0() != nil) {
			t.Errorf("%v: %v %v", request, reply, err)
		}
	}
}

func TestMalformedMessagesDoNotEndTheServer(t *testing.T) {
	address := clusterDNS(t)
	random := rand.New(rand.NewSource(1))
	question := new(dns.Msg).SetQuestion("1-2-3-4.default.pod.cluster.local.", dns.TypeSRV)
	question.SetEdns0(4096, true)
	sound, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 20000; i++ {
		message := append([]byte{}, sound...)
		for changes := random.Intn(6); changes >= 0; changes-- {
			message[random.Intn(len(message))] = byte(random.Intn(256))
		}
		message = message[:random.Intn(len(message)+1)]
		for _, network := range []string{"udp", "tcp"} {
			if network == "tcp" && i%100 != 0 {
				continue
			}
			connection, err := net.Dial(network, address)
			if err != nil {
				t.Fatal(err)
			}
			if network == "tcp" {
				message = append([]byte{byte(random.Intn(2)), byte(random.Intn(256))}, message...)
			}
			connection.Write(message)
			connection.Close()
		}
	}
	for _, network := range []string{"udp", "tcp"} {
		if outcome, records := ask(t, network, address, "web.default.svc.cluster.local.", dns.TypeA); outcome != "NOERROR" || len(records) != 1 {
			t.Errorf("%s %q", outcome, records)
		}
	}
}

func TestAPanicCostsOneAnswer(t *testing.T) {
	s := &server{domain: "cluster.local."} // without records
	address := listening(t, s)
	for i := 0; i < 2; i++ {
		if outcome, _ := ask(t, "udp", address, "web.default.svc.cluster.local.", dns.TypeA); outcome != "SERVFAIL" {
			t.Error(outcome)
		}
	}
}
