// Package config declares every option of usher once. The command line, the
// USHER_… variables, the …_FILE variables of secrets, the help text and
// docs/config.md are all read from the structs in this file, so they cannot
// disagree.
//
// A field's tags say what it needs: help, placeholder and default as the flag
// library knows them, group (the heading it stands under), type (a parser of
// this package, see value.go) and needed (the commands that refuse to run
// without it). The variable is named after the flag: --public-url is
// USHER_PUBLIC_URL.
package config

import (
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"usher/internal/invite"
)

// CLI is the whole command line. After Parse the struct of the selected command
// holds its options, checked; the others hold their defaults.
type CLI struct {
	Dev      Dev      `cmd:"" help:"Run a development server: nothing to configure, every mail in an inbox." example:"usher dev --addr 127.0.0.1:9000 --seed people.yaml"`
	Serve    Serve    `cmd:"" help:"Run a production server." example:"USHER_MASTER_KEY_FILE=/run/secrets/usher-master-key \\\n  usher serve --public-url https://invite.example.com"`
	Migrate  Migrate  `cmd:"" help:"Bring the database to this version's schema." example:"usher migrate --data /var/lib/usher"`
	Instance Instance `cmd:"" help:"Create and list instances, the tenants of a server."`
	Backup   Backup   `cmd:"" help:"Copy the database while the server runs." example:"usher backup --data /var/lib/usher /backup/usher.db"`
	Restore  Restore  `cmd:"" help:"Put a backup into a data folder that no server uses." example:"usher restore --data /var/lib/usher /backup/usher.db"`
	Copy     Copy     `cmd:"" help:"Copy a database to another, of the same kind or of the other, while the server runs." example:"USHER_TO_FILE=/etc/usher/database usher copy --from /var/lib/usher"`
	Export   Export   `cmd:"" help:"Write down an organization with all that belongs to it, while the server runs." example:"usher export --org org_2g7np7Hrk0SN6kj5EDMLDaKNL0S acme.jsonl"`
	Erase    Erase    `cmd:"" help:"Forget everything about a person, while the server runs." example:"usher erase --email ada@example.com --dry-run"`
	Webhook  Webhook  `cmd:"" help:"Manage the endpoints to which a running server posts an instance's events."`
	Config   Config   `cmd:"" help:"Show the effective configuration, secrets redacted."`
	Version  Version  `cmd:"" help:"Print the version."`

	settings []Setting
	mistakes []string
}

// Dev holds the options of "usher dev".
type Dev struct {
	Listener    `kong:"embed,group='Listening',set='addr=127.0.0.1:8080',set='metrics_addr='"`
	Folder      `embed:"" group:"Data"`
	Development `embed:"" group:"Development"`
	Traffic     `embed:"" group:"Listening"`
	Application `embed:"" group:"Application" set:"name=usher"`
	Origins     `embed:"" group:"Browsers"`
	Mail        `embed:"" group:"Mail"`
	Delivery    `embed:"" group:"Delivery" set:"webhook_private=true"`
	Log         `embed:"" group:"Log"`
}

// Serve holds the options of "usher serve".
type Serve struct {
	Listener `kong:"embed,group='Listening',set='addr=:8080',set='metrics_addr=127.0.0.1:9464'"`
	Exposure `embed:"" group:"Listening"`
	Traffic  `embed:"" group:"Listening"`
	Data     `embed:"" group:"Data"`
	Standby  `embed:"" group:"Data"`
	Keys     `embed:"" group:"Keys"`
	Mail     `embed:"" group:"Mail"`
	Delivery `embed:"" group:"Delivery" set:"webhook_private=false"`
	Log      `embed:"" group:"Log"`
}

// Migrate holds the options of "usher migrate".
type Migrate struct {
	Data `embed:"" group:"Data"`
}

// Backup holds the options of "usher backup".
type Backup struct {
	File      string `arg:"" optional:"" placeholder:"FILE" help:"Where the copy goes; - is standard output."`
	Data      `embed:"" group:"Data"`
	Replacing `embed:"" group:"Data"`
}

