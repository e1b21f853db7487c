//! The Durable Object that keeps credentials. It sees cipher text, and no secret of the Worker's.

use ccc_core::{Error, ErrorKind, Result};
use ccc_store::durable_object::{DATE, NONCE, Once, Rows, answer};
use worker::{
    DurableObject, Env, Request, Response, SqlStorage, SqlStorageValue, State, durable_object,
};

/// The object. Only its Worker can call it.
#[durable_object]
pub struct Credentials {
    sql: SqlStorage,
}

impl DurableObject for Credentials {
    // What is bound to the Worker is not for the object: `entry.mjs` hands it none of that.
    fn new(state: State, _: Env) -> Self {
        Self { sql: state.storage().sql() }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let message = request.bytes().await?;
        let header = |name| request.headers().get(name).ok().flatten().unwrap_or_default();
        let once = Once::from_headers(&header(DATE), &header(NONCE));
        let now = i64::try_from(worker::Date::now().as_millis()).unwrap_or(i64::MAX);
        // From here on nothing is awaited: all of it is in the object's storage together, or none of it.
        let answered = self.make_table().and_then(|()| {
            answer(&Table(&self.sql), &message, once.as_ref().map(|once| (once, now)))
        });
        match answered {
            Ok(Some(answer)) => Response::from_bytes(answer),
            Ok(None) => Response::error("this message has come before", 409),
            Err(error) => Response::error(error.to_string(), 503),
        }
    }
}

impl Credentials {
    fn make_table(&self) -> Result<()> {
        let table = "CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, row BLOB NOT NULL)";
        self.sql.exec(table, None).map(drop).map_err(failed)
    }
}

/// One table of an object's SQLite database.
struct Table<'a>(&'a SqlStorage);

impl Table<'_> {
    fn first_column(
        &self,
        query: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<Vec<SqlStorageValue>> {
        let rows = self.0.exec(query, values).map_err(failed)?;
        rows.raw()
            .filter_map(|row| row.map(|row| row.into_iter().next()).transpose())
            .collect::<worker::Result<_>>()
            .map_err(failed)
    }
}

impl Rows for Table<'_> {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let rows = self.first_column("SELECT row FROM kept WHERE name = ?", vec![name.into()])?;
        match rows.into_iter().next() {
            None => Ok(None),
            Some(SqlStorageValue::Blob(row)) => Ok(Some(row)),
            Some(_) => Err(Error::new(ErrorKind::Corrupt, "a row that is no bytes")),
        }
    }

    fn put(&self, name: &str, value: &[u8]) -> Result<()> {
        let query = "INSERT OR REPLACE INTO kept (name, row) VALUES (?, ?)";
        self.first_column(query, vec![name.into(), value.to_vec().into()]).map(drop)
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.first_column("DELETE FROM kept WHERE name = ?", vec![name.into()]).map(drop)
    }

    fn names(&self, prefix: &str, most: usize) -> Result<Vec<String>> {
        let query = "SELECT name FROM kept WHERE substr(name, 1, ?) = ? ORDER BY name LIMIT ?";
        let count = |number: usize| i64::from(u32::try_from(number).unwrap_or(u32::MAX)).into();
        let rows =
            self.first_column(query, vec![count(prefix.len()), prefix.into(), count(most)])?;
        let text = |value| match value {
            SqlStorageValue::String(name) => Ok(name),
            _ => Err(Error::new(ErrorKind::Corrupt, "a name that is no text")),
        };
        rows.into_iter().map(text).collect()
    }
}

fn failed(error: worker::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the object's storage fails: {error}"))
}
