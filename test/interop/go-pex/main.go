// A peer with CometBFT's own address book and PEX reactor, for the interop tests.
//
//	go-pex book PATH     loads the book at PATH, prints what it holds, saves it again
//	go-pex serve PERIOD  three switches on loopback: the first knows the second, the third is a seed that knows the first
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/p2p/pex"
)

func main() {
	testing.Init() // p2p.MakeSwitch asks whether tests are verbose
	flag.Parse()
	if flag.NArg() != 2 {
		fatal(fmt.Errorf("usage: go-pex book PATH | serve PERIOD"))
	}
	switch flag.Arg(0) {
	case "book":
		book(flag.Arg(1))
	case "serve":
		period, err := time.ParseDuration(flag.Arg(1))
		if err != nil {
			fatal(err)
		}
		serve(period)
	default:
		fatal(fmt.Errorf("unknown mode %s", flag.Arg(0)))
	}
}

func book(path string) {
	b := pex.NewAddrBook(path, true)
	b.SetLogger(log.NewNopLogger())
	if err := b.Start(); err != nil {
		fatal(err)
	}
	good := 0
	selection := b.GetSelection()
	for _, addr := range selection {
		if b.IsGood(addr) {
			good++
		}
	}
	say(map[string]any{"size": b.Size(), "selection": len(selection), "good": good, "picks": b.PickAddress(50) != nil})
	b.Save()
}

func serve(period time.Duration) {
	dir, err := os.MkdirTemp("", "go-pex")
	if err != nil {
		fatal(err)
	}
	cfg := config.DefaultP2PConfig()
	cfg.AllowDuplicateIP = true
	switches := make([]*p2p.Switch, 3)
	books := make([]pex.AddrBook, 3)
	for i := range switches {
		switches[i] = p2p.MakeSwitch(cfg, i, func(i int, sw *p2p.Switch) *p2p.Switch {
			books[i] = pex.NewAddrBook(filepath.Join(dir, fmt.Sprintf("addrbook%d.json", i)), false)
			books[i].SetLogger(log.NewNopLogger())
			sw.SetAddrBook(books[i])
			r := pex.NewReactor(books[i], &pex.ReactorConfig{SeedMode: i == 2})
			r.SetLogger(log.NewNopLogger())
			r.SetEnsurePeersPeriod(period)
			sw.AddReactor("pex", r)
			return sw
		})
	}
	know := func(i, j int) {
		if err := books[i].AddAddress(switches[j].NetAddress(), switches[j].NetAddress()); err != nil {
			fatal(err)
		}
	}
	know(0, 1)
	know(2, 0)
	addresses := []string{}
	for _, sw := range switches {
		sw.SetLogger(log.NewNopLogger())
		if err := sw.Start(); err != nil {
			fatal(err)
		}
		addresses = append(addresses, sw.NetAddress().String())
	}
	say(map[string]any{"addresses": addresses})
	for range time.Tick(200 * time.Millisecond) {
		known := [][]string{}
		for _, b := range books {
			ids := []string{}
			for _, addr := range b.GetSelection() {
				ids = append(ids, string(addr.ID))
			}
			known = append(known, ids)
		}
		say(map[string]any{"known": known})
	}
}

func say(value any) {
	line, err := json.Marshal(value)
	if err != nil {
		fatal(err)
	}
	fmt.Println(string(line))
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