// Restore holds the options of "usher restore".
type Restore struct {
	File      string `arg:"" optional:"" placeholder:"FILE" help:"The backup; - is standard input."`
	Data      `embed:"" group:"Data"`
	Replacing `embed:"" group:"Data"`
}

// Copy holds the options of "usher copy".
type Copy struct {
	From Secret `group:"Data" type:"place" needed:"copy" placeholder:"PLACE" help:"The database to copy: a data folder, or postgres://USER:PASSWORD@HOST:5432/NAME."`
	To   Secret `group:"Data" type:"place" needed:"copy" placeholder:"PLACE" help:"Where the copy goes, in the same words: an empty database, or one that was copied to until the copy was cut short."`
	Keys `embed:"" group:"Keys"`
}

// Export holds the options of "usher export".
type Export struct {
	File      string `arg:"" optional:"" placeholder:"FILE" help:"Where the export goes; - is standard output."`
	Data      `embed:"" group:"Data"`
	Replacing `embed:"" group:"Data"`
	Selected  `embed:"" group:"Application"`
	Org       string `group:"Application" needed:"export" placeholder:"ID" help:"The organization, by its id or slug."`
}

// Erase holds the options of "usher erase".
type Erase struct {
	Data     `embed:"" group:"Data"`
	Keys     `embed:"" group:"Keys"`
	Selected `embed:"" group:"Application"`
	Email    string `group:"Application" needed:"erase" placeholder:"ADDRESS" help:"The address of the person to be forgotten."`
	DryRun   bool   `group:"Application" default:"false" help:"Say what would be erased, and change nothing."`
	Compact  bool   `group:"Data" default:"true" negatable:"" help:"Rewrite the file in the end, so that no free page of it holds what was erased. Writes wait meanwhile."`
}

// Replacing says whether a command may replace what is there.
type Replacing struct {
	Force bool `default:"false" help:"Replace the file, or the data, that is there."`
}

// Instance groups the commands about instances.
type Instance struct {
	Create Create      `cmd:"" help:"Create an instance and print its secret key, once." example:"usher instance create --name Acme --home-url https://app.acme.example"`
	Update Update      `cmd:"" help:"Change where an instance and its pages are." example:"usher instance update --allowed-origins https://app.acme.example,https://acme.example"`
	List   List        `cmd:"" help:"List the instances." example:"usher instance list --data /var/lib/usher"`
	Rekey  Rekey       `cmd:"" help:"Give all instances another master key; every link that is out breaks." example:"USHER_MASTER_KEY_FILE=/run/secrets/new-key usher instance rekey"`
	Sign   SigningKey  `cmd:"" name:"rotate" help:"Sign session tokens with a new key." example:"usher instance rotate --overlap 24h"`
	Key    InstanceKey `cmd:"" help:"Create, list and revoke the secret keys of an instance."`
}

// Create holds the options of "usher instance create".
type Create struct {
	Data        `embed:"" group:"Data"`
	Keys        `embed:"" group:"Keys"`
	Application `embed:"" group:"Application" set:"name="`
	Limits      `embed:"" group:"Application"`
	Frontend    `embed:"" group:"Browsers"`
	Origins     `embed:"" group:"Browsers"`
	Sessions    `embed:"" group:"Browsers"`
}

// Update holds the options of "usher instance update". What is not given stays.
type Update struct {
	Data     `embed:"" group:"Data"`
	Selected `embed:"" group:"Application"`
	HomeURL  *url.URL `group:"Application" name:"home-url" placeholder:"URL" help:"Where people go after joining."`
	Frontend `embed:"" group:"Browsers"`
	Origins  `embed:"" group:"Browsers"`
	Sessions `embed:"" group:"Browsers"`
}

