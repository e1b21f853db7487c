//! Installation tokens: minting, caching, leasing and revocation (GitHub docs, "Generating an
//! installation access token for a GitHub App"; spec: G1a–G2c, G4). Each token is for one
//! repository and one grant.
//!
//! Each module uses only modules that are listed before it:
//!
//! - `cache`, `identity`, `ledger` and `scope` define the parts of [`Tokens`].
//! - `app_call` calls GitHub's API as the GitHub App itself.
//! - `installation` finds the App's installations, `revoke` revokes tokens, and `mint` requests new
//!   tokens.
//! - `lease` leases a cached token, or mints a token if none is usable.
//! - `repository_call` calls GitHub's API with a leased token.
//! - `take_over` takes the tokens in the ledger of an earlier process, to revoke them.

mod app_call;
mod cache;
mod identity;
mod installation;
mod lease;
mod ledger;
mod mint;
mod repository_call;
mod revoke;
mod scope;
mod take_over;
mod tokens;

pub(crate) use identity::AppIdentity;
pub(crate) use ledger::TokenLedger;
pub(crate) use tokens::Tokens;
