package web

import (
	"github.com/coder/websocket"

	"github.com/madang-games/madang/web/stomp"
)

// Codes that a gateway gives: in ERROR frames, as the reason of the WebSocket's close, and in messages of type error.
const (
	codeBadFrame       = stomp.CodeBadFrame
	codeFrameTooLarge  = stomp.CodeFrameTooLarge
	codeTooManyHeaders = stomp.CodeTooManyHeaders
	codeFrameTimeout   = "frame_timeout"
	codeConnectTimeout = "connect_timeout"
	codeBadVersion     = "version_not_supported"
	codeNotSupported   = "not_supported"
	codeBadDestination = "bad_destination"
	codeBadMessage     = "bad_message"
	codeTooManySubs    = "too_many_subscriptions"
	codeNotSignedIn    = "not_signed_in"
	codeReplaced       = "session_replaced"
	codeNotSeated      = "not_seated"
	codeSpectator      = "spectator"
	codeRoomNotFound   = "room_not_found"
	codeRoomClosed     = "room_closed"
	codeRoomAway       = "room_unavailable"
	codeQueueFull      = "queue_full"
	codeUnavailable    = "unavailable"
	codeSlowReader     = "slow_reader"
	codeNoHeartBeat    = "no_heart_beat"
	codeDraining       = "draining"
	codeMaintenance    = "maintenance"
)

// Reasons of a disconnect without an ERROR frame.
const (
	endDisconnect = "disconnect" // the client said DISCONNECT
	endLost       = "lost"       // the socket broke or the client closed it
	endWriteTime  = "write_time" // the socket took nothing any more
	// endNoWebSocket: what came breaks RFC 6455
	endNoWebSocket = "no_websocket"
)

// statuses are the WebSocket close codes that tell a client whether coming back is of use: 1012 and 1013 mean "come
// back and resume", all others "not without changing something".
var statuses = map[string]websocket.StatusCode{
	codeBadFrame:       websocket.StatusProtocolError,
	codeFrameTooLarge:  websocket.StatusMessageTooBig,
	codeTooManyHeaders: websocket.StatusMessageTooBig,
	codeBadVersion:     websocket.StatusProtocolError,
	codeNotSupported:   websocket.StatusProtocolError,
	codeFrameTimeout:   websocket.StatusTryAgainLater,
	codeConnectTimeout: websocket.StatusTryAgainLater,
	codeRoomAway:       websocket.StatusTryAgainLater,
	codeQueueFull:      websocket.StatusTryAgainLater,
	codeUnavailable:    websocket.StatusTryAgainLater,
	codeSlowReader:     websocket.StatusTryAgainLater,
	codeNoHeartBeat:    websocket.StatusTryAgainLater,
	codeDraining:       websocket.StatusServiceRestart,
	codeMaintenance:    websocket.StatusTryAgainLater,
	endDisconnect:      websocket.StatusNormalClosure,
	endNoWebSocket:     websocket.StatusProtocolError,
}

func statusOf(code string) websocket.StatusCode {
	if status, ok := statuses[code]; ok {
		return status
	}
	return websocket.StatusPolicyViolation
}

// refusal is why a frame is refused. As an error it ends the connection with an ERROR frame.
type refusal struct{ code, text string }

func (r *refusal) Error() string { return r.code + ": " + r.text }

func refuse(code, text string) *refusal { return &refusal{code, text} }

var (
	refuseNotSignedIn  = refuse(codeNotSignedIn, "the session token is missing, wrong or no longer valid; log in again")
	refuseReplaced     = refuse(codeReplaced, "this user has signed in elsewhere")
	refuseNotSeated    = refuse(codeNotSeated, "no seat in this room; join it first")
	refuseSpectator    = refuse(codeSpectator, "spectators may not send; join the room first")
	refuseRoomNotFound = refuse(codeRoomNotFound, "there is no such room")
	refuseRoomClosed   = refuse(codeRoomClosed, "this room is over")
	refuseRoomAway     = refuse(codeRoomAway, "nobody plays this room at the moment; come back later")
	refuseQueueFull    = refuse(codeQueueFull, "too many messages wait for this room; try again later")
	refuseUnavailable  = refuse(codeUnavailable, "not available at the moment; come back")
	refuseSlowReader   = refuse(codeSlowReader, "messages were read too slowly; come back and resume")
	refuseMaintenance  = refuse(codeMaintenance, "there is maintenance; come back when it is over")
	refuseDraining     = refuse(codeDraining, "this gateway is being replaced; come back")
)