// Frontend says where browsers find an instance.
type Frontend struct {
	FrontendHost string `type:"host" placeholder:"HOST" help:"Host of the Frontend API that is this instance's alone, such as clerk.acme.example. The oldest instance without one is at the server's own."`
}

// Sessions says how long people stay signed in; what is 0 was not given.
type Sessions struct {
	SessionLifetime time.Duration `type:"lifetime" placeholder:"DURATION" help:"How long somebody stays signed in at the most, 5m to 87600h. New sessions live so long; 168h unless an instance is told."`
	SessionIdle     time.Duration `type:"lifetime" placeholder:"DURATION" help:"How long somebody stays signed in who does nothing, 5m to 87600h; 96h unless an instance is told. As long as the lifetime, nobody is signed out for doing nothing."`
}

// Origins says which pages are an instance's.
type Origins struct {
	AllowedOrigins string `type:"origins" placeholder:"LIST" help:"Origins whose pages may use the Frontend API, such as https://app.acme.example, separated by commas. The server's own and that of the home URL always may, and on this machine's names every page in development."`
}

// List returns the origins; nil when none were given.
func (o *Origins) List() []string {
	if o.AllowedOrigins == "" {
		return nil
	}
	return strings.Split(o.AllowedOrigins, ",")
}

// List holds the options of "usher instance list".
type List struct {
	Data `embed:"" group:"Data"`
}

// Rekey holds the options of "usher instance rekey".
type Rekey struct {
	Data `embed:"" group:"Data"`
	Keys `embed:"" group:"Keys"`
}

// SigningKey holds the options of "usher instance rotate".
type SigningKey struct {
	Data     `embed:"" group:"Data"`
	Keys     `embed:"" group:"Keys"`
	Selected `embed:"" group:"Application"`
	Overlap  time.Duration `group:"Keys" default:"24h" placeholder:"DURATION" help:"How long the former key is still published, so that what it signed can be verified."`
}

// InstanceKey groups the commands about secret keys. To replace one, create
// another, give it to whoever uses the old one, and revoke that.
type InstanceKey struct {
	Create CreateKey `cmd:"" help:"Create another secret key and print it, once." example:"usher instance key create --instance ins_2g7np7Hrk0SN6kj5EDMLDaKNL0S"`
	List   ListKeys  `cmd:"" help:"List the secret keys by what is known of them." example:"usher instance key list"`
	Revoke RevokeKey `cmd:"" help:"Revoke a secret key; a running server refuses it within a second." example:"usher instance key revoke --key-id 5ca1ab1e0042"`
}

// CreateKey holds the options of "usher instance key create".
type CreateKey struct {
	Data     `embed:"" group:"Data"`
	Selected `embed:"" group:"Application"`
}

// ListKeys holds the options of "usher instance key list".
type ListKeys struct {
	Data     `embed:"" group:"Data"`
	Selected `embed:"" group:"Application"`
}

// RevokeKey holds the options of "usher instance key revoke".
type RevokeKey struct {
	Data     `embed:"" group:"Data"`
	Selected `embed:"" group:"Application"`
	KeyID    string `group:"Keys" needed:"revoke" placeholder:"ID" help:"The key to revoke, by the id that usher instance key list shows."`
}

// Selected names one instance.
type Selected struct {
	Instance string `placeholder:"ID" help:"The instance. Not needed when there is only one."`
}

