package lobby

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// emptyLedger is that of players who own nothing: tests of items have a database.
type emptyLedger struct{}

func (emptyLedger) Post(_ context.Context, p store.Posting) (store.Posted, error) {
	return store.Posted{}, &store.BalanceError{Err: store.ErrShort, Account: p.Entries[0].Account, Item: p.Entries[0].Item}
}

func (emptyLedger) Inventory(context.Context, string) (store.Inventory, error) {
	return store.Inventory{}, nil
}

func (emptyLedger) Ledger(context.Context, string, string, int) ([]store.LedgerLine, string, error) {
	return nil, "", nil
}

func (emptyLedger) CheckLedger(context.Context) ([]string, error) { return nil, nil }

// emptyRanks is that of players who have not played: tests of leaderboards have a database.
type emptyRanks struct{ store.Ranks }

func (emptyRanks) Top(context.Context, store.Board, string, int) (store.Standings, error) {
	return store.Standings{}, nil
}

func (emptyRanks) Ratings(context.Context, string) ([]store.Rating, error) { return nil, nil }

func (emptyRanks) DropBoards(context.Context, time.Time, int) (bool, error) { return false, nil }

// mapStore keeps what the lobby asks for in maps, so that tests can break it at will.
type mapStore struct {
	noAnswers
	noDoors
	noNotes
	noJobs
	noFriends
	emptyLedger
	emptyRanks
	noMatching
	mu         sync.Mutex
	accounts   map[string]store.Account
	identities map[store.Identity]string
	secrets    map[store.Identity]string
	finished   int // calls of FinishDeletions
	sessions   map[store.TokenHash]store.Session
	rooms      map[string]store.Room
	seats      map[[2]string]store.Seat // by room and user
	terms      map[string]uint64        // by room
	err        error                    // what every call gives; nil: none
}

func newMapStore() *mapStore {
	return &mapStore{
		accounts: map[string]store.Account{}, identities: map[store.Identity]string{}, secrets: map[store.Identity]string{},
		sessions: map[store.TokenHash]store.Session{}, rooms: map[string]store.Room{}, seats: map[[2]string]store.Seat{},
		terms: map[string]uint64{},
	}
}

var _ Store = (*mapStore)(nil)

func (m *mapStore) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// set changes a room's state, as its worker would.
func (m *mapStore) set(room string, state store.RoomState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rooms[room]
	r.State = state
	m.rooms[room] = r
}

// seat changes a seat's state, as its room's worker would; "" takes it away.
func (m *mapStore) seat(room, user string, state store.SeatState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [2]string{room, user}
	s := m.seats[key]
	s.State = state
	m.seats[key] = s
	if state == "" {
		delete(m.seats, key)
	}
}

func (m *mapStore) CreateAccount(_ context.Context, a store.Account, id store.Identity) (store.Account, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return a, false, m.err
	}
	if known, ok := m.identities[bareOf(id)]; ok && id.Subject != "" {
		return m.accounts[known], false, nil
	}
	for _, b := range m.accounts {
		if sameName(a, b) {
			return a, false, store.ErrNameTaken
		}
	}
	m.accounts[a.ID] = a
	if id.Subject != "" {
		m.identities[bareOf(id)], m.secrets[bareOf(id)] = a.ID, id.Secret
	}
	return a, true, nil
}

// bareOf is the key of an identity.
func bareOf(id store.Identity) store.Identity {
	return store.Identity{Platform: id.Platform, Subject: id.Subject}
}

func (m *mapStore) Credentials(_ context.Context, id store.Identity) (store.Account, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.identities[bareOf(id)]; ok {
		return m.accounts[known], m.secrets[bareOf(id)], m.err
	}
	return store.Account{}, "", cmp.Or(m.err, store.ErrNotFound)
}

// guestLocked sets whether the account is a guest's.
func (m *mapStore) guestLocked(user string) store.Account {
	a := m.accounts[user]
	a.Guest = true
	for id, owner := range m.identities {
		if owner == user && id.Platform != "guest" {
			a.Guest = false
		}
	}
	m.accounts[user] = a
	return a
}

