//! Tests of the memory for bodies.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use super::*;

const MIB: usize = 1 << 20;

/// Fills bodies of `size` bytes until the memory is used up. Returns the bodies.
fn fill(memory: &Arc<BodyMemory>, size: usize, declared: bool) -> Vec<SegmentedBody> {
    let mut bodies = Vec::new();
    loop {
        let mut body = memory.body(declared.then_some(size as u64));
        let arrived = vec![b'x'; size].chunks(5_000).try_for_each(|chunk| body.try_push(chunk));
        bodies.push(body);
        if arrived.is_err() {
            return bodies;
        }
    }
}

/// Returns the memory of `bodies`, in bytes.
fn used(bodies: &[SegmentedBody]) -> usize {
    bodies.iter().flat_map(|body| &body.segments).map(Vec::capacity).sum()
}

/// Returns the memory that is allocated and not used, in bytes.
fn unused(memory: &BodyMemory) -> usize {
    memory.unused.lock().unwrap().iter().map(Vec::capacity).sum()
}

#[test]
fn bodies_use_at_most_their_limit_and_large_ones_leave_16_mib_for_small_ones() {
    // spec: W4b
    let memory = BodyMemory::new();
    for round in 0..3 {
        let large = fill(&memory, 25 * MIB, true);
        assert_eq!(used(&large), 48 * MIB);
        assert!(used(&large) + unused(&memory) <= 64 * MIB, "{round}");
        let undeclared = fill(&memory, MIB, false);
        assert_eq!(used(&undeclared), 0, "a body without a declared length counts as large");
        let small = fill(&memory, SMALL_BODY, true);
        assert_eq!((small.len(), used(&small)), (64 + 1, 16 * MIB));
        assert_eq!(unused(&memory), 0);
    }
    // In the other order, small bodies leave 48 MiB for large ones.
    let small: Vec<_> = (0..64)
        .map(|_| {
            let mut body = memory.body(Some(SMALL_BODY as u64));
            body.try_push(&[0; SMALL_BODY]).unwrap();
            body
        })
        .collect();
    let large = fill(&memory, 25 * MIB, true);
    assert_eq!((used(&small), used(&large)), (16 * MIB, 48 * MIB));
    drop((small, large));
    // The memory of large bodies is used again for small ones.
    let small = fill(&memory, 1, true);
    assert_eq!((small.len(), used(&small)), (64 * MIB / SEGMENT + 1, 64 * MIB));
    assert_eq!(unused(&memory), 0);
}

#[test]
fn a_body_that_is_larger_than_declared_counts_as_large() {
    // spec: W4b
    let memory = BodyMemory::new();
    let _large = fill(&memory, 25 * MIB, true);
    let mut body = memory.body(Some(1));
    assert!(body.try_push(&[0; SMALL_BODY]).is_ok());
    assert!(body.try_push(&[0]).is_err());
}

/// Appends a byte to `body` while another task waits for the end of `oldest`. Returns whether the
/// byte was appended, and whether `oldest` had to end.
async fn push_beside(body: &mut SegmentedBody, oldest: SegmentedBody) -> (bool, bool) {
    let ended = oldest.ended();
    let (stop, waits) = (CancellationToken::new(), ended.clone());
    let end = async {
        tokio::select! {
            () = waits.cancelled() => drop(oldest),
            () = stop.cancelled() => {}
        }
    };
    let push = async {
        let pushed = body.push(&[0]).await.is_ok();
        stop.cancel();
        pushed
    };
    let (pushed, ()) = tokio::join!(push, end);
    (pushed, ended.is_cancelled())
}

#[tokio::test]
async fn the_oldest_incomplete_body_ends_if_no_memory_is_free() {
    // spec: W4b
    // Bodies that lack their last byte, as a client without the secret can send them.
    let memory = BodyMemory::new();
    let mut held = fill(&memory, SMALL_BODY, true);
    held.pop();
    assert_eq!(held.len(), 64 * MIB / SMALL_BODY);
    let rest = held.split_off(1);
    let mut genuine = memory.body(Some(1));
    assert_eq!(push_beside(&mut genuine, held.remove(0)).await, (true, true));
    assert!(rest.iter().all(|body| !body.ended().is_cancelled()), "one body is sufficient");
    // The rest of the freed memory needs no further end.
    assert!(memory.body(Some(1)).push(&[0]).await.is_ok());
    assert!(rest.iter().all(|body| !body.ended().is_cancelled()));
}

#[tokio::test]
async fn a_large_body_ends_small_ones_only_outside_their_own_memory() {
    // spec: W4b
    // 300 bodies of 255 KiB, each without its last byte, as a client without the secret can send.
    let size = 255 << 10;
    let memory = BodyMemory::new();
    let mut held = Vec::new();
    for _ in 0..300 {
        let mut body = memory.body(Some(size as u64));
        if body.try_push(&vec![0; size - 1]).is_err() {
            break;
        }
        held.push(body);
    }
    // A full delivery of 25 MiB needs the memory of the oldest of them, one after the other.
    let tokens: Vec<_> = held.iter().map(SegmentedBody::ended).collect();
    let mut waiting: Vec<_> = held.into_iter().map(Some).collect();
    let mut large = memory.body(Some(25 * MIB as u64));
    let chunk = vec![0; MIB];
    for _ in 0..25 {
        let mut push = pin!(large.push(&chunk));
        // Each poll ends one body at most, so the number of polls is limited.
        let is_pushed = (0..300).any(|_| {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let pushed = push.as_mut().poll(&mut context).is_ready();
            // The route drops a body that has to end.
            for (token, body) in tokens.iter().zip(&mut waiting) {
                if token.is_cancelled() {
                    drop(body.take());
                }
            }
            pushed
        });
        assert!(is_pushed, "the large body starves");
    }
    assert_eq!(large.len(), 25 * MIB);
    let ended: Vec<bool> = tokens.iter().map(CancellationToken::is_cancelled).collect();
    let own = 16 * MIB / SMALL_BODY;
    assert!(ended[..own].iter().all(|ended| !ended), "small bodies in their own memory stay");
    assert_eq!(ended[own..].iter().filter(|ended| **ended).count(), 25 * MIB / SMALL_BODY);
    assert!(ended[own..].is_sorted_by(|a, b| a >= b), "the oldest ones end");

    // Large bodies end no small body in the own memory of small bodies.
    let memory = BodyMemory::new();
    let mut small = memory.body(Some(1));
    small.try_push(&[0]).unwrap();
    let mut large = fill(&memory, 25 * MIB, true);
    let mut new = memory.body(Some(MIB as u64));
    assert_eq!(push_beside(&mut new, large.remove(0)).await, (true, true));
    assert!(!small.ended().is_cancelled());
}

#[test]
fn a_whole_body_has_the_bytes_of_its_parts_and_still_counts() {
    let memory = BodyMemory::new();
    let text: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    for size in [1, 7, 16_384, 100_000] {
        for length in [0, 1, 16_383, 16_384, 16_385, 100_000] {
            let mut body = memory.body(Some(length as u64));
            text[..length].chunks(size).for_each(|chunk| body.try_push(chunk).unwrap());
            assert_eq!(body.len(), length);
            let whole = body.into_whole();
            assert_eq!(whole.bytes, text[..length], "{length} in pieces of {size}");
            let free = memory.for_small.available_permits() + memory.for_all.available_permits();
            assert_eq!(64 * MIB / SEGMENT - free, length.div_ceil(SEGMENT));
        }
    }
    assert_eq!(memory.for_all.available_permits(), 48 * MIB / SEGMENT);
}