// Webhook groups the commands about endpoints, which ask a running server.
type Webhook struct {
	Create     CreateEndpoint   `cmd:"" help:"Create an endpoint and print its signing secret." example:"usher webhook create --url https://app.example.com/hooks --types organizationInvitation.accepted,user.created"`
	List       ListEndpoints    `cmd:"" help:"List the endpoints." example:"usher webhook list"`
	Update     UpdateEndpoint   `cmd:"" help:"Change an endpoint." example:"usher webhook update --endpoint ep_2g7np7Hrk0SN6kj5EDMLDaKNL0S --types user.created"`
	Delete     OneEndpoint      `cmd:"" help:"Delete an endpoint; what waits for it is not posted any more." example:"usher webhook delete --endpoint ep_2g7np7Hrk0SN6kj5EDMLDaKNL0S"`
	Secret     OneEndpoint      `cmd:"" help:"Print the signing secrets of an endpoint, the one in use first." example:"usher webhook secret --endpoint ep_2g7np7Hrk0SN6kj5EDMLDaKNL0S"`
	Rotate     RotateSecret     `cmd:"" help:"Give an endpoint another signing secret and print it." example:"usher webhook rotate --endpoint ep_2g7np7Hrk0SN6kj5EDMLDaKNL0S --grace 48h"`
	Enable     OneEndpoint      `cmd:"" help:"Enable an endpoint; it goes on where it stopped." example:"usher webhook enable --endpoint ep_2g7np7Hrk0SN6kj5EDMLDaKNL0S"`
	Disable    OneEndpoint      `cmd:"" help:"Disable an endpoint." example:"usher webhook disable --endpoint ep_2g7np7Hrk0SN6kj5EDMLDaKNL0S"`
	Test       OneEndpoint      `cmd:"" help:"Post an event of its own to an endpoint and say how that went." example:"usher webhook test --endpoint ep_2g7np7Hrk0SN6kj5EDMLDaKNL0S"`
	Deliveries ListDeliveries   `cmd:"" help:"List what was posted to an endpoint, newest event first." example:"usher webhook deliveries --endpoint ep_2g7np7Hrk0SN6kj5EDMLDaKNL0S --status failed"`
	Replay     ReplayDeliveries `cmd:"" help:"Post events to an endpoint again." example:"usher webhook replay --endpoint ep_2g7np7Hrk0SN6kj5EDMLDaKNL0S --failed"`
}

// CreateEndpoint holds the options of "usher webhook create".
type CreateEndpoint struct {
	Caller   `embed:"" group:"Server"`
	Receiver `embed:"" group:"Endpoint"`
	Signing  `embed:"" group:"Endpoint"`
}

// ListEndpoints holds the options of "usher webhook list".
type ListEndpoints struct {
	Caller `embed:"" group:"Server"`
}

// UpdateEndpoint holds the options of "usher webhook update".
type UpdateEndpoint struct {
	Caller     `embed:"" group:"Server"`
	ToEndpoint `embed:"" group:"Endpoint"`
	Receiver   `embed:"" group:"Endpoint"`
}

// OneEndpoint holds the options of a command about one endpoint.
type OneEndpoint struct {
	Caller     `embed:"" group:"Server"`
	ToEndpoint `embed:"" group:"Endpoint"`
}

// RotateSecret holds the options of "usher webhook rotate".
type RotateSecret struct {
	Caller     `embed:"" group:"Server"`
	ToEndpoint `embed:"" group:"Endpoint"`
	Signing    `embed:"" group:"Endpoint"`
	Grace      time.Duration `group:"Endpoint" default:"24h" placeholder:"DURATION" help:"How long the secrets before it go on signing, at most 720h."`
}

// ListDeliveries holds the options of "usher webhook deliveries".
type ListDeliveries struct {
	Caller     `embed:"" group:"Server"`
	ToEndpoint `embed:"" group:"Endpoint"`
	Status     string `group:"Endpoint" placeholder:"STATUS" help:"Only deliveries of this status: pending, succeeded or failed."`
}

// ReplayDeliveries holds the options of "usher webhook replay": one of three.
type ReplayDeliveries struct {
	Caller     `embed:"" group:"Server"`
	ToEndpoint `embed:"" group:"Endpoint"`
	Event      string `group:"Endpoint" placeholder:"ID" help:"Post this event."`
	Failed     bool   `group:"Endpoint" default:"false" help:"Post everything that failed."`
	Since      string `group:"Endpoint" placeholder:"TIME" help:"Post everything that happened since, such as 2026-01-02T15:04:05Z."`
}

