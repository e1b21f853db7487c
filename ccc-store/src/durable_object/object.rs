//! The object's side: it keeps rows, and is told nothing that it could understand.

use ccc_core::Result;

use super::ask::{Answer, Ask, Bytes, digest};
use super::signature::{Once, WINDOW};
use crate::sealed::Place;

/// The most bytes of a message. An object keeps 2 MB in a row, and base64 makes four of three.
pub const MAX_ASK: usize = 6 << 20;
/// The most bytes of a row.
pub(super) const MAX_ROW: usize = 2_000_000;

const INDEX: &str = "index";
const DERIVATION: &str = "derivation";
const RECORDS: &str = "record/";
const NONCES: &str = "nonce/";
/// The digests of the indexes written last: a write that is asked for again was done.
const DONE: &str = "done";
/// So many; 64 hex digits each.
const REMEMBERED: usize = 64;
/// How many nonces go with one message. More than come with one.
const PRUNED: usize = 16;

/// The rows of an object, by name.
///
/// # Contract
/// What one message does happens together, or is all but the last of it undone: an object of Cloudflare's does
/// that where nothing is awaited between the first call and the last.
pub trait Rows {
    /// The row.
    ///
    /// # Errors
    /// When storage fails.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// Makes or replaces the row.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn put(&self, name: &str, value: &[u8]) -> Result<()>;

    /// Removes the row, if there is one.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn remove(&self, name: &str) -> Result<()>;

    /// The first names that begin so, in order of their bytes, and at most so many.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn names(&self, prefix: &str, most: usize) -> Result<Vec<String>>;
}

/// The answer to a message that came at that time, in milliseconds since 1970. One from far away comes `once`: none
/// when it has come before, and then nothing is done.
///
/// # Errors
/// Those of the rows.
pub fn answer(
    rows: &dyn Rows,
    message: &[u8],
    once: Option<(&Once, i64)>,
) -> Result<Option<Vec<u8>>> {
    if let Some((once, now)) = once
        && !is_new(rows, once, now)?
    {
        return Ok(None);
    }
    let answer = match serde_json::from_slice(message) {
        Ok(ask) => act(rows, ask)?,
        // Where it is wrong, and not what it says.
        Err(e) => misunderstood(&format!("{:?} in column {}", e.classify(), e.column())),
    };
    // A value of ours is JSON.
    Ok(Some(serde_json::to_vec(&answer).unwrap_or_default()))
}

fn misunderstood(why: &str) -> Answer {
    Answer::Misunderstood { why: why.to_owned() }
}

/// Remembers the nonce for as long as its message would be taken.
fn is_new(rows: &dyn Rows, once: &Once, now: i64) -> Result<bool> {
    let window = i64::try_from(WINDOW.as_millis()).unwrap_or(i64::MAX);
    // The gate's clock is a moment behind this one: what is too old here may be forgotten already.
    if once.date < now - window {
        return Ok(false);
    }
    for name in rows.names(NONCES, PRUNED)? {
        let date = name.strip_prefix(NONCES).and_then(|rest| rest.split('/').next()?.parse().ok());
        if date.is_none_or(|date: i64| date < now - window) {
            rows.remove(&name)?;
        }
    }
    let name = format!("{NONCES}{:020}/{}", once.date, once.nonce);
    if rows.get(&name)?.is_some() {
        return Ok(false);
    }
    rows.put(&name, b"")?;
    Ok(true)
}

fn act(rows: &dyn Rows, ask: Ask) -> Result<Answer> {
    let row = |place: &str| place.parse::<Place>().map(|place| format!("{RECORDS}{place}"));
    let index = rows.get(INDEX)?;
    if index.is_none() && !rows.names(RECORDS, 1)?.is_empty() {
        return Ok(Answer::Lost);
    }
    Ok(match ask {
        Ask::Index {} => Answer::Index { index: index.map(Bytes) },
        Ask::Record { place } => match row(&place) {
            Ok(row) => Answer::Record { record: rows.get(&row)?.map(Bytes) },
            Err(()) => misunderstood("a place that is none"),
        },
        Ask::Write { from, index: next, put, remove } => {
            let put = put.map(|(place, record)| row(&place).map(|row| (row, record))).transpose();
            let remove = remove.map(|place| row(&place)).transpose();
            let (Ok(put), Ok(remove)) = (put, remove) else {
                return Ok(misunderstood("a place that is none"));
            };
            let large = |bytes: &Bytes| bytes.0.len() > MAX_ROW;
            if large(&next) || put.as_ref().is_some_and(|(_, record)| large(record)) {
                return Ok(misunderstood("more than 2 MB in a row"));
            }
            let id = digest(&next.0);
            let mut done = rows.get(DONE)?.unwrap_or_default();
            if done.chunks(id.len()).any(|known| known == id.as_bytes()) {
                return Ok(Answer::Written);
            }
            if index.as_deref().map(digest) != from {
                return Ok(Answer::Overtaken);
            }
            // In this order: were it to end in the middle, the index would still lead to what is there.
            if let Some((row, Bytes(record))) = put {
                rows.put(&row, &record)?;
            }
            rows.put(INDEX, &next.0)?;
            done.extend_from_slice(id.as_bytes());
            let surplus = done.len().saturating_sub(REMEMBERED * id.len());
            rows.put(DONE, &done[surplus..])?;
            if let Some(row) = remove {
                rows.remove(&row)?;
            }
            Answer::Written
        }
        Ask::Sweep { from, keep } => {
            if index.as_deref().map(digest) == Some(from) {
                let keep: Vec<String> = keep.iter().filter_map(|place| row(place).ok()).collect();
                let all = rows.names(RECORDS, usize::MAX)?;
                all.iter()
                    .filter(|name| !keep.contains(name))
                    .try_for_each(|name| rows.remove(name))?;
            }
            Answer::Swept
        }
        Ask::Derivation { fresh } => {
            let kept = rows.get(DERIVATION)?;
            if kept.is_none() {
                rows.put(DERIVATION, fresh.as_bytes())?;
            }
            // One that is damaged is the client's to notice.
            let text = |kept: Vec<u8>| String::from_utf8_lossy(&kept).into_owned();
            Answer::Derivation { kept: kept.map_or(fresh, text) }
        }
    })
}
