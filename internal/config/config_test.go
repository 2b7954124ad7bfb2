package config_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"usher/internal/config"
	"usher/internal/invite"
)

var update = flag.Bool("update", false, "rewrite the golden files and docs/config.md")

// Thirty-two bytes in each accepted form.
const (
	keyText   = "0123456789abcdef0123456789abc\xfb\xff\xff"
	keyBase64 = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmP7//8="
	keyHex    = "3031323334353637383961626364656630313233343536373839616263fbffff"
)

type environment map[string]string

func (e environment) get(name string) string { return e[name] }

func parse(line string, env environment) (*config.CLI, string, error) {
	return config.Parse(strings.Fields(line), env.get, io.Discard, io.Discard)
}

func mustParse(t *testing.T, line string, env environment) *config.CLI {
	t.Helper()
	cli, _, err := parse(line, env)
	if err != nil {
		t.Fatalf("usher %s: %v", line, err)
	}
	return cli
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommandAsTyped(t *testing.T) {
	env := environment{"USHER_MASTER_KEY": keyBase64}
	for line, want := range map[string]string{
		"dev": "dev",
		"serve --public-url https://invite.example.com": "serve",
		"migrate":                     "migrate",
		"instance create --name Acme": "instance create",
		"instance list":               "instance list",
		"config":                      "config serve",
		"config --addr :1":            "config serve",
		"config serve":                "config serve",
		"config dev --reset":          "config dev",
		"version":                     "version",
	} {
		if _, got, err := parse(line, env); got != want || err != nil {
			t.Errorf("usher %s = %q, %v, want %q", line, got, err, want)
		}
	}
}

func TestDevNeedsNothing(t *testing.T) {
	dev := mustParse(t, "dev", nil).Dev
	got := []any{
		dev.Addr, dev.MetricsAddr, dev.PublicURL == nil, dev.Dir, dev.SecretKey.Reveal(), dev.Name,
		dev.SMTPURL.Reveal(), dev.MailFrom == nil, dev.MailReplyToInviter, dev.MailAttempts, dev.DrainTimeout,
		dev.LogFormat, dev.LogLevel, dev.Seed, dev.Reset, dev.HomeURL == nil,
	}
	want := []any{
		"127.0.0.1:8080", "", true, "./usher-data", "", "usher",
		"", true, true, 12, 20 * time.Second,
		"auto", slog.LevelInfo, "", false, true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("usher dev (-want +got):\n%s", diff)
	}
}

func TestValuesArriveTyped(t *testing.T) {
	serve := mustParse(t, "serve --no-mail-reply-to-inviter", environment{
		"USHER_PUBLIC_URL":    "https://example.com/",
		"USHER_MASTER_KEY":    keyBase64,
		"USHER_SMTP_URL":      "smtps://me:pass@mail.example.com",
		"USHER_MAIL_FROM":     "Acme <hello@acme.example>",
		"USHER_DRAIN_TIMEOUT": "1m",
		"USHER_LOG_LEVEL":     "warn",
	}).Serve
	got := []any{
		serve.PublicURL.String(), string(serve.MasterKey.Bytes), serve.SMTPURL.Reveal(), serve.MailFrom.Address,
		serve.MailFrom.Name, serve.MailReplyToInviter, serve.DrainTimeout, serve.LogLevel, serve.Addr, serve.MetricsAddr,
	}
	want := []any{
		"https://example.com", keyText, "smtps://me:pass@mail.example.com", "hello@acme.example",
		"Acme", false, time.Minute, slog.LevelWarn, ":8080", "127.0.0.1:9464",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("usher serve (-want +got):\n%s", diff)
	}

	create := mustParse(t, "instance create --name Acme --max-allowed-memberships 0 --environment test --mail-proof-only",
		environment{"USHER_MASTER_KEY": keyBase64, "USHER_HOME_URL": "https://acme.example/?from=invite"}).Instance.Create
	got = []any{create.Name, create.MaxAllowedMemberships, create.Environment, create.MailProofOnly, create.HomeURL.String()}
	want = []any{"Acme", 0, invite.Test, true, "https://acme.example/?from=invite"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("usher instance create (-want +got):\n%s", diff)
	}
}

func TestProxies(t *testing.T) {
	const serve = "serve --public-url https://invite.example.com --master-key " + keyHex
	for list, want := range map[string]string{
		"":                         "[]",
		"10.1.2.3/8":               "[10.0.0.0/8]",
		"192.0.2.7, 2001:db8::/32": "[192.0.2.7/32 2001:db8::/32]",
		"::1":                      "[::1/128]",
	} {
		env := environment{"USHER_TRUSTED_PROXIES": list}
		if got := fmt.Sprint(mustParse(t, serve, env).Serve.Proxies()); got != want {
			t.Errorf("%q: got %s, want %s", list, got, want)
		}
	}
	for _, list := range []string{"10.0.0.0/33", "10.0.0", "proxy.example", "10.0.0.1,", "fe80::1%eth0", "::ffff:10.0.0.1/128", "0.0.0.0:80"} {
		_, _, err := parse(serve, environment{"USHER_TRUSTED_PROXIES": list})
		if want := "must be networks such as 10.0.0.0/8 or addresses, separated by commas"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", list, err, want)
		}
	}
}

