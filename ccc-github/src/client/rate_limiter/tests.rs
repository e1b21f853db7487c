use super::*;
use crate::client::tests::Leaping;

const ONE: Caller = Caller::Installation(1);
const TWO: Caller = Caller::Installation(2);

fn limiter(limits: RateLimits) -> (Arc<RateLimiter>, Arc<Leaping>) {
    let clock = Leaping::new();
    (Arc::new(RateLimiter::new(Arc::<Leaping>::clone(&clock), limits)), clock)
}

async fn acquire(limiter: &RateLimiter, caller: Caller, write: bool) -> Result<Permit> {
    let class = if write { CallClass::Write } else { CallClass::Read };
    limiter.acquire(caller, class, &mut limiter.limits().longest_wait.clone()).await
}

async fn answer(limiter: &RateLimiter, caller: Caller) -> Result<Permit> {
    let mut budget = Duration::ZERO;
    limiter.acquire(caller, CallClass::Answer, &mut budget).await
}

#[tokio::test]
async fn writes_go_one_at_a_time_and_a_second_apart() {
    // spec: G5a
    let (limiter, clock) = limiter(RateLimits::default());
    let start = clock.now();
    let first = acquire(&limiter, ONE, true).await.unwrap();
    {
        let second = acquire(&limiter, ONE, true);
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending(), "a write is in progress");
        let _read = acquire(&limiter, ONE, false).await.unwrap();
        let _other = acquire(&limiter, TWO, true).await.unwrap();
        assert_eq!(clock.now(), start, "reads and other installations do not wait");
        drop(first);
        second.await.unwrap();
    }
    for seconds in 2..5 {
        drop(acquire(&limiter, ONE, true).await.unwrap());
        assert_eq!(clock.now().duration_since(start), SignedDuration::from_secs(seconds));
    }
}

#[tokio::test]
async fn writes_per_hour_are_limited() {
    // spec: G5a
    let limits = RateLimits { writes_per_hour: 3, ..RateLimits::default() };
    let limits = limits.with_longest_wait(Duration::from_secs(4_000));
    let (limiter, clock) = limiter(limits);
    let start = clock.now();
    for _ in 0..4 {
        drop(acquire(&limiter, ONE, true).await.unwrap());
    }
    assert!(clock.now().duration_since(start) >= HOUR);
}

#[tokio::test]
async fn answers_have_a_budget_of_their_own() {
    // spec: G5d
    let (limiter, clock) = limiter(RateLimits::default().with_writes_per_hour(3));
    let start = clock.now();
    let mut answered = 0;
    for _ in 0..420 {
        answered += usize::from(answer(&limiter, ONE).await.is_ok());
    }
    assert_eq!(answered, 20);
    drop(answer(&limiter, TWO).await.unwrap());
    let before = clock.now();
    for _ in 0..3 {
        drop(acquire(&limiter, ONE, true).await.unwrap());
    }
    let waited = clock.now().duration_since(before);
    assert!(waited <= SignedDuration::from_secs(3), "a write waited for answers: {waited}");
    // An hour after the first answer, there is room for another one.
    clock.sleep(Duration::try_from(HOUR - clock.now().duration_since(start)).unwrap()).await;
    drop(answer(&limiter, ONE).await.unwrap());
}

#[tokio::test]
async fn an_answer_gives_way_to_other_writes() {
    // spec: G5d
    let (limiter, clock) = limiter(RateLimits::default());
    let first = acquire(&limiter, ONE, true).await.unwrap();
    let error = answer(&limiter, ONE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited, "a write is in progress");
    let waiting = acquire(&limiter, ONE, true);
    tokio::pin!(waiting);
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(first);
    let error = answer(&limiter, ONE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited, "a write waits");
    drop(waiting.await.unwrap());
    // A block of GitHub, and a limit of no answers.
    limiter.block(ONE, Duration::from_secs(30));
    let error = answer(&limiter, ONE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited, "GitHub asks to wait");
    clock.sleep(Duration::from_secs(30)).await;
    // The answer keeps the distance to the last write, and the next write to the answer.
    drop(acquire(&limiter, ONE, true).await.unwrap());
    for write in [false, true] {
        let before = clock.now();
        let permit = match write {
            true => acquire(&limiter, ONE, true).await,
            false => answer(&limiter, ONE).await,
        };
        drop(permit.unwrap());
        assert_eq!(clock.now().duration_since(before), SignedDuration::from_secs(1));
    }
    let (limiter, _) = self::limiter(RateLimits::default().with_answers_per_hour(0));
    answer(&limiter, ONE).await.unwrap_err();
}

#[tokio::test]
async fn concurrent_reads_are_limited() {
    // spec: G5a
    let (limiter, _) = limiter(RateLimits { reads_at_once: 2, ..RateLimits::default() });
    let one = acquire(&limiter, ONE, false).await.unwrap();
    let _two = acquire(&limiter, ONE, false).await.unwrap();
    let third = acquire(&limiter, ONE, false);
    tokio::pin!(third);
    assert!(futures_util::poll!(&mut third).is_pending());
    drop(one);
    third.await.unwrap();
}

#[tokio::test]
async fn nothing_is_sent_while_github_asks_to_wait() {
    // spec: G5b
    let (limiter, clock) = limiter(RateLimits::default());
    let start = clock.now();
    limiter.block(ONE, Duration::from_secs(90));
    limiter.block(ONE, Duration::from_secs(30));
    drop(acquire(&limiter, TWO, false).await.unwrap());
    assert_eq!(clock.now(), start, "the block applies to one installation");
    drop(acquire(&limiter, ONE, false).await.unwrap());
    assert_eq!(clock.now().duration_since(start), SignedDuration::from_secs(90));

    limiter.block(ONE, Duration::from_secs(3_000));
    let error = acquire(&limiter, ONE, true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3_000)));
}

#[tokio::test]
async fn a_waiting_write_respects_a_block_that_starts_in_the_meantime() {
    // spec: G5b
    let (limiter, clock) = limiter(RateLimits::unlimited());
    let permit = acquire(&limiter, ONE, true).await.unwrap();
    let start = clock.now();
    let next = acquire(&limiter, ONE, true);
    tokio::pin!(next);
    assert!(futures_util::poll!(&mut next).is_pending());
    limiter.block(ONE, Duration::from_secs(60));
    drop(permit);
    next.await.unwrap();
    assert!(clock.now().duration_since(start) >= SignedDuration::from_secs(60));
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_block_writes() {
    let (limiter, clock) = limiter(RateLimits::default());
    drop(acquire(&limiter, ONE, true).await.unwrap());
    clock.set_back(SignedDuration::from_hours(24));
    let before = clock.now();
    drop(acquire(&limiter, ONE, true).await.unwrap());
    assert!(clock.now().duration_since(before) <= SignedDuration::from_secs(1));
}
