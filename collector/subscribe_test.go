package collector_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector"
	"m1/collector/snapshot"
)

func TestASubscriberHasAPictureAtOnceAndThenTheNewest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, collector.Options{})
		pictures := c.Subscribe(t.Context(), time.Minute)
		first := <-pictures
		require.Equal(t, 60, first.Metrics.WindowS)
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		next := <-pictures
		require.Equal(t, 10*time.Second, next.Timestamp.Sub(first.Timestamp), "the newest, not the one after the first")
		require.EqualValues(t, 39, c.Dropped())
	})
}

func TestAStalledSubscriberHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, collector.Options{Every: time.Second})
		c.Subscribe(t.Context(), time.Minute) // never read
		busy := c.Subscribe(t.Context(), time.Hour)
		began := (<-busy).Timestamp
		for i := range 100 {
			require.Equal(t, time.Duration(i+1)*time.Second, (<-busy).Timestamp.Sub(began))
		}
		require.EqualValues(t, 100, c.Dropped())
	})
}

func TestASubscriptionEndsWithItsContextOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, collector.Options{})
		ctx, leave := context.WithCancel(t.Context())
		leaves, stays := c.Subscribe(ctx, time.Minute), c.Subscribe(t.Context(), time.Minute)
		<-leaves
		<-stays
		leave()
		synctest.Wait()
		_, open := <-leaves
		require.False(t, open)
		_, open = <-stays
		require.True(t, open)
		_, open = <-c.Subscribe(ctx, time.Minute)
		require.False(t, open, "a context that has ended already")
	})
}

func TestEverySubscriptionEndsWithRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := collector.New(newFake(), collector.Options{})
		before := c.Subscribe(t.Context(), time.Minute)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		stop()
		require.NoError(t, <-ended)
		require.NotNil(t, <-before, "what was unread can still be read")
		_, open := <-before
		require.False(t, open)
		_, open = <-c.Subscribe(t.Context(), time.Minute)
		require.False(t, open)
		require.NotNil(t, c.Latest())
	})
}

func TestAWindowThatIsNotOfferedIsAnsweredWithTheNextLonger(t *testing.T) {
	t.Parallel()
	c := collector.New(newFake(), collector.Options{})
	for asked, want := range map[time.Duration]time.Duration{
		-1: time.Minute, 0: time.Minute, 61 * time.Second: 5 * time.Minute, 7 * time.Hour: 24 * time.Hour, 1000 * time.Hour: 24 * time.Hour,
	} {
		require.EqualValues(t, want.Seconds(), c.Dashboard(asked).Metrics.WindowS)
	}
	require.Same(t, c.Latest(), c.Dashboard(snapshot.DefaultWindow))
	require.Same(t, c.Dashboard(time.Hour), c.Dashboard(time.Hour), "built once for each sample")
}