func TestMetricsShareTheListener(t *testing.T) {
	for line, want := range map[string]string{
		"serve":                             "127.0.0.1:9464",
		"serve --addr :1 --metrics-addr :1": "",
		"serve --addr :1 --metrics-addr :2": ":2",
		"serve --addr 127.0.0.1:9464":       "",
		"serve --metrics-addr=":             "",
	} {
		env := environment{"USHER_MASTER_KEY": keyBase64, "USHER_PUBLIC_URL": "https://invite.example.com"}
		if got := mustParse(t, line, env).Serve.MetricsAddr; got != want {
			t.Errorf("usher %s: metrics at %q, want %q", line, got, want)
		}
	}
}

func TestPrecedence(t *testing.T) {
	path := file(t, "sk_test_file\r\n")
	tests := []struct {
		name, line string
		env        environment
		want       string
		source     config.Source
	}{
		{"nothing is the default", "dev", nil, "", config.Default},
		{"an empty variable is none", "dev", environment{"USHER_SECRET_KEY": ""}, "", config.Default},
		{"a file counts, without its newline", "dev", environment{"USHER_SECRET_KEY_FILE": path}, "sk_test_file", config.File},
		{"a variable counts", "dev", environment{"USHER_SECRET_KEY": "sk_test_env"}, "sk_test_env", config.Environment},
		{"a flag beats the variable", "dev --secret-key sk_test_flag", environment{"USHER_SECRET_KEY": "sk_test_env"}, "sk_test_flag", config.CommandLine},
		{"a flag beats the file", "dev --secret-key=sk_test_flag", environment{"USHER_SECRET_KEY_FILE": path}, "sk_test_flag", config.CommandLine},
		{"the last flag wins", "dev --addr wrong --addr :1 --secret-key sk_live_a --secret-key sk_test_b", nil, "sk_test_b", config.CommandLine},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cli := mustParse(t, tt.line, tt.env)
			if got := cli.Dev.SecretKey.Reveal(); got != tt.want {
				t.Errorf("secret key = %q, want %q", got, tt.want)
			}
			for _, s := range cli.Effective() {
				if s.Flag == "--secret-key" && s.Source != tt.source {
					t.Errorf("source = %q, want %q", s.Source, tt.source)
				}
			}
		})
	}
}

func TestEnvironmentIsTheOneGiven(t *testing.T) {
	t.Setenv("USHER_ADDR", "127.0.0.1:1")
	if got := mustParse(t, "dev", nil).Dev.Addr; got != "127.0.0.1:8080" {
		t.Errorf("addr = %q, read from the process's environment", got)
	}
}

func TestVariablesOfOtherCommandsDoNotMatter(t *testing.T) {
	mustParse(t, "migrate", environment{"USHER_PUBLIC_URL": "foo", "USHER_UNHEARD_OF": "1", "USHER_HELP": "x"})
}

