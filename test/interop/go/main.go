// A peer made of CometBFT's own p2p/conn packages, for what a whole node does not show: echo and bulk on channels of our
// own, at full speed. As a server it prints "listening HOST:PORT PUBKEYHEX"; as a client it runs one workload against
// such a server and prints its result as one line of JSON.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/p2p/conn"
)

const (
	echoChannel   = 0x01 // every message comes back
	bulkChannel   = 0x02 // counted, hashed, and handled for as long as -bulk-delay
	askChannel    = 0x03 // an empty message is answered with the counts; 8 bytes ask for bulk: count and size
	highIDChannel = 0x81 // echo on an id whose varint has two bytes
)

var (
	listen    = flag.String("listen", "", "serve at this address")
	dial      = flag.String("dial", "", "be a client of this address")
	test      = flag.String("test", "echo", "echo, bulk, probe or handshake")
	inFlight  = flag.Int("in-flight", 1, "echo: messages in flight; handshake: connections being made at once")
	size      = flag.Int("size", 65536, "bulk: bytes a message")
	seconds   = flag.Float64("seconds", 2, "duration of the workload")
	flush     = flag.Duration("flush", 0, "flush throttle")
	rate      = flag.Int64("rate", 0, "send and receive rate in bytes a second, 0 is none")
	bulkDelay = flag.Duration("bulk-delay", 0, "time that the handler of a bulk message sleeps")
	pingEvery = flag.Duration("ping", time.Minute, "ping interval")
	pongIn    = flag.Duration("pong", 45*time.Second, "pong timeout")
	only      = flag.Bool("handshakes", false, "serve: handshakes only, what follows is read and dropped")
)

func descriptors() []*conn.ChannelDescriptor {
	return []*conn.ChannelDescriptor{
		{ID: bulkChannel, Priority: 1, SendQueueCapacity: 64},
		{ID: echoChannel, Priority: 100, SendQueueCapacity: 1024},
		{ID: askChannel, Priority: 10, SendQueueCapacity: 16},
		{ID: highIDChannel, Priority: 10, SendQueueCapacity: 16},
	}
}

func config() conn.MConnConfig {
	c := conn.DefaultMConnConfig()
	c.SendRate, c.RecvRate = *rate, *rate
	c.FlushThrottle = *flush
	c.PingInterval, c.PongTimeout = *pingEvery, *pongIn
	return c
}

func secret(c net.Conn, key ed25519.PrivKey) *conn.SecretConnection {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	s, err := conn.MakeSecretConnection(c, key)
	if err != nil {
		fmt.Fprintln(os.Stderr, "handshake:", err)
		c.Close()
		return nil
	}
	_ = c.SetDeadline(time.Time{})
	return s
}

type counts struct {
	Messages int64  `json:"messages"`
	Bytes    int64  `json:"bytes"`
	Hash     string `json:"hash"`
}

func serveOne(c net.Conn, key ed25519.PrivKey) {
	s := secret(c, key)
	if s == nil {
		return
	}
	if *only {
		_, _ = io.Copy(io.Discard, s)
		s.Close()
		return
	}
	var m *conn.MConnection
	var bulk counts
	hash := sha256.New()
	onReceive := func(id byte, message []byte) {
		switch id {
		case echoChannel, highIDChannel:
			m.Send(id, append([]byte(nil), message...))
		case bulkChannel:
			bulk.Messages++
			bulk.Bytes += int64(len(message))
			if *bulkDelay > 0 {
				time.Sleep(*bulkDelay)
			} else if len(message) < 4096 || bulk.Messages <= 64 {
				hash.Write(message)
			}
		case askChannel:
			if len(message) == 8 {
				count, size := binary.BigEndian.Uint32(message), binary.BigEndian.Uint32(message[4:])
				go func() {
					for i := uint32(0); i < count; i++ {
						piece := make([]byte, size)
						binary.BigEndian.PutUint32(piece, i)
						if !m.Send(bulkChannel, piece) {
							return
						}
					}
				}()
				return
			}
			bulk.Hash = hex.EncodeToString(hash.Sum(nil))
			answer, _ := json.Marshal(bulk)
			m.Send(askChannel, answer)
		}
	}
	onError := func(r interface{}) { fmt.Fprintln(os.Stderr, "error:", r) }
	m = conn.NewMConnectionWithConfig(s, descriptors(), onReceive, onError, config())
	m.SetLogger(log.NewNopLogger()) // without one its channels have none at all
	if err := m.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
	}
}

func serve() {
	key := ed25519.GenPrivKey()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening %s %s\n", l.Addr(), hex.EncodeToString(key.PubKey().Bytes()))
	// The parent holds our standard input open; when it is gone, so are we.
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		go serveOne(c, key)
	}
}

