package oracle

var (
	Find   = find
	Folder = folder
	Load   = load
)
