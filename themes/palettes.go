package themes

// palette is a theme before a profile is known. Without a selection colour the
// selected row is reversed.
type palette struct {
	name      string
	ground    uint32 // the background that the colours were chosen for
	selection color
	looks     [numTokens]look
}

// noColor is how meanings look without any colour. Words and glyphs carry the
// meaning; attributes only guide the eye.
var noColor = [numTokens]attr{
	Title: bold, Accent: bold, Warn: bold, Bad: bold | underline,
	Badge: reverse, Alarm: bold | reverse, SeriesA: bold,
}

// palettes in the order of the theme key. Every text colour has a contrast of at
// least 4.5 to its ground, every line at least 2; a test keeps that.
var palettes = []palette{
	{
		name: "dark", ground: 0x14171d, selection: rgb(0x2d3646, 8),
		looks: [numTokens]look{
			Text:      {fg: rgb(0xd5dae3, 7)},
			Muted:     {fg: rgb(0x8490a4, 8)},
			Title:     {fg: rgb(0xf2f5fa, 15), attr: bold},
			Accent:    {fg: rgb(0x7cb7ff, 12), attr: bold},
			Good:      {fg: rgb(0x6fd08c, 10)},
			Warn:      {fg: rgb(0xf0b95a, 11)},
			Bad:       {fg: rgb(0xff7b72, 9), attr: bold},
			Border:    {fg: rgb(0x4b566a, 8)},
			Badge:     {fg: rgb(0x14171d, 0), bg: rgb(0xf0b95a, 11), attr: bold},
			Alarm:     {fg: rgb(0x14171d, 15), bg: rgb(0xff7b72, 1), attr: bold},
			SeriesA:   {fg: rgb(0x5fc9e8, 14)},
			SeriesB:   {fg: rgb(0xc99bf5, 13)},
			SeriesC:   {fg: rgb(0x8490a4, 8)},
			Threshold: {fg: rgb(0xb38a45, 3)},
		},
	},
	{
		name: "light", ground: 0xffffff, selection: rgb(0xdbe7fb, 7),
		looks: [numTokens]look{
			Text:      {fg: rgb(0x24292f, 0)},
			Muted:     {fg: rgb(0x5f6975, 8)},
			Title:     {fg: rgb(0x0b0e12, 0), attr: bold},
			Accent:    {fg: rgb(0x0550ae, 4), attr: bold},
			Good:      {fg: rgb(0x136c2e, 2)},
			Warn:      {fg: rgb(0x8a5300, 3)},
			Bad:       {fg: rgb(0xb3151f, 1), attr: bold},
			Border:    {fg: rgb(0x9aa4b0, 8)},
			Badge:     {fg: rgb(0xffffff, 15), bg: rgb(0x8a5300, 3), attr: bold},
			Alarm:     {fg: rgb(0xffffff, 15), bg: rgb(0xb3151f, 1), attr: bold},
			SeriesA:   {fg: rgb(0x0b6bcb, 4)},
			SeriesB:   {fg: rgb(0x8a3ab9, 5)},
			SeriesC:   {fg: rgb(0x6b7682, 8)},
			Threshold: {fg: rgb(0xa86a00, 3)},
		},
	},
	{
		name: "contrast", ground: 0x000000, selection: rgb(0x003a8c, 4),
		looks: [numTokens]look{
			Text:      {fg: rgb(0xffffff, 15)},
			Muted:     {fg: rgb(0xc8c8c8, 7)},
			Title:     {fg: rgb(0xffffff, 15), attr: bold},
			Accent:    {fg: rgb(0x5fd7ff, 14), attr: bold},
			Good:      {fg: rgb(0x5fff87, 10), attr: bold},
			Warn:      {fg: rgb(0xffd700, 11), attr: bold},
			Bad:       {fg: rgb(0xff8787, 9), attr: bold},
			Border:    {fg: rgb(0xa8a8a8, 7)},
			Badge:     {fg: rgb(0x000000, 0), bg: rgb(0xffd700, 11), attr: bold},
			Alarm:     {fg: rgb(0x000000, 0), bg: rgb(0xff8787, 9), attr: bold},
			SeriesA:   {fg: rgb(0x5fd7ff, 14), attr: bold},
			SeriesB:   {fg: rgb(0xffafff, 13), attr: bold},
			SeriesC:   {fg: rgb(0xc8c8c8, 7)},
			Threshold: {fg: rgb(0xffd700, 11)},
		},
	},
	{
		// Blue against orange and lightness apart: readable with any of the common
		// colour-blindnesses. After the palette of Okabe and Ito.
		name: "bluegold", ground: 0x14171d, selection: rgb(0x2d3646, 8),
		looks: [numTokens]look{
			Text:      {fg: rgb(0xd5dae3, 7)},
			Muted:     {fg: rgb(0x8490a4, 8)},
			Title:     {fg: rgb(0xf2f5fa, 15), attr: bold},
			Accent:    {fg: rgb(0xd5dae3, 15), attr: bold | underline},
			Good:      {fg: rgb(0x56b4e9, 12)},
			Warn:      {fg: rgb(0xf0e442, 11)},
			Bad:       {fg: rgb(0xe69f00, 3), attr: bold},
			Border:    {fg: rgb(0x4b566a, 8)},
			Badge:     {fg: rgb(0x14171d, 0), bg: rgb(0xf0e442, 11), attr: bold},
			Alarm:     {fg: rgb(0x14171d, 0), bg: rgb(0xe69f00, 3), attr: bold},
			SeriesA:   {fg: rgb(0x56b4e9, 12)},
			SeriesB:   {fg: rgb(0xe69f00, 3)},
			SeriesC:   {fg: rgb(0x8490a4, 8)},
			Threshold: {fg: rgb(0xa8a13a, 11)},
		},
	},
	{
		name: "bluegold-light", ground: 0xffffff, selection: rgb(0xe3eaf4, 7),
		looks: [numTokens]look{
			Text:      {fg: rgb(0x24292f, 0)},
			Muted:     {fg: rgb(0x5f6975, 8)},
			Title:     {fg: rgb(0x0b0e12, 0), attr: bold},
			Accent:    {fg: rgb(0x24292f, 0), attr: bold | underline},
			Good:      {fg: rgb(0x00588f, 4)},
			Warn:      {fg: rgb(0x6b5d00, 3)},
			Bad:       {fg: rgb(0xa83e00, 1), attr: bold},
			Border:    {fg: rgb(0x9aa4b0, 8)},
			Badge:     {fg: rgb(0xffffff, 15), bg: rgb(0x6b5d00, 3), attr: bold},
			Alarm:     {fg: rgb(0xffffff, 15), bg: rgb(0xa83e00, 1), attr: bold},
			SeriesA:   {fg: rgb(0x0072b2, 4)},
			SeriesB:   {fg: rgb(0xb85000, 1)},
			SeriesC:   {fg: rgb(0x6b7682, 8)},
			Threshold: {fg: rgb(0x857400, 3)},
		},
	},
	{
		// Whatever the terminal's own palette is.
		name: "terminal",
		looks: [numTokens]look{
			Muted:     {fg: own(8)},
			Title:     {attr: bold},
			Accent:    {fg: own(6), attr: bold},
			Good:      {fg: own(2)},
			Warn:      {fg: own(3)},
			Bad:       {fg: own(1), attr: bold},
			Border:    {fg: own(8)},
			Badge:     {fg: own(3), attr: bold | reverse},
			Alarm:     {fg: own(1), attr: bold | reverse},
			SeriesA:   {fg: own(6)},
			SeriesB:   {fg: own(5)},
			SeriesC:   {fg: own(8)},
			Threshold: {fg: own(3)},
		},
	},
	{
		name: "mono",
		looks: [numTokens]look{
			Title:   {attr: bold},
			Accent:  {attr: bold},
			Warn:    {attr: bold},
			Bad:     {attr: bold | underline},
			Badge:   {attr: reverse},
			Alarm:   {attr: bold | reverse},
			SeriesA: {attr: bold},
		},
	},
}
