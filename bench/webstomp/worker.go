package main

import (
	"context"
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"
)

// work plays all rooms, each on a channel of its own, until ctx ends.
func work(ctx context.Context, c workerFlags) error {
	conn, err := amqp.Dial(c.AMQP)
	if err != nil {
		return err
	}
	defer conn.Close()
	for room := range c.Rooms {
		ch, err := conn.Channel()
		if err != nil {
			return err
		}
		if err := ch.Qos(256, 0, false); err != nil {
			return err
		}
		if _, err := ch.QueueDeclare(queueOf(room), false, true, false, false, nil); err != nil {
			return err
		}
		deliveries, err := ch.Consume(queueOf(room), "", false, false, false, false, nil)
		if err != nil {
			return err
		}
		go func() {
			for d := range deliveries {
				echo := amqp.Publishing{ContentType: d.ContentType, Body: d.Body}
				if ch.PublishWithContext(ctx, "amq.topic", topicOf(room), false, false, echo) != nil || d.Ack(false) != nil {
					return // the connection has ended, and with it the program
				}
			}
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-conn.NotifyClose(make(chan *amqp.Error, 1)):
		return errors.Join(errors.New("the connection was closed"), err)
	}
}
