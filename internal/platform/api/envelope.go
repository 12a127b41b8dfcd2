package api

import (
	"encoding/json"
	"net/http"
)

// Message is an element of an envelope's errors or messages.
type Message struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Meta    any    `json:"meta,omitempty"`
}

// envelope is the form of every JSON response.
type envelope struct {
	Success    bool      `json:"success"`
	Errors     []Message `json:"errors"`
	Messages   []Message `json:"messages"`
	Result     any       `json:"result"`
	ResultInfo any       `json:"result_info,omitempty"`
}

// WriteJSON sends a response without an envelope.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // an error means that the client has disconnected
}

// WriteError sends an error response.
func WriteError(w http.ResponseWriter, e *Error) { WriteErrorWith(w, e.Status, e) }

// WriteErrorWith sends an error response with another status.
func WriteErrorWith(w http.ResponseWriter, status int, e *Error) {
	WriteJSON(w, status, envelope{Errors: []Message{{e.Code, e.Message, e.Meta}}, Messages: []Message{}})
}
