package bearer_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/bearer"
)

// childEnv names the state folder to a test binary that is to make tokens in it.
const childEnv = "M1_TEST_BEARER_CHILD"

// perChild is how many tokens each child makes.
const perChild = 10

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		for i := range perChild {
			token, err := bearer.Create(dir, bearer.Spec{Name: fmt.Sprintf("p%d-%d", os.Getpid(), i), Role: bearer.Agent})
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			fmt.Println(token)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// clock is moved by hand, and may be read by several at once.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestTokensMadeByProcessesAtOnceAllSurvive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, first := open(t, dir)
	var children [3]*exec.Cmd
	var out [len(children)]strings.Builder
	for i := range children {
		children[i] = exec.Command(os.Args[0])
		children[i].Env = append(os.Environ(), childEnv+"="+dir)
		children[i].Stdout, children[i].Stderr = &out[i], &out[i]
		require.NoError(t, children[i].Start())
	}
	for i, c := range children {
		require.NoError(t, c.Wait(), out[i].String())
	}
	time.Sleep(300 * time.Millisecond) // the store may have looked while they wrote
	tokens := []string{first.Admin, first.Agent}
	for i := range out {
		tokens = append(tokens, strings.Fields(out[i].String())...)
	}
	require.Len(t, tokens, 2+len(children)*perChild)
	for _, token := range tokens {
		_, ok := s.Check(token)
		require.True(t, ok, "a token that was handed out is not known")
	}
}

func TestWhatAnotherProcessChangesCountsAfterAQuarterOfASecond(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := newClock()
	s, first := open(t, dir, now.Now)
	token, err := bearer.Create(dir, bearer.Spec{Name: "ci", Role: bearer.Agent, Agents: []string{"build-*"}})
	require.NoError(t, err)
	_, ok := s.Check(first.Admin)
	require.True(t, ok)

	now.add(250 * time.Millisecond)
	who, ok := s.Check(token)
	require.True(t, ok)
	require.Equal(t, bearer.Identity{Name: "ci", Role: bearer.Agent, Agents: []string{"build-*"}}, who)

	require.NoError(t, bearer.Revoke(dir, "ci", false))
	now.add(250 * time.Millisecond)
	_, ok = s.Check(token)
	require.False(t, ok)
	_, ok = s.Check(first.Admin)
	require.True(t, ok)
}

// A file of the same length, written within one tick of the file system's clock
// under a number that was just given back, looks like the one before.
func TestAChangeIsSeenThoughSizeAndTimeAreTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := newClock()
	s, first := open(t, dir, now.Now)
	path := filepath.Join(dir, bearer.File)
	info, err := os.Stat(path)
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	other := []byte(strings.Replace(string(data), `"first"`, `"third"`, 1))
	require.NoError(t, os.WriteFile(path, other, 0o600)) // keeps the number of the file
	require.NoError(t, os.Chtimes(path, time.Time{}, info.ModTime()))
	now.add(time.Second)
	who, ok := s.Check(first.Admin)
	require.True(t, ok)
	require.Equal(t, "third", who.Name)
}

func TestAnUnchangedFileIsNotReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := newClock()
	s, first := open(t, dir, now.Now)
	now.add(3 * time.Second)
	_, ok := s.Check(first.Admin) // the file is old enough now to be told by its time
	require.True(t, ok)
	path := filepath.Join(dir, bearer.File)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat(" ", int(info.Size()))), 0o600))
	require.NoError(t, os.Chtimes(path, time.Time{}, info.ModTime()))
	now.add(time.Second)
	_, ok = s.Check(first.Admin) // reading it would call OnError, which fails the test
	require.True(t, ok)
}

