//! Installation tokens: one repository and one grant each, minted on demand and revoked after use
//! (GitHub docs, "Generating an installation access token for a GitHub App"; spec: G1a–G2c, G4).
//!
//! Each module uses only those before it: `cache`, `identity`, `ledger` and `scope` have the parts of
//! [`Tokens`], `app_call` calls as the App, `installation`, `revoke` and `mint` use it, `lease` mints
//! what the cache does not have, and `repository_call` calls with a leased token. `take_over` reads the
//! ledger of an earlier process.

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
