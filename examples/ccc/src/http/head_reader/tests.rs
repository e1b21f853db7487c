#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{HeadReader, MAX_HEAD};

/// Sends `sent` in pieces of `piece` bytes through a reader. After each head that the reader passes,
/// reports the next of `bodies`. Returns what was passed for each head and each body.
async fn passed(sent: &[u8], piece: usize, bodies: &[Option<u64>]) -> Vec<Vec<u8>> {
    let (mut client, server) = tokio::io::duplex(piece);
    let mut reader = HeadReader::new(server);
    let length = reader.body_length();
    let read = async move {
        let (mut parts, mut bodies) = (Vec::new(), bodies.iter());
        loop {
            // The reader returns no bytes after a head until the length of the body is known.
            let mut part = Vec::new();
            reader.read_to_end(&mut part).await.unwrap();
            parts.push(part);
            let Some(body) = bodies.next() else { return parts };
            length.report(*body);
            if let Some(length @ 1..) = body {
                let mut part = vec![0; usize::try_from(*length).unwrap()];
                reader.read_exact(&mut part).await.unwrap();
                parts.push(part);
            }
        }
    };
    let write = async move {
        // The reader ends before all bytes are written, if a head is too large.
        let _ = client.write_all(sent).await;
        drop(client);
    };
    tokio::join!(read, write).0
}

#[tokio::test]
async fn the_reader_passes_one_head_at_a_time() {
    // spec: W1d
    const PUT: &[u8] = b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n";
    const GET: &[u8] = b"\r\n\r\nGET / HTTP/1.1\nhost: x\n\n";
    let all = [PUT, b"a\r\n\r\n", GET, PUT, b"b\n\n\n\n", b"x y z"].concat();
    for piece in [1, 2, 3, 7, 64, 100_000] {
        let parts = passed(&all, piece, &[Some(5), Some(0), Some(5)]).await;
        let expected = [PUT, b"a\r\n\r\n", GET, PUT, b"b\n\n\n\n", b"x y z"];
        assert_eq!(parts, expected, "{piece}");
    }
    // After a body of unknown length, everything is passed.
    let parts = passed(&all, 100, &[None]).await;
    assert_eq!(parts, [PUT, &all[PUT.len()..]]);
}

#[tokio::test]
async fn at_most_64_kib_of_a_head_are_passed() {
    // spec: W1d
    let head = |length: usize| {
        let begin = b"GET / HTTP/1.1\r\nhost: x\r\nx-a: ";
        [&begin[..], &b"a".repeat(length - begin.len() - 4), b"\r\n\r\n"].concat()
    };
    for (length, expected) in [
        (MAX_HEAD - 1, MAX_HEAD - 1),
        (MAX_HEAD, MAX_HEAD),
        (MAX_HEAD + 1, MAX_HEAD),
        (100_000, MAX_HEAD),
    ] {
        for piece in [1_000, 100_000] {
            // Alone, and as the second request of a connection.
            let parts = passed(&head(length), piece, &[]).await;
            assert_eq!(parts[0].len(), expected, "{length} in pieces of {piece}");
            let both = [b"GET / HTTP/1.1\r\n\r\n", &head(length)[..]].concat();
            let parts = passed(&both, piece, &[Some(0)]).await;
            assert_eq!(parts[1].len(), expected, "{length} in pieces of {piece}, pipelined");
        }
    }
    // Empty lines before the request line count too.
    let parts = passed(&b"\r\n".repeat(50_000), 1_000, &[]).await;
    assert_eq!(parts[0].len(), MAX_HEAD);
}