func (m *mapStore) LinkIdentity(_ context.Context, user string, id store.Identity, _ time.Time) (store.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return store.Account{}, m.err
	}
	if owner, ok := m.identities[bareOf(id)]; ok {
		if owner != user {
			return store.Account{}, store.ErrIdentityTaken
		}
		return m.accounts[user], nil
	}
	for other, owner := range m.identities {
		if owner == user && other.Platform == id.Platform {
			return store.Account{}, store.ErrPlatformLinked
		}
	}
	m.identities[bareOf(id)], m.secrets[bareOf(id)] = user, id.Secret
	return m.guestLocked(user), nil
}

func (m *mapStore) UnlinkIdentity(_ context.Context, user, platform string) (store.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found store.Identity
	n := 0
	for id, owner := range m.identities {
		if owner == user {
			n++
			if id.Platform == platform {
				found = id
			}
		}
	}
	switch {
	case m.err != nil:
		return store.Account{}, m.err
	case found.Platform == "":
		return store.Account{}, store.ErrNotFound
	case n == 1:
		return store.Account{}, store.ErrLastIdentity
	}
	delete(m.identities, found)
	return m.guestLocked(user), nil
}

func (m *mapStore) IdentitiesOf(_ context.Context, user string) ([]store.Linked, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var linked []store.Linked
	for id, owner := range m.identities {
		if owner == user {
			linked = append(linked, store.Linked{Platform: id.Platform, LinkedAt: time.Unix(0, 0)})
		}
	}
	slices.SortFunc(linked, func(a, b store.Linked) int { return cmp.Compare(a.Platform, b.Platform) })
	return linked, m.err
}

func (m *mapStore) SetSecret(_ context.Context, id store.Identity, old string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.identities[bareOf(id)]; !ok || m.err != nil || m.secrets[bareOf(id)] != old {
		return cmp.Or(m.err, store.ErrNotFound)
	}
	m.secrets[bareOf(id)] = id.Secret
	return nil
}

func (m *mapStore) ChangeProfile(_ context.Context, user string, p store.Profile) (store.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.accounts[user]
	if !ok || m.err != nil {
		return a, cmp.Or(m.err, store.ErrNotFound)
	}
	if p.Name != nil {
		a.Name, a.Look = *p.Name, *p.Look
		for _, b := range m.accounts {
			if b.ID != user && sameName(a, b) {
				return a, store.ErrNameTaken
			}
		}
	}
	if p.About != nil {
		a.About = *p.About
	}
	if p.Picture != nil {
		a.Picture = *p.Picture
	}
	m.accounts[user] = a
	return a, nil
}

func sameName(a, b store.Account) bool {
	return strings.EqualFold(a.Name, b.Name) || a.Look != "" && a.Look == b.Look
}

func (m *mapStore) DeleteAccount(_ context.Context, user string, now time.Time) ([]store.Seat, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.accounts[user]; !ok || m.err != nil {
		return nil, cmp.Or(m.err, store.ErrNotFound)
	}
	delete(m.accounts, user)
	for id, owner := range m.identities {
		if owner == user {
			delete(m.identities, id)
		}
	}
	for t, s := range m.sessions {
		if s.User == user {
			delete(m.sessions, t)
		}
	}
	var left []store.Seat
	for key, seat := range m.seats {
		if key[1] == user {
			seat.State, seat.Since, seat.Name = store.Leaving, now, ""
			m.seats[key] = seat
			left = append(left, seat)
		}
	}
	return left, nil
}

func (m *mapStore) FinishDeletions(context.Context, time.Time, int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.finished++
	return 0, m.err
}

func (m *mapStore) AccountByIdentity(_ context.Context, id store.Identity) (store.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.identities[bareOf(id)]; ok {
		return m.accounts[known], m.err
	}
	return store.Account{}, cmp.Or(m.err, store.ErrNotFound)
}

func (m *mapStore) Account(_ context.Context, id string) (store.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.accounts[id]; ok {
		return a, m.err
	}
	return store.Account{}, cmp.Or(m.err, store.ErrNotFound)
}

func (m *mapStore) StartSession(_ context.Context, s store.Session, token store.TokenHash) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for t, old := range m.sessions {
		if old.User == s.User {
			delete(m.sessions, t)
		}
	}
	m.sessions[token] = s
	return m.err
}