func TestMistakes(t *testing.T) {
	const serve = "serve --public-url https://invite.example.com --master-key " + keyHex
	missing := filepath.Join(t.TempDir(), "missing")
	empty := file(t, "\n")
	const wantKey = "--master-key (or USHER_MASTER_KEY, USHER_MASTER_KEY_FILE): " +
		"must be at least 32 random bytes in base64 or hex, such as openssl rand -base64 32 prints"
	const wantURL = "--public-url (or USHER_PUBLIC_URL): "
	tests := []struct {
		name, line string
		env        environment
		want       []string
	}{
		{"serve demands a URL and a key", "serve", nil, []string{
			wantURL + "is required",
			"--master-key (or USHER_MASTER_KEY, USHER_MASTER_KEY_FILE): is required",
		}},
		{"emptying does not satisfy", serve + " --public-url=", nil, []string{wantURL + "is required"}},
		{"all of them, each once", "serve --public-url foo --addr 8080 --mail-attempts 0 --frobnicate now",
			environment{"USHER_MASTER_KEY": "short", "USHER_DRAIN_TIMEOUT": "20", "USHER_LOG_FORMAT": "xml", "USHER_INSECURE_PUBLIC_URL": "maybe"}, []string{
				"unknown flag --frobnicate",
				`--addr (or USHER_ADDR): must be a host and a port such as 127.0.0.1:8080 or :8080, not "8080"`,
				wantURL + `must be an absolute URL such as https://invite.example.com, not "foo"`,
				`--insecure-public-url (or USHER_INSECURE_PUBLIC_URL): must be true or false, not "maybe"`,
				wantKey,
				`--mail-attempts (or USHER_MAIL_ATTEMPTS): must be a whole number, 1 or more, not "0"`,
				`--drain-timeout (or USHER_DRAIN_TIMEOUT): must be a duration such as 20s or 5m, not "20"`,
				`--log-format (or USHER_LOG_FORMAT): must be one of auto, text, json, not "xml"`,
			}},
		{"unknown flags between good ones", "dev --adr --addr :1 stray --log-level loud --public=x", nil, []string{
			`unknown flag --adr, did you mean "--addr"?`,
			"unexpected argument stray",
			`unknown flag --public, did you mean "--public-url"?`,
			`--log-level (or USHER_LOG_LEVEL): must be one of debug, info, warn, error, not "loud"`,
		}},
		{"a flag without its value", "dev --addr --data x --seed", nil, []string{
			"--addr (or USHER_ADDR): needs a value",
			"--seed (or USHER_SEED): needs a value",
		}},
		{"unknown command", "server", nil, []string{`unexpected argument server, did you mean "serve"?`}},
		{"no command", "", nil, []string{"usher needs a command"}},
		{"half a command", "instance", nil, []string{"usher instance needs a command"}},
		{"create demands a name", "instance create", environment{"USHER_MASTER_KEY": keyHex}, []string{
			"--name (or USHER_NAME): is required"}},
		{"unknown environment", "instance create --name A --environment prod", environment{"USHER_MASTER_KEY": keyHex}, []string{
			`--environment (or USHER_ENVIRONMENT): must be one of test, live, not "prod"`}},
		{"fewer than no members", "instance create --name A --max-allowed-memberships=-1", environment{"USHER_MASTER_KEY": keyHex}, []string{
			`--max-allowed-memberships (or USHER_MAX_ALLOWED_MEMBERSHIPS): must be a whole number, 0 or more, not "-1"`}},
		{"a public URL in the clear", serve + " --public-url http://invite.example.com", nil, []string{
			wantURL + "must begin with https:// (http:// is for this machine, or with --insecure-public-url)"}},
		{"profiles for everybody", "dev --debug-addr :6060", nil, []string{
			"--debug-addr (or USHER_DEBUG_ADDR): must be an address of this machine alone, such as 127.0.0.1:6060"}},
		{"a public URL with a query", serve + " --public-url https://example.com/?a", nil, []string{
			wantURL + `must have no user, no query and no fragment, not "https://example.com/?a"`}},
		{"a public URL with a user", serve + " --public-url https://me@example.com", nil, []string{
			wantURL + `must have no user, no query and no fragment, not "https://me@example.com"`}},
		{"a public URL that is a path", serve + " --public-url /invite", nil, []string{
			wantURL + `must be an absolute URL such as https://invite.example.com, not "/invite"`}},
		{"a home URL that runs", "dev --home-url javascript:alert(1)", nil, []string{
			`--home-url (or USHER_HOME_URL): must be an absolute URL such as https://app.example.com/welcome, not "javascript:alert(1)"`}},
		{"a session that ends at once", "instance update --session-idle 1m", nil, []string{
			`--session-idle (or USHER_SESSION_IDLE): must be a duration such as 12h or 720h, at least 5m and at most 87600h, not "1m"`}},
		{"SMTP without a sender", serve, environment{"USHER_SMTP_URL": "smtp://mail.example.com"}, []string{
			"--mail-from (or USHER_MAIL_FROM): is required with --smtp-url"}},
		{"SMTP with a wrong sender", "dev --mail-from nobody", environment{"USHER_SMTP_URL": "smtp://mail.example.com"}, []string{
			`--mail-from (or USHER_MAIL_FROM): must be an address such as "Acme <invitations@acme.example>", not "nobody"`}},
		{"SMTP over the web", "dev --mail-from a@b.example", environment{"USHER_SMTP_URL": "https://u:hunter2@mail.example.com"}, []string{
			"--smtp-url (or USHER_SMTP_URL, USHER_SMTP_URL_FILE): must look like smtp://USER:PASSWORD@HOST:587 " +
				"or smtps://USER:PASSWORD@HOST:465, with special characters of the password percent-encoded"}},
		{"a stop in the past", "dev --drain-timeout=-1s", nil, []string{
			`--drain-timeout (or USHER_DRAIN_TIMEOUT): must be a duration such as 20s or 5m, not "-1s"`}},
		{"a live key for dev", "dev --secret-key sk_live_x", nil, []string{
			"--secret-key (or USHER_SECRET_KEY, USHER_SECRET_KEY_FILE): must be sk_test_ followed by letters, digits, - or _"}},
		{"a secret twice", "dev", environment{"USHER_SECRET_KEY": "sk_test_a", "USHER_SECRET_KEY_FILE": missing}, []string{
			"--secret-key (or USHER_SECRET_KEY, USHER_SECRET_KEY_FILE): USHER_SECRET_KEY and USHER_SECRET_KEY_FILE are both set; keep one"}},
		{"a required secret twice", "serve --public-url https://invite.example.com",
			environment{"USHER_MASTER_KEY": keyHex, "USHER_MASTER_KEY_FILE": missing}, []string{
				"--master-key (or USHER_MASTER_KEY, USHER_MASTER_KEY_FILE): USHER_MASTER_KEY and USHER_MASTER_KEY_FILE are both set; keep one"}},
		{"a secret file that is not there", "dev", environment{"USHER_SECRET_KEY_FILE": missing}, []string{
			"--secret-key (or USHER_SECRET_KEY, USHER_SECRET_KEY_FILE): its file cannot be read: open " + missing + ": no such file or directory"}},
		{"a secret file with nothing in it", "dev", environment{"USHER_SECRET_KEY_FILE": empty}, []string{
			"--secret-key (or USHER_SECRET_KEY, USHER_SECRET_KEY_FILE): its file " + empty + " is empty"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cli, _, err := parse(tt.line, tt.env)
			usage, ok := errors.AsType[*config.UsageError](err)
			if !ok || cli != nil {
				t.Fatalf("usher %s = %v, %v, want a UsageError", tt.line, cli, err)
			}
			if diff := cmp.Diff(tt.want, usage.Mistakes); diff != "" {
				t.Errorf("usher %s (-want +got):\n%s", tt.line, diff)
			}
			if got, want := err.Error(), strings.Join(tt.want, "\n"); got != want {
				t.Errorf("Error() = %q, want %q", got, want)
			}
		})
	}
}

