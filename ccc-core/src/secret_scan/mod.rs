//! Detection of secrets by the formats of well-known credentials (spec: X10b).
//!
//! [`Redactor`](crate::observe::Redactor) finds the secrets of a run by their values. This module
//! finds secrets that the service does not know: it has a table of the formats of credentials, and
//! rules for placeholders and documented examples, which are no secrets.
//!
//! It also finds random values that are assigned to the name of a secret or belong to a login (spec: X10d,
//! X10h), and private keys without a header (spec: X10g). Passwords of hosts of local development (spec: X10e), and
//! keys of Google in configurations of Firebase (spec: X10f), are no secrets.
//!
//! A secret is also found
//! - in UTF-16, base64, base32, hex or a list of numbers, or reversed,
//! - with percent-encoding, quoted-printable encoding, character references of HTML, or the escapes
//!   of string literals and CSS,
//! - split over adjacent string literals, quotes of a shell, lines, comments, tags or numbered lines, or
//!   by invisible characters,
//! - in characters that are compatible with those of ASCII, such as fullwidth letters,
//! - in a dump of bytes, and
//! - inside of gzip, zip or zlib.
//!
//! At most three of these encodings are removed one after the other. Archives are expanded to at
//! most 32 MiB for each file, and to at most 128 MiB for all files of a change. A change with data in
//! another format of compressed data, such as xz, is refused. The number of steps grows linearly with
//! the length of the input (spec: X16a).
//!
//! | I want to | function |
//! |---|---|
//! | remove secrets from a text | [`redact`] |
//! | know the places and formats of secrets | [`find`] |
//! | know which formats are found | [`known_formats`] |

mod archive;
mod assigned;
mod attributed;
mod attribution_words;
mod backward;
mod base64;
mod blocks;
mod checksums;
mod commands;
mod connection;
mod contexts;
mod deflate;
mod der;
mod dotted;
mod dumps;
mod escapes;
mod firebase;
mod formats;
mod gaps;
mod hit;
mod hosts;
mod jwk;
mod keys;
mod layers;
mod logins;
mod manifest;
mod markup;
mod matcher;
mod meter;
mod names;
mod passes;
mod passwords;
mod placeholder;
mod png;
mod published;
mod random;
mod scan;
mod shape;
mod sql_rows;
mod tables;
mod text;
mod unsearchable;
mod url;
mod views;
mod words;
mod zip;

#[cfg(test)]
mod tests;

pub(crate) use meter::Budget;
pub use scan::{Found, KnownFormat, find, known_formats, redact};
pub(crate) use scan::{Scan, redact_until, scan, scan_with};
