package stomp

import "strconv"

// AppendFrame appends f as version v writes it. What no escape of that version can carry becomes a space, so that no
// value can end its line or its frame: NUL in any version, CR below 1.2, LF in 1.0; and in CONNECT, STOMP and
// CONNECTED, which are never escaped, all three, as well as a colon in a name. A field without a name is left out.
//
// A body gets a content-length behind the other fields if f.Fields has none; one that does not fit the body
// is left out. f.Command is written as it is: it must be one of STOMP's words.
func AppendFrame(dst []byte, v Version, f *Frame) []byte {
	dst = append(dst, f.Command...)
	dst = append(dst, '\n')
	return appendRest(dst, escapesOf(v, f.Command), f.Fields, f.Body)
}

// AppendMessagePrefix appends the beginning of a MESSAGE frame: the command and the one field in which subscribers of
// the same room differ. [AppendMessageRest] appends what is the same for all who speak version v, so that a server
// encodes it once.
func AppendMessagePrefix(dst []byte, v Version, subscription string) []byte {
	dst = append(dst, "MESSAGE\n"...)
	return appendField(dst, escapesOf(v, "MESSAGE"), "subscription", subscription)
}

// AppendMessageRest appends the rest of a MESSAGE frame behind [AppendMessagePrefix]: fields (without subscription),
// content-length as in [AppendFrame], and body.
func AppendMessageRest(dst []byte, v Version, fields []Field, body []byte) []byte {
	return appendRest(dst, escapesOf(v, "MESSAGE"), fields, body)
}

func appendRest(dst []byte, e *escapes, fields []Field, body []byte) []byte {
	measured := len(body) == 0
	for i := range fields {
		f := &fields[i]
		if f.Name == "" {
			continue
		}
		if f.Name == contentLength {
			if f.Value != strconv.Itoa(len(body)) {
				continue
			}
			measured = true
		}
		dst = appendField(dst, e, f.Name, f.Value)
	}
	if !measured {
		dst = append(dst, contentLength...)
		dst = append(dst, ':')
		dst = strconv.AppendInt(dst, int64(len(body)), 10)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	dst = append(dst, body...)
	return append(dst, 0)
}

func appendField(dst []byte, e *escapes, name, value string) []byte {
	dst = e.append(dst, name, e.colonInName)
	dst = append(dst, ':')
	dst = e.append(dst, value, e.colonInValue)
	return append(dst, '\n')
}

// escapes says what stands for the bytes that a header can't hold.
type escapes struct{ lf, cr, backslash, colonInName, colonInValue string }

var (
	escapes12   = escapes{`\n`, `\r`, `\\`, `\c`, `\c`}
	escapes11   = escapes{`\n`, ` `, `\\`, `\c`, `\c`}
	noEscapes   = escapes{` `, ` `, `\`, ` `, `:`}
	needsEscape = [256]bool{0: true, '\n': true, '\r': true, '\\': true, ':': true}
)

func escapesOf(v Version, command string) *escapes {
	switch {
	case v == V10 || unescaped(command):
		return &noEscapes
	case v == V11:
		return &escapes11
	}
	return &escapes12
}

func (e *escapes) append(dst []byte, s, colon string) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !needsEscape[c] {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '\n':
			dst = append(dst, e.lf...)
		case '\r':
			dst = append(dst, e.cr...)
		case '\\':
			dst = append(dst, e.backslash...)
		case ':':
			dst = append(dst, colon...)
		default:
			dst = append(dst, ' ')
		}
	}
	return append(dst, s[from:]...)
}
