package lobby

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	maxName  = 24 // characters
	maxMarks = 3  // combining marks on one letter
)

// cleanName returns the name as it is kept: trimmed and in NFC. The error is invalid_name and says why.
func cleanName(name string) (string, error) {
	if len(name) > 1024 { // before the work of normalizing
		return "", invalidName.because("A name has at most %d characters.", maxName)
	}
	name = norm.NFC.String(strings.Trim(name, " "))
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		return "", invalidName.because("A name has at least one character.")
	case n > maxName:
		return "", invalidName.because("A name has at most %d characters.", maxName)
	}
	var last rune
	plain, marks := false, 0
	for _, r := range name {
		switch {
		case invisible(r):
			return "", invalidName.because("The character U+%04X can't be in a name.", r)
		case unicode.IsLetter(r) || unicode.Is(unicode.Nd, r):
			plain, marks = true, 0
		case unicode.IsMark(r) && last != 0 && (unicode.IsLetter(last) || unicode.IsMark(last)):
			if marks++; marks > maxMarks {
				return "", invalidName.because("A letter of a name has at most %d marks.", maxMarks)
			}
		case r == ' ' && last == ' ':
			return "", invalidName.because("A name has single spaces only.")
		case strings.ContainsRune(" ._-'", r):
		default:
			return "", invalidName.because("A name has letters, digits, spaces and . _ - ' only; U+%04X is none.", r)
		}
		last = r
	}
	if !plain {
		return "", invalidName.because("A name has at least one letter or digit.")
	}
	if !oneScript(name) {
		return "", invalidName.because("A name has letters of one script, as Latin and Cyrillic ones can't be told apart.")
	}
	if reserved()[bare(name)] {
		return "", invalidName.because("This name is kept for the people who run the game.")
	}
	return name, nil
}

// invisible are letters and marks that show nothing, such as Hangul fillers and variation selectors.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Cf, unicode.Cc)
}

// reserved holds the bare forms of names that might be taken for ours.
var reserved = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, name := range strings.Fields("admin administrator system madang server moderator mod support staff official root security team help") {
		all[bare(name)] = true
	}
	return all
})

// bare is what stays of a name's look when punctuation and accents are taken off; what passes for an l passes for an i too.
func bare(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsMark(r) || strings.ContainsRune(" ._-'", r):
			return -1
		case r == 'l':
			return 'i'
		}
		return r
	}, look(cases.Fold().String(norm.NFKC.String(name))))
}

const madeUpTries = 12

// madeUpName is a friendly name such as "Brave Otter 42"; later tries draw from more numbers.
func madeUpName(try int) string {
	most := 100
	for range try {
		most = min(most*10, 10_000_000)
	}
	return fmt.Sprintf("%s %s %d", qualities[rand.IntN(len(qualities))], animals[rand.IntN(len(animals))], 1+rand.IntN(most))
}

// At most seven letters each, so that a name with its number stays within maxName.
var (
	qualities = strings.Fields(`Agile Amber Bold Brave Bright Brisk Calm Cheery Clever Copper Coral Cosmic Cozy Crimson
		Daring Dapper Eager Early Fair Fancy Fleet Fluffy Fond Gentle Glad Golden Grand Happy Hardy Honest Humble Jade
		Jolly Keen Kind Lively Lucky Lunar Merry Mighty Mellow Misty Nimble Noble Patient Plucky Polite Proud Quick Quiet Rapid
		Ready Rosy Rustic Sage Silver Sleek Sly Snowy Solar Spry Steady Sunny Swift Tidy Tiny Vivid Warm Wild Wise Witty Zesty`)
	animals = strings.Fields(`Badger Bear Beaver Bison Bobcat Camel Canary Cat Cobra Condor Coyote Crane Cricket Crow Deer Dingo
		Dolphin Dove Eagle Egret Falcon Ferret Finch Fox Frog Gecko Gibbon Goose Gull Hare Hawk Heron Ibex Ibis Jackal Jaguar Jay
		Koala Lark Lemur Lion Llama Lynx Magpie Marmot Mole Moose Mouse Newt Ocelot Orca Otter Owl Panda Parrot Pelican Penguin
		Pony Puffin Puma Quail Rabbit Raven Robin Salmon Seal Shark Sparrow Squid Stork Swan Tapir Tiger Toad Turtle Walrus Whale
		Wolf Wombat Yak Zebra`)
)