// Caller says which server to ask, and as which instance.
type Caller struct {
	Server    *url.URL `type:"base-url" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The running server."`
	SecretKey Secret   `needed:"create,list,update,delete,secret,rotate,enable,disable,test,deliveries,replay" placeholder:"sk_…" help:"A secret key of the instance."`
}

// ToEndpoint names one endpoint.
type ToEndpoint struct {
	Endpoint string `needed:"update,delete,secret,rotate,enable,disable,test,deliveries,replay" placeholder:"ID" help:"The endpoint, by the id that usher webhook list shows."`
}

// Receiver describes an endpoint. When it is changed, what is not given stays.
type Receiver struct {
	URL         string `name:"url" needed:"create" placeholder:"URL" help:"Where events are posted to."`
	Description string `placeholder:"TEXT" help:"What the endpoint is for."`
	Types       string `placeholder:"LIST" help:"Types of events, separated by commas; all stands for all that Clerk has, which is what an endpoint without types gets."`
}

// Signing is a secret from elsewhere, such as the one a product has already.
type Signing struct {
	SigningSecret Secret `placeholder:"whsec_…" help:"The signing secret. Unless given, one is made up."`
}

// Config holds the two commands whose configuration can be shown; without a
// name it is that of serve.
type Config struct {
	Serve Serve `cmd:"" default:"withargs" help:"Show what usher serve would run with; this is the default." example:"usher config"`
	Dev   Dev   `cmd:"" help:"Show what usher dev would run with." example:"usher config dev"`
}

// Version has no options.
type Version struct{}

// Listener says where the server is and how people reach it.
type Listener struct {
	// Addr is a host and port for net.Listen.
	Addr string `type:"hostport" default:"${addr}" placeholder:"HOST:PORT" help:"Address to listen on. Port 0 takes a free one; without a host it is every interface."`
	// MetricsAddr is empty when /metrics belongs on Addr's listener.
	MetricsAddr string `type:"hostport" empty:"" default:"${metrics_addr}" placeholder:"HOST:PORT" help:"Separate address for /metrics. Empty or the same as --addr serves it there."`
	// DebugAddr is on loopback, or empty.
	DebugAddr string `type:"hostport" empty:"" placeholder:"HOST:PORT" help:"Address on this machine where Go's profiles are served, at /debug/pprof/. Empty serves none."`
	// PublicURL has no query, no fragment and no slash at its end. It is nil
	// when dev is to use the address it listens on.
	PublicURL *url.URL `type:"base-url" needed:"serve" placeholder:"URL" help:"Where people reach this server; links in mails begin with it. In dev it is the address listened on unless given."`
}

// Exposure loosens what serve demands of its surroundings.
type Exposure struct {
	InsecurePublicURL bool `default:"false" help:"Accept a --public-url that begins with http:// although it is not this machine's. Tickets then travel unencrypted."`
}

// Traffic bounds how often the API may be called.
type Traffic struct {
	// Limits is what limit.Parse reads.
	Limits string `default:"off" placeholder:"LIMITS" help:"Request limits of each instance: off, clerk for the numbers of the hosted service, or rules such as \"POST /v1/users=100/1m\", separated by commas; a rule for * counts all requests, /each behind a rule counts each path by itself."`
	// TrustedProxies are prefixes in CIDR form.
	TrustedProxies string `type:"networks" placeholder:"LIST" help:"Networks of the proxies in front of this server, such as 10.0.0.0/8,2001:db8::7, separated by commas. What they say in X-Forwarded-For is believed, and failed attempts to sign in are counted for the networks of those who make them."`
}

// Proxies returns the networks of TrustedProxies; nil when none were given.
func (t *Traffic) Proxies() []netip.Prefix {
	var list []netip.Prefix
	for text := range strings.SplitSeq(t.TrustedProxies, ",") {
		if p, err := netip.ParsePrefix(text); err == nil { // as it was parsed before, or empty
			list = append(list, p)
		}
	}
	return list
}