func TestPublicURLInTheClear(t *testing.T) {
	env := environment{"USHER_MASTER_KEY": keyBase64}
	for _, line := range []string{
		"serve --public-url http://localhost:8080",
		"serve --public-url http://usher.localhost",
		"serve --public-url http://127.0.0.2",
		"serve --public-url http://[::1]:8080",
		"serve --public-url http://usher.internal --insecure-public-url",
		"dev --public-url http://192.168.1.5:8080",
	} {
		mustParse(t, line, env)
	}
}

func TestMasterKeyForms(t *testing.T) {
	for name, text := range map[string]string{
		"base64":              keyBase64,
		"base64, no padding":  strings.TrimRight(keyBase64, "="),
		"base64, wrapped":     keyBase64[:20] + "\n" + keyBase64[20:],
		"base64, URL letters": strings.NewReplacer("+", "-", "/", "_").Replace(keyBase64),
		"hex":                 keyHex,
		"hex in capitals":     strings.ToUpper(keyHex),
	} {
		cli := mustParse(t, "instance create --name Acme", environment{"USHER_MASTER_KEY": text})
		if got := cli.Instance.Create.MasterKey.Bytes; string(got) != keyText {
			t.Errorf("%s: key = %x, want %x", name, got, keyText)
		}
	}
	for name, text := range map[string]string{
		"hex cut short":  hex.EncodeToString([]byte(keyText[1:])),
		"base64 too few": keyBase64[:40],
		"a passphrase":   "correct horse battery staple, and then some more words",
	} {
		if _, _, err := parse("instance create --name Acme", environment{"USHER_MASTER_KEY": text}); err == nil {
			t.Errorf("%s was accepted as a master key", name)
		} else if strings.Contains(err.Error(), text) {
			t.Errorf("%s: the mistake repeats the key: %v", name, err)
		}
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	const password = "hunter2"
	env := environment{
		"USHER_PUBLIC_URL": "https://invite.example.com",
		"USHER_MASTER_KEY": keyHex,
		"USHER_SMTP_URL":   "smtp://me:" + password + "@mail.example.com",
		"USHER_MAIL_FROM":  "a@b.example",
	}
	cli := mustParse(t, "config serve", env)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", cli.Config.Serve.Mail)
		fmt.Fprintf(&out, verb+"\n", cli.Config.Serve.Keys)
	}
	fmt.Fprintln(&out, cli.Config.Serve.SMTPURL, cli.Config.Serve.MasterKey.String(), cli.Effective())
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("starting", "url", cli.Config.Serve.SMTPURL, "key", cli.Config.Serve.MasterKey, "all", cli.Config.Serve)
	}
	if err := json.NewEncoder(&out).Encode([]any{cli.Config.Serve.SMTPURL, cli.Config.Serve.MasterKey}); err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{password, keyHex, keyText[:8], "48 49 50 51", keyBase64[:8], hex.EncodeToString([]byte(password))} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q shows in:\n%s", leak, out.String())
		}
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Errorf("nothing is marked as redacted in:\n%s", out.String())
	}
}

