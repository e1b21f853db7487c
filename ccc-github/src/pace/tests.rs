use super::*;
use crate::client::tests::Leaping;

const ONE: Who = Who::Installation(1);
const TWO: Who = Who::Installation(2);

fn lanes(pacing: Pacing) -> (Arc<Lanes>, Arc<Leaping>) {
    let clock = Leaping::new();
    (Arc::new(Lanes::new(Arc::<Leaping>::clone(&clock), pacing)), clock)
}

async fn enter(lanes: &Lanes, who: Who, write: bool) -> Result<Turn> {
    lanes.enter(who, write, &mut lanes.pacing().longest_wait.clone()).await
}

#[tokio::test]
async fn writes_go_one_at_a_time_and_a_second_apart() {
    // spec: G5a
    let (lanes, clock) = lanes(Pacing::default());
    let start = clock.now();
    let first = enter(&lanes, ONE, true).await.unwrap();
    {
        let second = enter(&lanes, ONE, true);
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending(), "one is under way");
        let _read = enter(&lanes, ONE, false).await.unwrap();
        let _other = enter(&lanes, TWO, true).await.unwrap();
        assert_eq!(clock.now(), start, "neither reads nor other installations wait");
        drop(first);
        second.await.unwrap();
    }
    for seconds in 2..5 {
        drop(enter(&lanes, ONE, true).await.unwrap());
        assert_eq!(clock.now().duration_since(start), SignedDuration::from_secs(seconds));
    }
}

#[tokio::test]
async fn an_hour_has_so_many_writes() {
    // spec: G5a
    let pacing = Pacing { writes_per_hour: 3, ..Pacing::default() };
    let pacing = pacing.with_longest_wait(Duration::from_secs(4_000));
    let (lanes, clock) = lanes(pacing);
    let start = clock.now();
    for _ in 0..4 {
        drop(enter(&lanes, ONE, true).await.unwrap());
    }
    assert!(clock.now().duration_since(start) >= HOUR);
}

#[tokio::test]
async fn so_many_reads_go_at_once() {
    // spec: G5a
    let (lanes, _) = lanes(Pacing { reads_at_once: 2, ..Pacing::default() });
    let one = enter(&lanes, ONE, false).await.unwrap();
    let _two = enter(&lanes, ONE, false).await.unwrap();
    let third = enter(&lanes, ONE, false);
    tokio::pin!(third);
    assert!(futures_util::poll!(&mut third).is_pending());
    drop(one);
    third.await.unwrap();
}

#[tokio::test]
async fn nothing_is_sent_while_github_asks_to_wait() {
    // spec: G5b
    let (lanes, clock) = lanes(Pacing::default());
    let start = clock.now();
    lanes.block(ONE, Duration::from_secs(90));
    lanes.block(ONE, Duration::from_secs(30));
    drop(enter(&lanes, TWO, false).await.unwrap());
    assert_eq!(clock.now(), start, "the limit is one installation's");
    drop(enter(&lanes, ONE, false).await.unwrap());
    assert_eq!(clock.now().duration_since(start), SignedDuration::from_secs(90));

    lanes.block(ONE, Duration::from_secs(3_000));
    let error = enter(&lanes, ONE, true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3_000)));
}

#[tokio::test]
async fn who_waits_for_a_turn_heeds_a_limit_that_was_hit_meanwhile() {
    // spec: G5b
    let (lanes, clock) = lanes(Pacing::unlimited());
    let turn = enter(&lanes, ONE, true).await.unwrap();
    let start = clock.now();
    let next = enter(&lanes, ONE, true);
    tokio::pin!(next);
    assert!(futures_util::poll!(&mut next).is_pending());
    lanes.block(ONE, Duration::from_secs(60));
    drop(turn);
    next.await.unwrap();
    assert!(clock.now().duration_since(start) >= SignedDuration::from_secs(60));
}

#[tokio::test]
async fn a_clock_that_is_set_back_stops_nobody() {
    let (lanes, clock) = lanes(Pacing::default());
    drop(enter(&lanes, ONE, true).await.unwrap());
    clock.set_back(SignedDuration::from_hours(24));
    let before = clock.now();
    drop(enter(&lanes, ONE, true).await.unwrap());
    assert!(clock.now().duration_since(before) <= SignedDuration::from_secs(1));
}
