package invite

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

func encoded(t *testing.T, encode func(*bytes.Buffer, image.Image) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b, image.NewPaletted(image.Rect(0, 0, 3, 2), color.Palette{color.Black, color.White})); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// webp returns the beginning of a file with one chunk.
func webp(kind, data string) string {
	return "RIFF\x1a\x00\x00\x00WEBP" + kind + "\x0e\x00\x00\x00" + data + strings.Repeat("\x00", 16)
}

// pngOf returns the header of a PNG of that width and height.
func pngOf(width, height string) string {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))) // to memory
	return b.String()[:16] + width + height + b.String()[24:]
}

func TestNewLogo(t *testing.T) {
	pngFile := encoded(t, func(b *bytes.Buffer, i image.Image) error { return png.Encode(b, i) })
	gifFile := encoded(t, func(b *bytes.Buffer, i image.Image) error { return gif.Encode(b, i, nil) })
	jpegFile := encoded(t, func(b *bytes.Buffer, i image.Image) error { return jpeg.Encode(b, i, nil) })
	for name, row := range map[string]struct {
		content string
		typ     string
		refusal Kind
	}{
		"a PNG":                             {pngFile, "image/png", ""},
		"a GIF":                             {gifFile, "image/gif", ""},
		"a JPEG":                            {jpegFile, "image/jpeg", ""},
		"a lossy WebP":                      {webp("VP8 ", "\x10\x00\x00\x9d\x01\x2a\x03\x00\x02\x00"), "image/webp", ""},
		"a lossless WebP":                   {webp("VP8L", "\x2f\x02\x40\x00\x00"), "image/webp", ""},
		"an extended WebP":                  {webp("VP8X", "\x00\x00\x00\x00\x02\x00\x00\x01\x00\x00"), "image/webp", ""},
		"a PNG with more behind it":         {pngFile + "<script>", "image/png", ""},
		"the most bytes":                    {gifFile + strings.Repeat("x", MaxLogo-len(gifFile)), "image/gif", ""},
		"nothing":                           {"", "", LogoMissing},
		"too many bytes":                    {gifFile + strings.Repeat("x", MaxLogo-len(gifFile)+1), "", LogoTooLarge},
		"an SVG":                            {`<svg xmlns="http://www.w3.org/2000/svg"/>`, "", LogoType},
		"a page":                            {"<!doctype html><script>alert(1)</script>", "", LogoType},
		"a page behind a PNG's first bytes": {"\x89PNG\r\n\x1a\n<script>alert(1)</script>", "", LogoType},
		"half a JPEG's header":              {jpegFile[:8], "", LogoType},
		"a GIF of no size":                  {"GIF89a\x00\x00\x00\x00\x00\x00\x00;", "", LogoType},
		"a PNG that unpacks to gigabytes":   {pngOf("\x00\x01\x00\x00", "\x00\x01\x00\x00"), "", LogoType},
		"a GIF that unpacks to gigabytes":   {"GIF89a\xff\xff\xff\xff\x00\x00\x00;", "", LogoTooLarge},
		"a WebP that unpacks to gigabytes":  {webp("VP8X", "\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff"), "", LogoTooLarge},
		"a WebP that is no key frame":       {webp("VP8 ", "\x11\x00\x00\x9d\x01\x2a\x03\x00\x02\x00"), "", LogoType},
		"a WebP of another chunk":           {webp("ANIM", "\x00"), "", LogoType},
		"another RIFF":                      {"RIFF\x1a\x00\x00\x00WAVE" + strings.Repeat("\x00", 30), "", LogoType},
		"a WebP that is cut off":            {webp("VP8X", "")[:29], "", LogoType},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NewLogo([]byte(row.content), "user_1")
			if row.refusal != "" {
				if !errors.Is(err, Err(row.refusal)) {
					t.Errorf("got %v, want %s", err, row.refusal)
				}
				return
			}
			if err != nil || got.Type != row.typ || string(got.Content) != row.content || got.UploaderID != "user_1" {
				t.Fatalf("got %v, %v; want %s", got, err, row.typ)
			}
			again, _ := NewLogo([]byte(row.content), "")
			other, _ := NewLogo([]byte(row.content + " ")[:min(len(row.content)+1, MaxLogo)], "")
			if again.Name != got.Name || len(row.content) < MaxLogo && other.Name == got.Name {
				t.Errorf("got names %s, %s and %s of another, want the first two equal", got.Name, again.Name, other.Name)
			}
		})
	}
}

func TestWebPSize(t *testing.T) {
	for _, row := range []struct{ kind, data string }{
		{"VP8 ", "\x10\x00\x00\x9d\x01\x2a\x03\x40\x02\x80"}, // the upper two bits are scales
		{"VP8L", "\x2f\x02\x40\x00\x00"},
		{"VP8X", "\x00\x00\x00\x00\x02\x00\x00\x01\x00\x00"},
	} {
		if width, height, ok := webpSize([]byte(webp(row.kind, row.data))); width != 3 || height != 2 || !ok {
			t.Errorf("%s: got %d × %d, %v; want 3 × 2", row.kind, width, height, ok)
		}
	}
}