func (m *mapStore) Session(_ context.Context, token store.TokenHash, now time.Time) (store.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.sessions[token]; ok && s.ExpiresAt.After(now) {
		return s, m.err
	}
	return store.Session{}, cmp.Or(m.err, store.ErrNotFound)
}

func (m *mapStore) ExtendSession(_ context.Context, user, id string, end time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for t, s := range m.sessions {
		if s.User == user && s.ID == id {
			s.ExpiresAt = end
			m.sessions[t] = s
			return m.err
		}
	}
	return cmp.Or(m.err, store.ErrNotFound)
}

func (m *mapStore) EndSession(_ context.Context, user, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for t, s := range m.sessions {
		if s.User == user && s.ID == id {
			delete(m.sessions, t)
		}
	}
	return m.err
}

func (m *mapStore) CreateRoom(_ context.Context, r store.Room, _ []byte, user string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rooms[r.ID] = r
	m.seats[[2]string{r.ID, user}] = store.Seat{
		Room: r.ID, User: user, Name: m.accounts[user].Name, State: store.Joining, Since: r.CreatedAt,
	}
	return m.err
}

func (m *mapStore) roomLocked(id string) (store.Room, bool) {
	r, ok := m.rooms[id]
	r.Players = 0
	for key, s := range m.seats {
		if key[0] == id && s.State != store.Leaving {
			r.Players++
		}
	}
	return r, ok
}

func (m *mapStore) Room(_ context.Context, id string) (store.Room, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.roomLocked(id); ok {
		return r, m.err
	}
	return store.Room{}, cmp.Or(m.err, store.ErrNotFound)
}

func (m *mapStore) Rooms(_ context.Context, f store.RoomFilter, cursor string, limit int) ([]store.Room, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cursor != "" && m.rooms[cursor].ID == "" {
		return nil, "", cmp.Or(m.err, store.ErrNotFound)
	}
	var found []store.Room
	for id := range m.rooms {
		r, _ := m.roomLocked(id)
		if (f.Game == "" || f.Game == r.Game) && (f.State == "" || f.State == r.State) && (cursor == "" || id < cursor) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b store.Room) int { return cmp.Compare(b.ID, a.ID) })
	if len(found) > limit {
		return found[:limit], found[limit-1].ID, m.err
	}
	return found, "", m.err
}

func (m *mapStore) takeLocked(room, user string, now time.Time) (store.Seat, error) {
	r, ok := m.roomLocked(room)
	key := [2]string{room, user}
	seat, sits := m.seats[key]
	switch {
	case !ok:
		return seat, store.ErrNotFound
	case r.State == store.Closed:
		return seat, store.ErrRoomClosed
	case sits && seat.State != store.Leaving:
		return seat, nil
	case r.Players >= r.Capacity:
		return seat, store.ErrRoomFull
	}
	seat = store.Seat{Room: room, User: user, Name: m.accounts[user].Name, State: store.Joining, Since: now}
	m.seats[key] = seat
	return seat, nil
}

func (m *mapStore) TakeSeat(_ context.Context, room, user string, now time.Time) (store.Seat, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return store.Seat{}, m.err
	}
	return m.takeLocked(room, user, now)
}

func (m *mapStore) TakeAnySeat(_ context.Context, game, version, user string, now time.Time) (store.Seat, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, r := range m.rooms {
		_, sits := m.seats[[2]string{id, user}]
		if r.Game == game && r.Version == version && r.State == store.Open && !sits {
			if seat, err := m.takeLocked(id, user, now); err == nil {
				return seat, m.err
			}
		}
	}
	return store.Seat{}, cmp.Or(m.err, store.ErrNotFound)
}

func (m *mapStore) GiveUpSeat(_ context.Context, room, user string, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	seat, ok := m.seats[[2]string{room, user}]
	if !ok {
		return cmp.Or(m.err, store.ErrNotFound)
	}
	seat.State, seat.Since = store.Leaving, now
	m.seats[[2]string{room, user}] = seat
	return m.err
}