func TestConfigShowsWhatIsMissing(t *testing.T) {
	cli, command, err := parse("config --addr :1 --mail-attempts many", environment{"USHER_SMTP_URL": "smtp://mail.example.com"})
	if command != "config serve" || err != nil {
		t.Fatalf("usher config = %q, %v", command, err)
	}
	got := map[string]config.Setting{}
	for _, s := range cli.Effective() {
		got[s.Flag] = s
	}
	for _, want := range []config.Setting{
		{"--addr", "USHER_ADDR", ":1", config.CommandLine},
		{"--metrics-addr", "USHER_METRICS_ADDR", "127.0.0.1:9464", config.Default},
		{"--public-url", "USHER_PUBLIC_URL", "", config.Default},
		{"--master-key", "USHER_MASTER_KEY", "", config.Default},
		{"--smtp-url", "USHER_SMTP_URL", "[redacted]", config.Environment},
		{"--mail-attempts", "USHER_MAIL_ATTEMPTS", "many", config.CommandLine},
		{"--insecure-public-url", "USHER_INSECURE_PUBLIC_URL", "false", config.Default},
	} {
		if got[want.Flag] != want {
			t.Errorf("%s: got %+v, want %+v", want.Flag, got[want.Flag], want)
		}
	}
	wantMistakes := []string{
		"--public-url (or USHER_PUBLIC_URL): is required",
		"--master-key (or USHER_MASTER_KEY, USHER_MASTER_KEY_FILE): is required",
		"--mail-from (or USHER_MAIL_FROM): is required with --smtp-url",
		`--mail-attempts (or USHER_MAIL_ATTEMPTS): must be a whole number, 1 or more, not "many"`,
	}
	if diff := cmp.Diff(wantMistakes, cli.Mistakes()); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "") // the flag library wraps to it
	for name, line := range map[string]string{
		"usher":                 "--help",
		"usher-dev":             "dev --help",
		"usher-serve":           "serve --frobnicate -h",
		"usher-instance-create": "instance create --help",
	} {
		var stdout, stderr bytes.Buffer
		_, _, err := config.Parse(strings.Fields(line), environment{}.get, &stdout, &stderr)
		if !errors.Is(err, config.ErrHelp) || stderr.Len() > 0 {
			t.Errorf("usher %s: error %v, stderr %q, want ErrHelp and nothing", line, err, stderr.String())
		}
		golden(t, filepath.Join("testdata", name+".txt"), stdout.String())
	}
}

