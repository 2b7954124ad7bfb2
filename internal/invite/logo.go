package invite

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
)

// Bounds of an organization's logo. The bytes are the contract's (§4.2). The
// pixels are ours: whoever shows a picture has to unpack it, and a small file can
// hold a very large one.
const (
	MaxLogo       = 10 << 20 // bytes
	maxLogoPixels = 40 << 20
)

// Logo is the picture of an organization.
type Logo struct {
	Name       string // of the file: it follows from the content, so what has it never changes
	Type       string // media type, of the content and not of what it was called
	Content    []byte
	UploaderID string // user id, or empty
}

// LogoPath returns where o's logo is served, or nothing when it has none.
func (o *Organization) LogoPath() string {
	if o.Logo == "" {
		return ""
	}
	return "/logos/" + o.InstanceID + "/" + o.ID + "/" + o.Logo
}

// NewLogo recognizes a JPEG, PNG, GIF or WebP by what is in it. It refuses with
// LogoMissing, LogoTooLarge or LogoType.
func NewLogo(content []byte, uploader string) (*Logo, error) {
	switch {
	case len(content) == 0:
		return nil, ParamErr(LogoMissing, "file")
	case len(content) > MaxLogo:
		return nil, ParamErr(LogoTooLarge, "file")
	}
	for _, format := range logoFormats {
		if !bytes.HasPrefix(content, []byte(format.magic)) {
			continue
		}
		width, height, ok := format.size(content)
		switch {
		case !ok || width <= 0 || height <= 0:
			return nil, ParamErr(LogoType, "file")
		case width > maxLogoPixels/height:
			return nil, ParamErr(LogoTooLarge, "file")
		}
		sum := sha256.Sum256(content)
		return &Logo{
			Name: hex.EncodeToString(sum[:20]) + "." + format.name, Type: "image/" + format.name,
			Content: content, UploaderID: uploader,
		}, nil
	}
	return nil, ParamErr(LogoType, "file")
}

// logoFormats are the formats by how a file begins. Their size functions read the
// header only.
var logoFormats = []struct {
	magic, name string
	size        func(content []byte) (width, height int, ok bool)
}{
	{"\x89PNG\r\n\x1a\n", "png", func(c []byte) (int, int, bool) { return sized(png.DecodeConfig(bytes.NewReader(c))) }},
	{"\xff\xd8\xff", "jpeg", func(c []byte) (int, int, bool) { return sized(jpeg.DecodeConfig(bytes.NewReader(c))) }},
	{"GIF87a", "gif", func(c []byte) (int, int, bool) { return sized(gif.DecodeConfig(bytes.NewReader(c))) }},
	{"GIF89a", "gif", func(c []byte) (int, int, bool) { return sized(gif.DecodeConfig(bytes.NewReader(c))) }},
	{"RIFF", "webp", webpSize},
}

func sized(c image.Config, err error) (width, height int, ok bool) {
	return c.Width, c.Height, err == nil
}

// webpSize reads the first chunk of a WebP file (RFC 9649, §2.5 to §2.7).
func webpSize(c []byte) (width, height int, ok bool) {
	if len(c) < 30 || string(c[8:12]) != "WEBP" {
		return 0, 0, false
	}
	data := c[20:]
	switch string(c[12:16]) {
	case "VP8X": // the canvas, two numbers of 24 bits, each one less
		return 1 + int(data[4]) + int(data[5])<<8 + int(data[6])<<16, 1 + int(data[7]) + int(data[8])<<8 + int(data[9])<<16, true
	case "VP8L": // two numbers of 14 bits, each one less, behind a signature
		bits := binary.LittleEndian.Uint32(data[1:5])
		return 1 + int(bits&0x3fff), 1 + int(bits>>14&0x3fff), data[0] == 0x2f
	case "VP8 ": // a key frame: a tag, a start code, two numbers of 14 bits
		width, height := binary.LittleEndian.Uint16(data[6:8]), binary.LittleEndian.Uint16(data[8:10])
		return int(width & 0x3fff), int(height & 0x3fff), data[0]&1 == 0 && string(data[3:6]) == "\x9d\x01\x2a"
	}
	return 0, 0, false
}
