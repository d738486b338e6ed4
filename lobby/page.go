package lobby

import "strconv"

// page is which part of a list the query asks for: from the cursor on, at most limit. The error is a problem.
func (c *Context) page() (cursor string, limit int, err error) {
	if limit, err = c.limit(); err != nil {
		return "", 0, err
	}
	if cursor = c.Query("cursor"); !goodCursor(cursor) {
		return "", 0, badCursor
	}
	return cursor, limit, nil
}

// defaultPage is how many of a list a page has when nothing is said.
const defaultPage = 20

// limit is how many of a list the query asks for: 1 to 100, 20 when it says nothing.
func (c *Context) limit() (int, error) {
	text := c.Query("limit")
	if text == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 100 {
		return 0, badRequest.because("The limit is 1 to 100.")
	}
	return n, nil
}
