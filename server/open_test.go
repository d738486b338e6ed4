package server_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/games/relay"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

func TestADatabaseThatIsNoneIsSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "madang.db"), []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Listen: "127.0.0.1:0", Data: dir, Drain: time.Second}, slog.New(slog.DiscardHandler), lobby.New(), relay.Game())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "database") {
		t.Errorf("got %v, want an error that names the database", err)
	}
}