// Data says where the database is.
type Data struct {
	Folder `embed:""`
	// Database is a postgres:// URL, or empty for the file in the folder.
	Database Secret `type:"postgres-url" placeholder:"URL" help:"PostgreSQL database to use instead of the folder: postgres://USER:PASSWORD@HOST:5432/NAME. Any number of servers may share one."`
}

// Standby says what may be read from besides the database.
type Standby struct {
	// DatabaseRead is a postgres:// URL, or empty.
	DatabaseRead Secret `type:"postgres-url" placeholder:"URL" help:"Standby of --database that answers lists and gets when it has replayed all that was acknowledged before they were asked. While it is down or behind --database answers."`
}

// Where names the database for people, without its password.
func (d *Data) Where() string {
	if d.Database.Reveal() == "" {
		return d.Dir
	}
	return "the database"
}

// Place returns where the database is that a text of type "place" names.
func Place(text Secret) Data {
	if strings.Contains(text.Reveal(), "://") {
		return Data{Database: text}
	}
	return Data{Folder: Folder{Dir: text.Reveal()}}
}

// Folder says where a server keeps its files.
type Folder struct {
	Dir string `name:"data" default:"./usher-data" placeholder:"DIR" help:"Folder of the database; created when missing."`
}

// Keys holds what the tickets' and the database's secrets are derived from.
type Keys struct {
	MasterKey Key `needed:"serve,create,rekey,rotate,erase" placeholder:"KEY" help:"At least 32 random bytes in base64 or hex. Tickets are signed with keys derived from it, so every link breaks when it changes."`
}

// Development holds what only a development server has.
type Development struct {
	SecretKey Secret `placeholder:"sk_test_…" help:"Secret key of the development instance. Unless given, one is made up and kept."`
	Seed      string `placeholder:"FILE" help:"YAML or JSON file with users, organizations, memberships, permissions, roles and invitations to begin with."`
	Reset     bool   `default:"false" help:"Delete the development data and begin anew."`
}

// Application describes an instance as people see it.
type Application struct {
	Name    string   `default:"${name}" needed:"create" placeholder:"NAME" help:"Name of the application, as mails and pages show it."`
	HomeURL *url.URL `name:"home-url" placeholder:"URL" help:"Where people go after joining."`
}

// Limits holds the rules of a new instance.
type Limits struct {
	Environment           invite.Environment `default:"live" enum:"test,live" placeholder:"ENV" help:"What the instance is for: test or live. Its keys begin with sk_test_ or sk_live_."`
	MaxAllowedMemberships int                `default:"5" placeholder:"N" help:"Most members and pending invitations a new organization may have; 0 is no limit."`
	MailProofOnly         bool               `default:"false" help:"Only a ticket that went out by mail proves the mailbox; one handed out by the API does not."`
}

// Mail says how messages leave.
type Mail struct {
	SMTPURL            Secret        `name:"smtp-url" type:"smtp-url" placeholder:"URL" help:"Server that sends the mail: smtp://USER:PASSWORD@HOST:587 for STARTTLS, smtps://USER:PASSWORD@HOST:465 for TLS. Without it mails stay in the inbox of usher dev, and wait in the outbox of usher serve."`
	MailFrom           *mail.Address `placeholder:"ADDRESS" help:"Sender of every mail, such as \"Acme <invitations@acme.example>\". Needed with --smtp-url."`
	MailTemplates      string        `placeholder:"DIR" help:"Folder with templates that replace the built-in ones."`
	MailReplyToInviter bool          `default:"true" negatable:"" help:"Answers to an invitation go to the inviter."`
}

