package site

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, method, url string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, url, nil)
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

func TestEveryFileIsServedWithItsTypeAndLimits(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"/":             "text/html; charset=utf-8",
		"/madang.js":    "text/javascript; charset=utf-8",
		"/favicon.svg":  "image/svg+xml",
		"/page/app.css": "text/css; charset=utf-8",
	}
	for url, contentType := range want {
		w := get(t, "GET", url, nil)
		if w.Code != 200 || w.Header().Get("Content-Type") != contentType {
			t.Errorf("%s: got %d %q, want 200 %q", url, w.Code, w.Header().Get("Content-Type"), contentType)
		}
		if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'self'; connect-src 'self' ws: wss:") {
			t.Errorf("%s: got policy %q", url, got)
		}
		if w.Body.Len() == 0 {
			t.Errorf("%s: got no body", url)
		}
	}
}

func TestUnchangedFileIsNotSentAgain(t *testing.T) {
	t.Parallel()
	first := get(t, "GET", "/madang.js", nil)
	etag := first.Header().Get("ETag")
	if etag == "" || first.Header().Get("Cache-Control") != "no-cache" {
		t.Fatalf("got ETag %q, Cache-Control %q", etag, first.Header().Get("Cache-Control"))
	}
	again := get(t, "GET", "/madang.js", http.Header{"If-None-Match": {etag}})
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("got %d with %d bytes, want 304 with none", again.Code, again.Body.Len())
	}
	other := get(t, "GET", "/madang.js", http.Header{"If-None-Match": {`"other"`}})
	if other.Code != http.StatusOK {
		t.Errorf("another ETag: got %d, want 200", other.Code)
	}
}

func TestOtherPathsAndMethodsAreRefused(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"/nothing", "/page", "/page/", "/../site.go", "/static/index.html"} {
		if w := get(t, "GET", "http://x"+url, nil); w.Code != http.StatusNotFound {
			t.Errorf("GET %s: got %d, want 404", url, w.Code)
		}
	}
	w := get(t, "POST", "/", nil)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST /: got %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	if w := get(t, "HEAD", "/", nil); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD /: got %d with %d bytes, want 200 with none", w.Code, w.Body.Len())
	}
}

// The policy allows nothing inline and nothing from elsewhere: a file that breaks this would fail only in a browser.
func TestFilesKeepToThePolicy(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`(?i)<[^>]+\s(style|on[a-z]+)\s*=|<style|<script(?:\s+type="module")?\s*>`)
	elsewhere := regexp.MustCompile(`(?i)(src|href)\s*=\s*"(https?:)?//|(?-i:url)\(|@import|from\s+"https?:|(?:import|fetch)\(\s*"https?:`)
	err := fs.WalkDir(static, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(static, name)
		if err != nil {
			return err
		}
		if ext := path.Ext(name); ext == ".html" {
			if m := inline.Find(body); m != nil {
				t.Errorf("%s: inline style or script: %s", name, m)
			}
		}
		if m := elsewhere.Find(body); m != nil {
			t.Errorf("%s: loads from elsewhere: %s", name, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
