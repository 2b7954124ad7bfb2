package clerk

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"usher/internal/invite"
)

// CheckTexts refuses values that no text has: bytes that are not UTF-8, and NUL.
func CheckTexts(forms ...url.Values) error {
	for _, form := range forms {
		for name, values := range form {
			for _, v := range values {
				if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
					return invite.ParamErr(invite.ParamValue, strings.ToValidUTF8(name, "?"), strings.ToValidUTF8(v, "?"))
				}
			}
		}
	}
	return nil
}
