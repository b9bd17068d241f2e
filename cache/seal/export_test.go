package seal

// Forge makes an authentic entry of any payload, as only who has the keys can.
func (b *Box) Forge(name, payload []byte, compressed, encrypted bool) []byte {
	var flags byte
	if compressed {
		flags |= flagCompressed
	}
	if encrypted {
		flags |= flagEncrypted
	}
	return b.wrap(name, Header{}, payload, flags)
}
