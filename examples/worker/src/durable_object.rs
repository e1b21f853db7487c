//! The Durable Object that stores credentials. It receives only cipher text, and no secret of the
//! Worker.

use ccc_core::{Error, ErrorKind, Result};
use ccc_store::durable_object::{DATE_HEADER, MessageId, NONCE_HEADER, Rows, handle_message};
use wasm_bindgen::JsCast as _;
use worker::{
    DurableObject, Env, Request, Response, SqlStorage, SqlStorageValue, State, durable_object,
};

/// The Durable Object that stores credentials. Only the Worker that has the binding `CREDENTIALS`
/// can call it.
#[durable_object]
pub struct Credentials {
    sql: SqlStorage,
    /// Whether the Durable Object received bindings of the Worker. If so, all messages are refused,
    /// because the bindings contain the Worker's secrets.
    has_bindings: bool,
}

impl DurableObject for Credentials {
    // `env` must be empty, because `entry.mjs` passes none of the Worker's bindings to the Durable
    // Object.
    fn new(state: State, env: Env) -> Self {
        let has_bindings = {
            let bound: &js_sys::Object = env.unchecked_ref();
            js_sys::Object::keys(bound).length() > 0
        };
        let sql = state.storage().sql();
        // This error can be ignored: the first message then also fails, and its response contains the
        // reason.
        let table = "CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, row BLOB NOT NULL)";
        let _ = sql.exec(table, None);
        Self { sql, has_bindings }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        if self.has_bindings {
            return Response::error(
                "the Durable Object received the Worker's bindings: deploy the Worker with an unchanged entry.mjs",
                500,
            );
        }
        let message = request.bytes().await?;
        let header = |name| request.headers().get(name).ok().flatten().unwrap_or_default();
        let id = MessageId::from_headers(&header(DATE_HEADER), &header(NONCE_HEADER));
        let now = i64::try_from(worker::Date::now().as_millis()).unwrap_or(i64::MAX);
        // Nothing is awaited from here on, so that the storage applies all writes or none.
        match handle_message(&Table(&self.sql), &message, id.as_ref().map(|id| (id, now))) {
            Ok(Some(answer)) => Response::from_bytes(answer),
            Ok(None) => Response::error(
                "the Durable Object has already received this message, or the message is too old",
                409,
            ),
            Err(error) => Response::error(error.to_string(), 503),
        }
    }
}

/// The table in the SQLite database of the Durable Object.
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
            Some(_) => Err(Error::new(
                ErrorKind::Corrupt,
                "a row in the table of the Durable Object is not a blob",
            )),
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
        let query = "SELECT name FROM kept WHERE name >= ? AND name < ? ORDER BY name LIMIT ?";
        // Names are ASCII and are compared by their bytes, so U+007F sorts after all other
        // characters of a name.
        let end = format!("{prefix}\u{7f}");
        let most = i64::from(u32::try_from(most).unwrap_or(u32::MAX));
        let rows = self.first_column(query, vec![prefix.into(), end.into(), most.into()])?;
        let text = |value| match value {
            SqlStorageValue::String(name) => Ok(name),
            _ => Err(Error::new(
                ErrorKind::Corrupt,
                "the table of the Durable Object contains a name that is not text",
            )),
        };
        rows.into_iter().map(text).collect()
    }
}

fn failed(error: worker::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the storage of the Durable Object failed: {error}"))
}
