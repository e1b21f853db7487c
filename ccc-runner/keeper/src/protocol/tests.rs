#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use proptest::prelude::*;

use super::*;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

#[test]
fn a_head_and_frames_are_read_as_they_were_written() {
    block_on(async {
        let mut wire = Vec::new();
        let ended = ExecResult { ending: ExecOutcome::Signal(15), dropped: 3 };
        write_head(&mut wire, &ended).await.unwrap();
        write_frame(&mut wire, FrameKind::Stderr, b"").await.unwrap();
        write_frame(&mut wire, FrameKind::Ended, &[7; 100_000]).await.unwrap();
        let (mut wire, mut bytes) = (&wire[..], vec![1, 2, 3]);
        assert_eq!(read_head::<ExecResult>(&mut wire).await.unwrap(), ended);
        assert_eq!(read_frame(&mut wire, &mut bytes).await.unwrap(), FrameKind::Stderr);
        assert!(bytes.is_empty());
        assert_eq!(read_frame(&mut wire, &mut bytes).await.unwrap(), FrameKind::Ended);
        assert!(bytes == [7; 100_000] && wire.is_empty());
    });
}

#[test]
fn a_long_or_unknown_frame_is_refused_before_memory_is_allocated() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0];
    block_on(async {
        let read = read_head::<ExecResult>(&mut &huge[..]).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::InvalidData);
        for wire in [[1, 0xff, 0xff, 0xff, 0xff], [9, 0, 0, 0, 0]] {
            let mut bytes = Vec::new();
            let read = read_frame(&mut &wire[..], &mut bytes).await;
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::InvalidData);
            assert_eq!(
                bytes.capacity(),
                0,
                "`read_frame` must check the announced length before it allocates memory"
            );
        }
    });
}

#[test]
fn the_environment_is_not_in_the_debug_output() {
    let env = vec![("KEY".to_owned(), "hunter2".to_owned())];
    let argv = vec!["env".to_owned()];
    let order = ExecRequest { argv, env, directory: String::new(), stdin: 0, output: 0 };
    assert!(!format!("{order:?}").contains("hunter2"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(wire in any::<Vec<u8>>()) {
        block_on(async {
            let _ = read_head::<ExecRequest>(&mut &wire[..]).await;
            let (mut wire, mut bytes) = (&wire[..], Vec::new());
            while read_frame(&mut wire, &mut bytes).await.is_ok() {}
        });
    }
}
