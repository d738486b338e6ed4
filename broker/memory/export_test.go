package memory

// Left counts what the system holds.
func (b *Broker) Left() (queues, bindings int) {
	for i := range b.system.shards {
		sh := &b.system.shards[i]
		sh.mu.RLock()
		queues += len(sh.rooms)
		for _, feeds := range sh.topics {
			bindings += len(feeds)
		}
		sh.mu.RUnlock()
	}
	return queues, bindings
}