func (m *mapStore) Seat(_ context.Context, room, user string) (store.Seat, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seat, ok := m.seats[[2]string{room, user}]
	if !ok || seat.State == store.Leaving || m.rooms[room].State == store.Closed {
		return store.Seat{}, cmp.Or(m.err, store.ErrNotFound)
	}
	return seat, m.err
}

func (m *mapStore) SeatsOf(_ context.Context, user string) ([]store.Seat, error) {
	return m.some(func(s store.Seat) bool { return s.User == user && s.State != store.Leaving })
}

func (m *mapStore) PendingSeats(_ context.Context, before time.Time, _ int) ([]store.Seat, error) {
	return m.some(func(s store.Seat) bool { return s.State != store.Seated && s.Since.Before(before) })
}

func (m *mapStore) some(fit func(store.Seat) bool) ([]store.Seat, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []store.Seat
	for _, s := range m.seats {
		if fit(s) && m.rooms[s.Room].State != store.Closed {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b store.Seat) int { return a.Since.Compare(b.Since) })
	return found, m.err
}

func (m *mapStore) TakeUp(_ context.Context, room string) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.terms[room]++
	return store.Record{Room: m.rooms[room], Term: m.terms[room]}, m.err
}

// logBroker remembers what it is told.
type logBroker struct {
	mu      sync.Mutex
	open    map[string]broker.Spec
	sent    []*broker.Message
	notices []broker.Notice
	deleted []string
	down    bool            // every call waits until its context ends
	dead    map[string]bool // rooms whose queue takes nothing until it is deleted
	onOpen  func()          // called after each Open; nil: nothing
}

var _ Broker = (*logBroker)(nil)

func newLogBroker() *logBroker {
	return &logBroker{open: map[string]broker.Spec{}, dead: map[string]bool{}}
}

func (b *logBroker) reach(ctx context.Context) error {
	b.mu.Lock()
	down := b.down
	b.mu.Unlock()
	if down {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (b *logBroker) setDown(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

func (b *logBroker) Open(ctx context.Context, s broker.Spec) error {
	if err := b.reach(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	b.open[s.Room] = s
	then := b.onOpen
	b.mu.Unlock()
	if then != nil {
		then()
	}
	return nil
}

func (b *logBroker) Delete(ctx context.Context, room string) error {
	if err := b.reach(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, room)
	delete(b.dead, room)
	b.deleted = append(b.deleted, room)
	return nil
}

func (b *logBroker) Send(ctx context.Context, m *broker.Message) error {
	if err := b.reach(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.open[m.Room]; !ok {
		return broker.ErrNoRoom
	}
	if b.dead[m.Room] {
		b.mu.Unlock()
		<-ctx.Done()
		b.mu.Lock()
		return ctx.Err()
	}
	b.sent = append(b.sent, m)
	return nil
}

func (b *logBroker) Post(ctx context.Context, n broker.Notice) error {
	if err := b.reach(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notices = append(b.notices, n)
	return nil
}

func (b *logBroker) Watch(context.Context, func(broker.Notice)) error { return nil }

// take returns what was sent and posted since the last call.
func (b *logBroker) take() (sent []*broker.Message, notices []broker.Notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	sent, notices = b.sent, b.notices
	b.sent, b.notices = nil, nil
	return sent, notices
}

// specs returns the open rooms' specs.
func (b *logBroker) specs() map[string]broker.Spec {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]broker.Spec{}
	for id, s := range b.open {
		out[id] = s
	}
	return out
}

// toy is a game as far as a lobby sees it.
type toy struct {
	name, version string
	policy        handlers.Policy
	open          func(options []byte) (handlers.Opening, error) // nil: as the policy says
}

func (t *toy) Name() string            { return t.name }
func (t *toy) Version() string         { return t.version }
func (t *toy) Policy() handlers.Policy { return t.policy }
func (t *toy) Open(_ string, options []byte, _ time.Time) (handlers.Opening, error) {
	if t.open != nil {
		return t.open(options)
	}
	return handlers.Opening{Capacity: t.policy.Capacity, Memory: []byte("{}")}, nil
}
func (t *toy) Load(string, []byte) (*handlers.Instance, error) { panic("a lobby plays no rooms") }

// noJobs is that of a lobby nobody asks for jobs: tests of jobs have a database.
type noJobs struct{ store.Jobs }
