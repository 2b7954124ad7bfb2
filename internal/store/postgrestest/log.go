package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Statement is one that a server has carried out.
type Statement struct {
	Process string // of the connection
	Text    string
	// Parameters are $1 and so on, each as SQL writes it.
	Parameters []string
}

// Statements returns what the clients named usher made the server carry out while act
// ran, in order. Some of what connections do right at the beginning may be missing.
func (s *Server) Statements(ctx context.Context, act func() error) (list []Statement, err error) {
	db, err := sql.Open("pgx", s.URL)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	set := func(name, value string) error {
		_, err := db.ExecContext(ctx, `ALTER SYSTEM SET `+name+` = '`+value+`'`)
		return err
	}
	reload := func() error {
		_, err := db.ExecContext(ctx, `SELECT pg_reload_conf()`)
		return err
	}
	before, err := os.Stat(s.log())
	if err != nil {
		return nil, err
	}
	if err := errors.Join(set("log_line_prefix", entry+"%a "+"%p "), set("log_statement", "all"), reload()); err != nil {
		return nil, err
	}
	err = errors.Join(act(), set("log_statement", "none"), reload())
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(s.log())
	if err != nil {
		return nil, err
	}
	return statementsIn(string(raw[before.Size():])), nil
}

func (s *Server) log() string { return filepath.Join(s.dir, "log") }

const entry = "\x1e" // begins each entry of the log

var (
	executed  = regexp.MustCompile(`(?s)^usher (\d+) LOG:  execute \w+: (.*)`)
	detailed  = regexp.MustCompile(`(?s)^usher (\d+) DETAIL:  parameters: (.*)`)
	parameter = regexp.MustCompile(`(?s)\$\d+ = (NULL|'(?:[^']|'')*')`)
)

func statementsIn(log string) (list []Statement) {
	for e := range strings.SplitSeq(log, entry) {
		e = strings.ReplaceAll(strings.TrimSpace(e), "\n\t", "\n") // continued lines are indented
		if m := executed.FindStringSubmatch(e); m != nil {
			list = append(list, Statement{Process: m[1], Text: strings.TrimSpace(m[2])})
		} else if m := detailed.FindStringSubmatch(e); m != nil && len(list) > 0 {
			last := &list[len(list)-1]
			for _, p := range parameter.FindAllStringSubmatch(m[2], -1) {
				last.Parameters = append(last.Parameters, p[1])
			}
		}
	}
	return list
}
