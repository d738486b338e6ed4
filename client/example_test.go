package client_test

import (
	"context"
	"fmt"
	"log"

	"github.com/madang-games/madang/client"
)

// A guest says hello in a relay room and hears itself.
func Example() {
	ctx := context.Background()
	player, err := client.New(client.Config{URL: "http://localhost:8080"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := player.SignInGuest(ctx, "", ""); err != nil {
		log.Fatal(err)
	}
	place, err := player.RandomRoom(ctx, "relay")
	if err != nil {
		log.Fatal(err)
	}
	conn, err := player.Connect(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	room, err := conn.Join(ctx, place)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := room.Send(ctx, "hello", map[string]string{"text": "is anybody here?"}); err != nil {
		log.Fatal(err)
	}
	for {
		m, err := room.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		if m.Type == "hello" {
			fmt.Println(m.From, "says", string(m.Body))
			return
		}
	}
}
