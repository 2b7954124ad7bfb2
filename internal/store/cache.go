package store

// pageCache is replaced below.
type pageCache struct{}

func newPageCache() *pageCache            { return &pageCache{} }
func (c *pageCache) changed(ids []string) {}
