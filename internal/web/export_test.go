package web

import (
	"net/http"
	"slices"
)

// Forms lists the paths of the pages that change something, sorted.
func Forms() []string {
	var list []string
	for path, methods := range (&Server{}).routes() {
		for method := range methods {
			if method != http.MethodGet {
				list = append(list, path)
			}
		}
	}
	slices.Sort(list)
	return list
}
