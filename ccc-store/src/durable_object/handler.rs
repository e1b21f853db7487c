//! The code of the Durable Object, which stores rows of cipher text and answers messages.

use ccc_core::Result;

use crate::durable_object::protocol::{Base64, MAX_ROW_BYTES, Request, Response, digest};
use crate::durable_object::rows::Rows;
use crate::durable_object::signature::{MessageId, WINDOW};
use crate::sealed::RecordId;

const INDEX: &str = "index";
const DERIVATION: &str = "derivation";
const RECORDS: &str = "record/";
const NONCES: &str = "nonce/";
/// The name of the row with the digests of the most recently written indexes. If an index in a
/// write request has one of these digests, the write was already applied.
const DONE: &str = "done";
/// Maximum number of digests in the row [`DONE`]. A digest has 64 hex digits.
const REMEMBERED: usize = 64;
/// Maximum number of outdated nonces that are removed for each message. Each message adds only one
/// nonce, so outdated nonces do not accumulate.
const PRUNED: usize = 16;

/// Executes the request in `message`, and returns the answer. If the message comes from outside the
/// Worker, `id` contains the id of the message and its time of arrival, in milliseconds since 1970.
/// Returns `None`, without effect, if a message with the same id was already received, or if the
/// message is too old.
///
/// # Errors
/// The errors of `rows`.
pub fn handle_message(
    rows: &dyn Rows,
    message: &[u8],
    id: Option<(&MessageId, i64)>,
) -> Result<Option<Vec<u8>>> {
    if let Some((id, now)) = id
        && !is_new(rows, id, now)?
    {
        return Ok(None);
    }
    let response = match serde_json::from_slice(message) {
        Ok(request) => respond(rows, request)?,
        // The answer contains the position of the error, but no part of the message.
        Err(e) => misunderstood(&format!(
            "a JSON error of the kind {:?} in column {}",
            e.classify(),
            e.column()
        )),
    };
    // Serializing a response cannot fail.
    Ok(Some(serde_json::to_vec(&response).unwrap_or_default()))
}

fn misunderstood(why: &str) -> Response {
    Response::Misunderstood { why: why.to_owned() }
}

/// Stores the nonce of the message for as long as the signature of the message is accepted. Returns
/// whether the nonce is new.
fn is_new(rows: &dyn Rows, id: &MessageId, now: i64) -> Result<bool> {
    let window = i64::try_from(WINDOW.as_millis()).unwrap_or(i64::MAX);
    // The clock of the Worker can be slightly behind the clock of the Durable Object. The nonce of
    // an older message can already be removed, so an older message is refused.
    if id.date < now - window {
        return Ok(false);
    }
    for name in rows.names(NONCES, PRUNED)? {
        let date = name.strip_prefix(NONCES).and_then(|rest| rest.split('/').next()?.parse().ok());
        if date.is_none_or(|date: i64| date < now - window) {
            rows.remove(&name)?;
        }
    }
    let name = format!("{NONCES}{:020}/{}", id.date, id.nonce);
    if rows.get(&name)?.is_some() {
        return Ok(false);
    }
    rows.put(&name, b"")?;
    Ok(true)
}

/// Executes `request`, and returns its response.
fn respond(rows: &dyn Rows, request: Request) -> Result<Response> {
    let row = |id: &str| id.parse::<RecordId>().map(|id| format!("{RECORDS}{id}"));
    let index = rows.get(INDEX)?;
    if index.is_none() && !rows.names(RECORDS, 1)?.is_empty() {
        return Ok(Response::Lost);
    }
    Ok(match request {
        Request::Index {} => Response::Index { index: index.map(Base64) },
        Request::Record { id } => match row(&id) {
            Ok(row) => Response::Record { record: rows.get(&row)?.map(Base64) },
            Err(()) => misunderstood("an invalid record id"),
        },
        Request::Write { from, index: next, put, remove } => {
            let put = put.map(|(id, record)| row(&id).map(|row| (row, record))).transpose();
            let remove = remove.map(|id| row(&id)).transpose();
            let (Ok(put), Ok(remove)) = (put, remove) else {
                return Ok(misunderstood("an invalid record id"));
            };
            let large = |bytes: &Base64| bytes.0.len() > MAX_ROW_BYTES;
            if large(&next) || put.as_ref().is_some_and(|(_, record)| large(record)) {
                return Ok(misunderstood("a row of more than 2 MB"));
            }
            let written = digest(&next.0);
            let mut done = rows.get(DONE)?.unwrap_or_default();
            if done.chunks(written.len()).any(|known| known == written.as_bytes()) {
                return Ok(Response::Written);
            }
            if index.as_deref().map(digest) != from {
                return Ok(Response::Overtaken);
            }
            // The order matters: if the storage fails between two steps, all records that the index
            // names still exist.
            if let Some((row, Base64(record))) = put {
                rows.put(&row, &record)?;
            }
            rows.put(INDEX, &next.0)?;
            done.extend_from_slice(written.as_bytes());
            let surplus = done.len().saturating_sub(REMEMBERED * written.len());
            rows.put(DONE, &done[surplus..])?;
            if let Some(row) = remove {
                rows.remove(&row)?;
            }
            Response::Written
        }
        Request::Sweep { from, live } => {
            if index.as_deref().map(digest) == Some(from) {
                let live: Vec<String> = live.iter().filter_map(|id| row(id).ok()).collect();
                let all = rows.names(RECORDS, usize::MAX)?;
                all.iter()
                    .filter(|name| !live.contains(name))
                    .try_for_each(|name| rows.remove(name))?;
            }
            Response::Swept
        }
        Request::Derivation { fresh } => {
            let stored = rows.get(DERIVATION)?;
            if stored.is_none() {
                rows.put(DERIVATION, fresh.as_bytes())?;
            }
            // The client detects a damaged derivation.
            let text = |stored: Vec<u8>| String::from_utf8_lossy(&stored).into_owned();
            Response::Derivation { stored: stored.map_or(fresh, text) }
        }
    })
}
