package edge

import (
	"fmt"
	"runtime/debug"
)

// panicked is the error of a handler that panicked; its text is for the log.
type panicked struct {
	value any
	stack string
}

func stack() string { return string(debug.Stack()) }

func (p panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }
