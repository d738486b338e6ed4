package testservers_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/internal/testservers"
)

func TestEachTestHasAVHostOfItsOwn(t *testing.T) {
	t.Parallel()
	one, two := testservers.RabbitMQ(t), testservers.RabbitMQ(t)
	if one.API != "" && one.VHost == two.VHost {
		t.Fatalf("got vhost %q twice", one.VHost)
	}
	for _, r := range []testservers.Rabbit{one, two} {
		c, err := amqp.Dial(r.URL)
		if err != nil {
			t.Fatalf("dial %s: %v", r.VHost, err)
		}
		c.Close()
	}
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	one, two := testservers.Postgres(t), testservers.Postgres(t)
	if one == two {
		t.Fatalf("got %q twice", one)
	}
	conn, err := pgx.Connect(context.Background(), two)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestAClusterIsWholeAndANodeComesBack(t *testing.T) {
	t.Parallel()
	c := testservers.StartRabbitMQCluster(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := c.Nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.Nodes[1].Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitWhole(ctx); err != nil {
		t.Error(err)
	}
	for _, url := range c.URLs() {
		conn, err := amqp.Dial(url)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
}
