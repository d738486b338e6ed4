package lobby

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// cleanText returns a player's text as it is kept, at most so many characters: trimmed and in NFC. It is what can be seen, plus
// what joins and forms emoji and letters, and with lines also line ends. The error is bad, and says why.
func cleanText(text string, most int, lines bool, bad *problem) (string, error) {
	tooLong := bad.because("The text has at most %d characters.", most)
	if len(text) > 8*most || !utf8.ValidString(text) {
		return "", tooLong
	}
	around := " "
	if lines {
		text, around = strings.ReplaceAll(text, "\r\n", "\n"), " \n"
	}
	text = norm.NFC.String(strings.Trim(text, around))
	if utf8.RuneCountInString(text) > most {
		return "", tooLong
	}
	const zeroWidthNonJoiner, zeroWidthJoiner, emojiForm = '\u200c', '\u200d', '\ufe0f'
	marks := maxMarks // a text begins with no mark
	for _, r := range text {
		joins := r == zeroWidthNonJoiner || r == zeroWidthJoiner || r == emojiForm
		switch {
		case lines && r == '\n':
			marks = maxMarks
		case joins || unicode.IsMark(r):
			if marks++; marks > maxMarks {
				return "", bad.because("The text has too many marks on one character.")
			}
		case invisible(r) || !unicode.IsGraphic(r) || r == utf8.RuneError:
			return "", bad.because("The character U+%04X can't be in the text.", r)
		default:
			marks = 0
		}
	}
	return text, nil
}
