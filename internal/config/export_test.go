package config

import "github.com/alecthomas/kong"

// EachOption calls f with every option of every command.
func EachOption(f func(command string, flag *kong.Flag, secret bool, env string)) {
	for _, command := range documented() {
		for _, flag := range command.Flags {
			f(command.Path(), flag, secret(flag.Value), envOf(flag))
		}
	}
}