// Delivery limits how long the server keeps trying.
type Delivery struct {
	MailAttempts            int           `type:"positive" default:"12" placeholder:"N" help:"Times a mail is tried before it is parked."`
	WebhookAttempts         int           `type:"positive" default:"8" placeholder:"N" help:"Times an event is posted to an endpoint before its delivery counts as failed. The pauses between are 5s, 5m, 30m, 2h, 5h, 10h and 10h, then always 10h."`
	WebhookPrivateAddresses bool          `default:"${webhook_private}" negatable:"" help:"Endpoints may be inside: at private, loopback and link-local addresses, and by plain http. Who has a secret key can then make this server post to them."`
	EventRetention          time.Duration `default:"720h" placeholder:"DURATION" help:"How long events, the history of their deliveries, and mails that were given up or are in the inbox are kept, at least 72h. What an endpoint has not got by then it does not get."`
	AddressRetention        time.Duration `default:"0s" placeholder:"DURATION" help:"How long the address of an invitation is kept after it was accepted, declined or revoked, or has expired; a placeholder stands there afterwards. Mails that were given up or are in the inbox go then, too. 0s keeps it."`
	DrainTimeout            time.Duration `default:"20s" placeholder:"DURATION" help:"How long a stop waits for requests and deliveries under way."`
}

// Log says what is written to standard error.
type Log struct {
	// LogFormat is auto, text or json; auto is text on a terminal, else JSON.
	LogFormat string     `default:"auto" enum:"auto,text,json" placeholder:"FORMAT" help:"Form of the log: text, json, or auto, which is text on a terminal and JSON elsewhere."`
	LogLevel  slog.Level `default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"Least severe event to log: debug, info, warn or error."`
}

// A checker knows rules between its options. It adds what is wrong to the
// problems and may bring values into their final form.
type checker interface{ check(problems) }

var devKey = regexp.MustCompile(`^sk_test_[A-Za-z0-9_-]+$`)

func (d *Dev) check(p problems) {
	d.Listener.check(p)
	d.Mail.check(p)
	d.Delivery.check(p)
	if key := d.SecretKey.Reveal(); key != "" && !devKey.MatchString(key) {
		p.add("secret-key", "must be sk_test_ followed by letters, digits, - or _")
	}
}

func (s *Serve) check(p problems) {
	s.Listener.check(p)
	s.Mail.check(p)
	s.Delivery.check(p)
	if u := s.PublicURL; u != nil && u.Scheme == "http" && !s.InsecurePublicURL && !loopback(u.Hostname()) {
		p.add("public-url", "must begin with https:// (http:// is for this machine, or with --insecure-public-url)")
	}
}

func (c *Copy) check(p problems) {
	if c.From.Reveal() != "" && c.From == c.To {
		p.add("to", "must be another database than --from")
	}
}

func (l *Listener) check(p problems) {
	if l.MetricsAddr == l.Addr {
		l.MetricsAddr = ""
	}
	if host, _, _ := net.SplitHostPort(l.DebugAddr); l.DebugAddr != "" && !loopback(host) {
		p.add("debug-addr", "must be an address of this machine alone, such as 127.0.0.1:6060")
	}
}

func (r *ReplayDeliveries) check(p problems) {
	given := 0
	for _, yes := range []bool{r.Event != "", r.Failed, r.Since != ""} {
		if yes {
			given++
		}
	}
	if given != 1 {
		p.add("failed", "is wanted, or --event, or --since: exactly one")
	}
}

func (m *Mail) check(p problems) {
	if m.SMTPURL.Reveal() != "" && m.MailFrom == nil {
		p.add("mail-from", "is required with --smtp-url")
	}
}

// minRetention is longer than the attempts to deliver an event go on.
const minRetention = 72 * time.Hour

// MailRetention is how long mails are kept that were given up, or are in the inbox: as
// long as events, and no longer than addresses.
func (d *Delivery) MailRetention() time.Duration {
	if d.AddressRetention > 0 {
		return min(d.EventRetention, d.AddressRetention)
	}
	return d.EventRetention
}

func (d *Delivery) check(p problems) {
	if d.EventRetention < minRetention {
		p.add("event-retention", "must be at least 72h")
	}
}

// loopback reports whether host can only be this machine (RFC 6761 §6.3).
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