type result struct {
	PerSecond   float64 `json:"perSecond"`
	MBPerSecond float64 `json:"mbPerSecond"`
	P50Ms       float64 `json:"p50Ms"`
	P99Ms       float64 `json:"p99Ms"`
	CPUSeconds  float64 `json:"cpuSeconds"`
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func percentiles(r *result, rtts []float64) {
	if len(rtts) == 0 {
		return
	}
	sort.Float64s(rtts)
	r.P50Ms, r.P99Ms = rtts[len(rtts)/2], rtts[len(rtts)*99/100]
}

// Connections made and given up, by inFlight of us at once.
func handshakes() {
	key := ed25519.GenPrivKey()
	cpu := cpuSeconds()
	begin := time.Now()
	end := begin.Add(time.Duration(*seconds * float64(time.Second)))
	var done int64
	var wg sync.WaitGroup
	for i := 0; i < *inFlight; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for time.Now().Before(end) {
				c, err := net.Dial("tcp", *dial)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				s := secret(c, key)
				if s == nil {
					os.Exit(1)
				}
				s.Close()
				atomic.AddInt64(&done, 1)
			}
		}()
	}
	wg.Wait()
	printResult(result{PerSecond: float64(done) / time.Since(begin).Seconds(), CPUSeconds: cpuSeconds() - cpu})
}

func printResult(out result) {
	line, _ := json.Marshal(out)
	fmt.Println(string(line))
}

func client() {
	if *test == "handshake" {
		handshakes()
		return
	}
	c, err := net.Dial("tcp", *dial)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s := secret(c, ed25519.GenPrivKey())
	if s == nil {
		os.Exit(1)
	}
	replies := make(chan []byte, 4096)
	answers := make(chan counts, 16)
	var m *conn.MConnection
	onReceive := func(id byte, message []byte) {
		if id == echoChannel {
			replies <- append([]byte(nil), message...)
		} else if id == askChannel {
			var got counts
			_ = json.Unmarshal(message, &got)
			answers <- got
		}
	}
	m = conn.NewMConnectionWithConfig(s, descriptors(), onReceive, func(r interface{}) {
		fmt.Fprintln(os.Stderr, "error:", r)
		os.Exit(1)
	}, config())
	m.SetLogger(log.NewNopLogger())
	if err := m.Start(); err != nil {
		os.Exit(1)
	}
	var out result
	cpu := cpuSeconds()
	begin := time.Now()
	end := begin.Add(time.Duration(*seconds * float64(time.Second)))
	switch *test {
	case "echo":
		message := make([]byte, 100)
		for i := 0; i < *inFlight; i++ {
			m.Send(echoChannel, message)
		}
		done := 0
		for ; time.Now().Before(end); done++ {
			<-replies
			m.Send(echoChannel, message)
		}
		out.PerSecond = float64(done) / time.Since(begin).Seconds()
	case "bulk":
		saturate(m, end).Wait()
		elapsed, got := settle(m, answers, begin)
		out.MBPerSecond = float64(got) / 1e6 / elapsed
	case "probe":
		wg := &sync.WaitGroup{}
		if *size > 0 {
			wg = saturate(m, end)
		}
		time.Sleep(300 * time.Millisecond)
		var rtts []float64
		// At a steady rate whatever comes back when, as the other side of the comparison does.
		sent := map[uint32]time.Time{}
		tick := time.NewTicker(5 * time.Millisecond)
		for next := uint32(0); time.Now().Before(end); {
			select {
			case <-tick.C:
				message := make([]byte, 100)
				binary.BigEndian.PutUint32(message, next)
				sent[next] = time.Now()
				next++
				m.TrySend(echoChannel, message)
			case reply := <-replies:
				rtts = append(rtts, float64(time.Since(sent[binary.BigEndian.Uint32(reply)]).Microseconds())/1000)
			}
		}
		percentiles(&out, rtts)
		m.Send(askChannel, nil)
		if *bulkDelay == 0 {
			got := <-answers
			out.MBPerSecond = float64(got.Bytes) / 1e6 / time.Since(begin).Seconds()
		}
		go wg.Wait()
	}
	out.CPUSeconds = cpuSeconds() - cpu
	printResult(out)
	os.Exit(0)
}

var sentBytes int64

func saturate(m *conn.MConnection, end time.Time) *sync.WaitGroup {
	var wg sync.WaitGroup
	for i := 0; i < 2; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			message := make([]byte, *size)
			for time.Now().Before(end) {
				if m.Send(bulkChannel, message) {
					atomic.AddInt64(&sentBytes, int64(*size))
				}
			}
		}()
	}
	return &wg
}

// Waits until the server has counted everything that was queued.
func settle(m *conn.MConnection, answers chan counts, begin time.Time) (float64, int64) {
	for {
		m.Send(askChannel, nil)
		got := <-answers
		if got.Bytes >= atomic.LoadInt64(&sentBytes) {
			return time.Since(begin).Seconds(), got.Bytes
		}
		time.Sleep(time.Millisecond)
	}
}

func main() {
	flag.Parse()
	if *listen != "" {
		serve()
	} else if *dial != "" {
		client()
	} else {
		fmt.Fprintln(os.Stderr, "give -listen HOST:PORT or -dial HOST:PORT")
		os.Exit(2)
	}
}
