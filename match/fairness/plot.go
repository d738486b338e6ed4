package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// panel is one diagram of the plot: lines of distance against wait.
type panel struct {
	title string
	lines []line
}

type line struct {
	name   string
	points []point
}

// Sizes in pixels, and what they stand for.
const (
	width, height = 300, 260 // of a panel
	left, top     = 56, 44   // of the first
	gap           = 28
	waitLow       = 0.5
	waitHigh      = 512
	distanceHigh  = 400
)

var colours = []string{"#1b6ca8", "#c8553d", "#3a7d44", "#7b4b94"}

func x(wait float64) float64 { return width * math.Log(wait/waitLow) / math.Log(waitHigh/waitLow) }
func y(distance float64) float64 {
	return height * (1 - min(distance, distanceHigh)/distanceHigh)
}

// draw writes panels side by side, on a background of its own.
func draw(panels []panel) []byte {
	var b bytes.Buffer
	total := left + len(panels)*(width+gap)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#222">`+"\n", total, top+height+76)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	fmt.Fprintf(&b, `<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">rating points from the mean of the match, median</text>`+"\n", top+height/2)
	for i, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", left+i*(width+gap), top)
		p.draw(&b, i == 0)
		fmt.Fprintln(&b, "</g>")
	}
	for i, l := range panels[0].lines {
		at := left + i*200
		fmt.Fprintf(&b, `<path d="M%d %dh24" stroke="%s" stroke-width="2.5"/><text x="%d" y="%d">%s</text>`+"\n",
			at, top+height+60, colours[i], at+32, top+height+64, html.EscapeString(l.name))
	}
	fmt.Fprintln(&b, "</svg>")
	return b.Bytes()
}

func (p *panel) draw(b *bytes.Buffer, labels bool) {
	fmt.Fprintf(b, `<text x="%d" y="-14" text-anchor="middle" font-weight="bold">%s</text>`+"\n", width/2, p.title)
	for d := 0.0; d <= distanceHigh; d += 100 {
		fmt.Fprintf(b, `<path d="M0 %.1fh%d" stroke="#ddd"/>`, y(d), width)
		if labels {
			fmt.Fprintf(b, `<text x="-8" y="%.1f" text-anchor="end">%.0f</text>`, y(d)+4, d)
		}
	}
	for wait := 1.0; wait < waitHigh; wait *= 4 {
		fmt.Fprintf(b, `<path d="M%.1f 0v%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`, x(wait), height, x(wait), height+16, wait)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">seconds waited</text>`+"\n", width/2, height+34)
	for i, l := range p.lines {
		for j, pt := range l.points {
			verb := "L"
			if j == 0 {
				verb = `<path fill="none" stroke-width="2" stroke="` + colours[i] + `" d="M`
			}
			fmt.Fprintf(b, "%s%.1f %.1f", verb, x(pt.wait), y(pt.distance))
		}
		if len(l.points) > 0 {
			fmt.Fprintln(b, `"/>`)
		}
		for _, pt := range l.points {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(pt.wait), y(pt.distance), colours[i])
		}
	}
	fmt.Fprintf(b, `<path d="M0 0v%dh%d" fill="none" stroke="#222"/>`+"\n", height, width)
}
