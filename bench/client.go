package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

// client speaks HTTP/1.1 (RFC 9112) over one connection that is kept open, as
// cheaply as it can: it shares the machine with the server that it measures.
type client struct {
	conn   net.Conn
	in     *bufio.Reader
	fixed  string // header fields of every request
	out    []byte
	answer []byte
}

// dial connects to a server. Every request carries the secret key, if there is one.
func dial(ctx context.Context, addr, key string) (*client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	fixed := " HTTP/1.1\r\nHost: " + addr + "\r\n"
	if key != "" {
		fixed += "Authorization: Bearer " + key + "\r\n"
	}
	return &client{conn: conn, in: bufio.NewReaderSize(conn, 32<<10), fixed: fixed}, nil
}

// get asks for the path that the parts form. The answer is valid until the next call.
func (c *client) get(path ...string) ([]byte, error) {
	c.begin("GET ", path)
	c.out = append(c.out, "\r\n"...)
	return c.exchange()
}

// post sends JSON to the path that the parts form. The answer is valid until
// the next call.
func (c *client) post(body []byte, path ...string) ([]byte, error) {
	c.begin("POST ", path)
	c.out = append(c.out, "Content-Type: application/json\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, body...)
	return c.exchange()
}

func (c *client) begin(method string, path []string) {
	c.out = append(c.out[:0], method...)
	for _, part := range path {
		c.out = append(c.out, part...)
	}
	c.out = append(c.out, c.fixed...)
}

// exchange sends what is prepared and reads the answer. Whatever is not 200 is
// an error: a load that is refused measures nothing.
func (c *client) exchange() ([]byte, error) {
	if _, err := c.conn.Write(c.out); err != nil {
		return nil, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return nil, fmt.Errorf("not HTTP: %q", line)
	}
	ok := string(line[9:12]) == "200"
	if err := c.read(); err != nil {
		return nil, err
	}
	if !ok {
		request, _, _ := bytes.Cut(c.out, []byte(" HTTP/1.1"))
		return nil, fmt.Errorf("%s was refused: %s", request, c.answer)
	}
	return c.answer, nil
}

// read reads header and body into answer.
func (c *client) read() error {
	length, chunked, err := c.header()
	if err != nil {
		return err
	}
	c.answer = c.answer[:0]
	if !chunked {
		return c.take(length)
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return err
		}
		if err := c.take(int(size)); err != nil {
			return err
		}
		if _, err := c.in.ReadSlice('\n'); err != nil || size == 0 {
			return err
		}
	}
}

// take moves n bytes into answer.
func (c *client) take(n int) error {
	have := len(c.answer)
	c.answer = append(c.answer, make([]byte, n)...)
	_, err := io.ReadFull(c.in, c.answer[have:])
	return err
}

// header skips to the body and says how to read it.
func (c *client) header() (length int, chunked bool, err error) {
	length = -1
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, false, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = string(value) == "chunked"
		}
	}
	if length < 0 && !chunked {
		return 0, false, errors.New("an answer without a length")
	}
	return length, chunked, nil
}