func TestADamagedFileLetsNobodyNewInAndIsToldOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := newClock()
	var told []string
	s, first, err := bearer.Open(dir, bearer.Options{Now: now.Now, OnError: func(err error) { told = append(told, err.Error()) }})
	require.NoError(t, err)
	path := filepath.Join(dir, bearer.File)
	good, err := os.ReadFile(path)
	require.NoError(t, err)

	_, err = bearer.Create(dir, bearer.Spec{Name: "ci", Role: bearer.Agent})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(`{"version":2,"tok`), 0o600))
	for range 3 {
		now.add(time.Second)
		_, ok := s.Check(first.Agent)
		require.True(t, ok, "who was known before still is")
	}
	require.Len(t, told, 1)
	require.Contains(t, told[0], "is damaged")
	require.Contains(t, told[0], "stay valid")
	require.Contains(t, told[0], path)
	_, err = bearer.Create(dir, bearer.Spec{Name: "new", Role: bearer.Agent})
	require.ErrorContains(t, err, "is damaged", "a damaged file is not written over")

	require.NoError(t, os.WriteFile(path, good, 0o600))
	require.NoError(t, os.Chmod(path, 0o666))
	now.add(time.Second)
	s.Check("")
	require.Len(t, told, 2)
	require.Contains(t, told[1], "chmod 600")
	require.NoError(t, os.Chmod(path, 0o600)) // changes neither its size nor its time
	require.NoError(t, bearer.Revoke(dir, "agent", false))
	now.add(time.Second)
	_, ok := s.Check(first.Agent)
	require.False(t, ok, "a good file counts at once")
	require.Len(t, told, 2)
}

// A change of its mode alone changes neither its size nor its time.
func TestAFileThatOthersMayWriteMeanwhileIsToldEachTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := newClock()
	told := 0
	s, first, err := bearer.Open(dir, bearer.Options{Now: now.Now, OnError: func(error) { told++ }})
	require.NoError(t, err)
	now.add(time.Hour)
	for times := 1; times <= 2; times++ {
		for _, mode := range []os.FileMode{0o666, 0o600} {
			require.NoError(t, os.Chmod(filepath.Join(dir, bearer.File), mode))
			for range 2 {
				now.add(time.Second)
				_, ok := s.Check(first.Agent)
				require.True(t, ok)
			}
			require.Equal(t, times, told)
		}
	}
}

func TestWithoutItsFileNobodyIsKnown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := newClock()
	var told []error
	s, first, err := bearer.Open(dir, bearer.Options{Now: now.Now, OnError: func(err error) { told = append(told, err) }})
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, bearer.File)))
	for range 3 {
		now.add(time.Second)
		_, ok := s.Check(first.Admin)
		require.False(t, ok)
	}
	require.Len(t, told, 1)
	require.ErrorContains(t, told[0], "is gone")
}

func TestATokenEndsWhenItSaysSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := newClock()
	end := now.Now().Add(time.Hour)
	token, err := bearer.Create(dir, bearer.Spec{Name: "guest", Role: bearer.Viewer, Expires: &end})
	require.NoError(t, err)
	s, _ := open(t, dir, now.Now)
	_, ok := s.Check(token)
	require.True(t, ok)
	now.add(time.Hour)
	_, ok = s.Check(token)
	require.False(t, ok)

	past := time.Now().Add(-time.Second)
	_, err = bearer.Create(dir, bearer.Spec{Name: "late", Role: bearer.Viewer, Expires: &past})
	require.ErrorContains(t, err, "expires")
}

func TestTheLastAdminStaysUnlessForced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := newClock()
	s, first := open(t, dir, now.Now)
	require.ErrorIs(t, bearer.Revoke(dir, "first", false), bearer.ErrLastAdmin)
	soon := time.Now().Add(50 * time.Millisecond)
	_, err := bearer.Create(dir, bearer.Spec{Name: "short", Role: bearer.Admin, Expires: &soon})
	require.NoError(t, err)
	time.Sleep(60 * time.Millisecond)
	require.ErrorIs(t, bearer.Revoke(dir, "first", false), bearer.ErrLastAdmin, "an admin that has expired is none")
	_, err = bearer.Create(dir, bearer.Spec{Name: "second", Role: bearer.Admin})
	require.NoError(t, err)
	require.NoError(t, bearer.Revoke(dir, "first", false))
	require.NoError(t, bearer.Revoke(dir, "second", true))
	require.NoError(t, bearer.Revoke(dir, "agent", false))
	require.NoError(t, bearer.Revoke(dir, "short", false))

	// All are revoked: that is no damage, and nobody must stay known.
	now.add(time.Second)
	_, ok := s.Check(first.Admin)
	require.False(t, ok)
	none, err := bearer.List(dir)
	require.NoError(t, err)
	require.Empty(t, none)
	_, again := open(t, dir)
	require.Zero(t, again)
}

func TestWhatIsWrongWithATokenIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir)
	for name, c := range map[string]struct {
		spec bearer.Spec
		want string
	}{
		"no name":          {bearer.Spec{Role: bearer.Agent}, `name ""`},
		"a space":          {bearer.Spec{Name: "a b", Role: bearer.Agent}, `name "a b"`},
		"long":             {bearer.Spec{Name: strings.Repeat("a", 65), Role: bearer.Agent}, "1 to 64"},
		"not ASCII":        {bearer.Spec{Name: "\u0430dmin", Role: bearer.Agent}, "letters, digits"},
		"a dash first":     {bearer.Spec{Name: "-x", Role: bearer.Agent}, "the first a letter"},
		"reserved":         {bearer.Spec{Name: "Anonymous", Role: bearer.Agent}, "without a token"},
		"no role":          {bearer.Spec{Name: "a"}, "want agent, viewer, operator or admin"},
		"misspelt role":    {bearer.Spec{Name: "a", Role: "operater"}, `did you mean "operator"?`},
		"groups of agent":  {bearer.Spec{Name: "a", Role: bearer.Agent, Groups: []string{"lead"}}, "never approves"},
		"groups of viewer": {bearer.Spec{Name: "a", Role: bearer.Viewer, Groups: []string{"lead"}}, "never approves"},
		"bad group":        {bearer.Spec{Name: "a", Role: bearer.Operator, Groups: []string{"on call"}}, `group "on call"`},
		"agents of admin":  {bearer.Spec{Name: "a", Role: bearer.Admin, Agents: []string{"*"}}, "speaks for no agent"},
		"empty agent":      {bearer.Spec{Name: "a", Role: bearer.Agent, Agents: []string{""}}, `agent ""`},
		"hidden agent":     {bearer.Spec{Name: "a", Role: bearer.Agent, Agents: []string{"a\x1b"}}, "printable"},
		"taken":            {bearer.Spec{Name: "first", Role: bearer.Agent}, `the name is taken: "first"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, err := bearer.Create(dir, c.spec)
			require.ErrorContains(t, err, c.want)
			require.Empty(t, token)
		})
	}
	err := bearer.Revoke(dir, "frist", false)
	require.ErrorIs(t, err, bearer.ErrUnknown)
	require.ErrorContains(t, err, `did you mean "first"?`)
}

func TestNothingIsMadeWhereNoStateIs(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	_, err := bearer.Create(dir, bearer.Spec{Name: "a", Role: bearer.Agent})
	require.ErrorIs(t, err, bearer.ErrNoState)
	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, "--state")
	require.ErrorIs(t, bearer.Revoke(dir, "a", true), bearer.ErrNoState)
	_, err = bearer.List(dir)
	require.ErrorIs(t, err, bearer.ErrNoState)
	require.NoDirExists(t, dir)
}

func TestTheListTellsAllButTheTokens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := newClock()
	s, first := open(t, dir, now.Now)
	end := time.Now().Add(time.Hour).UTC()
	_, err := bearer.Create(dir, bearer.Spec{Name: "lead", Role: bearer.Operator, Groups: []string{"oncall"}, Expires: &end})
	require.NoError(t, err)

	tokens, err := bearer.List(dir)
	require.NoError(t, err)
	require.Len(t, tokens, 3)
	require.WithinDuration(t, time.Now(), tokens[2].Created, time.Minute)
	tokens[2].Created = time.Time{}
	require.Equal(t, bearer.Token{Name: "lead", Role: bearer.Operator, Groups: []string{"oncall"}, Agents: []string{}, Expires: &end}, tokens[2])
	require.Nil(t, tokens[0].LastUsed)

	before, err := os.ReadFile(filepath.Join(dir, bearer.File))
	require.NoError(t, err)
	_, ok := s.Check(first.Admin)
	require.True(t, ok)
	used := now.Now().UTC()
	now.add(time.Second) // the list follows the file, and keeps what was seen
	mine := s.List()
	require.Len(t, mine, 3)
	require.WithinDuration(t, used, *mine[0].LastUsed, 0)
	require.Nil(t, mine[1].LastUsed)
	after, err := os.ReadFile(filepath.Join(dir, bearer.File))
	require.NoError(t, err)
	require.Equal(t, before, after, "a use is not written")
}

func TestManyMayAskWhileTheFileChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := newClock()
	s, first := open(t, dir, now.Now)
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range 500 {
				now.add(time.Millisecond)
				if _, ok := s.Check(first.Admin); !ok {
					t.Error("a valid token was refused")
					return
				}
			}
		})
	}
	for i := range 5 {
		_, err := bearer.Create(dir, bearer.Spec{Name: fmt.Sprintf("t%d", i), Role: bearer.Viewer})
		require.NoError(t, err)
	}
	asking.Wait()
}
