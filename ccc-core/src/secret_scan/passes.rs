//! Credentials that are searched in passes of their own over a text.

use std::ops::Range;

use super::attributed::Areas;
use super::dotted::discord;
use super::hit::{Hit, hit};
use super::logins::pgpass;
use super::meter::{Cancelled, Meter};
use super::random::MIN_RANDOM;
use super::tables::Headers;
use super::{jwk, manifest, sql_rows};

/// The places in a text at which the passes begin. The matcher finds them in ascending order.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The indexes of the types of JSON Web Keys.
    pub(super) key_types: Vec<usize>,
    /// The lines that can be headers of tables.
    pub(super) headers: Headers,
    /// The bytes after the names of secrets.
    pub(super) areas: Areas,
    /// The ranges of the first words of statements of SQL.
    pub(super) statements: Vec<Range<usize>>,
    /// Whether the text has the type of a document of Kubernetes.
    pub(super) has_kind: bool,
}

impl Places {
    /// Returns the credentials that are searched in passes of their own: those at these places, and
    /// those without a keyword.
    pub(super) fn secrets(&self, bytes: &[u8], meter: &mut Meter) -> Result<Vec<Hit>, Cancelled> {
        meter.add(bytes.len())?;
        let marks = memchr::memchr2_iter(b'.', b':', bytes).filter_map(|at| {
            let (found, format) = match bytes[at] {
                b'.' => (discord(bytes, at)?, "Discord token"),
                _ => (pgpass(bytes, at)?, "PostgreSQL password"),
            };
            Some(hit(bytes, found.0..found.1, found.1 - found.0, format))
        });
        let mut found: Vec<Hit> = marks.collect();
        if !self.key_types.is_empty() {
            meter.add(bytes.len())?;
            let members = jwk::private_members(bytes, &self.key_types).into_iter();
            found.extend(members.map(|range| hit(bytes, range, jwk::COMPARED, "JSON Web Key")));
        }
        for ((values, steps), format) in [
            (self.headers.secrets(bytes), "secret in a table"),
            (self.areas.secrets(bytes), "secret beside its name"),
            (sql_rows::secrets(bytes, &self.statements), "secret in a row of SQL"),
        ] {
            meter.add(steps)?;
            found.extend(values.into_iter().map(|range| hit(bytes, range, MIN_RANDOM, format)));
        }
        if self.has_kind {
            meter.add(manifest::PASSES * bytes.len())?;
            let values = manifest::secrets(bytes).into_iter();
            let compared = manifest::COMPARED;
            found.extend(values.map(|range| hit(bytes, range, compared, "Kubernetes Secret")));
        }
        Ok(found)
    }
}