func TestNoCommandShowsHelpToPeople(t *testing.T) {
	var stdout, stderr bytes.Buffer
	_, _, err := config.Parse(nil, environment{}.get, &stdout, &stderr)
	if _, ok := errors.AsType[*config.UsageError](err); !ok {
		t.Errorf("error = %v, want a UsageError", err)
	}
	if stdout.Len() > 0 || !strings.Contains(stderr.String(), "Usage: usher <command>") {
		t.Errorf("stdout %q, stderr %q, want the help on stderr", stdout.String(), stderr.String())
	}
}

func TestMarkdown(t *testing.T) {
	golden(t, filepath.Join("..", "..", "docs", "config.md"), config.Markdown())
}

// Every option explains itself, is in the documentation under each of its
// variables, and can be given by each of them.
func TestEveryOptionIsComplete(t *testing.T) {
	docs := config.Markdown()
	secrets := map[string]bool{}
	config.EachOption(func(command string, flag *kong.Flag, secret bool, env string) {
		if !strings.HasSuffix(flag.Help, ".") {
			t.Errorf("usher %s: the help of --%s is not a sentence: %q", command, flag.Name, flag.Help)
		}
		if flag.Group == nil || !flag.IsBool() && flag.PlaceHolder == "" {
			t.Errorf("usher %s: --%s has no group or no placeholder", command, flag.Name)
		}
		if want := "USHER_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_")); env != want {
			t.Errorf("usher %s: --%s has the variable %s, want %s", command, flag.Name, env, want)
		}
		if !regexp.MustCompile("\\| `--(\\[no-\\])?" + flag.Name + "[ `]").MatchString(docs) {
			t.Errorf("--%s is not in the documentation", flag.Name)
		}
		if !strings.Contains(docs, "`"+env+"`") {
			t.Errorf("%s is not in the documentation", env)
		}
		if strings.Contains(docs, "`"+env+"_FILE`") != secret {
			t.Errorf("%s_FILE in the documentation = %v, want %v", env, !secret, secret)
		}
		_, _, err := parse(command, environment{env: "\x00", env + "_FILE": "\x00"})
		conflict := err != nil && strings.Contains(err.Error(), env+"_FILE are both set")
		if !strings.HasPrefix(command, "config") && conflict != secret {
			t.Errorf("usher %s reads %s_FILE = %v, want %v", command, env, conflict, secret)
		}
		if secret {
			secrets["--"+flag.Name] = true
		}
	})
	want := map[string]bool{
		"--database": true, "--database-read": true, "--from": true, "--master-key": true, "--secret-key": true, "--signing-secret": true, "--smtp-url": true, "--to": true,
	}
	if diff := cmp.Diff(want, secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is out of date; if the change is meant: go test ./internal/config -update\n(-want +got):\n%s", path, diff)
	}
}

func TestMailsAreKeptNoLongerThanAddresses(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct{ events, addresses, want time.Duration }{
		{30 * day, 0, 30 * day},
		{30 * day, 90 * day, 30 * day},
		{30 * day, time.Hour, time.Hour},
	} {
		d := config.Delivery{EventRetention: tt.events, AddressRetention: tt.addresses}
		if got := d.MailRetention(); got != tt.want {
			t.Errorf("with events kept %v and addresses %v mails are kept %v, want %v", tt.events, tt.addresses, got, tt.want)
		}
	}
}
