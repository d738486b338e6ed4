package main

import (
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/madang-games/madang/match"
)

func TestNarrowerWindowsMakeCloserMatchesAndLongerWaits(t *testing.T) {
	t.Parallel()
	narrow := simulate(2_000, match.Window{From: 50, PerSecond: 2, To: 300}, 5_000, 1)
	wide := simulate(2_000, match.Window{}, 5_000, 1)
	if n, w := quantile(narrow.distances(), 0.5), quantile(wide.distances(), 0.5); n <= 0 || n > w/2 {
		t.Errorf("ratings are %g from the mean of a match with a narrow window, %g with any skill: want less than half", n, w)
	}
	if n, w := quantile(narrow.waits(everyone), 0.5), quantile(wide.waits(everyone), 0.5); w <= 0 || n < 2*w {
		t.Errorf("players wait %g s with a narrow window, %g s with any skill: want more than twice as long", n, w)
	}
	if again := simulate(2_000, match.Window{}, 5_000, 1); !reflect.DeepEqual(again, wide) {
		t.Error("the same population fared otherwise the second time")
	}
}

func TestThePlotIsXML(t *testing.T) {
	t.Parallel()
	r := simulate(2_000, match.Window{From: 300}, 5_000, 1)
	svg := string(draw([]panel{{"2000 players", []line{{"300 & more", r.byWait()}}}}))
	decoder := xml.NewDecoder(strings.NewReader(svg))
	circles := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			circles++
		}
	}
	if circles < 3 {
		t.Errorf("%d points, want some", circles)
	}
}
