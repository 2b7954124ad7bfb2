package clerk

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"usher/internal/invite"
)

// IsForm reports whether a body of that type is a form with files, which only
// uploads have.
func IsForm(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "multipart/form-data")
}

// MaxUpload is the largest body of an upload in bytes: the file, and the form
// around it.
const MaxUpload = invite.MaxLogo + 64<<10

const maxField = 1 << 10 // bytes of a text in a form

// DecodeLogo reads the body of PUT /organizations/{id}/logo: the parts file and
// uploader_user_id (contract §4.2). It refuses what is no form with BodyInvalid,
// other parts with ParamUnknown and a second one of a name with ParamDuplicate.
func DecodeLogo(contentType string, body []byte) (*invite.Logo, error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return nil, invite.Err(BodyInvalid)
	}
	parts := map[string][]byte{}
	form := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, invite.Err(BodyInvalid)
		}
		name := part.FormName()
		if name != "file" && name != "uploader_user_id" {
			return nil, invite.ParamErr(invite.ParamUnknown, name)
		}
		if _, twice := parts[name]; twice {
			return nil, invite.ParamErr(invite.ParamDuplicate, name)
		}
		if parts[name], err = io.ReadAll(part); err != nil {
			return nil, invite.Err(BodyInvalid)
		}
	}
	uploader := parts["uploader_user_id"]
	if len(uploader) > maxField {
		return nil, &invite.Error{Kind: invite.ParamTooLong, Param: "uploader_user_id", Limit: maxField}
	}
	return invite.NewLogo(parts["file"], string(uploader))
}
